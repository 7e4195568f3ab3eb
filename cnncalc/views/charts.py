"""Charts of a result, as data: Vega-Lite specs, which pages, notebooks and files show alike.

A chart computes nothing: its values are those of the analysis, exact. Its spec is a plain dict (Vega-Lite 5), so that
no charting library is needed to make one, and every tool that reads Vega-Lite can show it.

>>> from cnncalc.costs.analysis import Costs
>>> from cnncalc.language.expand import expand
>>> from cnncalc.zoo import load
>>> depth(Costs(expand(load("lenet5")))).values[0]["params"]
156
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cnncalc.costs.analysis import Costs
from cnncalc.costs.receptive_field import UnknownField
from cnncalc.errors import RequestError
from cnncalc.graph import Graph
from cnncalc.ops.window import dimension_names
from cnncalc.render.chart import Chart
from cnncalc.render.table import printable
from cnncalc.views import Detail
from cnncalc.views.common import Listing

if TYPE_CHECKING:
    from cnncalc.costs.roofline import Roofline
    from cnncalc.views.times import Times
    from cnncalc.zoo.catalogue import Accuracy

BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
"""Okabe and Ito's colours, which people tell apart whatever their eyes."""

HEIGHT = 110


def depth(
    costs: Costs, detail: Detail | None = None, result: Roofline | None = None, times: Times | None = None
) -> Chart:
    """Where parameters, MACs and bytes go along the depth: a bar for each layer, or for each group of many.

    Args:
        detail: how finely layers are grouped, as in tables.
        result: a roofline whose time is a panel too.
        times: measured times, which are a panel too.
    """
    listing = Listing(costs, detail or Detail())
    values: list[dict[str, Any]] = []
    for index, row in enumerate(listing.found):
        moved = None if row.read_bytes is None else row.read_bytes + row.written_bytes
        value = {"index": index, "layer": _text(row.name), "params": row.params, "macs": row.macs, "bytes": moved}
        if result is not None:
            value["seconds"] = result.of(row).seconds
        if times is not None:
            value["measured"] = times.of(row)
        values.append({key: _plain(found) for key, found in value.items()})
    quantities = [("params", "Parameters", BLUE), ("macs", "MACs", ORANGE), ("bytes", "Bytes moved", GREEN)]
    if result is not None:
        quantities.append(("seconds", f"Least seconds, {result.device.title}", PURPLE))
    if times is not None:
        quantities.append(("measured", "Measured seconds", PURPLE))
    labelled = len(values) <= MOST_LABELS
    panels = [
        _panel(values, "bar", "layer", key, title, colour, labels=labelled and key == quantities[-1][0])
        for key, title, colour in quantities
    ]
    return Chart("depth", f"{listing.heading}: where it goes", values, panels)


MOST_LABELS = 60
"""More layers than these have no names under them."""


def memory(costs: Costs) -> Chart:
    """The bytes alive at inference while each layer runs, the peak, and the tensors that are alive there."""
    found = costs.memory
    stored = found.params + found.buffers
    values = [
        {
            "index": index,
            "layer": _text(row.name),
            "alive": row.alive_bytes,
            "total": int(stored) + row.alive_bytes,
            "peak": row.node is found.peak_node,
        }
        for index, row in enumerate(costs.layers)
    ]
    line = _panel(values, "area", "index", "total", "Bytes in memory", BLUE)
    peak = [value for value in values if value["peak"]]
    points = {"data": {"values": peak}, "mark": {"type": "point", "filled": True, "color": ORANGE, "size": 50}}
    points["encoding"] = _encoding("index", "total", "Bytes in memory", "quantitative")
    tensors = [{"what": "parameters", "bytes": int(found.params)}, {"what": "buffers", "bytes": int(found.buffers)}]
    tensors = [held for held in tensors if held["bytes"]]
    tensors += [{"what": _text(held.what), "bytes": held.bytes} for held in found.alive]
    where = f" in {found.peak_node.name}" if found.peak_node else ""
    bars = {
        "data": {"values": tensors},
        "mark": {"type": "bar", "color": ORANGE},
        "encoding": {
            "y": {"field": "what", "type": "nominal", "sort": None, "title": None},
            "x": {"field": "bytes", "type": "quantitative", "title": _text(f"Bytes at the peak{where}"), "axis": SI},
            "tooltip": [{"field": "what"}, {"field": "bytes", "format": ","}],
        },
    }
    timeline = {"height": HEIGHT * 1.4, "layer": [_bare(line), points]}
    heading = Listing(costs, Detail()).heading
    return Chart("memory", f"{heading}: memory at inference, {found.peak:,} bytes at most", values, [timeline, bars])


