"""`cnncalc compare`: networks side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from cnncalc.cli.options import Conditions, Grouping, Output, command, complete_network, load_spec
from cnncalc.cli.profile import Device, DType
from cnncalc.errors import RequestError

Networks = Annotated[
    list[str],
    typer.Argument(
        metavar="NETWORK...",
        help="Networks of the zoo, paths of YAML or ONNX files, or PyTorch modules; the first is what the others are "
        "compared with.",
        autocompletion=complete_network,
        show_default=False,
    ),
]
Measured = Annotated[
    bool, typer.Option("--profile", help="Also measure the latency of each, in PyTorch.", show_default=False)
]


@command
def compare(
    networks: Networks,
    conditions: Conditions,
    grouping: Grouping,
    output: Output,
    profile: Measured = False,
    device: Device = "cpu",
    dtype: DType = "float32",
) -> None:
    """Networks side by side; two networks also group by group.

    Example: cnncalc compare vgg16 nin
    """
    from cnncalc.costs.compare import Comparison
    from cnncalc.views.compare import view

    if networks.count("-") > 1:
        raise RequestError("standard input can be read once", hint="save the specs to files, and name these")
    if not profile and (device, dtype) != ("cpu", "float32"):
        raise RequestError("--device and --dtype are about measuring", hint="add --profile")
    analyses = [conditions.network_of(name).analyze(conditions.batch) for name in networks]
    profiles = []
    if profile:
        from cnncalc.cli.measured import measure

        profiles = measure(analyses, device, dtype, conditions.training)
    published = {}
    if output.columns and conditions.plain:
        from cnncalc.sources import is_spec
        from cnncalc.zoo.catalogue import accuracy

        for name, analysis in zip(networks, analyses, strict=True):
            if name != "-" and is_spec(name):  # whose accuracy nobody publishes
                published[analysis.graph] = accuracy(load_spec(name), analysis.graph.input)
    shown = view(Comparison(analyses), grouping.detail(output, conditions), profiles, published)
    output.write(shown, grouping.strict)
