"""Tables of reviews as a stream of rows, and which of their columns mean what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from undertone.data.origins import MAX_FIELD, Origin, Row, RowSource
from undertone.data.readers import SUFFIXES, TABLES
from undertone.errors import DataError, nearest

__all__ = [
    "Row",
    "RowSource",
    "cell_text",
    "group_column",
    "label_column",
    "open_rows",
    "split_column",
    "table_format",
    "text_column",
]

# In order of preference, compared without case.
_TEXT_NAMES = (
    *("text", "review", "review_text", "reviewtext", "review_body", "content", "body"),
    *("comment", "sentence", "document", "tweet", "message", "reviews", "texts"),
)
_LABEL_NAMES = (
    *("label", "sentiment", "labels", "class", "polarity", "target", "category"),
    *("rating", "stars"),
)
_SPLIT_NAMES = ("split",)
_GROUP_NAMES = ("group", "film", "item")

_COLUMNS_SHOWN = 12
_CHARACTERS_SHOWN = 40


def open_rows(
    path: Path | Literal["-"],
    *,
    format: str | None = None,  # noqa: A002 - the word users know
    encoding: str = "utf-8",
) -> RowSource:
    """Open a table of reviews.

    Args:
        path: a file, or ``"-"`` for standard input.
        format: ``csv``, ``tsv``, ``jsonl``, ``parquet`` or ``txt`` (one review a line, in a
            column called ``text``). None: by the file's ending, before a ``.gz`` if it has one;
            standard input is ``txt``.
        encoding: of text formats.

    Raises:
        DataError: no such file, unknown format, or a header that cannot be used. Flaws of single
            rows are raised when the row is reached.
        MissingExtraError: Parquet without pyarrow.
    """
    origin = Origin(None if path == "-" else Path(path), encoding)
    known = format or ("txt" if origin.path is None else table_format(origin.path))
    if known is None:
        raise DataError(
            f"cannot tell the format of {path} from its name.",
            f"Name it with --format, one of {', '.join(TABLES)}.",
        )
    if known not in TABLES:
        raise DataError(
            f"unknown format {known!r}{nearest(known, TABLES)}.", f"Formats: {', '.join(TABLES)}."
        )
    return TABLES[known](origin)


def table_format(path: Path) -> str | None:
    """The format that a file's name tells, or None."""
    name = path.name.lower().removesuffix(".gz")
    return SUFFIXES.get(Path(name).suffix)


def text_column(columns: Sequence[str], chosen: str | None = None) -> str:
    """The column that holds the review.

    Args:
        columns: all columns of the table.
        chosen: the one that the user named.

    Raises:
        DataError: there is no such column; the message lists those there are.
    """
    column = _chosen(columns, chosen) or _usual(columns, _TEXT_NAMES)
    if column is None:
        raise DataError(
            f"no column of reviews among the columns {listed(columns)}.",
            "Name it with --text-column; the first row of a table must hold column names.",
        )
    return column


def label_column(columns: Sequence[str], chosen: str | None = None) -> str | None:
    """The column that holds the label, or None where no name is a usual one.

    Raises:
        DataError: the column that the user named does not exist.
    """
    return _chosen(columns, chosen) or _usual(columns, _LABEL_NAMES)


def split_column(columns: Sequence[str]) -> str | None:
    """The column that says train, validation or test, or None."""
    return _usual(columns, _SPLIT_NAMES)


def group_column(columns: Sequence[str]) -> str | None:
    """The column that says which reviews belong together, or None."""
    return _usual(columns, _GROUP_NAMES)


def cell_text(row: Row, column: str, place: str) -> str:
    """The review of one row; an empty string where the cell is missing or null.

    Args:
        row: the row.
        column: its text column.
        place: what an error message calls the row.

    Raises:
        DataError: the cell holds something other than text, a NUL, or over 10 MiB.
    """
    value = row.fields.get(column)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise DataError(
            f"{place}: column {column!r} holds a {type(value).__name__}, not text.",
            "Name the column of reviews with --text-column.",
        )
    if "\0" in value:
        raise DataError(f"{place} holds a NUL character.", "Delete it.")
    if len(value) > MAX_FIELD:
        raise DataError(
            f"{place} is longer than {MAX_FIELD:,} characters.", "Shorten it, or split it."
        )
    return value


def listed(columns: Sequence[str]) -> str:
    """Column names for a message: quoted, shortened, and not more than a line bears."""
    shown = [
        repr(column if len(column) <= _CHARACTERS_SHOWN else f"{column[:_CHARACTERS_SHOWN]}...")
        for column in columns[:_COLUMNS_SHOWN]
    ]
    rest = len(columns) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _chosen(columns: Sequence[str], chosen: str | None) -> str | None:
    if chosen is None or chosen in columns:
        return chosen
    column = _usual(columns, (chosen,))
    if column is None:
        raise DataError(
            f"no column {chosen!r}{nearest(chosen, columns)}.", f"Columns: {listed(columns)}."
        )
    return column


def _usual(columns: Sequence[str], names: Iterable[str]) -> str | None:
    folded = {column.strip().casefold(): column for column in reversed(columns)}
    return next((folded[name.casefold()] for name in names if name.casefold() in folded), None)
