"""The application: finds the command's module, runs it, and turns every error of the user into a message."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from cnncalc.errors import CnncalcError, RequestError, did_you_mean

# Each command is the function of this name in the module of this name. Only the module of the command that
# is invoked is imported.
COMMANDS = (
    "list",
    "show",
    "import",
    "export",
    "params",
    "flops",
    "shapes",
    "memory",
    "rf",
    "compare",
    "sweep",
    "explain",
    "check",
    "bottleneck",
    "tables",
    "reconcile",
    "verify",
    "profile",
    "plot",
    "page",
)

# The commands whose names are Python's own words.
_MODULES = {"import": "import_"}

INTERRUPTED = 130
PIPE_CLOSED = 141


class Commands(TyperGroup):
    """The group of commands, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            single = typer.Typer(add_completion=False, rich_markup_mode=None)
            module = _MODULES.get(cmd_name, cmd_name)
            single.command(cmd_name)(getattr(import_module(f"cnncalc.cli.{module}"), module))
            self.commands[cmd_name] = typer.main.get_command(single)
        return self.commands[cmd_name]

    def main(self, args: Sequence[str] | None = None, *rest: Any, **options: Any) -> NoReturn:
        """Run a command line and exit with its status; without a command, show the help."""
        options["standalone_mode"] = False
        words = list(sys.argv[1:] if args is None else args) or ["--help"]
        sys.exit(_guarded(lambda: super(Commands, self).main(words, *rest, **options)))

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except OSError as error:  # which Typer would take for the end of all
            raise typer.Exit(_output_failed(error)) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None:
            hint = did_you_mean(args[0], COMMANDS) or "`cnncalc --help` lists the commands"
            if _is_network(args[0]):
                hint = f"it is a network: `cnncalc params {args[0]}`"
            raise RequestError(f"there is no command '{args[0][:40]}'", hint=hint)
        return super().resolve_command(ctx, args)


def _is_network(word: str) -> bool:
    from cnncalc.zoo.index import names

    return word.lower().endswith((".yaml", ".yml", ".onnx")) or word in names()


def _guarded(run: Callable[[], Any]) -> int:
    """Run, print the message of an error that is the user's, and return the exit status."""
    try:
        status = run()
        sys.stdout.flush()
    except CnncalcError as error:
        _complain(error)
        return error.exit_status
    except typer.TyperException as error:
        _complain(_usage_error(error))
        return RequestError.exit_status
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except (MemoryError, RecursionError) as error:
        _complain(RequestError(f"the request is too large ({type(error).__name__})"))
        return RequestError.exit_status
    except OSError as error:
        return _output_failed(error)
    return status if isinstance(status, int) else 0


def _output_failed(error: OSError) -> int:
    """The exit status where standard output takes nothing more. Python's own last flush then goes nowhere. A reader
    who leaves, as in `cnncalc list | head`, is no error to speak of."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return PIPE_CLOSED
    _complain(RequestError(f"{error.filename or 'standard output'}: {error.strerror}"))
    return RequestError.exit_status


def _complain(error: CnncalcError) -> None:
    """Print an error's message; on a terminal, its sentences broken between words."""
    text = error.render()
    if sys.stderr.isatty():
        from shutil import get_terminal_size

        text = wrapped(text, get_terminal_size().columns)
    with suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def wrapped(text: str, width: int) -> str:
    """A message with its long lines broken, but for the spec's own.

    >>> print(wrapped("error: a long message\\n  = with a hint", 13))
    error: a long
           message
      = with a
        hint
    """
    import textwrap

    lines = []
    for line in text.split("\n"):
        start = re.match(r"error(\[[\w-]+\])?: | *= ", line)
        indent = " " * (start.end() if start else 0)
        parts = (
            textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
            if start
            else []
        )
        lines += parts or [line]
    return "\n".join(lines)


def _usage_error(error: typer.TyperException) -> RequestError:
    """What Typer says of a wrong command line, in the form of all our errors."""
    message = error.format_message().rstrip(".").replace("a valid int range", "a whole number")
    message = message.replace("Got unexpected extra argument(s)", "too many words:")
    context = getattr(error, "ctx", None)
    hint = f"`{context.command_path} --help` shows the options" if context else None
    return RequestError(message[:1].lower() + message[1:], hint=hint)


def _version(wanted: bool) -> None:
    if wanted:
        from cnncalc import __version__

        print(f"cnncalc {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="cnncalc",
    cls=Commands,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(epilog="Example: cnncalc params alexnet")
def cnncalc(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.", show_default=False)
    ] = False,
) -> None:
    """What a convolutional network costs: shapes, parameters, operations, memory, receptive fields.

    NETWORK is a name that `cnncalc list` shows, the path of a YAML file, or - for standard input; or a PyTorch module:
    FILE.py:NAME, package.module:NAME, torchvision:NAME, timm:NAME (which run that code), or a saved program FILE.pt2;
    or an ONNX file, FILE.onnx.
    """


def main() -> None:
    """The entry point of the `cnncalc` command."""
    app(prog_name="cnncalc")
