"""JSON Lines: one object a line. Blank lines are skipped."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from undertone.data.lines import text_lines
from undertone.data.origins import Origin, Row, RowSource
from undertone.errors import DataError

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_NOT_A_NUMBER = re.compile(r"[:\[,]\s*-?(NaN|Infinity)\b")


def open_jsonl(origin: Origin) -> RowSource:
    """Open JSON Lines; the columns are those of the first object.

    Raises:
        DataError: the file holds no rows, or its first line is no object.
    """
    rows = _rows(origin)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{origin.name} holds no rows.", "It needs one JSON object a line.")
    return RowSource(origin.name, tuple(first.fields), itertools.chain([first], rows))


def _rows(origin: Origin) -> Iterator[Row]:
    def place(line: int) -> str:
        return f"{origin.name} line {line}"

    number = 0
    for line_number, line in enumerate(text_lines(origin, place), 1):
        if line.strip():
            number += 1
            yield Row(number, _object(line, place(line_number)))


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(line)
    except RecursionError as error:
        raise DataError(f"{place} is nested too deeply.", "A row is one flat object.") from error
    except msgspec.ValidationError as error:
        raise DataError(
            f"{place} holds a number that is out of range (beyond 1.8e308).",
            "Write it as text, in quotes.",
        ) from error
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise DataError(
            f"{place} is not valid JSON: {_reason(line, error)}.", "Write one JSON object a line."
        ) from error
    if not isinstance(value, dict):
        raise DataError(
            f"{place} holds a JSON {type(value).__name__}, not an object.",
            'Write each row as {"text": ..., "label": ...}.',
        )
    return value


def _reason(line: str, error: Exception) -> str:
    """Say it in words where the decoder's own message would puzzle."""
    if _NOT_A_NUMBER.search(line):
        return "NaN and Infinity are no JSON numbers"
    if _SURROGATE.search(line):
        return "it escapes half a character (a lone surrogate, \\ud800 to \\udfff)"
    return str(error)
