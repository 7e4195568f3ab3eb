"""Memory as PyTorch itself uses it: the tensors that autograd saves, and those alive at once at inference."""

from __future__ import annotations

from typing import Any

import pytest

from cnncalc import Network


def saved_by_pytorch(net: Network, batch: int, inplace: bool, dtype: str = "float32", mixed: bool = False) -> int:
    """The bytes that autograd saves in a forward pass in training, storages once, parameters and buffers apart."""
    torch = pytest.importorskip("torch")
    from cnncalc.pytorch.build import build

    torch.manual_seed(0)
    model = build(net, inplace=inplace).train().to(getattr(torch, dtype))
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    found: dict[int, int] = {}
    alive: list[Any] = []  # so that no storage's address is given twice

    def pack(tensor: Any) -> Any:
        alive.append(tensor)
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    inputs = [torch.rand(batch, *node.output).to(getattr(torch, dtype)) for node in net.inputs]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), torch.autocast("cpu", enabled=mixed):
        model(*inputs)
    return sum(found.values())


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
        model(*[torch.rand(batch, *node.output) for node in net.inputs])
    return peak
