"""The table that is scored: its rows, checked, and the names of the columns that it gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from undertone.data.rows import Row, RowSource, cell_text, open_rows, text_column
from undertone.errors import DataError

ADDED = ("label", "probability", "tokens_read", "tokens_total", "status")
"""The columns that scoring adds."""


class Source(Struct, frozen=True):
    """What to read. ``path`` is None for standard input."""

    path: Path | None
    format: str | None
    encoding: str

    @property
    def repeatable(self) -> bool:
        """Whether it can be read twice: a file can, standard input or a pipe cannot."""
        return self.path is not None and self.path.is_file()

    def open(self) -> RowSource:
        """The rows, from the first one.

        Raises:
            DataError: missing, or of unknown or damaged form.
        """
        place: Path | Literal["-"] = "-" if self.path is None else self.path
        return open_rows(place, format=self.format, encoding=self.encoding)


class Layout(Struct, frozen=True):
    """Which column is which.

    Attributes:
        columns: of the input, in order.
        text: the one with the reviews.
        added: names of the new columns, in the order of :data:`ADDED`.
        fixed: the output cannot hold other columns than these.
    """

    columns: tuple[str, ...]
    text: str
    added: tuple[str, ...]
    fixed: bool

    @property
    def all(self) -> tuple[str, ...]:
        """Columns of the output."""
        return (*self.columns, *self.added)


class Review(Struct, frozen=True):
    """A row and the text in it."""

    row: Row
    text: str


def layout(rows: RowSource, chosen: str | None, *, fixed: bool) -> Layout:
    """Find the text column and name the new ones.

    Args:
        rows: the input.
        chosen: the text column that the user named, or None.
        fixed: the output cannot hold other columns than the first row's.

    Raises:
        DataError: no such column.
    """
    return Layout(rows.columns, text_column(rows.columns, chosen), added_names(rows.columns), fixed)


def added_names(columns: Sequence[str]) -> tuple[str, ...]:
    """Names for the new columns that the input does not have yet.

    >>> added_names(["review", "label"])
    ('predicted_label', 'probability', 'tokens_read', 'tokens_total', 'status')
    >>> added_names(["text", "status", "predicted_status"])[-1]
    'predicted_status_2'
    """
    return tuple(_free(name, columns) for name in ADDED)


def reviews(rows: RowSource, layout: Layout) -> Iterator[Review]:
    """The rows with their texts; a missing text is an empty one.

    Raises:
        DataError: a row that cannot be read, whose text is no text, or that has a column the
            output has no place for.
    """
    added, known = set(layout.added), set(layout.columns)
    for row in rows:
        place = f"{rows.name} row {row.number}"
        if len(row.fields) != len(known) or row.fields.keys() != known:
            _check_columns(row, place, added, known if layout.fixed else None)
        yield Review(row, cell_text(row, layout.text, place))


def _check_columns(row: Row, place: str, added: set[str], known: set[str] | None) -> None:
    taken = added & row.fields.keys()
    if taken:
        raise DataError(
            f"{place} has a field {min(taken)!r} that the first row lacks, and scores are "
            "written under that name.",
            "Give the first row that field too, or rename it.",
        )
    strange = row.fields.keys() - known if known is not None else set()
    if strange:
        raise DataError(
            f"{place} has a field {min(strange)!r} that the first row lacks.",
            "Write JSON Lines, where rows may differ, or give the first row that field too.",
        )


def _free(name: str, columns: Sequence[str]) -> str:
    if name not in columns:
        return name
    name = f"predicted_{name}"
    number = 1
    free = name
    while free in columns:
        number += 1
        free = f"{name}_{number}"
    return free
