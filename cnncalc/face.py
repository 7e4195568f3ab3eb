"""The public face: what people write in Python. docs/python.md shows it at work.

Beneath it stand plain parts: a `Graph` knows nothing of costs, `Costs` nothing of views. Here they are joined, so that
one can ask a network for its analysis, and show either in a notebook.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnncalc.costs.analysis import Costs
from cnncalc.errors import RequestError, did_you_mean, shorten
from cnncalc.graph import Builder as GraphBuilder
from cnncalc.graph import Graph, Node
from cnncalc.language.expand import expand
from cnncalc.language.model import Spec
from cnncalc.ops.base import show
from cnncalc.sources import is_module, is_onnx, is_torch_module, read_module, read_onnx, read_value, refuse_for_onnx
from cnncalc.zoo.index import spec_of

if TYPE_CHECKING:
    from cnncalc.costs.bottleneck import Bottlenecks
    from cnncalc.costs.compare import Comparison as PlainComparison
    from cnncalc.costs.conventions import Reconciliation, ToolCount
    from cnncalc.costs.roofline import Roofline
    from cnncalc.explain import Line
    from cnncalc.render.chart import Chart
    from cnncalc.render.picture import Picture
    from cnncalc.views import View
    from cnncalc.zoo.catalogue import Accuracy


ANALYSIS_CHARTS = ("depth", "memory", "roofline", "field")
"""The kinds of charts of one network."""
DEVICE = "a100"
"""What a roofline is of if no device is named."""


class Network(Graph):
    """A network: a frozen graph of named nodes, with what people ask of it.

    `nodes` are in topological order, inputs among them; `layers` are those that are no inputs; `outputs` are nodes by
    name. `network["conv1"]` is a node, `network["conv3_x"]` a group of nodes.
    """

    @classmethod
    def of(cls, graph: Graph) -> Network:
        """The same nodes as a network."""
        if isinstance(graph, Network):
            return graph
        return cls(graph.name, graph.nodes, graph.outputs, graph.title, graph.notes, graph.training)

    def analyze(
        self, batch: int = 1, dtype: str = "float32", *, mixed: bool = False, inplace: bool = False
    ) -> Analysis:
        """The network with its costs.

        Args:
            batch: samples at once.
            dtype: of all numbers: float64, float32, float16 or bfloat16.
            mixed: mixed precision, as `torch.autocast`.
            inplace: activations overwrite their input where they may.

        Raises:
            RequestError: a batch that is no positive whole number, an unknown dtype.

        >>> network("alexnet").analyze(batch=2).macs
        1448813632
        """
        return Analysis(self, batch, dtype, mixed, inplace)

    def draw(self, depth: int | None = None) -> Picture:
        """The network as a picture: branches side by side, repeats as one box; a notebook shows it.

        Args:
            depth: groups within so many groups are closed; None for what suits the network's size.

        Returns:
            What has `svg()`, `mermaid()` and `dot()`.

        >>> network("resnet18").draw()
        <graph: ResNet-18>
        """
        from cnncalc.render.picture import Picture
        from cnncalc.render.table import printable
        from cnncalc.views.drawing import drawing

        return Picture(printable(self.title or self.name), drawing(self, depth))

    def chart(
        self, kind: str = "depth", *, device: str | None = None, dtype: str | None = None, depth: int | None = None
    ) -> Chart:
        """A chart of the network for a batch of 1: see `Analysis.chart`."""
        return self.analyze().chart(kind, device=device, dtype=dtype, depth=depth)

    def fold_batchnorm(self) -> Network:
        """The network as it is deployed: each batch normalisation that follows a convolution or a linear layer folded
        into its weights.

        >>> sum(node.op.kind == "batchnorm" for node in network("resnet18").fold_batchnorm().nodes)
        0
        """
        from cnncalc.rewrite import fold_batchnorm

        return Network.of(fold_batchnorm(self))

    def to_yaml(self) -> str:
        """The network as a spec, which expands to the same network.

        >>> print(network("{input: [3, 8, 8], layers: [{conv: 4, kernel: 3}, relu]}").to_yaml())
        input: [3, 8, 8]
        layers:
          - {conv: 4, kernel: 3}
          - relu
        <BLANKLINE>
        """
        from cnncalc.language.write import to_yaml

        return to_yaml(self)

    def __repr__(self) -> str:
        inputs, outputs = _shapes(self.inputs), _shapes(self.outputs.values())
        return f"{self.title or self.name}: {len(self.layers):,} layers, {inputs} -> {outputs}"

    def _repr_html_(self) -> str:
        from cnncalc.views import Detail
        from cnncalc.views.shapes import view

        return as_html(view(self.analyze(), Detail()))


def _shapes(nodes: Iterable[Node]) -> str:
    """The shapes of a network's inputs or outputs, of many the first two."""
    shapes = [show(node.output) for node in nodes]
    return " and ".join([*shapes[:2], f"{len(shapes) - 2} more"] if len(shapes) > 3 else shapes)


