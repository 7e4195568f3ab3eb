"""What cnncalc reads of a PyTorch module, against what PyTorch says of it."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from cnncalc.costs.analysis import Costs
from cnncalc.errors import RequestError, Source
from cnncalc.language.expand import expand
from cnncalc.language.reader import read_spec
from cnncalc.language.write import first_difference, to_yaml
from cnncalc.pytorch import build, reading, weights
from cnncalc.pytorch.verify_module import verify_module
from tests.oracles.random_modules import Random

aten = torch.ops.aten
UNCOUNTED = {
    aten.mv: lambda a, b, *_, out_shape=None, **__: 2 * a[0] * a[1],
    aten.addmv: lambda _, a, b, *__, out_shape=None, **___: 2 * a[0] * a[1],
    aten.dot: lambda a, b, *_, out_shape=None, **__: 2 * a[0],
    aten.vdot: lambda a, b, *_, out_shape=None, **__: 2 * a[0],
    aten._trilinear: lambda a, w, b, *_, out_shape=None, **__: 2 * a[0] * w[0] * w[1] * w[2],
}
"""FLOPs of products that PyTorch's counter leaves out."""


def counted(module: nn.Module, *inputs: Tensor) -> int:
    """MACs by PyTorch's own counter, which sees attention when it is done step by step, and the products that it
    leaves out."""
    counter = FlopCounterMode(display=False, custom_mapping=UNCOUNTED)
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of settings for other processors
            with torch.backends.mkldnn.flags(enabled=False), counter:  # with it, a recurrent layer is one op
                module.eval()(*inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return int(counter.get_total_flops()) // 2


@dataclass
class Found:
    """What came of a module.

    Attributes:
        differences: what PyTorch and cnncalc say otherwise.
        unknown: the ops of which some counts are unknown.
        refused: why it is not read; empty if it is.
        built: whether it was built again, and gave the same outputs; None if it has an op that is not built.
        written: whether it was written as a spec that gives the same network.
        unwritten: why it cannot be.
        layers: how many layers it has.
        opaque: the layers of which only the output and counts are known, by the names of their functions.
    """

    differences: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    refused: str = ""
    built: bool | None = None
    written: bool = False
    unwritten: str = ""
    layers: int = 0
    opaque: list[str] = field(default_factory=list)


def check(module: Random) -> Found:
    """Compare a module with what is read of it: parameters, MACs, outputs, each layer; and with what is built of it."""
    module.eval()
    found = Found()
    try:
        read = reading(module, module.examples(1))
    except RequestError as error:
        found.refused = f"{error.code}: {error.message}"
        return found
    costs = Costs(read.graph)
    found.layers, found.unknown = len(costs.layers), [name for name, number in read.unknown.items() if number]
    found.opaque = [
        node.name.rpartition(".")[2].rstrip("0123456789") for node in read.graph.layers if node.op.kind == "opaque"
    ]

    def same(what: str, ours: Any, theirs: Any) -> None:
        if ours != theirs:
            found.differences.append(f"{what}: cnncalc {ours}, PyTorch {theirs}")

    same(
        "parameters",
        int(costs.params) + sum(read.unused.values()),
        sum(parameter.numel() for parameter in module.parameters()),
    )
    x = module.examples(2)
    with torch.no_grad():
        outputs = [y for y in tree_leaves(module(*[one.clone() for one in x])) if isinstance(y, Tensor)]
    same(
        "outputs", [node.output for node in read.graph.outputs.values()], [tuple(y.shape[1:]) or (1,) for y in outputs]
    )
    meta = copy.deepcopy(module).to("meta")
    macs = counted(meta, *[torch.empty_like(one[:1], device="meta") for one in x])
    if not found.unknown:
        same("MACs", costs.macs, macs)
    elif int(costs.macs) > macs:
        found.differences.append(f"MACs: cnncalc {costs.macs}, PyTorch {macs}")
    if not found.unknown:
        report = verify_module(replace(read, module=meta), device="meta")
        found.differences += [f"verify: {one}" for one in report.mismatches]
    if "opaque" not in {node.op.kind for node in read.graph.layers}:
        found.built = True
        built = build(read.graph).eval()
        missing = built.load_state_dict(weights(module, read.graph), strict=False).missing_keys
        same("missing weights", [key for key in missing if not key.endswith("num_batches_tracked")], [])
        with torch.no_grad():
            again = tree_leaves(built(*[one.clone() for one in x]))
        for ours, theirs in zip(again, outputs, strict=True):
            if not torch.allclose(ours.reshape(theirs.shape), theirs, atol=1e-4, rtol=1e-4, equal_nan=True):
                away = (ours.reshape(theirs.shape) - theirs).abs().max()
                found.differences.append(f"built: outputs differ by {away:.3g}")
                break
    try:
        written = to_yaml(read.graph)
    except RequestError as error:
        found.unwritten = error.hint or error.message
        return found
    once_more = expand(read_spec(Source("<written>", written), read.graph.name, None))
    same("written and read again", first_difference(read.graph, once_more), None)
    found.written = True
    return found
