"""Apache Parquet, through pyarrow, in batches of rows.

Python's times know no nanoseconds and no year after 9999. Columns of nanoseconds therefore become
text with all their digits (durations: their count), whatever their values are; of other times only
a column that holds such a year does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from undertone.data.origins import Origin, Row, RowSource, reading
from undertone.errors import DataError
from undertone.extras import require

_BATCH = 1024


def open_parquet(origin: Origin) -> RowSource:
    """Open a Parquet file.

    Raises:
        DataError: standard input (Parquet is read from its end), a missing or damaged file, or a
            column name that stands twice.
        MissingExtraError: pyarrow is not installed.
    """
    path = origin.path
    if path is None:
        raise DataError(
            "Parquet cannot be read from standard input.", "Save it to a file and name that."
        )
    if origin.encoding != "utf-8":
        raise DataError(
            f"{origin.name} has its own encoding, not {origin.encoding}.", "Drop --encoding."
        )
    columns = _columns(path)
    return RowSource(origin.name, columns, _rows(path))


def _columns(path: Path) -> tuple[str, ...]:
    with _table(path) as table:
        names: list[str] = table.schema_arrow.names
    if len(set(names)) != len(names):
        raise DataError(f"{path.name} names a column twice: {names}.", "Rename one of them.")
    return tuple(names)


def _rows(path: Path) -> Iterator[Row]:
    number = 0
    with _table(path) as table:
        names = table.schema_arrow.names
        for batch in table.iter_batches(batch_size=_BATCH, use_threads=False):
            for values in zip(*map(_values, batch.columns), strict=True):
                number += 1
                yield Row(number, dict(zip(names, values, strict=True)))


def _values(column: Any) -> list[Any]:
    """An Arrow column as Python values."""
    types = require("pyarrow", "parquet").types
    held = _with_text(column, lambda kind: getattr(kind, "unit", "") == "ns")
    try:
        values: list[Any] = held.to_pylist()
    except UnicodeDecodeError:
        raise
    except (OverflowError, ValueError):
        values = _with_text(held, types.is_temporal).to_pylist()
    return values


def _with_text(column: Any, unheld: Callable[[Any], bool]) -> Any:
    """The column with text in place of the types that ``unheld`` is true of, nested ones too."""
    kind = _text_for(column.type, unheld)
    return column if kind == column.type else column.cast(kind)


def _text_for(kind: Any, unheld: Callable[[Any], bool]) -> Any:
    arrow = require("pyarrow", "parquet")
    if unheld(kind):
        return arrow.string()
    if arrow.types.is_struct(kind):
        return arrow.struct([part.with_type(_text_for(part.type, unheld)) for part in kind])
    if arrow.types.is_list(kind):
        return arrow.list_(_text_for(kind.value_type, unheld))
    if arrow.types.is_map(kind):
        return arrow.map_(kind.key_type, _text_for(kind.item_type, unheld))
    return kind


@contextlib.contextmanager
def _table(path: Path) -> Iterator[Any]:
    """The open ``pyarrow.parquet.ParquetFile``; its errors, also while it is read, become ours."""
    arrow = require("pyarrow", "parquet")
    parquet = require("pyarrow.parquet", "parquet")
    try:
        with reading(str(path)), path.open("rb") as stream, parquet.ParquetFile(stream) as table:
            yield table
    except (arrow.ArrowException, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise DataError(
            f"{path.name} is not a readable Parquet file: {reason}.", "Write or copy it again."
        ) from error
