"""`cnncalc params`: the parameters of each layer and in total."""

from __future__ import annotations

from cnncalc.cli.options import Grouping, Output, Request, command


@command
def params(request: Request, grouping: Grouping, output: Output) -> None:
    """Parameters, of each layer and in total.

    Example: cnncalc params alexnet
    """
    from cnncalc.cli import view
    from cnncalc.costs.analysis import BYTES_PER_ELEMENT, Group, total_costs
    from cnncalc.document import document
    from cnncalc.render import Cell, Column, Table

    analysis = request.analysis()
    network = analysis.network
    total = total_costs(analysis.layers)
    found = view.groups(analysis, grouping, output)

    def row(group: Group) -> list[Cell]:
        costs = group.costs
        cells: list[Cell] = [group.name, view.kind_text(network, group), view.output_shape(network, group)]
        cells += [costs.params, view.percent(costs.params, total.params)]
        return [*cells, costs.buffers] if total.buffers else cells

    columns = [
        Column("Layer"),
        Column("Kind"),
        Column("Output"),
        Column("Parameters", key="params"),
        Column("%", key="percent", format=".2f"),
    ]
    sums: list[Cell] = ["Total", None, None, total.params, 100.0 if total.params else None]
    texts = [f"{total.params:,} parameters are {total.params * BYTES_PER_ELEMENT:,} bytes in float32."]
    if total.buffers:
        columns.append(Column("Buffers"))
        sums.append(total.buffers)
        texts.append("Parameters are trainable. Buffers are stored and not trained: running means and variances.")
    table = Table(
        view.heading(request, network),
        columns,
        view.rows(found, grouping, output, row),
        sums,
        view.notes(analysis, found, grouping, output, *texts),
    )
    output.write(table, document=lambda: document(analysis))
