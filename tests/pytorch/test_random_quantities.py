"""Memory and conventions of random networks: the bytes that autograd keeps, and what the counting tools count."""

import pytest

pytest.importorskip("torch")

from hypothesis import HealthCheck, given, settings

from cnncalc import AtLeast, network
from cnncalc.costs.conventions import count_as
from cnncalc.costs.memory import Memory
from tests.oracles.memory import saved_by_pytorch
from tests.oracles.random_networks import specs
from tests.oracles.tools import TOOLS, count_by_tool

few = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@few
@given(specs())
def test_bytes_kept(text):
    net = network(text)
    for inplace in (False, True):
        ours, theirs = Memory(net, 3, inplace=inplace).saved, saved_by_pytorch(net, 3, inplace)
        # The workspace of a recurrent layer differs by processor, and is unknown.
        assert int(ours) <= theirs if isinstance(ours, AtLeast) else ours == theirs


@few
@given(specs())
def test_counts_of_the_tools(text):
    net = network(text)
    for tool in TOOLS:
        assert int(count_as(net, tool, 2)) == count_by_tool(tool, net, 2)
