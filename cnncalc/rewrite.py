"""Graph to graph: batch normalisation folded into convolutions, and what nobody reads cut off.

A rewrite builds a new graph through the `Builder`, which infers the shapes anew; the graph that it is given stays as
it is. What stays keeps its name, its scope and its origin.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from cnncalc.errors import RequestError
from cnncalc.graph import Builder, Graph, Node
from cnncalc.ops import BatchNorm, Conv, ConvTranspose, Depthwise, Linear, Op, Separable

FOLDABLE = (Conv, ConvTranspose, Depthwise, Linear, Separable)
"""Ops that end in a product with weights for each output channel, so that a scale and a shift of each channel can
become part of the weights and the bias."""


def fold_batchnorm(graph: Graph) -> Graph:
    """The network as it is deployed: batch normalisation folded into the weights before it.

    At inference batch normalisation is a fixed scale and shift of each channel. After a convolution (`conv`,
    `conv_transpose`, `depthwise`, `separable`) or a `linear` layer, whose output nothing else reads and which is no
    output of the network, it becomes part of that layer's weights and bias: the layer gets a bias, and the batch
    normalisation goes. What read it, or was an output by it, now reads the layer. As PyTorch's
    `torch.nn.utils.fusion.fuse_conv_bn_eval` and `fuse_linear_bn_eval`.

    Raises:
        RequestError: the network is one in training, where the scale and shift depend on the batch.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.zoo import load
    >>> folded = fold_batchnorm(expand(load("resnet18")))
    >>> [node.name for node in folded.nodes[:4]], folded["conv1"].op.bias
    (['input', 'conv1', 'relu1', 'pool1'], True)
    """
    if graph.training:
        raise RequestError(
            "batch normalisation is folded at inference: in training it depends on the batch",
            hint="take the network without training",
        )
    outputs = set(graph.outputs.values())
    folded: dict[Node, Node] = {}  # each batch normalisation that goes, and the layer that takes it in
    for node in graph.nodes:
        if not isinstance(node.op, BatchNorm):
            continue
        (source,) = node.inputs
        if isinstance(source.op, FOLDABLE) and len(graph.readers[source.index]) == 1 and source not in outputs:
            folded[node] = source
    folded = _alike(graph, folded)
    changed: dict[Node, Op] = {layer: msgspec.structs.replace(layer.op, bias=True) for layer in folded.values()}
    return _rebuilt(graph, folded, changed)


def _alike(graph: Graph, folded: Mapping[Node, Node]) -> dict[Node, Node]:
    """Of the foldings those that can be: layers that share weights take in one normalisation, or none of them does."""
    taken = {layer: norm for norm, layer in folded.items()}
    wanted: dict[Node, set[Node | None]] = {}  # by the layer that stores the weights, the normalisations of all
    for node in graph.nodes:
        if isinstance(node.op, FOLDABLE):
            norm = taken.get(node)
            wanted.setdefault(node.shares or node, set()).add(norm and (norm.shares or norm))
    return {norm: layer for norm, layer in folded.items() if len(wanted[layer.shares or layer]) == 1}


def prune(graph: Graph) -> Graph:
    """The network without the layers that no output depends on; its inputs stay.

    >>> from cnncalc.ops import Conv, ReLU
    >>> builder = Builder()
    >>> x = builder.input(3, 8, 8)
    >>> y = builder.add(Conv(4, kernel=3), x)
    >>> _ = builder.add(ReLU(), builder.add(ReLU(), x))
    >>> [node.name for node in prune(builder.graph(y)).nodes]
    ['input', 'conv1']
    """
    read = set(graph.outputs.values())
    for node in reversed(graph.nodes):
        if node in read:
            read.update(node.inputs)
    return _rebuilt(graph, {node: None for node in graph.layers if node not in read}, {})


def _rebuilt(graph: Graph, gone: Mapping[Node, Node | None], changed: Mapping[Node, Op]) -> Graph:
    """The graph without some nodes, each of which gives way to another if anything reads it, and with other ops in
    some others."""
    builder = Builder(graph.name, graph.title, graph.notes, graph.training)
    twins: dict[Node, Node] = {}
    stores: dict[Node, Node] = {}  # by the node that stored weights, the one that does now: the first that is left
    for node in graph.nodes:
        if node in gone:
            instead = gone[node]
            if instead is not None:
                twins[node] = twins[instead]
            continue
        path = node.scope.path
        local = node.name[len(path) + 1 :] if path else node.name
        if node.is_input:
            builder.here = node.scope
            twins[node] = builder.input(*node.output, name=local, origin=node.origin)
            builder.here = builder.root
        else:
            inputs = [twins[source] for source in node.inputs]
            op = changed.get(node, node.op)
            home = None if node.shares is None else stores.get(node.shares)
            twins[node] = builder.add(op, *inputs, name=local, scope=node.scope, origin=node.origin, shares=home)
            stores.setdefault(node.shares or node, twins[node])
    return builder.graph({name: twins[node] for name, node in graph.outputs.items()})
