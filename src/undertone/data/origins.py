"""What every reader of tables shares: rows, and where their bytes come from."""

from __future__ import annotations

import contextlib
import gzip
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from msgspec import Struct

from undertone.errors import DataError

MAX_FIELD = 10 * 2**20
"""Characters of the longest review that is read."""

MAX_LINE = 64 * 2**20
"""Bytes of the longest line that is read."""


class Row(Struct, frozen=True):
    """One data row of a table.

    Attributes:
        number: 1 for the first data row.
        fields: column name to value, in the order of the source.
    """

    number: int
    fields: dict[str, Any]


class RowSource:
    """Rows of one table in the order of the source, read in one pass and in constant memory.

    Attributes:
        name: what error messages and example names call the table.
        columns: column names; of JSON Lines, those of the first row.
    """

    def __init__(self, name: str, columns: tuple[str, ...], rows: Iterator[Row]) -> None:
        self.name = name
        self.columns = columns
        self._rows: Iterator[Row] | None = rows

    def __iter__(self) -> Iterator[Row]:
        """The rows, once: standard input cannot be read twice.

        Raises:
            RuntimeError: the rows were taken before.
        """
        if self._rows is None:
            raise RuntimeError(f"the rows of {self.name} can be read once; open it again")
        rows, self._rows = self._rows, None
        return rows


class Origin(Struct, frozen=True):
    """A file, or standard input where ``path`` is None."""

    path: Path | None
    encoding: str = "utf-8"

    @property
    def name(self) -> str:
        """What messages call it."""
        return "standard input" if self.path is None else self.path.name

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the bytes for reading, unpacked where the name ends in ``.gz``.

        Raises:
            DataError: the file is missing, unreadable, damaged, or a folder.
        """
        with reading(str(self.path or self.name)), contextlib.ExitStack() as stack:
            if self.path is None:
                yield sys.stdin.buffer
            elif self.path.suffix.lower() == ".gz":
                yield cast("BinaryIO", stack.enter_context(gzip.open(self.path, "rb")))
            else:
                yield stack.enter_context(self.path.open("rb"))


@contextlib.contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what can go wrong while reading ``name`` into one clear error.

    Raises:
        DataError: missing, unreadable, or damaged.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"no such file: {name}.", "Check the path.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{name} is damaged or cut short ({error}).", "Copy or download it again."
        ) from error
    except OSError as error:
        raise DataError(f"cannot read {name}: {error.strerror or error}.") from error