def roofline(result: Roofline) -> Chart:
    """The roofline of a device with every layer on it: FLOP/s that it can reach by its FLOPs per byte."""
    device, dtype = result.device, result.dtype
    peak, ridge = device.peak(dtype), device.ridge(dtype)
    values: list[dict[str, Any]] = []
    for row in result.costs.layers:
        bound = result.of(row)
        if bound.intensity and bound.seconds and bound.flops:
            values.append(
                {
                    "layer": _text(row.name),
                    "kind": row.op.kind,
                    "intensity": bound.intensity,
                    "flops_per_second": bound.flops / bound.seconds,
                    "seconds": bound.seconds,
                    "limit": bound.limit,
                }
            )
    if not values:
        raise RequestError(
            f"no layer of {result.costs.graph.name} both computes and moves bytes", hint="there is no roofline to draw"
        )
    low = min([ridge / 10, *(value["intensity"] for value in values)])
    high = max([ridge * 10, *(value["intensity"] for value in values)])
    roof = [{"intensity": at, "flops_per_second": min(peak, device.bandwidth * at)} for at in (low, ridge, high)]
    log = {"type": "log"}
    x = {"field": "intensity", "type": "quantitative", "scale": log, "title": "FLOPs per byte"}
    y = {"field": "flops_per_second", "type": "quantitative", "scale": log, "title": "FLOP/s", "axis": SI}
    colour = {
        "field": "limit",
        "type": "nominal",
        "title": "Limited by",
        "legend": {"orient": "bottom"},
        "scale": {"domain": ["arithmetic", "memory"], "range": [ORANGE, BLUE]},
    }
    points = {
        "data": {"values": values},
        "mark": {"type": "point", "filled": True, "opacity": 0.6},
        "encoding": {
            "x": x,
            "y": y,
            "color": colour,
            "size": {"field": "seconds", "type": "quantitative", "title": "Seconds", "legend": None},
            "tooltip": [{"field": "layer"}, {"field": "intensity"}, {"field": "seconds"}],
        },
    }
    line = {
        "data": {"values": roof},
        "mark": {"type": "line", "color": "#555555", "strokeWidth": 1.5},
        "encoding": {"x": x, "y": y},
    }
    heading = Listing(result.costs, Detail()).heading
    panel = {"height": 2 * HEIGHT, "layer": [line, points]}
    return Chart("roofline", _text(f"{heading}; {device.title}, {dtype}"), values, [panel])


def field(costs: Costs) -> Chart:
    """The growth of the receptive field over the layers, in pixels of the input, along each of its dimensions."""
    names = dimension_names(len(costs.graph.input) - 1)
    image = costs.graph.input[1:]
    known = [(index, row.name, row.receptive_field) for index, row in enumerate(costs.layers)]
    values = [
        {"index": index, "layer": _text(layer), "dimension": name, "size": size, "whole": found.whole}
        for index, layer, found in known
        if not isinstance(found, UnknownField)
        for name, size in zip(names, found.size, strict=False)
    ]
    if not values:
        raise RequestError(f"{costs.graph.name} has no receptive fields", hint="its input is flat")
    panel = _panel(values, "line", "index", "size", "Receptive field, pixels", BLUE)
    alike = len({*image}) == 1 and all(
        isinstance(found, UnknownField) or len({*found.size}) <= 1 for *_, found in known
    )
    if len(image) > 1 and not alike:
        panel["encoding"]["color"] = {
            "field": "dimension",
            "type": "nominal",
            "title": None,
            "scale": {"domain": list(names), "range": [BLUE, ORANGE, GREEN][: len(names)]},
        }
    sizes = [{"size": size} for size in sorted({*image})]
    rule = {
        "data": {"values": sizes},
        "mark": {"type": "rule", "strokeDash": [4, 3], "color": "#555555"},
        "encoding": {"y": {"field": "size", "type": "quantitative"}},
    }
    heading = Listing(costs, Detail()).heading
    whole = {"height": 2 * HEIGHT, "layer": [_bare(panel), rule]}
    return Chart("field", f"{heading}: growth of the receptive field", values, [whole])


