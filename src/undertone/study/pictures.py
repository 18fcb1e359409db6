"""Charts as PNG and SVG files, for the Markdown report and for papers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from undertone.evaluation import drawing
from undertone.evaluation.drawing import GREY, STROKES
from undertone.extras import require
from undertone.study.charts import Chart, Line, limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def save(charts: Sequence[Chart], output: Path) -> tuple[Path, ...]:
    """Write each chart as ``NAME.png`` and ``NAME.svg``.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: the disk is full or the folder cannot be written.
    """
    return tuple(path for each in charts for path in drawing.save(draw(each), output / each.name))


def draw(chart: Chart) -> Figure:
    """A chart as a matplotlib figure that belongs to the caller."""
    with drawing.style():
        figure = drawing.figure(7.2, 4.8)
        axes = figure.subplots()
        across, up = limits(chart)
        if chart.diagonal:
            axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2)
        for line in chart.lines:
            _draw_line(axes, line)
        axes.set(xlim=across, ylim=up, xlabel=chart.x_title, ylabel=chart.y_title)
        axes.set_title(chart.title)
        _scale(axes, chart)
        figure.legend(loc="outside lower center", ncols=3)
    return figure


def _draw_line(axes: Axes, line: Line) -> None:
    if not line.points:
        return
    stroke = STROKES[line.style % len(STROKES)]
    ranged = any(point.low is not None for point in line.points)
    below = [point.y - (point.y if point.low is None else point.low) for point in line.points]
    above = [(point.y if point.high is None else point.high) - point.y for point in line.points]
    several = len(line.points) > 1
    marked = line.markers and not (line.dashed and several)
    axes.errorbar(
        [point.x for point in line.points],
        [point.y for point in line.points],
        yerr=[below, above] if ranged else None,
        color=stroke.colour,
        linestyle=("--" if line.dashed else "-") if line.joined and several else "none",
        linewidth=1.2 if line.dashed else 1.8,
        marker=stroke.marker if marked else "",
        capsize=4,
        label="" if line.dashed else line.name,
    )


def _scale(axes: Axes, chart: Chart) -> None:
    if chart.x_scale == "log":
        axes.set_xscale("log")
    elif chart.x_scale == "bands":
        axes.set_xticks(range(len(chart.bands)), chart.bands)
    elif chart.x_scale == "whole":
        ticker = require("matplotlib.ticker", "plots")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
    if chart.percent_x:
        drawing.percent_axis(axes.xaxis)
    if chart.percent_y:
        drawing.percent_axis(axes.yaxis)
