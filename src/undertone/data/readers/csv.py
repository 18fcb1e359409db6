"""Comma- and tab-separated values with a header row, read strictly."""

from __future__ import annotations

import contextlib
import csv
import threading
from collections import Counter
from collections.abc import Iterator

from undertone.data.lines import text_lines
from undertone.data.origins import MAX_FIELD, Origin, Row, RowSource
from undertone.errors import DataError


def open_csv(origin: Origin) -> RowSource:
    """Open comma-separated values.

    Raises:
        DataError: no header, or one that names a column twice.
    """
    return _open(origin, ",")


def open_tsv(origin: Origin) -> RowSource:
    """Open tab-separated values; quotes work as in CSV.

    Raises:
        DataError: no header, or one that names a column twice.
    """
    return _open(origin, "\t")


def _open(origin: Origin, delimiter: str) -> RowSource:
    records = _Records(origin, delimiter)
    header = next(records, None)
    if header is None:
        raise DataError(f"{origin.name} is empty.", "Its first row must name the columns.")
    double = [column for column, count in Counter(header).items() if count > 1]
    if double:
        raise DataError(
            f"{origin.name} names the column {double[0][:40]!r} twice.",
            "The first row must hold column names, each one different.",
        )
    return RowSource(origin.name, tuple(header), _rows(records, header))


def _rows(records: _Records, header: list[str]) -> Iterator[Row]:
    for record in records:
        if len(record) != len(header):
            raise DataError(
                f"{records.place()}: the number of fields is {len(record)}, "
                f"the header's {len(header)}.",
                "Quote a field that holds the separator or a line end.",
            )
        yield Row(records.number, dict(zip(header, record, strict=True)))


class _Records:
    """Iterator of non-blank records that knows where the one being read starts.

    Attributes:
        number: 0 while the header is read, then the data row.
    """

    def __init__(self, origin: Origin, delimiter: str) -> None:
        self.number = -1
        self._name = origin.name
        self._first_line = 1
        self._reader = csv.reader(
            text_lines(origin, self._place_at), delimiter=delimiter, strict=True
        )

    def place(self) -> str:
        """Words for the record that is being read."""
        return self._place_at(self._first_line)

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> list[str]:
        self.number += 1
        record: list[str] = []
        while not record:
            self._first_line = self._reader.line_num + 1
            try:
                with _FIELD_LIMIT.raised():
                    record = next(self._reader)
            except csv.Error as error:
                raise self._flaw(str(error)) from error
        return record

    def _place_at(self, line: int) -> str:
        row = f"row {self.number}" if self.number > 0 else "header"
        return f"{self._name} {row} (line {line})"

    def _flaw(self, reason: str) -> DataError:
        if "field limit" in reason:
            return DataError(
                f"{self.place()} holds a field of more than {MAX_FIELD:,} characters.",
                "Shorten it; if no review is that long, a quote opened in this row never closes.",
            )
        if "new-line" in reason:
            return DataError(
                f"{self.place()} holds a bare carriage return.",
                "Save the file with ordinary line ends, or quote the field.",
            )
        return DataError(
            f"{self.place()} opens a quote that is not closed properly ({reason}).",
            'Close it, or write a quote inside a quoted field twice ("").',
        )


class _FieldLimit:
    """The csv module keeps its limit for the whole process: raise it only while records are read.

    Threads may read at the same time: the first one raises it, the last one puts it back.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._readers = 0
        self._before = 0

    @contextlib.contextmanager
    def raised(self) -> Iterator[None]:
        with self._lock:
            if self._readers == 0:
                self._before = csv.field_size_limit(self._limit)
            self._readers += 1
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
                if self._readers == 0:
                    csv.field_size_limit(self._before)


_FIELD_LIMIT = _FieldLimit(MAX_FIELD)
