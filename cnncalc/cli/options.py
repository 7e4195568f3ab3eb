"""The options that commands share, each defined once.

A command takes them as whole groups: a parameter annotated with `Request` (or `Conditions`, for several
networks), `Output` or `Grouping` stands for all options of that group, and `command` spreads it out for Typer:

    @command
    def params(request: Request, grouping: Grouping, output: Output) -> None:
        output.write(params.view(request.analysis(), grouping.detail(output, request)), grouping.strict)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, get_type_hints

import typer

if TYPE_CHECKING:
    from cnncalc.face import Analysis, Network
    from cnncalc.language.model import Spec
    from cnncalc.pytorch.read import Reading
    from cnncalc.render.choice import Choice
    from cnncalc.render.table import Part
    from cnncalc.views import Detail, View


def complete_network(incomplete: str) -> list[str]:
    """The names of the zoo that begin like this, for the shell."""
    from cnncalc.zoo.index import names

    return [name for name in names() if name.startswith(incomplete)]


def complete_word(*words: str) -> Callable[[str], list[str]]:
    """A completion for the shell of an option that takes one of these words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def complete_format(incomplete: str) -> list[str]:
    """The formats that begin like this, for the shell."""
    from cnncalc.render import FORMATS

    return [form for form in FORMATS if form.startswith(incomplete)]


NetworkName = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK",
        help="A network of the zoo, the path of a YAML file, - for standard input; or a PyTorch module: FILE.py:NAME, "
        "package:NAME, torchvision:NAME, timm:NAME, FILE.pt2; or an ONNX file: FILE.onnx.",
        autocompletion=complete_network,
    ),
]
InputSize = Annotated[
    str | None,
    typer.Option(
        "--input",
        "-i",
        metavar="SIZE",
        help="Input size, such as 224, 320x240 or 3x224x224; of several inputs by name: left=64,right=32x48.",
    ),
]
Batch = Annotated[int, typer.Option("--batch", "-b", metavar="N", min=1, help="Images in a batch.")]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="VAR=VALUE", help="Give a variable of the spec another value; repeatable."),
]
Classes = Annotated[
    int | None, typer.Option("--classes", metavar="N", min=1, help="Classes: the same as --set classes=N.")
]
Argument = Annotated[
    list[str] | None,
    typer.Option("--arg", metavar="NAME=VALUE", help="An argument of what makes a PyTorch module; repeatable."),
]
Training = Annotated[
    bool, typer.Option("--training", help="The network as trained, with its auxiliary heads.", show_default=False)
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help="table, json, csv, markdown, latex, siunitx or html; else as the name of the output file ends, or table.",
        autocompletion=complete_format,
    ),
]
OutputFile = Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns", "-c", metavar="A,B,...", help="The columns to show; a wrong name is answered with all there are."
    ),
]
Units = Annotated[
    str | None,
    typer.Option(
        "--units",
        metavar="UNIT,...",
        help="Amounts in auto, k, M, G, T or P, rounded: one unit for all, or one for each column of amounts.",
    ),
]
Caption = Annotated[
    str | None, typer.Option("--caption", metavar="TEXT", help="A title of your own for the (first) table.")
]
Label = Annotated[str | None, typer.Option("--label", metavar="NAME", help="The table's label in LaTeX.")]
Depth = Annotated[
    int | None,
    typer.Option("--depth", "-d", metavar="N", min=1, help="Group layers by the first N parts of their names."),
]
All = Annotated[bool, typer.Option("--all", "-a", help="Show every layer.", show_default=False)]


