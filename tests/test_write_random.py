"""Random specs -> network -> YAML -> network: the same nodes. Random layers of every kind, with random options, too."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from cnncalc.errors import OpError, Source  # noqa: E402
from cnncalc.graph import Builder, Graph  # noqa: E402
from cnncalc.language.expand import expand  # noqa: E402
from cnncalc.language.reader import read_spec  # noqa: E402
from cnncalc.language.text import document  # noqa: E402
from cnncalc.language.write import first_difference, plain_document, to_yaml  # noqa: E402
from cnncalc.ops import KINDS  # noqa: E402
from cnncalc.ops.options import make  # noqa: E402
from cnncalc.zoo import load_text  # noqa: E402
from tests.oracles.random_layers import Case, layers  # noqa: E402
from tests.oracles.random_networks import specs  # noqa: E402


def comes_back(graph: Graph) -> None:
    """Both forms, the plain and the short one, give the network again."""
    for text in (document(plain_document(graph)), to_yaml(graph)):
        again = expand(read_spec(Source("<test>", text), graph.name, None), training=graph.training)
        assert first_difference(graph, again) is None, text


few_limits = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


@settings(few_limits, max_examples=100)
@given(specs(), st.booleans())
def test_random_specs(text: str, training: bool) -> None:
    comes_back(expand(load_text(text), training=training))


@settings(few_limits, max_examples=500)
@given(layers())
def test_random_layers(case: Case) -> None:
    builder = Builder()
    inputs = [builder.input(*shape, name=f"input{number}") for number, shape in enumerate(case.inputs)]
    try:
        graph = builder.graph(builder.add(make(KINDS[case.kind], case.options), *inputs))
    except OpError:
        return
    comes_back(graph)
