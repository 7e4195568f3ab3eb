"""`cnncalc memory`: the bytes of each layer, the peak of inference, and a step of training."""

from __future__ import annotations

from typing import Annotated

import typer

from cnncalc.cli.options import Grouping, Output, Request, command, complete_word

Dtype = Annotated[
    str,
    typer.Option(
        metavar="TYPE",
        help="float64, float32, float16 or bfloat16.",
        autocompletion=complete_word("float64", "float32", "float16", "bfloat16"),
    ),
]
InPlace = Annotated[
    bool, typer.Option("--inplace", help="Activations overwrite their input where they may.", show_default=False)
]
Optimizer = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="sgd, momentum, rmsprop, adam or adamw.",
        autocompletion=complete_word("sgd", "momentum", "rmsprop", "adam", "adamw"),
    ),
]
Mixed = Annotated[bool, typer.Option("--mixed", help="Mixed precision: activations of 2 bytes.", show_default=False)]
Fits = Annotated[
    str | None,
    typer.Option("--fits", metavar="MEMORY", help="The largest batches that fit, in 24GiB for example."),
]


@command
def memory(
    request: Request,
    grouping: Grouping,
    output: Output,
    dtype: Dtype = "float32",
    inplace: InPlace = False,
    optimizer: Optimizer = "sgd",
    mixed: Mixed = False,
    fits: Fits = None,
) -> None:
    """Memory of each layer, at inference's peak, and in training.

    Example: cnncalc memory resnet50 --batch 32 --optimizer adam --fits 24GiB
    """
    from cnncalc.views.memory import view

    analysis = request.analysis(dtype=dtype, inplace=inplace, mixed=mixed)
    output.write(view(analysis, grouping.detail(output, request), optimizer, fits), grouping.strict)
