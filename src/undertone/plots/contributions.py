"""An explanation as a picture: the text coloured by contribution, and the running verdict."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

from undertone.evaluation import drawing
from undertone.evaluation.drawing import BLUE, GREY, INK, VERMILLION
from undertone.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from undertone.inference.explanation import Explanation, TokenContribution, TurningPoint

# Characters that the first lacks, Hebrew among them, are taken from the second.
_FONTS = ("DejaVu Sans Mono", "DejaVu Sans")
_ADVANCE_EM = 0.602
_COLUMNS = 88
# More lines than these leave out their middle: no picture is taller than a renderer can make it.
_MOST_LINES = 300
# Up to so many points, each point of the curve gets a marker.
_MOST_MARKERS = 40
_LONGEST_NAME = 14
_UNDRAWABLE = "\u25a1"

# Inches.
_WIDTH, _LEFT, _RIGHT = 9.0, 0.85, 0.3
_HEAD, _LINE, _BETWEEN, _CURVE, _FOOT = 0.75, 0.22, 0.75, 1.9, 0.6
_INNER = _WIDTH - _LEFT - _RIGHT
# The strongest token gets this much of the full colour, so that its text stays readable.
_STRONGEST = 0.65
# Names of turning points: size in points, rows that they are spread over, room a letter needs.
_NAME_SIZE, _NAME_ROWS, _LETTER = 8.5, 3, 0.085


class _Line(NamedTuple):
    """One line of the wrapped text by its offsets, or a note that stands in place of text."""

    start: int
    end: int
    note: str = ""


def explanation(explained: Explanation) -> Figure:
    """The text with every token coloured by its contribution, above the running verdict.

    Blue speaks for the explained label, vermillion against it; where tokens were not read, a grey
    note says how many. The curve shows the label's running probability, with the turning points
    named. Characters that the fonts lack are drawn as boxes.

    Args:
        explained: what ``model.explain`` returned.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    lines = _shortened(_lines(explained))
    rows = max(1, len(lines))
    text_height = rows * _LINE
    height = _FOOT + _CURVE + _BETWEEN + text_height + _HEAD
    with drawing.style():
        figure = drawing.figure(_WIDTH, height)
        figure.set_layout_engine("none")
        bottom = _FOOT + _CURVE + _BETWEEN
        text = figure.add_axes(_box(bottom, text_height, height))
        text.set(xlim=(0, _COLUMNS), ylim=(rows, 0))
        text.set_axis_off()
        _draw_text(text, explained, lines)
        _draw_notes(text, lines)
        _draw_head(figure, explained, height)
        _draw_curve(figure.add_axes(_box(_FOOT, _CURVE, height)), explained)
    return figure


def _box(bottom: float, tall: float, height: float) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of axes as shares of the figure, from inches."""
    return _LEFT / _WIDTH, bottom / height, _INNER / _WIDTH, tall / height


def _lines(explained: Explanation) -> list[_Line]:
    """The text in lines, with a note for each run of tokens that were not read."""
    text, lines, at = explained.text, [], 0
    for read, run in groupby(explained.tokens, key=lambda token: token.read):
        if not read:
            unread = list(run)
            lines += _wrapped(text, at, unread[0].start)
            at = unread[-1].end
            lines.append(_Line(at, at, f"… {len(unread):,} tokens not read …"))
    return lines + _wrapped(text, at, len(text))


def _wrapped(text: str, begin: int, finish: int) -> list[_Line]:
    """Part of the text in lines of at most ``_COLUMNS`` characters, broken at white space."""
    lines: list[_Line] = []
    start = end = -1
    for match in re.compile(rf"\n|\S{{1,{_COLUMNS}}}").finditer(text, begin, finish):
        word = match.group() != "\n"
        if start >= 0 and not (word and match.end() - start <= _COLUMNS):
            lines.append(_Line(start, end))
            start = -1
        if word:
            start = match.start() if start < 0 else start
            end = match.end()
    if start >= 0:
        lines.append(_Line(start, end))
    return lines


def _shortened(lines: list[_Line]) -> list[_Line]:
    """With a note in place of the middle lines of a very long text."""
    left_out = len(lines) - _MOST_LINES
    if left_out <= 0:
        return lines
    half = _MOST_LINES // 2
    at = lines[half].start
    return [*lines[:half], _Line(at, at, f"… {left_out:,} lines left out …"), *lines[-half:]]


def _draw_text(axes: Axes, explained: Explanation, lines: Sequence[_Line]) -> None:
    """Each piece at its own place, so that nothing depends on how a renderer sets a line."""
    strongest = max((abs(token.contribution) for token in explained.tokens), default=0.0) or 1.0
    size = _INNER * 72.0 / (_COLUMNS * _ADVANCE_EM)
    drawable = _drawable()
    rectangle = require("matplotlib.patches", "plots").Rectangle
    for row, start, end, token in _pieces(explained, lines):
        place = (_cells(explained.text[lines[row].start : start]), row)
        piece = explained.text[start:end]
        if token is not None:
            strength = _STRONGEST * abs(token.contribution) / strongest
            colour = BLUE if token.contribution > 0 else VERMILLION
            axes.add_patch(
                rectangle(place, _cells(piece), 0.92, color=colour, alpha=strength, lw=0)
            )
        axes.text(
            place[0],
            row + 0.68,
            "".join(each if ord(each) in drawable else _UNDRAWABLE for each in piece),
            family=_FONTS,
            fontsize=size,
            color=INK,
            va="baseline",
        )


def _draw_notes(axes: Axes, lines: Sequence[_Line]) -> None:
    for row, line in enumerate(lines):
        if line.note:
            middle = (_COLUMNS / 2, row + 0.5)
            axes.text(*middle, line.note, ha="center", va="center", color=GREY)


def _pieces(
    explained: Explanation, lines: Sequence[_Line]
) -> Iterator[tuple[int, int, int, TokenContribution | None]]:
    """Tokens and the words between them with their rows, cut at the ends of lines, no blanks."""
    ends = [token.end for token in explained.tokens]
    for row, line in enumerate(lines):
        if line.note:
            continue
        at = line.start
        for token in explained.tokens[bisect_left(ends, line.start + 1) :]:
            if token.start >= line.end:
                break
            start, end = max(token.start, line.start), min(token.end, line.end)
            yield from ((row, *span, None) for span in _words(explained.text, at, start))
            yield row, start, end, token
            at = end
        yield from ((row, *span, None) for span in _words(explained.text, at, line.end))


def _words(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    yield from (match.span() for match in re.compile(r"\S+").finditer(text, start, end))


def _cells(text: str) -> int:
    """Letters' widths that ``text`` takes: marks stand on the letter before them."""
    return sum(unicodedata.category(each) not in ("Mn", "Me", "Cf") for each in text)


