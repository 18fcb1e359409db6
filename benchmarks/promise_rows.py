"""Tables for `benchmarks.promises`: made row by row, and counted row by row, in constant memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

_WORDS = 20
_STEP = 7  # words by which each pass over the openings is turned; prime to most lengths


def openings(texts: Sequence[str]) -> list[str]:
    """The first twenty words of each text."""
    return [" ".join(text.replace("<br />", " ").split()[:_WORDS]) for text in texts]


def varied(openings: Sequence[str], count: int) -> Iterator[str]:
    """As many short texts as asked for: the openings again and again, turned by a few words."""
    for number in range(count):
        passed, place = divmod(number, len(openings))
        words = openings[place].split()
        start = passed * _STEP % max(1, len(words))
        yield " ".join(words[start:] + words[:start])


def write_varied(path: Path, openings: Sequence[str], count: int) -> None:
    """A CSV file with the columns ``id``, which counts from 0, and ``text``."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(("id", "text"))
        table.writerows(enumerate(varied(openings, count)))


def write_texts(source: Path, path: Path, count: int | None = None) -> int:
    """A CSV file like that of :func:`write_varied`, from the ``text`` of JSON Lines.

    Returns:
        Its rows.
    """
    rows = 0
    with (
        source.open(encoding="utf-8") as lines,
        path.open("w", encoding="utf-8", newline="") as out,
    ):
        table = csv.writer(out)
        table.writerow(("id", "text"))
        for rows, line in enumerate(lines, start=1):
            table.writerow((rows - 1, json.loads(line)["text"]))
            if rows == count:
                break
    return rows


def misplaced(path: Path, count: int) -> int:
    """How many rows of a scored CSV file are missing, too many, or not in their place.

    Args:
        path: made from a file of :func:`write_varied` or :func:`write_texts`.
        count: the rows of that file.
    """
    wrong = rows = 0
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            wrong += row["id"] != str(rows) or not row["status"]
            rows += 1
    return wrong + abs(count - rows)
