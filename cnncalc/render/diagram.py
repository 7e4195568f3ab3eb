"""A drawing of a network as text: Mermaid, which READMEs show, and Graphviz's DOT."""

from __future__ import annotations

from collections.abc import Iterator

from cnncalc.graph import Node
from cnncalc.ops.base import show
from cnncalc.render.drawing import Box, Drawing
from cnncalc.render.table import printable


def mermaid(drawing: Drawing, title: str = "") -> str:
    """A drawing in Mermaid's language.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.views.drawing import drawing
    >>> from cnncalc.zoo.index import load_text
    >>> print(mermaid(drawing(expand(load_text("{input: [3, 8, 8], layers: [relu]}")))), end="")
    flowchart TD
      n0["input<br>3x8x8"]
      n1["relu1<br>relu<br>3x8x8"]
      n0 --> n1
    """
    ids = _ids(drawing)
    head = [f"%% {printable(title)}"] if title else []
    body = list(_mermaid(drawing, ids, "  "))
    edges = [f"  n{source} --> n{target}" for source, target in _edges(drawing, ids)]
    return "\n".join(["flowchart TD", *(f"  {line}" for line in head), *body, *edges]) + "\n"


def _mermaid(drawing: Drawing, ids: dict[Node, int], indent: str) -> Iterator[str]:
    for box in drawing.boxes:
        if box.inside is None:
            label = "<br>".join(_entities(line) for line in _lines(box))
            yield f'{indent}n{ids[box.nodes[0]]}["{label}"]'
        else:
            yield f'{indent}subgraph g{ids[box.nodes[0]]}_{box.nodes[-1].index}["{_entities(_name(box))}"]'
            yield from _mermaid(box.inside, ids, indent + "  ")
            yield f"{indent}end"


def dot(drawing: Drawing, title: str = "") -> str:
    """A drawing in Graphviz's language.

    >>> from cnncalc.language.expand import expand
    >>> from cnncalc.views.drawing import drawing
    >>> from cnncalc.zoo.index import load_text
    >>> print(dot(drawing(expand(load_text("{input: [3, 8, 8], layers: [relu]}")))).splitlines()[-2])
      n0 -> n1
    """
    ids = _ids(drawing)
    lines = ["digraph {", "  node [shape=box, style=rounded, fontname=Helvetica]"]
    if title:
        lines.append(f'  label="{_quoted(title)}"')
    lines += _dot(drawing, ids, "  ")
    lines += [f"  n{source} -> n{target}" for source, target in _edges(drawing, ids)]
    return "\n".join([*lines, "}"]) + "\n"


def _dot(drawing: Drawing, ids: dict[Node, int], indent: str) -> Iterator[str]:
    for box in drawing.boxes:
        if box.inside is None:
            label = "\\n".join(_quoted(line) for line in _lines(box))
            yield f'{indent}n{ids[box.nodes[0]]} [label="{label}"]'
        else:
            yield f"{indent}subgraph cluster_{ids[box.nodes[0]]}_{box.nodes[-1].index} {{"
            yield f'{indent}  label="{_quoted(_name(box))}"'
            yield from _dot(box.inside, ids, indent + "  ")
            yield f"{indent}}}"


def _ids(drawing: Drawing) -> dict[Node, int]:
    """For each node the number of the closed box that holds it."""
    return {node: number for number, box in enumerate(drawing.leaves()) for node in box.nodes}


def _edges(drawing: Drawing, ids: dict[Node, int]) -> list[tuple[int, int]]:
    """The edges between closed boxes, each once; not those back to the start of what is repeated."""
    repeated = {node for box in _boxes(drawing) if box.times > 1 for node in box.nodes}
    found = {
        (ids[source], ids[node]): None
        for box in drawing.leaves()
        for node in box.nodes
        for source in node.inputs
        if ids[source] != ids[node] and not (node in repeated and source in repeated and ids[source] > ids[node])
    }
    return list(found)


def _boxes(drawing: Drawing) -> Iterator[Box]:
    """Every box, open or closed."""
    for box in drawing.boxes:
        yield box
        if box.inside is not None:
            yield from _boxes(box.inside)


def _name(box: Box) -> str:
    return f"{box.label} x{box.times}" if box.times > 1 else box.label


def _lines(box: Box) -> list[str]:
    """The lines of text in a box."""
    return [_name(box), *([] if box.what == box.label else [box.what]), show(box.output)]


def _entities(text: str) -> str:
    """Text that Mermaid takes as text, whatever is in it.

    >>> _entities('a"b<c>#1')
    'a#quot;b#lt;c#gt;#35;1'
    """
    words = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;", "\n": " "}
    return "".join(words.get(c, c) for c in printable(text))


def _quoted(text: str) -> str:
    """Text within DOT's quotes."""
    return printable(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