class Analysis(Costs):
    """A network with its costs for a batch and a type of number, each computed once, when first asked for.

    Counts (`params`, `buffers`, `macs`, `flops`, `activations`) and bytes are those of the whole batch; a total part
    of which is unknown is `AtLeast` what it says. `layers` are rows with the same names; `analysis["conv3_x"]` is a
    layer or a group. `memory` has the peak of inference, what autograd saves, and the largest batch that fits.
    """

    @cached_property
    def network(self) -> Network:
        """The network."""
        return Network.of(self.graph)

    def roofline(self, device: str, dtype: str | None = None) -> Roofline:
        """The least time on a device, of each layer and in all.

        Args:
            device: a name, such as h100, or the path of a YAML file.
            dtype: of all numbers, tf32 also; the analysis' own if None.

        Raises:
            RequestError: no such device, or one that has no figure for the type.

        >>> network("resnet50").analyze(batch=8).roofline("h100", dtype="bfloat16").whole.limit
        'memory'
        """
        from cnncalc.costs.roofline import Roofline
        from cnncalc.devices import load as load_device

        key = (device, dtype or self.dtype)
        if key not in self._rooflines:
            self._rooflines[key] = Roofline(self, load_device(device), key[1])
        return self._rooflines[key]

    @cached_property
    def _rooflines(self) -> dict[tuple[str, str], Roofline]:
        return {}

    def chart(
        self, kind: str = "depth", *, device: str | None = None, dtype: str | None = None, depth: int | None = None
    ) -> Chart:
        """A chart, which a notebook shows: depth (where parameters, MACs and bytes go), memory, roofline or field.

        Its `spec()` is Vega-Lite as plain data, its `values` are what it shows, `svg()` draws it.

        Args:
            device: of a roofline, or of times along the depth: a name, or the path of a YAML file.
            dtype: of the roofline; the analysis' own if None.
            depth: layers along the depth are grouped by so many parts of their names.

        Raises:
            RequestError: there is no such kind; it has no use for an option; the network has nothing to show in it.

        >>> network("lenet5").analyze().chart("memory").values[0]["alive"]
        22912
        """
        from cnncalc.views import Detail, charts

        if kind not in ANALYSIS_CHARTS:
            hint = did_you_mean(kind, ANALYSIS_CHARTS) or f"the kinds are {', '.join(ANALYSIS_CHARTS)}"
            raise RequestError(f"there is no chart '{shorten(str(kind))}'", hint=hint, code="unknown-word")
        if device is not None and kind not in ("depth", "roofline"):
            raise RequestError(f"a chart of {kind} is of no device", hint="depth and roofline are")
        if depth is not None and kind != "depth":
            raise RequestError(f"a chart of {kind} has every layer", hint="depth groups them")
        if kind == "roofline":
            return charts.roofline(self.roofline(device or DEVICE, dtype))
        if kind == "depth":
            return charts.depth(self, Detail(depth), self.roofline(device, dtype) if device else None)
        return charts.memory(self) if kind == "memory" else charts.field(self)

    def count_as(self, tool: str) -> ToolCount:
        """What a tool counts: paper, torch, fvcore, ptflops, thop or torchinfo.

        Its `total` is the number that the tool prints; its `status` says whether it is complete, and `reason` why not.

        Raises:
            RequestError: no such tool.

        >>> network("resnet50_torchvision").analyze().count_as("fvcore")
        fvcore: 4,111,512,576
        """
        from cnncalc.costs.conventions import count_as

        if tool not in self._tools:
            self._tools[tool] = count_as(self.graph, tool, self.batch)
        return self._tools[tool]

    @cached_property
    def _tools(self) -> dict[str, ToolCount]:
        return {}

    @cached_property
    def reconciliation(self) -> Reconciliation:
        """What every tool counts, and in what each deviates from the papers' count."""
        from cnncalc.costs.conventions import reconcile

        return reconcile(self.graph, self.batch)

    def bottlenecks(self, top: int = 3) -> Bottlenecks:
        """The layers with most parameters, work, memory and traffic.

        >>> network("alexnet").analyze().bottlenecks().rankings[0].layers[0][0].name
        'fc6'
        """
        from cnncalc.costs.bottleneck import bottlenecks

        return bottlenecks(self, top)

    def explain(self, name: str | None = None) -> Explanation:
        """The arithmetic of a layer or group, or of the totals.

        Raises:
            RequestError: the network has no such layer.

        >>> network("alexnet").analyze().explain("conv1").lines[2].text
        '11*11*3*96 + 96 = 34,944'
        """
        return Explanation(self, name)

    def to_json(self) -> str:
        """The JSON document, as `cnncalc params NETWORK --format json` prints it.

        >>> import json
        >>> json.loads(network("lenet5").analyze().to_json())["totals"]["params"]
        60000
        """
        from cnncalc.render.json import write_json
        from cnncalc.views.records import network_document

        file = StringIO()
        write_json(network_document(self), file)
        return file.getvalue()

    def to_records(self) -> list[dict[str, Any]]:
        """A flat record per layer, as data frames take them: `pandas.DataFrame(analysis.to_records())`.

        >>> network("lenet5").analyze().to_records()[0]["params"]
        156
        """
        from cnncalc.views.records import flat_record

        return [flat_record(row) for row in self.layers]

    def __repr__(self) -> str:
        return (
            f"{self.graph.title or self.graph.name}, batch {self.batch:,}: {self.params:,} parameters, "
            f"{self.macs:,} MACs, {self.flops:,} FLOPs"
        )

    def _repr_html_(self) -> str:
        from cnncalc.views import Detail
        from cnncalc.views.flops import view

        return as_html(view(self, Detail()))


