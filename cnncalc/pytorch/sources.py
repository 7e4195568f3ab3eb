"""The PyTorch module that a word of the command line names, made and read.

Here, and nowhere else, code is run that a user names: that of the file or package before the colon. The module is made
without memory, on `meta` tensors; one that cannot be made so is made as its author does it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from cnncalc.errors import RequestError, did_you_mean, shorten
from cnncalc.pytorch.read import Reading, quiet, reading

LIBRARIES = ("torchvision", "timm")


def load(
    word: str,
    input: int | Sequence[int] | Mapping[str, int | Sequence[int]] | None,
    arguments: Mapping[str, Any],
    classes: int | None = None,
    training: bool = False,
    memory: bool = False,
) -> Reading:
    """The module that a word names, and it as a network.

    Args:
        word: `file.py:NAME`, `package.module:NAME`, `torchvision:NAME`, `timm:NAME` or `program.pt2`.
        input: the input's shape; spatial sizes alone will do where the source says the channels.
        arguments: what NAME is called with.
        classes: the classes of a network of torchvision or timm.
        training: the network as it is trained.
        memory: make the module with memory, so that it can be run with numbers.

    Raises:
        RequestError: there is no such module, it cannot be made, or it cannot be read.
    """
    if word.endswith(".pt2"):
        return _program(word, input, arguments, training)
    source, _, name = word.rpartition(":")
    own = source not in LIBRARIES
    if classes is not None and own:
        hint = "write --arg NAME=N with the name that its code has for the classes"
        raise RequestError("--classes is for networks of torchvision and timm, and for specs", hint=hint)
    options = dict(arguments) if classes is None else {**arguments, "num_classes": classes}
    if own:
        target = _named(_code(source), source, name)
        module = _made(target, word, options, memory)
        own_input = None
    else:
        module, own_input = _library(source, name, options, memory)
    return reading(module, _size(input, own_input, word), name=name, training=training)


def _size(
    input: int | Sequence[int] | Mapping[str, int | Sequence[int]] | None, own: tuple[int, ...] | None, word: str
) -> Any:
    """The input's shape, as it is given, completed by the network's own.

    Raises:
        RequestError: neither says it.
    """
    if input is None:
        if own is None:
            hint = f"say it: --input 3x224x224 for three channels of 224 by 224; {word} itself does not"
            raise RequestError("what is the input's size?", hint=hint, code="no-input")
        return own
    if isinstance(input, Mapping):
        return input
    sizes = (input,) if isinstance(input, int) else tuple(input)
    if own is not None and len(sizes) < len(own):
        return (own[0], *(sizes * 2 if len(sizes) == 1 else sizes))
    if own is None and len(sizes) == 1:
        return (3, sizes[0], sizes[0])
    if own is None and len(sizes) == 2:
        return (3, *sizes)
    return sizes


def _code(source: str) -> ModuleType:
    """The Python file or package that a source names, run.

    Raises:
        RequestError: there is none, or it fails.
    """
    try:
        if not source.endswith(".py"):
            if "" not in sys.path and str(Path.cwd()) not in sys.path:
                sys.path.insert(0, str(Path.cwd()))
            with quiet():
                return importlib.import_module(source)
        path = Path(source)
        if not path.is_file():
            raise RequestError(f"there is no file '{shorten(source, 80)}'", code="no-such-file")
        if str(path.resolve().parent) not in sys.path:
            sys.path.insert(0, str(path.resolve().parent))
        spec = importlib.util.spec_from_file_location(f"cnncalc_source_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise RequestError(f"'{shorten(source, 80)}' is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        with quiet():
            spec.loader.exec_module(module)
    except RequestError:
        raise
    except ModuleNotFoundError as error:
        if error.name and (source == error.name or source.startswith(f"{error.name}.")):
            hint = "a package that Python finds from here, or the path of a .py file"
            raise RequestError(f"there is no Python package '{shorten(source, 80)}'", hint=hint) from None
        raise _failed(source, error) from None
    except (Exception, SystemExit) as error:  # whatever the user's code raises
        raise _failed(source, error) from None
    return module


def _failed(what: str, error: BaseException) -> RequestError:
    """The error of code that failed, with the last of its lines outside the libraries."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_library(frame.filename)]
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError) and error.filename:
        place = f" ({error.filename}:{error.lineno})"
    message = next(iter(str(error).strip().splitlines()), "")
    return RequestError(
        f"{shorten(what, 80)} fails{place}: {type(error).__name__}: {shorten(message, 300)}", code="code-fails"
    )


def _is_library(filename: str) -> bool:
    """Whether a file is Python's, a library's, or cnncalc's own."""
    own = str(Path(__file__).resolve().parent.parent)
    return filename.startswith(("<", own)) or "site-packages" in filename or f"{sys.base_prefix}/lib/python" in filename


