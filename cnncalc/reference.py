"""The reference of the layer kinds, written from the classes and formulas that compute.

`python -m cnncalc.reference` prints `docs/kinds.md`; a test holds the file to it.
"""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from cnncalc.ops import FAMILIES, Op
from cnncalc.ops import window as rules
from cnncalc.ops.base import QUANTITIES

_HEADER = """# The layer kinds

Written by `python -m cnncalc.reference` from the classes in `cnncalc/ops/`; a test keeps it current.

The first option is the main argument: `{conv: 64, kernel: 3}` sets `out_channels` to 64. A *size* is one number, or
a list of one a spatial dimension. Shapes are channels first, without the batch. `params` and `buffers` are numbers
stored; the rest are operations by class, for one sample unless it says otherwise.
FLOPs = 2 x mac + add + mul + div + compare + exp.
"""

_TYPES = {
    "Positive": "whole number from 1",
    "Whole | tuple[Whole | tuple[Whole, ...], ...]": "size or [before, after] per dimension; negative crops",
    "Natural": "whole number from 0",
    "Sizes": "size",
    "Sizes | None": "size",
    "Padding": "size, [before, after] a dimension, `same` or `valid`",
    "Natural | tuple[Natural, ...]": "size",
    "tuple[Whole, Whole]": "[start, stop]",
    "tuple[tuple[Natural, ...], ...] | None": "list of lists of input channels",
    "Positive | None": "whole number from 1",
    "Natural | None": "whole number from 0",
    "float | None": "number",
    "AxisNumber": "axis from 0",
    "AxisNumber | tuple[AxisNumber, ...]": "axis from 0, or a list of them",
    "tuple[AxisNumber, ...]": "list of axes from 0",
    "tuple[Whole, ...]": "list of whole numbers",
    "tuple[Positive, ...]": "list of whole numbers from 1",
    "Whole | tuple[Whole, ...]": "whole number, or one per dimension",
    "Over": "`channels` or `last` or `all`",
    "Literal['last'] | None": "`last`",
    "Literal[0] | None": "0",
    "Function": "`abs`, `cos`, `erf`, `exp`, `log`, `neg`, `reciprocal`, `rsqrt`, `sign`, `sin`, `sqrt` or `square`",
    "bool": "true or false",
    "float": "number",
    "str": "text",
    "Epsilon": "number above 0",
}


def reference() -> str:
    """The text of `docs/kinds.md`.

    >>> "## Convolutions" in reference()
    True
    """
    parts = [_HEADER, _output_sizes()]
    for family, kinds in FAMILIES.items():
        parts.append(f"## {family}\n")
        parts += [_kind(kind) for kind in kinds]
    return "\n".join(parts).rstrip() + "\n"


def _output_sizes() -> str:
    formulas = [
        rules.extent,
        rules.explicit_size,
        rules.uneven_size,
        rules.valid_size,
        rules.same_size,
        rules.ceil_size,
    ]
    rows = [f"| {_one_line(formula.meaning)} | `{formula.text}` |" for formula in formulas]
    symbols = "n input size, k kernel extent, s stride, p padding, d dilation"
    return "\n".join(
        [
            "## Output sizes of sliding windows\n",
            f"One dimension: {symbols}.\n",
            "| rule | formula |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _kind(kind: type[Op]) -> str:
    """One kind: what it is, its options, its formulas."""
    lines = [f"### `{kind.kind}`\n", _description(kind), ""]
    fields = msgspec.structs.fields(kind)
    if fields:
        hints = _annotations(kind)
        lines += ["| option | value | default |", "|---|---|---|"]
        for field in fields:
            default = "required" if field.required else f"`{_yaml(field.default)}`"
            lines.append(f"| `{field.name}` | {_type(hints[field.name])} | {default} |")
        lines.append("")
    if kind.costs:
        lines += ["| cost | formula | what is counted |", "|---|---|---|"]
        for quantity in QUANTITIES:
            if quantity in kind.costs:
                formula = kind.costs[quantity]
                text, meaning = (f"`{formula.text}`", formula.meaning) if formula else ("unknown", "")
                lines.append(f"| {quantity} | {text} | {_one_line(meaning)} |")
        lines.append("")
    elif not kind.costs:
        lines += ["No parameters and no operations.\n"]
    return "\n".join(lines)


def _description(kind: type[Op]) -> str:
    """The docstring without its example."""
    text = (inspect.getdoc(kind) or "").split(">>>")[0].strip()
    return text.replace("*", "\\*")


def _annotations(kind: type[Op]) -> dict[str, str]:
    """The options' types as the source writes them."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        found.update(inspect.get_annotations(base))
    return found


def _type(annotation: str) -> str:
    if annotation in _TYPES:
        return _TYPES[annotation]
    if " | Literal[" in annotation:
        return " or ".join(map(_type, annotation.split(" | ")))
    if annotation.startswith("Literal["):
        return " or ".join(f"`{word.strip()[1:-1]}`" for word in annotation[8:-1].split(","))
    if annotation.startswith("Annotated[float"):
        return "number"
    raise KeyError(f"say in cnncalc/reference.py how an option of type {annotation} reads")


def _yaml(value: Any) -> str:
    """A default as a spec would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    print(reference(), end="")
