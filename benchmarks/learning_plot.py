"""The learning curve as a picture."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from undertone.evaluation import drawing
from undertone.evaluation.drawing import INK, STROKES
from undertone.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "network": "undertone, from a language model",
    "bigrams": "TF-IDF (1, 2) + logistic regression",
}


def curve(points: Sequence[Mapping[str, Any]], whole: int) -> Figure:
    """Test accuracy by number of labelled reviews, on a logarithmic axis.

    Lines go through the means over seeds; bars reach from the smallest lower end to the largest
    upper end of the seeds' 95% Wilson intervals.

    Args:
        points: as the result file holds them.
        whole: the number of labelled reviews that is called "all".
    """
    counts = sorted({point["labels"] for point in points})
    with drawing.style():
        figure = drawing.figure(7.6, 4.6)
        axes = figure.subplots()
        bands = {name: _bands(points, counts, name) for name in TITLES}
        for name, mine in bands.items():
            _draw(axes, counts, name, mine)
        for count, first, second in zip(counts, *bands.values(), strict=True):
            ahead = first.mean >= second.mean
            _write(axes, count, first, above=ahead)
            _write(axes, count, second, above=not ahead)
        axes.set_xscale("log")
        axes.set_xticks(counts, [_tick(each, whole) for each in counts])
        axes.xaxis.set_minor_locator(require("matplotlib.ticker", "plots").NullLocator())
        axes.set_xlim(counts[0] / 1.35, counts[-1] * 1.35)
        axes.margins(y=0.14)
        drawing.percent_axis(axes.yaxis)
        axes.set_title("Accuracy by number of labelled reviews")
        axes.set(xlabel="Labelled reviews (logarithmic)", ylabel="Accuracy on the test reviews")
        drawing.legend_above(axes)
    return figure


def save(points: Sequence[Mapping[str, Any]], whole: int, result: Path) -> tuple[Path, Path]:
    """Write the picture beside the result file, as ``.png`` and ``.svg``."""
    return drawing.save(curve(points, whole), result.with_suffix(""))


class _Band(NamedTuple):
    """The seeds of one system at one number of labels: mean, and the ends of its bar."""

    mean: float
    low: float
    high: float


def _bands(points: Sequence[Mapping[str, Any]], counts: Sequence[int], name: str) -> list[_Band]:
    groups = [[each[name] for each in points if each["labels"] == count] for count in counts]
    return [
        _Band(
            statistics.fmean(each["accuracy"] for each in group),
            min(each["interval"][0] for each in group),
            max(each["interval"][1] for each in group),
        )
        for group in groups
    ]


def _draw(axes: Axes, counts: Sequence[int], name: str, bands: Sequence[_Band]) -> None:
    stroke = STROKES[list(TITLES).index(name)]
    axes.errorbar(
        counts,
        [each.mean for each in bands],
        yerr=[[each.mean - each.low for each in bands], [each.high - each.mean for each in bands]],
        color=stroke.colour,
        linestyle=stroke.dash,
        marker=stroke.marker,
        capsize=3,
        elinewidth=1.2,
        label=TITLES[name],
    )


def _write(axes: Axes, count: int, band: _Band, *, above: bool) -> None:
    """The mean beside its bar, on the side that faces away from the other system."""
    axes.annotate(
        f"{100 * band.mean:.1f}",
        (count, band.high if above else band.low),
        xytext=(0, 5 if above else -5),
        textcoords="offset points",
        ha="center",
        va="bottom" if above else "top",
        color=INK,
        fontsize=9,
    )


def _tick(count: int, whole: int) -> str:
    return f"all\n({count:,})" if count == whole else f"{count:,}"