def scatter(
    networks: Sequence[Costs],
    published: Mapping[Graph, Accuracy] | None = None,
    against: str = "macs",
    rooflines: Sequence[Roofline] = (),
) -> Chart:
    """Networks as bubbles: top-1 accuracy against MACs, their size the parameters; MACs against parameters where no
    accuracy is published. Networks without one are left out of the former, and named in the title.

    Args:
        against: macs, params, or seconds, the least time on a device.
        rooflines: of each network, if against seconds.
    """
    values: list[dict[str, Any]] = []
    without = []
    for index, costs in enumerate(networks):
        found = (published or {}).get(costs.graph)
        title = _text(costs.graph.title or costs.graph.name)
        value = {"name": _text(costs.graph.name), "title": title, "params": int(costs.params), "macs": int(costs.macs)}
        if rooflines:
            value["seconds"] = rooflines[index].seconds
        top1 = found.top1 if found else None
        without += [title] if top1 is None else []
        values.append({**value, "top1": top1})
    accurate = [value for value in values if value["top1"] is not None]
    shown = accurate or values
    macs: dict[str, Any] = {
        "field": "macs",
        "type": "quantitative",
        "title": "MACs",
        "axis": SI,
        "scale": {"zero": False, "type": "log"},
    }
    y: dict[str, Any] = {"field": "top1", "type": "quantitative", "title": "Top-1, %", "scale": {"zero": False}}
    x = macs
    if against == "params":
        x = {**macs, "field": "params", "title": "Parameters"}
    elif against == "seconds":
        x = {**macs, "field": "seconds", "title": f"Least seconds, {rooflines[0].device.title}, {rooflines[0].dtype}"}
    if not accurate:
        x = {**macs, "field": "params", "title": "Parameters"}
        y = macs
    if not all(value[axis["field"]] > 0 for value in shown for axis in (x, y) if "type" in axis["scale"]):
        x, y = ({**axis, "scale": {"zero": True}} for axis in (x, y))  # a logarithm has no zero
    encoding = {"x": x, "y": y}
    bubbles = {
        "data": {"values": shown},
        "mark": {"type": "point", "filled": True, "opacity": 0.6, "color": BLUE},
        "encoding": {
            **encoding,
            "size": {
                "field": "params",
                "type": "quantitative",
                "title": "Parameters",
                "legend": {"format": "~s", "orient": "bottom"},
            },
            "tooltip": [
                {"field": "title"},
                {"field": "params", "format": ","},
                {"field": "macs", "format": ","},
                *([{"field": "seconds"}] if rooflines else []),
            ],
        },
    }
    names = {
        "data": {"values": shown},
        "mark": {"type": "text", "dy": -10, "fontSize": 9},
        "encoding": {**encoding, "text": {"field": "title"}},
    }
    title = _TITLES[against] if accurate else "Work and parameters"
    if accurate and without:
        title += f" (no top-1 is published of {', '.join(without)})"
    return Chart("scatter", title, shown, [{"height": 2 * HEIGHT, "layer": [bubbles, names]}])


_TITLES = {
    "macs": "Accuracy, work and parameters",
    "params": "Accuracy and parameters",
    "seconds": "Accuracy, least time and parameters",
}
"""What is shown, by what accuracy is set against."""

SI = {"format": "~s"}
"""An axis whose numbers are read as 25M."""


def _panel(
    values: Sequence[Mapping[str, Any]], mark: str, x: str, y: str, title: str, colour: str, labels: bool = False
) -> dict[str, Any]:
    """A panel of one quantity over the layers."""
    encoding = _encoding(x, y, title, "nominal" if x == "layer" else "quantitative", labels)
    shape: dict[str, Any] = {"type": mark, "color": colour}
    if mark in ("area", "line"):
        shape["interpolate"] = "step-after" if mark == "area" else "linear"
    if mark == "area":
        shape |= {"opacity": 0.5, "line": {"color": colour}}
    return {"height": HEIGHT, "data": {"values": list(values)}, "mark": shape, "encoding": encoding}


def _encoding(x: str, y: str, title: str, kind: str, labels: bool = False) -> dict[str, Any]:
    """The encoding of one quantity over the layers."""
    axis: dict[str, Any] = {"field": x, "type": kind, "sort": None, "title": None}
    if kind == "nominal":
        axis["axis"] = {"labelAngle": -60, "labelLimit": 90} if labels else None
    else:
        axis["title"] = "Layer"
        del axis["sort"]
    return {
        "x": axis,
        "y": {"field": y, "type": "quantitative", "title": _text(title), "axis": SI},
        "tooltip": [{"field": "layer"}, {"field": y, "type": "quantitative", "format": ","}],
    }


def _bare(panel: Mapping[str, Any]) -> dict[str, Any]:
    """A panel as a layer of another."""
    return {key: value for key, value in panel.items() if key != "height"}


def _plain(value: Any) -> Any:
    """A count as a plain number; one that is known in part as what it is at least."""
    return int(value) if isinstance(value, int) else value


def _text(text: str) -> str:
    """A text that comes from a spec, without control characters."""
    return printable(text)


KINDS: dict[str, Callable[..., Chart]] = {
    "depth": depth,
    "memory": memory,
    "roofline": roofline,
    "field": field,
    "scatter": scatter,
}
"""The kinds of charts."""
