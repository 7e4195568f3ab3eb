"""What the tables about one network share: heading, rows that fit a screen, the notes under the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from cnncalc.render import Cell, printable

if TYPE_CHECKING:
    from cnncalc.cli.options import Conditions, Grouping, Output, Request
    from cnncalc.costs.analysis import Analysis, Group
    from cnncalc.language.expand import Network
    from cnncalc.ops import Op

MOST_LAYERS = 40
"""Networks of more layers are shown in groups."""
MOST_ROWS = 60
FIRST_ROWS, LAST_ROWS = 30, 10
"""Of more rows than fit, these are shown."""


def heading(request: Request, network: Network) -> str:
    """What the table is about: the network, its input, and whatever the request changed."""
    parts = [f"input {shape_text(network.input)}", *changes(request)]
    return f"{printable(network.spec.title or network.name)}: {', '.join(parts)}"


def changes(conditions: Conditions) -> list[str]:
    """What the request changed, the input apart."""
    parts = [f"batch {conditions.batch:,}"] if conditions.batch > 1 else []
    if conditions.training:
        parts.append("in training")
    parts += [text.strip() for text in conditions.setting or ()]
    if conditions.classes is not None:
        parts.append(f"classes={conditions.classes}")
    return parts


def shape_text(shape: Sequence[int]) -> str:
    """A shape as it is printed.

    >>> shape_text((96, 55, 55))
    '96x55x55'
    """
    return "x".join(map(str, shape))


def groups(analysis: Analysis, grouping: Grouping, output: Output) -> list[Group]:
    """The rows of a table: each layer, or groups of layers by name where there are many.

    Data for programs (CSV) has every layer unless a depth is asked for.
    """
    return analysis.groups(chosen_depth(len(analysis.layers), grouping, output))


def chosen_depth(layers: int, grouping: Grouping, output: Output) -> int:
    """By how many parts of their names layers are grouped."""
    if grouping.depth is not None and not grouping.all_layers:
        return grouping.depth
    return 1 if layers > MOST_LAYERS and not grouping.all_layers and not output.is_data else 1_000_000


def kind_text(network: Network, group: Group) -> str:
    """The kind of a layer; of a group, how many layers it has."""
    if len(group.layers) == 1:
        return network.layers[group.layers[0]].kind.name
    return f"{len(group.layers):,} layers"


def output_shape(network: Network, group: Group) -> tuple[int, ...]:
    """The shape at the end of a group."""
    return network.layers[group.layers[-1]].output


def percent(part: int, whole: int) -> float | None:
    """A share in percent; none of nothing."""
    return 100 * part / whole if whole else None


def rows(
    found: Sequence[Group], grouping: Grouping, output: Output, row: Callable[[Group], list[Cell]]
) -> list[list[Cell]]:
    """The rows of the groups; the middle of a very long table is left out unless it was asked for."""
    asked = grouping.all_layers or grouping.depth is not None or output.is_data
    if asked or len(found) <= MOST_ROWS:
        return [row(group) for group in found]
    first, last = found[:FIRST_ROWS], found[-LAST_ROWS:]
    gap: list[Cell] = ["..."] + [None] * (len(row(found[0])) - 1)
    return [*map(row, first), gap, *map(row, last)]


def notes(analysis: Analysis, found: Sequence[Group], grouping: Grouping, output: Output, *texts: str) -> list[str]:
    """The notes under a table: the conventions, what is grouped or left out, and what the spec says."""
    from cnncalc.ops.base import count

    lines = list(texts)
    network = analysis.network
    channels, *sizes = network.input
    if len(sizes) > 1 and sizes[-1] <= 4 < 32 <= channels:
        lines.append(f"The input is taken as {channels} channels of {shape_text(sizes)}: channels come first.")
    layers = len(analysis.layers)
    if len(found) < layers and grouping.depth is None:
        grouped = count(len(found), "group")
        lines.append(f"{layers:,} layers in {grouped} by name; --depth 2 shows parts of them, --all each.")
    elif not (grouping.all_layers or grouping.depth or output.is_data) and len(found) > MOST_ROWS:
        hidden = len(found) - FIRST_ROWS - LAST_ROWS
        lines.append(f"{hidden:,} of {len(found):,} rows are not shown; --all shows each.")
    if analysis.network.spec.notes:
        lines.append(f"Note: {analysis.network.spec.notes.strip()}")
    return lines


def describe(kind: Op) -> str:
    """A layer's kind with the options that differ from their defaults.

    >>> from cnncalc.ops.conv import Conv
    >>> describe(Conv(96, kernel=11, stride=4))
    'conv 96, kernel 11, stride 4'
    >>> describe(Conv(64, kernel=(1, 7), padding=(0, 3), bias=False))
    'conv 64, kernel 1x7, padding 0x3, no bias'
    """
    from msgspec.structs import fields

    head, parts = kind.name, []
    for option in fields(type(kind)):
        value = getattr(kind, option.name)
        if option.name == kind.main:
            text = f"{value[0]}:{value[1]}" if kind.name == "slice" else _option(value)  # a range, no sizes
            head = f"{kind.name} {text}"
        elif value != option.default and value is not None:
            parts.append(_named(option.name, value))
    return ", ".join([head, *parts])


def _named(name: str, value: Any) -> str:
    """An option with its name."""
    if isinstance(value, bool):
        return name if value else f"no {name}"
    if name == "connections":
        return f"{sum(map(len, value))} connections"
    return f"{name.replace('_', ' ')} {_option(value)}"


def _option(value: Any) -> str:
    """An option's value as a spec's reader knows it; sizes as in shapes."""
    if isinstance(value, tuple):
        if all(isinstance(part, int) for part in value):
            return shape_text(value)
        return "[" + ", ".join(f"{before}+{after}" for before, after in value) + "]"
    return f"{value:g}" if isinstance(value, float) else str(value)
