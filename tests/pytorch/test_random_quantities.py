"""Memory and conventions of random networks: the bytes that autograd keeps, and what the counting tools count."""

import pytest

pytest.importorskip("torch")

from hypothesis import HealthCheck, given, settings

from cnncalc import expand, load_text
from cnncalc.costs.conventions import count_as
from cnncalc.costs.memory import memory
from tests.oracles.memory import kept_by_pytorch
from tests.oracles.random_networks import specs
from tests.oracles.tools import TOOLS, count_by_tool

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