def _drawable() -> frozenset[int]:
    """Code points that the fonts of the text have."""
    find = require("matplotlib.font_manager", "plots").findfont
    open_font = require("matplotlib.ft2font", "plots").FT2Font
    return frozenset().union(*(open_font(find(font)).get_charmap() for font in _FONTS))


def _draw_head(figure: Figure, explained: Explanation, height: float) -> None:
    prediction = explained.prediction
    title = "No verdict: there is no token to read"
    if prediction.label is not None and prediction.probability is not None:
        title = f"{drawing.short(prediction.label)}, {100.0 * prediction.probability:.1f}%"
    left, top = _LEFT / _WIDTH, 1.0 - 0.3 / height
    figure.text(left, top, title, fontsize=13, fontweight="bold", color=INK, va="center")
    right = 1.0 - _RIGHT / _WIDTH
    for row, (colour, word) in enumerate(((BLUE, "for"), (VERMILLION, "against"))):
        figure.text(
            right,
            top + (0.11 - 0.22 * row) / height,
            f"speaks {word} {drawing.short(explained.label)}",
            color=colour,
            fontweight="bold",
            fontsize=10,
            ha="right",
            va="center",
        )


def _draw_curve(axes: Axes, explained: Explanation) -> None:
    read = [number for number, token in enumerate(explained.tokens) if token.read]
    order = {number: place for place, number in enumerate(read, start=1)}
    axes.set(ylim=(-0.02, 1.02), xlim=(0.5, max(1, len(read)) + 0.5))
    axes.set(xlabel="Tokens read so far", ylabel=f"{drawing.short(explained.label)} so far")
    axes.axhline(0.5, color=GREY, linewidth=1.0, linestyle="--")
    _draw_gap(axes, read, len(explained.tokens))
    axes.plot(
        [order[point.token] for point in explained.curve],
        [point.probability for point in explained.curve],
        color=BLUE,
        marker="o" if len(explained.curve) <= _MOST_MARKERS else "",
        markersize=3.5,
    )
    _draw_turns(axes, explained, order)
    ticker = require("matplotlib.ticker", "plots")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
    drawing.percent_axis(axes.yaxis)


def _draw_gap(axes: Axes, read: Sequence[int], total: int) -> None:
    """Where part of a long text was left out."""
    for place, (one, next_) in enumerate(pairwise([-1, *read, total])):
        if next_ > one + 1:
            axes.axvline(place + 0.5, color=GREY, linewidth=4.0, alpha=0.4)
            axes.text(
                place + 0.5,
                0.04,
                f" {next_ - one - 1:,} tokens not read ",
                color=GREY,
                fontsize=_NAME_SIZE,
                ha="left" if place <= len(read) / 2 else "right",
            )


def _draw_turns(axes: Axes, explained: Explanation, order: Mapping[int, int]) -> None:
    """Where the verdict turns; bold where it changes sides. A name without room is left out."""
    taken = [0.0] * _NAME_ROWS
    for turn in explained.turning_points:
        place = order[turn.token]
        axes.axvline(place, color=GREY, linewidth=1.0, linestyle=":")
        name = _named(explained.text, turn)
        middle = _INNER * (place - 0.5) / len(order)
        start, end = middle - _LETTER * len(name) / 2, middle + _LETTER * (len(name) / 2 + 1)
        row = next((row for row, until in enumerate(taken) if until <= start), None)
        if row is not None:
            taken[row] = end
            axes.annotate(
                name,
                (place, 1.0),
                xycoords=axes.get_xaxis_transform(),
                xytext=(0, 4 + 12 * row),
                textcoords="offset points",
                fontsize=_NAME_SIZE,
                fontweight="bold" if turn.crosses else "normal",
                ha="center",
                color=INK,
            )


def _named(text: str, turn: TurningPoint) -> str:
    """The word that turns the verdict, shortened."""
    words = text[turn.start : turn.start + 40].split()
    word = words[0] if words else ""
    return word if len(word) <= _LONGEST_NAME else word[: _LONGEST_NAME - 1] + "…"