class Explanation:
    """The arithmetic of a layer, a group, or the totals: `lines` as data; printed, a table."""

    def __init__(self, analysis: Analysis, name: str | None) -> None:
        self.analysis = analysis
        self.name = name
        self.view = _explained(analysis, name)

    @property
    def lines(self) -> list[Line]:
        """The lines of the layer or group, or of every layer."""
        from cnncalc.explain import explain_layer

        one = self.analysis if self.analysis.batch == 1 else Costs(self.analysis.graph, 1, self.analysis.dtype)
        rows = one.layers if self.name is None else one.rows(self.analysis.graph.group(self.name).nodes)
        return [line for row in rows for line in explain_layer(row)]

    def __repr__(self) -> str:
        return as_text(self.view)

    def _repr_html_(self) -> str:
        return as_html(self.view)


def _explained(analysis: Analysis, name: str | None) -> View:
    from cnncalc.views import Detail
    from cnncalc.views.explain import view

    return view(analysis, Detail(), name)


class Comparison:
    """Networks side by side; printed, tables. `networks` are their analyses, `first` what they are compared with."""

    def __init__(self, networks: Sequence[Analysis], published: Mapping[Graph, Accuracy] | None = None) -> None:
        from cnncalc.costs.compare import Comparison as PlainComparison

        self.networks = networks
        self.published = published or {}
        self.plain: PlainComparison = PlainComparison(networks)

    @property
    def view(self) -> View:
        """What is shown of it."""
        from cnncalc.views import Detail
        from cnncalc.views.compare import view

        return view(self.plain, Detail())

    def ratio(self, quantity: str) -> list[float | None]:
        """Each network's params, macs, flops or activations as a multiple of the first's.

        >>> [round(ratio, 3) for ratio in compare("vgg16", "nin").ratio("params")]
        [1.0, 0.055]
        """
        from cnncalc.costs.compare import ratio

        first = getattr(self.networks[0], quantity)
        return [ratio(getattr(analysis, quantity), first) for analysis in self.networks]

    def chart(self, against: str = "macs", device: str | None = None) -> Chart:
        """The networks as bubbles, their size the parameters: top-1 accuracy against MACs where it is published, else
        MACs against parameters.

        Args:
            against: macs, params, or seconds, the least time on a device.
            device: which, if against seconds: a name, or the path of a YAML file.

        Raises:
            RequestError: nothing is set against that; no such device.

        >>> compare("vgg16", "nin").chart().values[0]["params"]
        138357544
        """
        from cnncalc.views.charts import scatter

        if against not in ("macs", "params", "seconds"):
            hint = did_you_mean(against, ("macs", "params", "seconds")) or "macs, params or seconds"
            raise RequestError(f"nothing is set against '{shorten(against)}'", hint=hint, code="unknown-word")
        times = [each.roofline(device or DEVICE) for each in self.networks] if against == "seconds" else ()
        return scatter(self.networks, self.published, against, times)

    def to_records(self) -> list[dict[str, Any]]:
        """A flat record per network."""
        from cnncalc.views.compare import record
        from cnncalc.views.records import builtins

        return [builtins(record(analysis)) for analysis in self.networks]

    def __repr__(self) -> str:
        return as_text(self.view)

    def _repr_html_(self) -> str:
        return as_html(self.view)


