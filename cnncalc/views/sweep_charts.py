"""Charts of many variants, as data: distributions, Pareto fronts, one quantity against another, parallel coordinates.

They take columns: lists of equal length by name, such as `Found.columns` or a data frame's. What is missing is left
out.

>>> chart = distribution({"macs": [3, 1, 2, None]}, ["macs"])
>>> [(value["value"], round(value["part"], 2)) for value in chart.values]
[(1, 0.33), (2, 0.67), (3, 1.0)]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from cnncalc.errors import RequestError
from cnncalc.render.chart import Chart
from cnncalc.views.charts import BLUE, GREEN, HEIGHT, ORANGE, PURPLE, SI

MOST_POINTS = 5_000
"""Of more variants than these a random part is drawn; of a distribution, its quantiles."""
MOST_LINES = 500
MOST_STEPS = 400
SCALE = {"legend": {"format": "~s"}, "scale": {"scheme": "viridis"}}
COLOURS = [BLUE, ORANGE, GREEN, PURPLE]

Columns = Mapping[str, Sequence[Any]]


def distribution(columns: Columns, names: Sequence[str], title: str = "") -> Chart:
    """The empirical distribution function of each column: which part of the variants has at most so much.
    Radosavovic et al. 2020 compare design spaces so."""
    panels = []
    values: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        known = sorted(_numbers(columns, name))
        if not known:
            raise RequestError(
                f"there is no number in '{name}'", hint="its variants do not expand, or meet no condition"
            )
        step = max(1, len(known) // MOST_STEPS)
        places = sorted({*range(0, len(known), step), len(known) - 1})
        points = [{"column": name, "value": known[place], "part": (place + 1) / len(known)} for place in places]
        values += points
        panels.append(
            {
                "height": 1.3 * HEIGHT,
                "data": {"values": points},
                "mark": {"type": "line", "interpolate": "step-after", "color": COLOURS[number % len(COLOURS)]},
                "encoding": {
                    "x": _axis(name, "value"),
                    "y": {"field": "part", "type": "quantitative", "title": "Part of the variants"},
                    "tooltip": [{"field": "value", "format": ","}, {"field": "part", "format": ".3f"}],
                },
            }
        )
    return Chart("distribution", title or f"Distribution of {', '.join(names)}", values, panels)


def scatter(columns: Columns, names: Sequence[str], title: str = "") -> Chart:
    """The second column against the first; a third gives the colour."""
    x, y, *rest = _two(names, "scatter")
    values, left = _points(columns, [x, y, *rest], MOST_POINTS)
    encoding: dict[str, Any] = {"x": _axis(x), "y": _axis(y), "tooltip": [{"field": name} for name in [x, y, *rest]]}
    if rest:
        encoding["color"] = {"field": rest[0], "type": "quantitative", "title": rest[0], **SCALE}
    mark: dict[str, Any] = {"type": "point", "filled": True, "opacity": 0.5, "size": 18}
    if not rest:
        mark["color"] = BLUE
    panel = {"height": 2 * HEIGHT, "data": {"values": values}, "mark": mark, "encoding": encoding}
    return Chart("scatter", _titled(title or f"{y} against {x}", left, len(values)), values, [panel])


def pareto(columns: Columns, names: Sequence[str], title: str = "") -> Chart:
    """The second column against the first, with the variants that no other is better than in both as a line. Both are
    to be small; one with `max:` before it, large."""
    from cnncalc.sweeps.found import objective
    from cnncalc.sweeps.front import front, objectives

    (x, right), (y, up) = map(objective, _two(names, "pareto")[:2])
    every, _ = _points(columns, [x, y], None)
    best = front(objectives([[value[x] for value in every], [value[y] for value in every]], [right, up])).tolist()
    line = sorted((value for value, is_best in zip(every, best, strict=True) if is_best), key=lambda value: value[x])
    values, left = _some(every, MOST_POINTS)
    encoding = {"x": _axis(x), "y": _axis(y), "tooltip": [{"field": x}, {"field": y}]}
    points = {
        "data": {"values": values},
        "mark": {"type": "point", "filled": True, "opacity": 0.25, "size": 14, "color": BLUE},
        "encoding": encoding,
    }
    steps = {
        "data": {"values": line},
        "mark": {"type": "line", "color": ORANGE, "point": {"color": ORANGE, "size": 30}},
        "encoding": encoding,
    }
    heading = title or f"Pareto front of {', '.join(names[:2])}: {len(line):,} of {len(every):,} variants"
    panel = {"height": 2 * HEIGHT, "layer": [points, steps]}
    return Chart("pareto", _titled(heading, left, len(values)), line, [panel])


def parallel(columns: Columns, names: Sequence[str], title: str = "") -> Chart:
    """Parallel coordinates: a line for each variant, from column to column, each from its least to its largest value;
    coloured by the last."""
    if len(names) < 2:
        raise RequestError(
            "parallel coordinates are of two columns or more", hint="such as --of width,input,params,macs"
        )
    every, _ = _points(columns, names, None)
    values, left = _some(every, MOST_LINES)
    if not values:
        raise RequestError("there is no variant to draw", hint="none expands, or meets the conditions")
    low = {name: min(value[name] for value in every) for name in names}
    high = {name: max(value[name] for value in every) for name in names}
    lines = [
        {
            "variant": number,
            "column": name,
            "at": (value[name] - low[name]) / (high[name] - low[name]) if high[name] > low[name] else 0.5,
            "value": value[name],
            "colour": value[names[-1]],
        }
        for number, value in enumerate(values)
        for name in names
    ]
    x = {"field": "column", "type": "nominal", "sort": list(names), "title": None, "axis": {"labelAngle": 0}}
    y = {"field": "at", "type": "quantitative", "axis": None, "scale": {"domain": [-0.08, 1.08]}}
    colour = {"field": "colour", "type": "quantitative", "title": names[-1], **SCALE}
    drawn = {
        "data": {"values": lines},
        "mark": {"type": "line", "opacity": 0.35, "strokeWidth": 1},
        "encoding": {"x": x, "y": y, "detail": {"field": "variant"}, "color": colour},
    }
    ends = [
        {"column": name, "at": at, "text": _label(each[name])}
        for at, each in ((-0.05, low), (1.05, high))
        for name in names
    ]
    labels = {
        "data": {"values": ends},
        "mark": {"type": "text", "fontSize": 9},
        "encoding": {"x": x, "y": y, "text": {"field": "text"}},
    }
    heading = _titled(title or f"Variants by {', '.join(names)}", left, len(values))
    return Chart("parallel", heading, lines, [{"height": 2 * HEIGHT, "layer": [drawn, labels]}])


KINDS: dict[str, Callable[..., Chart]] = {
    "distribution": distribution,
    "pareto": pareto,
    "scatter": scatter,
    "parallel": parallel,
}
"""The kinds of charts of variants."""


def overview(
    columns: Columns, variables: Sequence[str], quantities: Sequence[str], objectives: Sequence[str] = ()
) -> list[Chart]:
    """The charts of a page: the distributions of the quantities, the scatter of the first two, parallel coordinates of
    all, and the front of two objectives. Variables that are no numbers, or the same throughout, are left out."""

    def varies(name: str) -> bool:
        known = {value for value in columns[name] if value is not None}
        return len(known) > 1 and all(isinstance(value, (int, float)) for value in known)

    numbers = [name for name in variables if varies(name)]
    shown = [name for name in quantities if varies(name)]
    found = [distribution(columns, shown[:4])] if shown else []
    if len(shown) > 1:
        found.append(scatter(columns, [*shown[:2], *numbers[-1:]]))
    if len(numbers) + len(shown) > 1:
        found.append(parallel(columns, [*numbers[:4], *shown[:4]]))
    if len(objectives) > 1:
        found.append(pareto(columns, objectives[:2]))
    return found


def chart(kind: str, columns: Columns, names: Sequence[str], title: str = "") -> Chart:
    """A chart of some columns.

    Raises:
        RequestError: no such kind or column, or too few of them.
    """
    from cnncalc.errors import did_you_mean
    from cnncalc.sweeps.declare import check_names
    from cnncalc.sweeps.found import objective

    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS) or f"the kinds are {', '.join(KINDS)}"
        raise RequestError(f"there is no figure '{kind[:40]}'", hint=hint, code="unknown-word")
    check_names([objective(name)[0] for name in names], list(columns), "column")
    return KINDS[kind](columns, names if kind == "pareto" else [objective(name)[0] for name in names], title)


def _numbers(columns: Columns, name: str) -> list[Any]:
    """The numbers of a column.

    Raises:
        RequestError: it has something else.
    """
    known = [value for value in columns[name] if value is not None and value == value]
    if any(isinstance(value, (str, tuple, list)) for value in known):
        raise RequestError(f"'{name}' is a list of lists or words", hint="a figure is of numbers")
    return known


def _points(columns: Columns, names: Sequence[str], most: int | None) -> tuple[list[dict[str, Any]], int]:
    """The variants of which all of some columns are known, and how many of them were left out."""
    for name in names:
        _numbers(columns, name)
    rows = zip(*(columns[name] for name in names), strict=True)
    values = [dict(zip(names, row, strict=True)) for row in rows if all(value is not None for value in row)]
    return _some(values, most)


def _some(values: list[dict[str, Any]], most: int | None) -> tuple[list[dict[str, Any]], int]:
    """A random part of many, the same each time, and how many there were beside."""
    if most is None or len(values) <= most:
        return values, 0
    return Random(0).sample(values, most), len(values) - most


def _two(names: Sequence[str], kind: str) -> Sequence[str]:
    if len(names) < 2:
        raise RequestError(f"a figure of kind {kind} is of two columns", hint="such as --of params,macs")
    return names


def _axis(name: str, field: str = "") -> dict[str, Any]:
    return {"field": field or name, "type": "quantitative", "title": name, "axis": SI, "scale": {"zero": False}}


def _label(value: Any) -> str:
    """A number as people read it.

    >>> _label(0.25), _label(320), _label(11258088)
    ('0.25', '320', '11.3 M')
    """
    from cnncalc.render.prefixes import readable

    return readable(value) if isinstance(value, int) and value >= 10_000 else f"{value:.4g}"


def _titled(title: str, left: int, shown: int) -> str:
    """A title that says how many variants are not drawn."""
    return f"{title} ({shown:,} of {shown + left:,} are drawn)" if left else title
