"""Numbers and tables as people read them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from itertools import accumulate

_LARGEST_EXPONENT = 700.0  # beyond it a float overflows
_JOINERS = "\u200c\u200d"


def duration(seconds: float) -> str:
    """``"0.4 s"``, ``"42 s"``, ``"6 min 05 s"``, ``"2 h 10 min"``."""
    if 0 < seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def percent(share: float | None) -> str:
    """``"90.1%"``; ``"-"`` where there is no figure."""
    return "-" if share is None else f"{100 * share:.1f}%"


def perplexity(loss: float) -> str:
    """``"148.4"`` for a loss of 5 nats a token: a guess among so many equally likely words."""
    return f"{math.exp(min(loss, _LARGEST_EXPONENT)):,.1f}"


def megabytes(size: int) -> str:
    """``"3.9 MB"``, of 1,000,000 bytes each."""
    return f"{size / 1e6:.1f} MB"


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows of cells in aligned columns, two spaces apart; the first row is the heading.

    Args:
        rows: all of one width.
        right: indices of the columns that are aligned to the right, for figures.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and values below each other, values aligned."""
    width = max(len(name) for name, _ in pairs)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in pairs)


def printable(text: str) -> str:
    """Text that a terminal shows as it is read: it may be hostile, or come from a web page.

    Control characters are escaped, line ends and tabs kept. Every other white space becomes a
    space. Invisible marks go, those that turn the direction of writing among them; the joiners
    stay, which hold emoji and some scripts together.
    """
    return "".join(map(_printable, text))


def _printable(character: str) -> str:
    if character.isprintable() or character in "\n\t" or character in _JOINERS:
        return character
    kind = unicodedata.category(character)
    if kind in ("Zs", "Zl", "Zp"):
        return " "
    return "" if kind == "Cf" else character.encode("unicode_escape").decode()


def cells(text: str) -> int:
    """Columns of a terminal that ``text`` takes: two for Chinese, none for an accent alone."""
    return sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def one_line(text: str) -> str:
    """White space folded, control characters escaped."""
    return printable(" ".join(text.split()))


def shortened(text: str, width: int) -> str:
    """``text`` on one line, cut to ``width`` columns of a terminal with an ellipsis."""
    line = one_line(text)
    if cells(line) <= width:
        return line
    kept = sum(taken < width for taken in accumulate(map(_cells, line)))
    return line[: max(1, kept)].rstrip() + "…"