Strict = Annotated[
    bool, typer.Option("--strict", help="Exit with status 1 if a number is unknown.", show_default=False)
]


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Under which conditions networks are counted."""

    input_size: InputSize = None
    batch: Batch = 1
    setting: Setting = None
    classes: Classes = None
    training: Training = False
    argument: Argument = None

    def network_of(self, name: str) -> Network:
        """The network that a word names, a spec, a PyTorch module or an ONNX file, under these conditions."""
        from cnncalc.sources import is_module, is_onnx, read_onnx, refuse_for_onnx

        if is_module(name):
            from cnncalc.face import Network

            return Network.of(self.reading(name).graph)
        if is_onnx(name):
            from cnncalc.face import Network

            refuse_for_onnx(set=self.setting, classes=self.classes, training=self.training, arg=self.argument)
            return Network.of(read_onnx(name, None if self.input_size is None else parse_input(self.input_size)))
        return self.expand(load_spec(name))

    def spec_of(self, name: str) -> Spec | None:
        """The spec that a word names; None for a PyTorch module or an ONNX file, which has none."""
        from cnncalc.sources import is_spec

        return load_spec(name) if is_spec(name) else None

    def named(self, name: str) -> tuple[Network, Spec | None]:
        """The network that a word names, and its spec, if it has one."""
        spec = self.spec_of(name)
        return (self.network_of(name) if spec is None else self.expand(spec)), spec

    def reading(self, name: str, memory: bool = False) -> Reading:
        """The PyTorch module that a word names, and it as a network, under these conditions; `memory` if the module
        shall be run with numbers.

        Raises:
            RequestError: it cannot be read, or a variable is set, which a module has none of.
        """
        from cnncalc.errors import RequestError
        from cnncalc.sources import read_module

        if self.setting:
            hint = "--arg NAME=VALUE is for what makes a module"
            raise RequestError("--set is for the variables of a spec", hint=hint)
        size = None if self.input_size is None else parse_input(self.input_size)
        given = arguments(self.argument)
        return read_module(name, size, given, classes=self.classes, training=self.training, memory=memory)

    def expand(self, spec: Spec) -> Network:
        """The network of a spec under these conditions."""
        from cnncalc.errors import RequestError
        from cnncalc.face import network

        if self.argument:
            raise RequestError("--arg is for PyTorch modules", hint="--set VAR=VALUE is for the variables of a spec")

        size = None if self.input_size is None else parse_input(self.input_size)
        return network(spec, size, training=self.training, vars=variables(self.setting, self.classes))

    @property
    def plain(self) -> bool:
        """Whether the networks are as their specs have them, the batch apart: then what is published of them holds."""
        return self.input_size is None and not self.setting and self.classes is None and not self.training

    @property
    def changed(self) -> tuple[str, ...]:
        """The variables that the request sets, in words."""
        texts = tuple(text.strip() for text in self.setting or ())
        return texts if self.classes is None else (*texts, f"classes={self.classes}")


@dataclass(frozen=True, kw_only=True)
class Request(Conditions):
    """The network that is asked about, and under which conditions."""

    network_name: NetworkName

    def spec(self) -> Spec:
        """The spec that the request names.

        Raises:
            RequestError: it names a PyTorch module or an ONNX file, which has none.
        """
        from cnncalc.errors import RequestError
        from cnncalc.sources import is_onnx

        spec = self.spec_of(self.network_name)
        if spec is None:
            what = "an ONNX file" if is_onnx(self.network_name) else "a PyTorch module"
            hint = "`cnncalc import NETWORK` writes one; `cnncalc show NETWORK --expanded` shows the layers"
            raise RequestError(f"{what} has no spec", hint=hint)
        return spec

    def network(self) -> Network:
        """The network: the spec expanded for the request's input and variables."""
        return self.network_of(self.network_name)

    def analysis(self, **options: Any) -> Analysis:
        """The network with its costs for the request's batch."""
        return self.network().analyze(self.batch, **options)