class Builder(GraphBuilder):
    """Builds a network, op by op.

    >>> from cnncalc import ops
    >>> builder = Builder()
    >>> x = builder.input(3, 32, 32)
    >>> y = builder.add(ops.Conv(16, kernel=3, padding=1), x, name="stem")
    >>> builder.network(output=builder.add(ops.Add(), y, builder.add(ops.ReLU(), y)))
    network: 3 layers, 3x32x32 -> 16x32x32
    """

    def network(self, output: Node | Mapping[str, Node]) -> Network:
        """The network of what was added, with its output, or its outputs by name.

        Raises:
            RequestError: it has no input.
        """
        return Network.of(self.graph(output))


def network(
    source: str | Path | Spec | Graph | Any,
    input: int | Sequence[int] | Mapping[str, int | Sequence[int]] | None = None,
    *,
    classes: int | None = None,
    training: bool = False,
    vars: Mapping[str, Any] | None = None,
) -> Network:
    """A network, from whatever describes one.

    Args:
        source: a name of the zoo, the path of a YAML file, the text of a spec, or a `Spec`; a `torch.nn.Module`, or
            what names one, such as `file.py:NAME`, whose code is run; or the path of an ONNX file.
        input: its input size, channels first; spatial sizes alone, or one of them, will do.
        classes: the value of the spec's variable `classes`.
        training: the network as it is trained, with its auxiliary heads.
        vars: values for variables of the spec; or arguments of what makes a module.

    Raises:
        RequestError: no such network; a module that cannot be read; an unfit input, or an unknown variable.
        SpecError: the spec is wrong.

    >>> network("resnet50", input=320, classes=10)
    ResNet-50: 175 layers, 3x320x320 -> 10
    """
    if isinstance(source, Graph):
        return Network.of(source)
    if is_torch_module(source):
        return Network.of(read_value(source, input, training))
    if isinstance(source, str) and "\n" not in source and is_module(source):
        return Network.of(read_module(source, input, vars, classes=classes, training=training).graph)
    if isinstance(source, (str, Path)) and "\n" not in str(source) and is_onnx(str(source)):
        refuse_for_onnx(vars=vars, classes=classes, training=training)
        return Network.of(read_onnx(source, input))
    spec = spec_of(source)
    values = {**(vars or {}), **({} if classes is None else {"classes": classes})}
    return Network.of(expand(spec, input, values, training))


def compare(
    *sources: Any, input: int | Sequence[int] | Mapping[str, int | Sequence[int]] | None = None, batch: int = 1
) -> Comparison:
    """Networks side by side; the first is what the others are compared with.

    Args:
        sources: what `network` takes.

    Raises:
        RequestError: as `network`; or no network at all.

    >>> compare("vgg16", "nin").networks[1].params
    7595176
    """
    if not sources:
        raise RequestError("there is nothing to compare", hint="name networks: compare('vgg16', 'nin')")
    networks = [network(source, input).analyze(batch) for source in sources]
    known = (
        {}
        if input is not None
        else {each.graph: _published(source, each) for each, source in zip(networks, sources, strict=True)}
    )
    return Comparison(networks, {graph: found for graph, found in known.items() if found})


def _published(source: Any, analysis: Analysis) -> Accuracy | None:
    """The accuracy that a source's spec has, if it has one."""
    from cnncalc.zoo.catalogue import accuracy

    if not isinstance(source, (str, Path, Spec)) or (isinstance(source, str) and is_module(source)):
        return None
    spec = spec_of(source)
    return accuracy(spec, analysis.graph.input)


def as_text(view: View) -> str:
    """A view as a terminal shows it."""
    from cnncalc.render.terminal import write

    file = StringIO()
    write(view.parts, file)
    return file.getvalue().rstrip("\n")


def as_html(view: View) -> str:
    """A view as a notebook shows it."""
    from cnncalc.render.html import write

    file = StringIO()
    write(view.parts, file)
    return file.getvalue()
