"""What the counting tools themselves count: PyTorch's counter, fvcore, ptflops, thop, torchinfo."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from cnncalc import Network

TOOLS = ("torch", "fvcore", "ptflops", "thop", "torchinfo")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the tools' own printing; and without torchvision and timm, which ptflops tries to import."""
    absent = [name for name in ("torchvision", "timm") if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in absent:
            sys.modules.pop(name, None)


def count_by_tool(tool: str, net: Network, batch: int = 1) -> int:
    """What the tool itself counts of the built network."""
    torch = pytest.importorskip("torch")
    from cnncalc.pytorch.build import build

    # Tracing and patched functions need real tensors; shapes are enough for the others.
    device = "cpu" if tool in ("fvcore", "ptflops") else "meta"
    model = build(net, device=device).eval()
    inputs = tuple(torch.rand(batch, *node.output, device=device) for node in net.inputs)
    with torch.no_grad(), quiet():
        return int(COUNT[tool](model, inputs, net))


def _torch(model: Any, inputs: tuple[Any, ...], net: Network) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        model(*inputs)
    return counter.get_total_flops()


def _fvcore(model: Any, inputs: tuple[Any, ...], net: Network) -> int:
    nn = pytest.importorskip("fvcore.nn")
    analysis = nn.FlopCountAnalysis(model, inputs).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return analysis.tracer_warnings("none").total()  # type: ignore[no-any-return]


def _ptflops(model: Any, inputs: tuple[Any, ...], net: Network) -> int:
    """It runs one image, which it makes itself or is given by name."""
    ptflops = pytest.importorskip("ptflops")

    def given(shape: Any) -> dict[str, Any]:
        return {f"x{number}": x[:1] for number, x in enumerate(inputs)}

    forward = model.forward
    model.forward = lambda **named: forward(*named.values())
    macs = ptflops.get_model_complexity_info(
        model, net.input, as_strings=False, print_per_layer_stat=False, input_constructor=given
    )[0]
    return macs or 0


def _thop(model: Any, inputs: tuple[Any, ...], net: Network) -> int:
    thop = pytest.importorskip("thop")
    return int(thop.profile(model, inputs, verbose=False)[0])


def _torchinfo(model: Any, inputs: tuple[Any, ...], net: Network) -> int:
    torchinfo = pytest.importorskip("torchinfo")
    summary = torchinfo.summary(model, input_data=inputs, verbose=0, device=inputs[0].device)
    return int(summary.total_mult_adds)


COUNT = {"torch": _torch, "fvcore": _fvcore, "ptflops": _ptflops, "thop": _thop, "torchinfo": _torchinfo}
