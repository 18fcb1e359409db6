"""An explanation as a picture: the text coloured by contribution, and the running verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from undertone.evaluation import drawing
from undertone.evaluation.drawing import BLUE, GREY, INK, PALE, VERMILLION
from undertone.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from undertone.inference.explanation import Explanation, TokenContribution

_FONT = "DejaVu Sans Mono"
_ADVANCE_EM = 0.602
_COLUMNS = 88
# More lines than these leave out their middle: no picture is taller than a renderer can make it.
_MOST_LINES = 300
_UNDRAWABLE = "\u25a1"

# Inches.
_WIDTH, _MARGIN, _LINE, _CURVE, _HEAD, _BETWEEN, _FOOT = 9.0, 0.65, 0.22, 1.9, 0.75, 0.75, 0.6
# The strongest token gets this much of the full colour, so that its text stays readable.
_STRONGEST = 0.65
_NAME_ROWS = 3


class _Line(NamedTuple):
    """One line of the wrapped text: offsets in the text, and where it is drawn."""

    start: int
    end: int
    row: int


def explanation(explained: Explanation) -> Figure:
    """The text with every token coloured by its contribution, above the running verdict.

    Blue speaks for the explained label, vermillion against it; tokens that were not read are
    grey. The curve shows the label's probability as if the text ended at each token, with the
    turning points named. Characters that the font lacks are drawn as boxes.

    Args:
        explained: what ``model.explain`` returned.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    lines, left_out = _shortened(_wrapped(explained.text))
    rows = max((line.row for line in lines), default=0) + 1
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
        if left_out:
            text.text(
                _COLUMNS / 2,
                _MOST_LINES // 2 + 0.5,
                f"… {left_out:,} lines left out …",
                ha="center",
                va="center",
                color=GREY,
            )
        _draw_head(figure, explained, height)
        _draw_curve(figure.add_axes(_box(_FOOT, _CURVE, height)), explained)
    return figure


def _box(bottom: float, tall: float, height: float) -> tuple[float, float, float, float]:
    """Left, bottom, width and height of axes as shares of the figure, from inches."""
    return _MARGIN / _WIDTH, bottom / height, 1.0 - 1.4 * _MARGIN / _WIDTH, tall / height


def _wrapped(text: str) -> list[_Line]:
    """The text in lines of at most ``_COLUMNS`` characters, broken at white space."""
    lines: list[_Line] = []
    start = end = -1
    for match in re.finditer(rf"\n|\S{{1,{_COLUMNS}}}", text):
        word = match.group() != "\n"
        if start >= 0 and not (word and match.end() - start <= _COLUMNS):
            lines.append(_Line(start, end, len(lines)))
            start = -1
        if word:
            start = match.start() if start < 0 else start
            end = match.end()
    if start >= 0:
        lines.append(_Line(start, end, len(lines)))
    return lines


def _shortened(lines: list[_Line]) -> tuple[list[_Line], int]:
    """Without the middle lines of a very long text, and how many those are."""
    left_out = len(lines) - _MOST_LINES
    if left_out <= 0:
        return lines, 0
    half = _MOST_LINES // 2
    head, tail = lines[:half], lines[-half:]
    return head + [line._replace(row=line.row - left_out + 1) for line in tail], left_out


def _draw_text(axes: Axes, explained: Explanation, lines: Sequence[_Line]) -> None:
    """Each piece at its own place, so that nothing depends on how a renderer sets a line."""
    strongest = max((abs(token.contribution) for token in explained.tokens), default=0.0) or 1.0
    size = (_WIDTH - 1.4 * _MARGIN) * 72.0 / (_COLUMNS * _ADVANCE_EM)
    drawable = _drawable()
    rectangle = require("matplotlib.patches", "plots").Rectangle
    for line, start, end, token in _pieces(explained, lines):
        place = (start - line.start, line.row)
        if token is not None and token.read:
            strength = _STRONGEST * abs(token.contribution) / strongest
            colour = BLUE if token.contribution > 0 else VERMILLION
            axes.add_patch(rectangle(place, end - start, 0.92, color=colour, alpha=strength, lw=0))
        piece = explained.text[start:end]
        axes.text(
            place[0],
            place[1] + 0.68,
            "".join(each if ord(each) in drawable else _UNDRAWABLE for each in piece),
            family=_FONT,
            fontsize=size,
            color=GREY if token is not None and not token.read else INK,
            va="baseline",
        )