def _named(code: ModuleType, source: str, name: str) -> Any:
    """What a module of Python calls by a name.

    Raises:
        RequestError: it has no such name.
    """
    found: Any = code
    for part in name.split("."):
        if not hasattr(found, part):
            likely = [key for key, value in vars(code).items() if _makes(value)]
            hint = did_you_mean(part, likely) or (f"it has {', '.join(likely[:8])}" if likely else None)
            raise RequestError(f"{shorten(source, 80)} has no '{shorten(name, 80)}'", hint=hint, code="unknown-name")
        found = getattr(found, part)
    return found


def _makes(value: Any) -> bool:
    """Whether something may be, or make, a module."""
    if isinstance(value, type):
        return issubclass(value, nn.Module) and not value.__module__.startswith("torch.")
    return isinstance(value, nn.Module) or inspect.isfunction(value)


def _made(target: Any, word: str, arguments: Mapping[str, Any], memory: bool) -> nn.Module:
    """The module that a name is, or makes.

    Raises:
        RequestError: it makes none, or fails.
    """
    if isinstance(target, nn.Module):
        if arguments:
            raise RequestError(f"{shorten(word, 80)} is a module already: --arg has nothing to call")
        return target
    if not callable(target):
        hint = "NAME is a module, or a class or function that makes one"
        raise RequestError(f"{shorten(word, 80)} is of the type {type(target).__name__}", hint=hint, code="no-module")
    try:
        inspect.signature(target).bind(**arguments)
    except TypeError as error:
        hint = "give its arguments: --arg name=value"
        raise RequestError(
            f"{shorten(word, 80)} cannot be called so: {error}", hint=hint, code="unfit-argument"
        ) from None
    except ValueError:
        pass  # built in, without a signature
    module = made(lambda: target(**arguments), word, memory)
    if not isinstance(module, nn.Module):
        raise RequestError(f"{shorten(word, 80)} makes no torch.nn.Module: {type(module).__name__}", code="no-module")
    return module


def made(make: Any, word: str, memory: bool = False) -> Any:
    """What a function makes, on tensors without memory; on real ones, where it cannot do otherwise, or is to.

    Raises:
        RequestError: it fails.
    """
    with quiet():
        if not memory:
            try:
                with torch.device("meta"):
                    return make()
            except Exception:
                pass  # it reads what it makes: once more, with memory
        try:
            return make()
        except (Exception, SystemExit) as error:
            raise _failed(word, error) from None


def _library(
    library: str, name: str, options: dict[str, Any], memory: bool
) -> tuple[nn.Module, tuple[int, ...] | None]:
    """A network of torchvision or timm, and its input. No weights are fetched.

    Raises:
        RequestError: the library is not installed, or has no such network.
    """
    if importlib.util.find_spec(library) is None:
        raise RequestError(f"{library} is not installed", hint=f"pip install {library}", code="not-installed")
    try:
        package = importlib.import_module(library)
    except Exception as error:  # its compiled part may not fit PyTorch's
        raise RequestError(
            f"{library} cannot be imported: {shorten(next(iter(str(error).splitlines()), ''), 200)}",
            hint=f"install the {library} that fits PyTorch {torch.__version__}",
            code="not-installed",
        ) from None
    known = package.models.list_models() if library == "torchvision" else package.list_models()
    if name not in known:
        hint = did_you_mean(name, known) or f"`{library}` lists its models with list_models()"
        raise RequestError(f"{library} has no network '{shorten(name, 80)}'", hint=hint, code="unknown-network")
    word = f"{library}:{name}"
    if library == "timm":
        module = made(lambda: package.create_model(name, **options), word, memory)
        return module, tuple(getattr(module, "default_cfg", {}).get("input_size") or ()) or None
    builder = package.models.get_model_builder(name)
    if "weights_backbone" in inspect.signature(builder).parameters:
        options = {"weights_backbone": None, **options}
    module = made(lambda: package.models.get_model(name, **options), word, memory)
    return module, None


def _program(path: str, input: Any, arguments: Mapping[str, Any], training: bool) -> Reading:
    """A saved program of `torch.export`.

    Raises:
        RequestError: it cannot be read.
    """
    if arguments or input is not None or training:
        raise RequestError(
            "a saved program has its input and its arguments", hint="leave out --input, --arg, --training"
        )
    if not Path(path).is_file():
        raise RequestError(f"there is no file '{shorten(path, 80)}'", code="no-such-file")
    from cnncalc.pytorch.read import reading_of_program

    try:
        program = torch.export.load(path)
    except Exception as error:
        message = next(iter(str(error).splitlines()), type(error).__name__)
        raise RequestError(
            f"{shorten(path, 80)} is no saved program: {shorten(message, 200)}", code="another-file"
        ) from None
    return reading_of_program(program, Path(path).stem)


__all__ = ["load", "made"]
