"""The labelled review, the options of a source, and what makes a set of labels usable."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from undertone.errors import DataError

TRAIN = "train"
VALIDATION = "validation"
TEST = "test"
UNLABELLED = "unsup"

LABELLED_SPLITS = frozenset({TRAIN, VALIDATION, TEST})

_MOST_LABELS = 200
_FEW_LABELS = 20

# Where a name stands between the poles; labels that are all listed here are ordered by it.
_POLARITY: Mapping[str, int] = {
    "very negative": -2,
    "negative": -1,
    "neg": -1,
    "false": -1,
    "bad": -1,
    "no": -1,
    "mixed": 0,
    "neutral": 0,
    "positive": 1,
    "pos": 1,
    "true": 1,
    "good": 1,
    "yes": 1,
    "very positive": 2,
}
# Numbers that say which of two labels it is; as labels of a source they are ordered as numbers.
_BINARY: Mapping[str, int] = {"-1": -1, "0": -1, "1": 1}


class Example(Struct, frozen=True):
    """One review.

    Attributes:
        text: the review as it stands in the source.
        label: its label, or None where the source gives none.
        name: where it stands, e.g. ``"train/pos/0_9.txt"`` or ``"reviews.csv row 3"`` (the first
            data row is 1).
        group: what must not be split between train and test, e.g. the film; None if unknown.
        split: ``"train"``, ``"validation"``, ``"test"`` or ``"unsup"`` where the source says so.
    """

    text: str
    label: str | None
    name: str
    group: str | None = None
    split: str | None = None


class SourceOptions(Struct, frozen=True):
    """How a source is read.

    Attributes:
        text_column: column with the review; None: found by its usual names.
        label_column: column with the label; None: found by its usual names.
        exclude: file with one example name a line; these are left out of everything.
        encoding: character encoding of text files.
    """

    text_column: str | None = None
    label_column: str | None = None
    exclude: Path | None = None
    encoding: str = "utf-8"

    def described(self) -> dict[str, str]:
        """The choices made, by name, for the record of a run; none that is None."""
        chosen = {
            "text_column": self.text_column,
            "label_column": self.label_column,
            "exclude": self.exclude and str(self.exclude),
            "encoding": self.encoding,
        }
        return {name: value for name, value in chosen.items() if value}


def label_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Distinct labels in the order of the network's outputs.

    Negative stands before positive where all names are known ones, numbers ascend, and anything
    else is alphabetical. The order depends on the set of labels alone, never on their sequence.
    """
    distinct = sorted(set(labels))
    poles = [_POLARITY.get(label.strip().casefold()) for label in distinct]
    if all(pole is not None for pole in poles):
        return tuple(sorted(distinct, key=lambda label: _POLARITY[label.strip().casefold()]))
    if all(_number(label) is not None for label in distinct):
        return tuple(sorted(distinct, key=lambda label: (_number(label) or 0.0, label)))
    return tuple(distinct)


def polarity(label: str) -> int | None:
    """-1 for a negative label, 1 for a positive one, 0 for one between; None if its name is none.

    >>> [polarity(label) for label in ("neg", "Positive", "0", "1", "neutral", "comedy")]
    [-1, 1, -1, 1, 0, None]
    """
    name = label.strip().casefold()
    pole = _POLARITY.get(name, _BINARY.get(name))
    return None if pole is None else (pole > 0) - (pole < 0)


def label_text(value: Any, place: str, what: str = "label") -> str | None:
    """A label cell as text: None where it is missing or blank, ``"1"`` for 1 and for 1.0.

    Args:
        value: the cell.
        place: the row, for the message.
        what: what the cell should hold, for the message.

    Raises:
        DataError: the cell holds something that is no label, such as a list.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    if not isinstance(value, str):
        raise DataError(
            f"{place}: a {type(value).__name__} stands where the {what} belongs.",
            f"A {what} is text or a number.",
        )
    return value.strip() or None


def require_labels(examples: Sequence[Example]) -> None:
    """Refuse reviews without a label.

    Raises:
        DataError: names the first such review and how many there are.
    """
    missing = [example.name for example in examples if example.label is None]
    if missing:
        raise DataError(
            f"{missing[0]} has no label ({len(missing):,} of {len(examples):,} reviews have none).",
            "Fill the label in, or delete the row.",
        )


def training_labels(examples: Sequence[Example]) -> tuple[str, ...]:
    """The labels a model can be trained on, in order; see :func:`label_order`.

    Raises:
        DataError: fewer than two labels, or so many that the column holds text rather than
            labels, or two labels that differ only in case.
    """
    counts = Counter(example.label for example in examples if example.label is not None)
    labels = label_order(counts)
    if len(labels) < 2:
        raise DataError(
            f"all {len(examples):,} reviews have the label {labels[0]!r}."
            if labels
            else "there are no labelled reviews.",
            "Training needs reviews of two labels or more.",
        )
    if len(labels) > _MOST_LABELS or len(labels) > max(_FEW_LABELS, len(examples) // 2):
        raise DataError(
            f"{len(labels):,} different labels in {len(examples):,} reviews look like a column of "
            f"text, for example {labels[0][:40]!r}.",
            "Name the column of labels with --label-column.",
        )
    _refuse_case_twins(labels)
    return labels


def _refuse_case_twins(labels: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for label in labels:
        twin = seen.setdefault(label.casefold(), label)
        if twin != label:
            raise DataError(
                f"the labels {twin!r} and {label!r} differ only in case.",
                "Write them the same way.",
            )


def _number(label: str) -> float | None:
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