def _pieces(
    explained: Explanation, lines: Sequence[_Line]
) -> Iterator[tuple[_Line, int, int, TokenContribution | None]]:
    """Tokens and the words between them, cut at the ends of lines; white space is left out."""
    for line in lines:
        at = line.start
        for token in explained.tokens:
            start, end = max(token.start, line.start), min(token.end, line.end)
            if start < end:
                yield from ((line, *span, None) for span in _words(explained.text, at, start))
                yield line, start, end, token
                at = end
        yield from ((line, *span, None) for span in _words(explained.text, at, line.end))


def _words(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    yield from (match.span() for match in re.compile(r"\S+").finditer(text, start, end))


def _drawable() -> frozenset[int]:
    """Code points that the font of the text has."""
    path = require("matplotlib.font_manager", "plots").findfont(_FONT)
    return frozenset(require("matplotlib.ft2font", "plots").FT2Font(path).get_charmap())


def _draw_head(figure: Figure, explained: Explanation, height: float) -> None:
    prediction = explained.prediction
    title = "No verdict: there is no token to read"
    if prediction.label is not None and prediction.probability is not None:
        title = f"{prediction.label}, {100.0 * prediction.probability:.1f}%"
    left, top = _MARGIN / _WIDTH, 1.0 - 0.3 / height
    figure.text(left, top, title, fontsize=13, fontweight="bold", color=INK, va="center")
    right = 1.0 - 0.4 * _MARGIN / _WIDTH
    for row, (colour, word) in enumerate(((BLUE, "for"), (VERMILLION, "against"))):
        figure.text(
            right,
            top + (0.11 - 0.22 * row) / height,
            f"speaks {word} {explained.label}",
            color=colour,
            fontweight="bold",
            fontsize=10,
            ha="right",
            va="center",
        )


def _draw_curve(axes: Axes, explained: Explanation) -> None:
    axes.axhline(0.5, color=GREY, linewidth=1.0, linestyle="--")
    _draw_unread(axes, explained.tokens)
    axes.plot(
        [point.token + 1 for point in explained.curve],
        [point.probability for point in explained.curve],
        color=BLUE,
        marker="o" if len(explained.curve) <= 40 else "",
        markersize=3.5,
    )
    for number, turn in enumerate(explained.turning_points):
        _draw_turn(axes, turn, explained.text, number)
    axes.set(ylim=(-0.02, 1.02), xlim=(0.5, max(1, len(explained.tokens)) + 0.5))
    axes.set(xlabel="Tokens read so far", ylabel=f"{explained.label}, so far")
    ticker = require("matplotlib.ticker", "plots")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
    drawing.percent_axis(axes.yaxis)


def _draw_unread(axes: Axes, tokens: Sequence[TokenContribution]) -> None:
    places = [number for number, token in enumerate(tokens, start=1) if not token.read]
    if places:
        axes.axvspan(places[0], places[-1], color=PALE, linewidth=0)
        middle = (places[0] + places[-1]) / 2
        axes.text(middle, 0.06, "not read", ha="center", color=GREY, fontsize=9)


def _draw_turn(axes: Axes, turn: Any, text: str, number: int) -> None:
    """Where the verdict turns, with the words that turn it; names stand in rows above the plot."""
    place = turn.token + 1
    axes.axvline(place, color=GREY, linewidth=1.0, linestyle=":")
    axes.annotate(
        _named(text, turn.start),
        (place, 1.02),
        xycoords=axes.get_xaxis_transform(),
        xytext=(0, 2 + 12 * (number % _NAME_ROWS)),
        textcoords="offset points",
        fontsize=8.5,
        fontweight="bold" if turn.crosses else "normal",
        ha="center",
        color=INK,
    )


def _named(text: str, start: int) -> str:
    """The word at ``start``, shortened."""
    words = text[start : start + 40].split()
    word = words[0] if words else ""
    return word if len(word) <= 14 else word[:13] + "…"
