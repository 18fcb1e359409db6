"""Tricky reviews: a few short texts, each read by every model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from undertone.errors import DataError

_REMEDY = 'Give one JSON object a line: {"text": "...", "label": "...", "note": "..."}.'


class TrickyReview(Struct, frozen=True):
    """A text, how its author reads it (any word; empty: not said), and why it is tricky."""

    text: str
    label: str = ""
    note: str = ""


class Reading(Struct, frozen=True):
    """What the seeds of one model make of one text.

    Attributes:
        model: name.
        probabilities: calibrated, of every label in order, a row a seed.
        verdicts: label a seed; empty where the model finds nothing to read.
    """

    model: str
    probabilities: tuple[tuple[float, ...], ...]
    verdicts: tuple[str, ...]


class TrickyResult(Struct, frozen=True):
    """A tricky review and what every model makes of it."""

    review: TrickyReview
    readings: tuple[Reading, ...]


def read(path: Path) -> tuple[TrickyReview, ...]:
    """Read a JSON Lines file with ``text`` and, if known, ``label`` and ``note``.

    Raises:
        DataError: the file cannot be read, or a line does not fit; its number is named.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}.", _REMEDY) from error
    found = tuple(_reviews(path, lines))
    if not found:
        raise DataError(f"{path} holds no review.", _REMEDY)
    return found


def _reviews(path: Path, lines: list[bytes]) -> Iterator[TrickyReview]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield msgspec.json.decode(line, type=TrickyReview)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise DataError(f"{path}, line {number}: {error}.", _REMEDY) from error
