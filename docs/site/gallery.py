"""The gallery: a page for every network of the zoo, and the catalogue, as Markdown with the files that they show.

It knows nothing of the tool that builds the site, so that another can take its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from io import StringIO
from typing import Any

import cnncalc as cc
from cnncalc.cli.options import Conditions
from cnncalc.cli.page import page_data, title_of
from cnncalc.documents.published import check as published
from cnncalc.render import html, markdown
from cnncalc.render.page import embedded
from cnncalc.render.page import page as interactive
from cnncalc.render.table import Cell, Column, Table, printable
from cnncalc.views import Detail
from cnncalc.views.flops import view as flops
from cnncalc.zoo import index as zoo
from cnncalc.zoo.catalogue import Entry, entries

COLUMNS = ("layer", "kind", "options", "output", "params", "macs", "flops", "field")
COUNTS = ("params", "macs", "flops", "activations")


def files(entry: Entry) -> dict[str, str]:
    """The files of a network by their paths in the gallery: its page, its picture, and the page to look at it."""
    name = entry.name
    network = cc.network(name)
    data = page_data([name], Conditions(), None, "float32", ())
    return {
        f"{name}.md": page(entry, network.analyze()),
        f"{name}/graph.svg": network.draw(1).svg(),
        f"{name}/look.html": interactive(data, title_of(data)),
    }


def page(entry: Entry, costs: cc.Analysis) -> str:
    """A network's page."""
    name, title = entry.name, plain(entry.title or entry.name)
    about = [entry.family and f"Family: {plain(entry.family)}", entry.year and f"Year: {entry.year}"]
    parts = [
        f"# {title}",
        f"`{name}`. " + ". ".join(str(part) for part in about if part),
        f"Source: {plain(entry.source)}" if entry.source else "",
        totals(costs),
        f"[Look at it]({name}/look.html): its graph with groups that open, each layer with its formulas and what its "
        "units see, charts, and every layer in a table. Or in Python:",
        f'```python\nimport cnncalc as cc\n\ncosts = cc.network("{name}").analyze()\n```',
        "## Graph",
        f"![The graph of {title}: its groups from the input down]({name}/graph.svg)",
        "## Layers",
        layers(costs),
        "## Published values",
        stated(entry),
        "## Spec",
        spec(name),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def totals(costs: cc.Analysis) -> str:
    """The totals of a network."""
    columns = [
        Column(title) for title in ("Parameters", "MACs", "FLOPs", "Peak memory, bytes", "Saved, bytes", "Layers")
    ]
    row: list[Cell] = [costs.params, costs.macs, costs.flops, costs.memory.peak, costs.memory.saved, len(costs.layers)]
    return written(Table("", columns, [row]))


def layers(costs: cc.Analysis) -> str:
    """The layers of a network, in groups if there are many."""
    few = len(costs.layers) <= 60
    table = flops(costs, Detail(depth=None if few else 1, all=few, columns=COLUMNS)).parts[0]
    file = StringIO()
    html.write([table], file)
    text = file.getvalue()
    text = text[text.index("<table") :].replace("\n\n", "\n")  # an empty line would end the block of HTML
    return f'<div class="wide" markdown="0" tabindex="0" role="region" aria-label="The layers">\n{text}</div>'


def stated(entry: Entry) -> str:
    """What is published of a network, beside what is computed."""
    rows: list[list[Cell]] = [
        [each.quantity, f"{each.published:,.10g}", f"{each.computed:,}", each.conditions, each.source]
        for each in published(entry.name)
    ]
    accuracies = (("top1", entry.top1), ("top5", entry.top5))
    rows += [[name, f"{value:g} %", None, "", entry.accuracy_source] for name, value in accuracies if value is not None]
    if not rows:
        return "None is known."
    return written(Table("", [Column(title) for title in ("Of", "Published", "Computed", "For", "Source")], rows))


def spec(name: str) -> str:
    """The spec of a network, and those that it extends."""
    found = zoo.load(name)
    parts = [fenced(found.source_text.text)]
    while found.extends:
        found = zoo.load(zoo.folder() / f"{found.extends}.yaml")
        parts.append(f"It extends `{found.source_text.name.removeprefix('specs/').removesuffix('.yaml')}`:")
        parts.append(fenced(found.source_text.text))
    return "\n\n".join(parts)


def fenced(text: str) -> str:
    """A spec as a block of code."""
    return f"```yaml\n{text.strip()}\n```"


def written(table: Table) -> str:
    """A small table in Markdown."""
    file = StringIO()
    markdown.write([table], file)
    return file.getvalue().strip()


def plain(text: str) -> str:
    """A text that is no markup, in Markdown or HTML."""
    found = printable(text)
    for special in "\\`*_[]<>#|":
        found = found.replace(special, f"&#{ord(special)};")
    return found


def catalogue(found: Sequence[Entry]) -> str:
    """The catalogue: a table to sort and filter, and a plot, both by catalogue.js; without it, the table alone."""
    rows = "\n".join(map(_row, found))
    heads = "".join(
        f'<th scope="col"{"" if key in TEXTS else " class=n"} data-key="{key}">{title}</th>' for key, title in HEADS
    )
    text = (
        "Every network of the zoo, counted at its own input, for inference. Top-1 is in percent, as published. A click "
        "on a title sorts."
    )
    return f"""---
hide: [toc]
---

# Gallery

{text}

<div id="catalogue" markdown="0">
<div id="catalogue-tools"></div>
<div id="catalogue-plot"></div>
<div class="wide" tabindex="0" role="region" aria-label="The networks as a table">
<table class="cnncalc">
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
<script type="application/json" id="catalogue-data">{embedded([_data(entry) for entry in found])}</script>
</div>
"""


HEADS = (
    ("name", "Network"),
    ("family", "Family"),
    ("year", "Year"),
    ("input", "Input"),
    ("layers", "Layers"),
    ("params", "Parameters"),
    ("macs", "MACs"),
    ("flops", "FLOPs"),
    ("top1", "Top-1"),
)
TEXTS = ("name", "family", "input")


def _data(entry: Entry) -> dict[str, Any]:
    """An entry as the script reads it; the input by its number of elements, to sort by."""
    size = 1
    for part in entry.input:
        size *= part
    keys = ("name", "title", "family", "year", "layers", "params", "macs", "flops", "top1")
    return {**{key: getattr(entry, key) for key in keys}, "input": size}


def _row(entry: Entry) -> str:
    """An entry as a row of the table."""
    numbers = (entry.layers, entry.params, entry.macs, entry.flops)
    cells = [
        f'<td><a href="{entry.name}/">{escape(printable(entry.title or entry.name))}</a></td>',
        f"<td>{escape(printable(entry.family))}</td>",
        f"<td class=n>{entry.year or ''}</td>",
        f"<td>{'x'.join(map(str, entry.input))}</td>",
        *(f"<td class=n>{number:,}</td>" for number in numbers),
        f"<td class=n>{'' if entry.top1 is None else f'{entry.top1:.2f}'}</td>",
    ]
    return f'<tr data-name="{entry.name}">{"".join(cells)}</tr>'


def everything(only: Sequence[str] = ()) -> list[Entry]:
    """The networks that have a page, parts of networks at the end: all, or those that are named."""
    found = [entry for entry in entries() if not only or entry.name in only]
    return sorted(found, key=lambda entry: entry.fragment)
