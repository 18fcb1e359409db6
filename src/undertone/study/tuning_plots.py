"""Pictures of a search: the loss of its trials in their order, and what mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from undertone.evaluation import drawing
from undertone.evaluation.drawing import BLUE, GREY, INK, VERMILLION
from undertone.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.36  # inches for one bar
_ROOM = 1.1  # the lowest and the highest loss shown leave a tenth of their distance free


class Point(Protocol):
    """What is drawn of a trial."""

    @property
    def number(self) -> int:
        """Counted from 0."""

    @property
    def state(self) -> str:
        """Only ``complete`` and ``pruned`` ones are drawn."""

    @property
    def loss(self) -> float | None:
        """On validation, in nats."""


def history(trials: Sequence[Point]) -> Figure:
    """The loss of each trial in the order of their starts, and the best so far as a line.

    A pruned trial whose loss lies above those of all complete ones is drawn at the upper edge.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    complete, pruned = _losses(trials, "complete"), _losses(trials, "pruned")
    top = _top([loss for _, loss in complete or pruned])
    with drawing.style():
        figure = drawing.figure()
        axes = figure.subplots()
        _draw_points(axes, complete, top, (BLUE, "o", "complete"))
        _draw_points(axes, pruned, top, (GREY, "x", "pruned, its last epoch"))
        if complete:
            best = list(accumulate((loss for _, loss in complete), min))
            numbers = [number for number, _ in complete]
            axes.step(numbers, best, where="post", color=VERMILLION, label="best so far")
        axes.set_title("Validation loss by trial")
        axes.set(xlabel="Trial", ylabel="Loss (nats)")
        ticker = require("matplotlib.ticker", "plots")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
        if complete or pruned:
            drawing.legend_above(axes)
    return figure


def _losses(trials: Sequence[Point], state: str) -> list[tuple[int, float]]:
    return [
        (each.number, each.loss) for each in trials if each.state == state and each.loss is not None
    ]


def _draw_points(
    axes: Axes, points: Sequence[tuple[int, float]], top: float, look: tuple[str, str, str]
) -> None:
    """Points in a colour, with a marker and under a name; none adds nothing to the legend."""
    colour, marker, name = look
    if points:
        axes.plot(
            [number for number, _ in points],
            [min(loss, top) for _, loss in points],
            color=colour,
            marker=marker,
            linestyle="none",
            label=name,
        )


def _top(losses: Sequence[float]) -> float:
    """The highest loss that is drawn where it is."""
    if not losses:
        return float("inf")
    low, high = min(losses), max(losses)
    return low + (high - low) * _ROOM if high > low else float("inf")


def importance(shares: Mapping[str, float]) -> Figure:
    """A bar for each setting, the most important on top.

    Args:
        shares: importance by setting, as shares of 1.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    ordered = sorted(shares.items(), key=lambda each: each[1])
    with drawing.style():
        figure = drawing.figure(height=1.5 + _ROW * len(ordered))
        axes = figure.subplots()
        bars = axes.barh([name for name, _ in ordered], [share for _, share in ordered], color=BLUE)
        axes.bar_label(bars, [f"{100 * share:.0f}%" for _, share in ordered], padding=4, color=INK)
        axes.set_title("What mattered for the validation loss")
        axes.set_xlabel("Importance (PED-ANOVA)")
        axes.set_xlim(0.0, 1.12 * max(shares.values()))
        axes.grid(visible=False, axis="y")
        drawing.percent_axis(axes.xaxis)
    return figure
