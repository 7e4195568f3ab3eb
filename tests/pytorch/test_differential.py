"""The calculator against PyTorch on random layers and networks. `benchmarks/differential.py` runs more of them."""

from __future__ import annotations

import warnings

import pytest

pytest.importorskip("torch")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnncalc.ops import KINDS
from tests.oracles.random_layers import BATCH, ORACLE, Case, check, layers
from tests.oracles.random_networks import check_spec, specs

few_limits = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


@pytest.fixture(autouse=True)
def _quiet():
    """PyTorch warns of weights with no elements, which are drawn on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_pytorch_is_asked_about_every_kind():
    assert set(ORACLE) == set(KINDS) - {"opaque"}  # which is not built


@settings(few_limits, max_examples=2500)
@given(layers())
def test_random_layers(case):
    check(case)


@settings(few_limits, max_examples=250)
@given(specs(), st.booleans())
def test_random_networks(text, training):
    check_spec(text, training)


# What the random runs found, kept.
FOUND = [
    # Rounded up, a window may be larger than the image, by less than a stride.
    (Case("maxpool", {"kernel": 5, "stride": 4, "ceil": True}, ((7, 4),)), "equal"),
    (Case("avgpool", {"kernel": 4, "ceil": True}, ((3, 3, 12),)), "equal"),
    (Case("maxpool", {"kernel": 5, "stride": 1, "ceil": True}, ((7, 4),)), "refused"),
    # A pool's padding is measured against the kernel without its dilation.
    (Case("maxpool", {"kernel": 3, "padding": 2, "dilation": 3}, ((11, 11),)), "refused"),
    (Case("maxpool", {"kernel": 3, "padding": 1, "dilation": 3}, ((11, 11),)), "equal"),
    # AvgPool3d compares the kernel with the image before padding it; the built module pads first.
    (Case("avgpool", {"kernel": 5, "padding": 1}, ((7, 6, 3, 5),)), "equal"),
    (Case("lppool", {"kernel": 5, "ceil": True}, ((12, 2, 4, 6),)), "equal"),
    (Case("stochastic_pool", {"kernel": (1, 1, 4), "ceil": True}, ((2, 1, 3, 1),)), "equal"),
    # `same` with dilation pads more than half the kernel.
    (Case("maxpool", {"kernel": 5, "stride": (3, 2), "padding": "same", "dilation": 3}, ((1, 6, 9),)), "equal"),
    # `valid` is not rounded up.
    (Case("maxpool", {"kernel": 2, "ceil": True, "padding": "valid"}, ((7, 13),)), "equal"),
]


@pytest.mark.parametrize(("case", "outcome"), FOUND, ids=lambda value: getattr(value, "kind", value))
def test_findings_stay_mended(case, outcome):
    assert BATCH > 1
    assert check(case) == outcome
