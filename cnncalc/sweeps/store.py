"""Results as Parquet: one file, or a folder of files, written as they come.

The types of the columns follow from the declaration, so that every file of a sweep has the same ones.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnncalc.errors import RequestError
from cnncalc.language.expressions import Expression
from cnncalc.sweeps.declare import Axis, Declaration, Span
from cnncalc.sweeps.many import Many
from cnncalc.sweeps.quantities import QUANTITIES

if TYPE_CHECKING:
    from cnncalc.sweeps.evaluate import Chunk

NEEDED = "pip install 'cnncalc[sweep]'"


def arrow() -> Any:
    """The module of Parquet's library.

    Raises:
        RequestError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise RequestError("Parquet files need pyarrow", hint=NEEDED, code="not-installed") from None
    return pyarrow


def schema_of(declaration: Declaration, quantities: tuple[str, ...]) -> Any:
    """The types of the columns: the variant's number, its variables, its quantities, and its error."""
    pa = arrow()
    fields = [("variant", pa.int64())]
    fields += [(name, _type(axis, declaration.axes)) for name, axis in declaration.axes.items()]
    fields += [(name, pa.int64() if QUANTITIES[name].whole else pa.float64()) for name in quantities]
    return pa.schema([*fields, ("error", pa.string())])


def _type(axis: Axis, axes: Mapping[str, Axis]) -> Any:
    """The type of a variable's values: of mixed numbers the wider; text for what Parquet has no one type for."""
    pa = arrow()
    if isinstance(axis, Expression):
        return pa.int64() if _is_whole(axis, axes) else pa.float64()
    if isinstance(axis, Span):
        return pa.int64() if axis.whole else pa.float64()
    values = [float(value) if isinstance(value, float) else value for value in axis.values]
    if {type(value) for value in values} == {int, float}:
        return pa.float64()
    try:
        return pa.array(values).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()


def _is_whole(expression: Expression, axes: Mapping[str, Axis]) -> bool:
    """Whether an expression gives whole numbers whatever its variables are."""
    import ast

    def whole(node: ast.expr) -> bool:
        match node:
            case ast.Constant(value=value):
                return type(value) is int
            case ast.Name(id=name):
                axis = axes[name]
                if isinstance(axis, Expression):
                    return _is_whole(axis, axes)
                return axis.whole if isinstance(axis, Span) else all(type(value) is int for value in axis.values)
            case ast.Call(func=ast.Name(id=name), args=args):
                return name in ("floor", "ceil", "round", "divisible") or all(map(whole, args))
            case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.FloorDiv() | ast.Mod()):
                return whole(node.left) and whole(node.right)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                return whole(node.operand)
            case ast.IfExp(body=yes, orelse=no):
                return whole(yes) and whole(no)
        return False

    return whole(ast.parse(expression.text.strip(), mode="eval").body)


def batch_of(chunk: Chunk, schema: Any) -> Any:
    """A chunk as a table of Parquet's library."""
    pa = arrow()
    columns = {**chunk.columns, "variant": chunk.numbers}
    arrays = [_array(columns[field.name], field.type) for field in schema if field.name != "error"]
    errors = [chunk.errors.get(place) for place in range(len(chunk))] if chunk.errors else [None] * len(chunk)
    return pa.Table.from_arrays([*arrays, pa.array(errors, pa.string())], schema=schema)


def _array(column: Any, kind: Any) -> Any:
    """A column in a type."""
    pa = arrow()
    if isinstance(column, Many):
        values = _array(column.values, kind)
        return values.take(pa.array(column.codes))
    if pa.types.is_string(kind):
        return pa.array([None if value is None else str(value) for value in column], kind)
    if pa.types.is_floating(kind):
        return pa.array([None if value is None else float(value) for value in column], kind)
    return pa.array(column, kind)


class ParquetFile:
    """One Parquet file, which stands at its path once it is complete.

    Raises:
        RequestError: it cannot be written, or pyarrow is not installed.
    """

    def __init__(self, path: Path, schema: Any) -> None:
        self.path = path
        self.schema = schema
        arrow()
        from pyarrow.parquet import ParquetWriter

        try:
            handle, name = tempfile.mkstemp(prefix=f".{path.name[:50]}.", dir=path.parent)
            os.close(handle)
        except OSError as error:
            raise cannot_write(path, error) from None
        self.draft = Path(name)
        self.writer = ParquetWriter(name, schema)

    def add(self, chunk: Chunk) -> None:
        """Write a chunk's rows."""
        if len(chunk):
            self._try(lambda: self.writer.write_table(batch_of(chunk, self.schema)))

    def close(self, said: Mapping[str, str] | None = None) -> None:
        """Let the file stand at its path, with something said of it."""
        if said:
            self.writer.add_key_value_metadata(dict(said))
        self._try(self._finish)

    def _finish(self) -> None:
        self.writer.close()
        with self.draft.open("rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        self.draft.chmod(0o666 & ~umask)
        self.draft.replace(self.path)

    def discard(self) -> None:
        """Leave nothing behind."""
        with suppress(OSError, ValueError):
            self.writer.close()
        with suppress(OSError):
            self.draft.unlink(missing_ok=True)

    def _try(self, step: Any) -> None:
        try:
            step()
        except OSError as error:
            self.discard()
            raise cannot_write(self.path, error) from None


def cannot_write(path: Path, error: OSError) -> RequestError:
    """The error of a file that cannot be written."""
    from cnncalc.errors import shorten

    reason = error.strerror or error
    return RequestError(f"'{shorten(str(path), 80)}' cannot be written: {reason}")
