"""Plain text: one review a line, blank lines kept as empty reviews."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from undertone.data.lines import text_lines
from undertone.data.origins import Origin, Row, RowSource


def open_plaintext(origin: Origin) -> RowSource:
    """Open plain text; the only column is called ``text``."""
    rows = _rows(origin)
    # Reading one line now tells of a missing file before any row is asked for.
    first = list(itertools.islice(rows, 1))
    return RowSource(origin.name, ("text",), itertools.chain(first, rows))


def _rows(origin: Origin) -> Iterator[Row]:
    lines = text_lines(origin, lambda number: f"{origin.name} line {number}")
    for number, line in enumerate(lines, 1):
        yield Row(number, {"text": line.removesuffix("\n").removesuffix("\r")})