@dataclass(frozen=True)
class Output:
    """In which form the answer is printed, and where."""

    format: Format = None
    file: OutputFile = None
    columns: Columns = None
    units: Units = None
    caption: Caption = None
    label: Label = None

    @property
    def form(self) -> str:
        """The format asked for, or the one that the file's name tells."""
        from cnncalc.errors import RequestError, did_you_mean
        from cnncalc.render import FORMATS, SUFFIXES

        if self.format is None:
            suffix = self.file.suffix.lower() if self.file else ""
            if suffix in (".pdf", ".xls", ".xlsx", ".doc", ".docx", ".png", ".svg"):
                raise RequestError(f"no format writes '{suffix}' files", hint=f"name it {', '.join(SUFFIXES)} or .txt")
            return SUFFIXES.get(suffix, "table")
        if self.format not in FORMATS:
            hint = did_you_mean(self.format, FORMATS) or f"the formats are {', '.join(FORMATS)}"
            raise RequestError(f"there is no format '{self.format}'", hint=hint)
        return self.format

    @property
    def is_data(self) -> bool:
        """Whether the answer is for programs, which want every layer."""
        return self.form in ("json", "csv")

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns asked for, by name; none for those of the view.

        >>> Output(columns="title, MACs").column_names
        ('title', 'macs')
        """
        return tuple(name.strip().lower() for name in self.columns.split(",")) if self.columns else ()

    def choice(self) -> Choice:
        """What is asked of the tables.

        Raises:
            RequestError: there is no such unit, or the form has no use for what is asked.
        """
        from cnncalc.errors import RequestError
        from cnncalc.render.choice import Choice

        if not (self.columns or self.units or self.caption or self.label):
            return Choice()
        from cnncalc.render.prefixes import parse_units

        form = self.form
        if form == "json" or (form == "csv" and (self.units or self.caption or self.label)):
            what = "every number, exact" if form == "json" else "exact numbers and no caption"
            hint = f"leave {self._asked(form == 'csv')} out, or print another format"
            raise RequestError(f"{form.upper()} has {what}", hint=hint)
        if self.label and form not in ("latex", "siunitx"):
            raise RequestError("--label is LaTeX's", hint="add --format latex")
        units = parse_units(self.units) if self.units else ()
        return Choice(self.column_names, units, self.caption or "", self.label or "")

    def _asked(self, columns_fit: bool) -> str:
        """The options given that a form of data has no use for."""
        given = {"--columns": None if columns_fit else self.columns, "--units": self.units, "--caption": self.caption}
        return " and ".join(name for name, value in {**given, "--label": self.label}.items() if value)

    def write(self, view: View, strict: bool = False) -> None:
        """Print a view; JSON is its document, CSV its one table.

        Raises:
            RequestError: the view has no such column, or the form no use for what is asked.
            typer.Exit: with status 1, if it is strict and something is unknown.
        """
        form, choice = self.form, self.choice()
        parts: Sequence[Part] = [view.table] if form == "csv" and view.table else view.parts
        if choice:
            parts = choice.apply(parts)
        with self.open() as file:
            if form == "json":
                from cnncalc.render.json import write_json

                write_json(view.document(), file)
            else:
                from cnncalc.render import write

                write(parts, form, file)
        if strict and view.unknown:
            import sys

            from cnncalc.render.table import printable

            print(f"error: unknown: {printable('; '.join(view.unknown))}", file=sys.stderr)
            raise typer.Exit(1)

    @contextmanager
    def open(self) -> Iterator[TextIO]:
        """The file to write to, or standard output. A file is replaced once its new content is complete.

        Raises:
            RequestError: the file cannot be written.
        """
        import sys

        from cnncalc.replace import replaced

        if self.file is None or str(self.file) == "-":
            yield sys.stdout
            return
        with replaced(self.file) as file:
            yield file


@dataclass(frozen=True)
class Grouping:
    """How finely the layers are shown, and whether unknown numbers will do."""

    depth: Depth = None
    all_layers: All = False
    strict: Strict = False

    def detail(self, output: Output, conditions: Conditions) -> Detail:
        """How much the views show."""
        from cnncalc.views import Detail

        return Detail(self.depth, self.all_layers, output.is_data, conditions.changed, output.column_names)


def load_spec(name: str) -> Spec:
    """The spec of a name, a path, or standard input."""
    from cnncalc.zoo.index import load, load_text

    return load_text(_standard_input(), name="stdin", origin="<stdin>") if name == "-" else load(name)


def _standard_input() -> str:
    """The spec on standard input."""
    import sys

    from cnncalc.language.files import decoded
    from cnncalc.language.nodes import MAX_BYTES

    return decoded(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input", "spec", MAX_BYTES)


def parse_input(text: str) -> tuple[int, ...] | dict[str, tuple[int, ...]]:
    """The numbers of a size, or those of several inputs by name.

    Raises:
        RequestError: they are no sizes, or an input is named twice or without a size.

    >>> parse_input("224"), parse_input("left=3x105x105,right=64")
    ((224,), {'left': (3, 105, 105), 'right': (64,)})
    """
    from cnncalc.errors import RequestError

    if "=" not in text:
        return parse_size(text)
    sizes: dict[str, tuple[int, ...]] = {}
    for part in text.split(","):
        name, equals, size = (word.strip() for word in part.partition("="))
        if not equals or not name:
            hint = "such as left=3x105x105,right=64: what is not named keeps its size"
            raise RequestError(f"'{part[:40]}' does not say an input's size", hint=hint, code="unfit-input")
        if name in sizes:
            message = f"--input gives '{name[:40]}' twice"
            raise RequestError(message, hint="leave one of them out", code="unfit-input")
        sizes[name] = parse_size(size)
    return sizes


def parse_size(text: str) -> tuple[int, ...]:
    """The numbers of a size.

    Raises:
        RequestError: they are not whole numbers from 1 with an x between two.

    >>> parse_size("3x224x224")
    (3, 224, 224)
    """
    from cnncalc.errors import RequestError

    parts = text.lower().replace("\N{MULTIPLICATION SIGN}", "x").split("x")
    if not all(part.isascii() and part.isdigit() and len(part) < 12 and int(part) > 0 for part in parts):
        raise RequestError(
            f"'{text[:40]}' is not an input size", hint="whole numbers from 1: 224, 320x240 or 3x224x224"
        )
    return tuple(map(int, parts))


def variables(setting: Sequence[str] | None, classes: int | None = None) -> dict[str, Any]:
    """The values of variables that the command line gives.

    A value is what `vars` in a spec may hold: a number, true or false, a list, or an expression over the
    spec's earlier variables.

    >>> variables(["width=32", "deep=true", "depths=[3, 4]"], classes=10)
    {'width': 32, 'deep': True, 'depths': (3, 4), 'classes': 10}
    """
    from cnncalc.errors import RequestError
    from cnncalc.language.reader import read_value

    values: dict[str, Any] = {}
    for text in setting or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise RequestError(f"'{text[:40]}' does not set a variable", hint="write --set VAR=VALUE")
        if name.strip() in values:
            raise RequestError(f"--set gives '{name.strip()[:40]}' twice", hint="leave one of them out")
        values[name.strip()] = read_value(value.strip(), f"--set {name.strip()[:40]}")
    if classes is not None:
        if "classes" in values:
            raise RequestError("--set and --classes both give 'classes'", hint="leave one of them out")
        values["classes"] = classes
    return values


def arguments(texts: Sequence[str] | None) -> dict[str, Any]:
    """The arguments of what makes a module: numbers, words, True, False, None, lists as Python writes them.

    >>> arguments(["width=64", "depths=[3, 4]", "act=relu"])
    {'width': 64, 'depths': [3, 4], 'act': 'relu'}
    """
    import ast

    from cnncalc.errors import RequestError

    values: dict[str, Any] = {}
    for text in texts or ():
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not name.isidentifier():
            raise RequestError(f"'{text[:40]}' gives no argument", hint="write --arg NAME=VALUE")
        if name in values:
            raise RequestError(f"--arg gives '{name[:40]}' twice", hint="leave one of them out")
        try:
            values[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            values[name] = {"true": True, "false": False, "none": None}.get(value.lower(), value)
    return values


def command(function: Callable[..., None]) -> Callable[..., None]:
    """A command with its groups of options spread out, as Typer wants them: one parameter an option."""
    signature = inspect.signature(function, eval_str=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[type, list[str]]] = {}
    for parameter in signature.parameters.values():
        if parameter.annotation not in (Conditions, Request, Output, Grouping):
            parameters.append(parameter)
            continue
        group = parameter.annotation
        hints = get_type_hints(group, include_extras=True)
        groups[parameter.name] = (group, [field.name for field in fields(group)])
        parameters += [
            parameter.replace(
                name=field.name,
                annotation=hints[field.name],
                default=parameter.empty if field.default is MISSING else field.default,
            )
            for field in fields(group)
        ]
    spread = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in parameters]

    @wraps(function)
    def run(**options: Any) -> None:
        for name, (group, keys) in groups.items():
            options[name] = group(**{key: options.pop(key) for key in keys})
        _keep_inputs(options)
        function(**options)

    run.__signature__ = signature.replace(parameters=spread)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in spread}
    return run


def _keep_inputs(options: dict[str, Any]) -> None:
    """Refuse an output file that is a network's own.

    Raises:
        RequestError: it is.
    """
    from cnncalc.errors import RequestError

    output, request = options.get("output"), options.get("request")
    path = output.file if isinstance(output, Output) else options.get("file")
    if not isinstance(path, Path):
        return
    named = [request.network_name] if isinstance(request, Request) else options.get("networks") or []
    for name in named:
        try:
            same = path.samefile(name)
        except (OSError, ValueError):
            continue
        if same:
            raise RequestError(f"'{path}' is the network itself", hint="name another file for the output")
