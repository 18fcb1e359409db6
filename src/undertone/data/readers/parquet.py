"""Apache Parquet, through pyarrow, in batches of rows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
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
        for batch in table.iter_batches(batch_size=_BATCH, use_threads=False):
            for fields in batch.to_pylist():
                number += 1
                yield Row(number, fields)


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
