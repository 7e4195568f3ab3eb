"""Memory as PyTorch itself uses it: the tensors that autograd saves, and those alive at once at inference."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from cnncalc.graph import Graph as Network


class Saved(NamedTuple):
    """The bytes that autograd saves in a forward pass: of copies of weights in half precision, and of all else."""

    weights: int
    others: int


def saved_by_layer(
    net: Network, batch: int, inplace: bool, dtype: str = "float32", mixed: bool = False
) -> dict[str, Saved]:
    """What autograd saves in a forward pass in training, each storage at the layer that first saves it, parameters and
    buffers apart."""
    torch = pytest.importorskip("torch")
    from cnncalc.pytorch.build import build

    torch.manual_seed(0)
    model = build(net, inplace=inplace).train().to(getattr(torch, dtype))
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    found: dict[str, Saved] = {}
    seen: set[int] = set()
    alive: list[Any] = []  # so that no storage's address is given twice
    running = ""

    def enter(name: str) -> Any:
        def hook(*_: Any) -> None:
            nonlocal running
            running = name

        return hook

    def pack(tensor: Any) -> Any:
        alive.append(tensor)
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own | seen:
            seen.add(storage.data_ptr())
            weights, others = found.get(running, Saved(0, 0))
            # Of the tensor that owns the storage: on one thread conv_transpose3d gives its output a storage as large as
            # its input's.
            whole = tensor if tensor._base is None else tensor._base
            size = whole.numel() * whole.itemsize
            if of_parameter(tensor):
                found[running] = Saved(weights + size, others)
            else:
                found[running] = Saved(weights, others + size)
        return tensor

    for name, module in model.layers.items():
        module.register_forward_pre_hook(enter(name))
    inputs = [torch.rand(batch, *node.output).to(getattr(torch, dtype)) for node in net.inputs]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), torch.autocast("cpu", enabled=mixed):
        model(*inputs)
    return found


def of_parameter(tensor: Any) -> bool:
    """Whether a tensor is a parameter, cast or seen anew."""
    step = tensor.grad_fn
    while step is not None and step.name() in ("ToCopyBackward0", "ViewBackward0", "TBackward0", "TransposeBackward0"):
        step = step.next_functions[0][0]
    return step is not None and step.name() == "torch::autograd::AccumulateGrad"


def saved_by_pytorch(net: Network, batch: int, inplace: bool, dtype: str = "float32", mixed: bool = False) -> int:
    """The bytes that autograd saves in a forward pass in training, copies of weights in half precision too."""
    return sum(map(sum, saved_by_layer(net, batch, inplace, dtype, mixed).values()))


def peak_by_pytorch(net: Network, batch: int, inplace: bool) -> int:
    """The most bytes of tensors that are alive at once in a forward pass at inference, the input all the time."""
    torch = pytest.importorskip("torch")
    from torch.multiprocessing.reductions import StorageWeakRef
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils._pytree import tree_leaves

    from cnncalc.pytorch.build import build

    model = build(net, inplace=inplace).eval()
    own = {tensor.untyped_storage()._cdata for tensor in (*model.parameters(), *model.buffers())}
    alive: dict[int, tuple[Any, int]] = {}
    peak = 0

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            nonlocal alive, peak
            result = function(*args, **(kwargs or {}))
            alive = {key: value for key, value in alive.items() if not value[0].expired()}
            for leaf in tree_leaves((args, result)):
                if isinstance(leaf, torch.Tensor) and leaf.untyped_storage()._cdata not in own:
                    storage = leaf.untyped_storage()
                    alive[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
            peak = max(peak, sum(size for _, size in alive.values()))
            return result

    with torch.no_grad(), Watch():
        model(torch.rand(batch, *net.input))
    return peak


def disagreement(net: Network, batch: int, inplace: bool, mixed: bool) -> str | None:
    """The first layer of which autograd saves another number of bytes than predicted, in words; None if all agree, or
    if PyTorch cannot run the network, whose numbers are no numbers."""
    from cnncalc.costs.memory import Memory

    try:
        found = saved_by_layer(net, batch, inplace, mixed=mixed)
    except RuntimeError as error:
        if "probability tensor" in str(error):  # stochastic pooling of what a root of negative numbers gave
            return None
        raise
    memory = Memory(net, batch, inplace=inplace, mixed=mixed)
    for layer in memory.layers:
        theirs = found.get(layer.node.name, Saved(0, 0)).others
        if layer.saved_bytes != theirs:
            return f"{layer.node.name}: autograd saves {theirs:,} bytes, predicted {layer.saved}"
    weights, predicted = sum(saved.weights for saved in found.values()), memory.training().half_weights
    return None if weights == predicted else f"weights in half precision: {weights:,}, predicted {predicted:,}"
