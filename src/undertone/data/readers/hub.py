"""Labelled text from the Hugging Face Hub, through the ``datasets`` package.

What was loaded once is read from the package's cache after that, also offline. Data sets that run
code of their own are not loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from undertone.data.examples import Example, SourceOptions
from undertone.data.rows import Row
from undertone.data.selection import Selection
from undertone.data.tables import example, find_columns, split_name
from undertone.errors import DataError
from undertone.extras import require


def read_hub(name: str, options: SourceOptions, selection: Selection) -> Iterator[Example]:
    """The selected rows of a data set; each is called ``"NAME/SPLIT row N"``.

    Args:
        name: ``"imdb"``, ``"owner/name"``, or either with ``:configuration`` after it.
        options: the columns are used.
        selection: what to read; rows of other splits are passed over unread.

    Raises:
        DataError: no such data set, no network and no copy in the cache, or no usable columns.
        MissingExtraError: ``datasets`` is not installed.
    """
    if options.encoding != "utf-8":
        raise DataError(f"hf:{name} has no encoding {options.encoding}.", "Drop --encoding.")
    for title, table in _load(name).items():
        split = split_name(title, f"hf:{name}")
        place = f"{name}/{title} row "
        wanted = {
            number
            for number in range(1, len(table) + 1)
            if selection.wants(f"{place}{number}", split)
        }
        if wanted:
            columns = find_columns(
                tuple(table.column_names), options, need_label=selection.need_labels
            )
            for row in _rows(table, columns.label, wanted):
                yield example(row, columns, f"{place}{row.number}", split)


def _load(name: str) -> Mapping[str, Any]:
    datasets = require("datasets", "datasets")
    path, _, configuration = name.partition(":")
    try:
        loaded: Mapping[str, Any] = datasets.load_dataset(path, configuration or None)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise DataError(
            f"cannot load hf:{name}: {reason}.", "Check the name and the network connection."
        ) from error
    return loaded


def _rows(table: Any, label: str | None, wanted: Set[int]) -> Iterator[Row]:
    """Wanted rows, with the names of labels where the data set stores their numbers."""
    names = None if label is None else getattr(table.features[label], "names", None)
    for number, fields in enumerate(table, 1):
        if number not in wanted:
            continue
        if label is None or names is None or fields[label] is None:
            yield Row(number, fields)
        else:
            # -1 is how the Hub marks a row without a label.
            value = names[fields[label]] if fields[label] >= 0 else None
            yield Row(number, {**fields, label: value})
