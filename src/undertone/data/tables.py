"""Rows of a table as examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from undertone.data.examples import (
    TEST,
    TRAIN,
    UNLABELLED,
    VALIDATION,
    Example,
    SourceOptions,
    label_text,
)
from undertone.data.rows import (
    Row,
    RowSource,
    cell_text,
    group_column,
    label_column,
    listed,
    split_column,
    text_column,
)
from undertone.data.selection import Selection
from undertone.errors import DataError

_SPLITS: Mapping[str, str] = {
    "train": TRAIN,
    "training": TRAIN,
    "validation": VALIDATION,
    "valid": VALIDATION,
    "val": VALIDATION,
    "dev": VALIDATION,
    "test": TEST,
    "unsup": UNLABELLED,
    "unsupervised": UNLABELLED,
    "unlabelled": UNLABELLED,
    "unlabeled": UNLABELLED,
}


class Columns(Struct, frozen=True):
    """Which column means what; None where the table has no such column."""

    text: str
    label: str | None
    split: str | None
    group: str | None


def read_table(rows: RowSource, options: SourceOptions, selection: Selection) -> Iterator[Example]:
    """The selected rows of a table, each called ``"FILE row N"``.

    Raises:
        DataError: no text column, no label column where labels are needed, or a cell that is not
            what its column holds.
    """
    columns = find_columns(rows.columns, options, need_label=selection.need_labels)
    for row in rows:
        name = f"{rows.name} row {row.number}"
        split = None if columns.split is None else split_name(row.fields.get(columns.split), name)
        if selection.wants(name, split):
            yield example(row, columns, name, split)


def find_columns(names: Sequence[str], options: SourceOptions, *, need_label: bool) -> Columns:
    """Find the columns by the user's word or by their usual names.

    Raises:
        DataError: a needed column is missing, or one column would be text and label at once.
    """
    text = text_column(names, options.text_column)
    label = label_column(names, options.label_column)
    if label is None and need_label:
        raise DataError(
            f"no column of labels among the columns {listed(names)}.",
            "Name it with --label-column.",
        )
    if label == text:
        raise DataError(
            f"the column {text!r} cannot be text and label at once.",
            "Name two columns with --text-column and --label-column.",
        )
    return Columns(text, label, split_column(names), group_column(names))


def example(row: Row, columns: Columns, name: str, split: str | None) -> Example:
    """One row as an example."""
    label = None if columns.label is None else label_text(row.fields.get(columns.label), name)
    group = (
        None if columns.group is None else label_text(row.fields.get(columns.group), name, "group")
    )
    return Example(cell_text(row, columns.text, name), label, name, group, split)


def split_name(value: Any, name: str) -> str:
    """Our name of a split.

    Args:
        value: what the source calls it.
        name: the row, for the message.

    Raises:
        DataError: it is no known name of a split.
    """
    split = _SPLITS.get(value.strip().casefold()) if isinstance(value, str) else None
    if split is None:
        raise DataError(
            f"{name}: the split column holds {value!r}, not train, validation or test.",
            "Mend it; if the column means something else, give it another name.",
        )
    return split
