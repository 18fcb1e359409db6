"""The picture of a probe report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from undertone.evaluation import drawing
from undertone.evaluation.drawing import GREY, PALE, STROKES
from undertone.evaluation.probes.measure import FIGURES, ProbeReport, ProbeResult, Scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "accuracy": "Accuracy",
    "both": "Both of a pair",
    "direction": "Direction",
    "steady": "Steady",
}
_LONGEST = 24
# What a coin would reach; both members of a pair by two coins.
_CHANCE = {"accuracy": 0.5, "both": 0.25, "direction": 0.5, "steady": 0.5}


def phenomena(report: ProbeReport, names: Sequence[str]) -> Figure:
    """Figures by phenomenon with 95% intervals, models below each other; all texts on top.

    The dashed line is what a coin would reach.

    Args:
        report: what to draw.
        names: what to call each model.
    """
    figures = _drawn(report)
    rows = ["all texts", *(each.name for each in report.results[0].phenomena)]
    height = 0.24 * len(rows) * max(1.0, 0.55 * len(names)) + 1.9
    with drawing.style():
        made = drawing.figure(2.0 + 2.9 * len(figures), height)
        panels = made.subplots(1, len(figures), sharey=True, squeeze=False)[0]
        for axes, name in zip(panels, figures, strict=True):
            _panel(axes, name, report.results, names)
        panels[0].set_yticks(range(len(rows)), [row.replace("_", " ")[:_LONGEST] for row in rows])
        panels[0].set_ylim(len(rows) - 0.4, -0.6)
        if len(names) > 1:
            handles, labels = panels[0].get_legend_handles_labels()
            made.legend(handles, labels, loc="outside lower center", ncols=min(4, len(names)))
    return made


def _panel(axes: Axes, name: str, results: Sequence[ProbeResult], names: Sequence[str]) -> None:
    """One figure of all models; points of one phenomenon stand closely below each other."""
    axes.axvline(_CHANCE[name], color=GREY, linestyle="--", linewidth=1.2)
    axes.axhline(0.5, color=PALE, linewidth=1.2)
    spread = min(0.24, 0.7 / len(results))
    for number, (result, title) in enumerate(zip(results, names, strict=True)):
        shift = (number - (len(results) - 1) / 2.0) * spread
        _points(axes, name, result, shift, number, title)
    axes.set(xlim=(-0.02, 1.02), title=TITLES[name])
    axes.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    drawing.percent_axis(axes.xaxis)


def _points(
    axes: Axes, name: str, result: ProbeResult, shift: float, number: int, title: str
) -> None:
    stroke = STROKES[number % len(STROKES)]
    rows: list[Scores] = [result.overall, *(each.scores for each in result.phenomena)]
    found = [(row, FIGURES[name](scores)) for row, scores in enumerate(rows)]
    shares = [(row + shift, share) for row, share in found if share is not None]
    values = [share.share for _, share in shares]
    axes.errorbar(
        values,
        [place for place, _ in shares],
        xerr=[
            [share.share - share.interval.low for _, share in shares],
            [share.interval.high - share.share for _, share in shares],
        ],
        color=stroke.colour,
        marker=stroke.marker,
        linestyle="none",
        elinewidth=1.2,
        label=drawing.short(title),
    )


def _drawn(report: ProbeReport) -> list[str]:
    """Figures that half of the phenomena have: a panel of one or two points is no comparison."""
    groups = [each.scores for each in report.results[0].phenomena]
    counts = {name: sum(of(each) is not None for each in groups) for name, of in FIGURES.items()}
    return [name for name, count in counts.items() if 2 * count >= len(groups)]
