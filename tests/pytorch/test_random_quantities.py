"""Memory and conventions of random networks: the bytes that autograd keeps, and what the counting tools count."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent.parent))

from hypothesis import HealthCheck, given, settings
from random_networks import specs
from test_conventions import TOOLS, count_by_tool
from test_memory import kept_by_pytorch

from cnncalc import expand, load_text
from cnncalc.costs.conventions import count_as
from cnncalc.costs.memory import memory

few = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@few
@given(specs())
def test_bytes_kept(text):
    network = expand(load_text(text))
    for inplace in (False, True):
        assert memory(network, 3, inplace=inplace).kept == kept_by_pytorch(network, 3, inplace)


@few
@given(specs())
def test_counts_of_the_tools(text):
    network = expand(load_text(text))
    for tool in TOOLS:
        assert count_as(network, tool, 2) == count_by_tool(tool, network, 2)
