"""The pictures of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from undertone.evaluation import drawing
from undertone.evaluation.curves import ConfidenceBin
from undertone.evaluation.drawing import BLUE, GREY, INK, STROKES
from undertone.evaluation.intervals import Interval, wilson
from undertone.evaluation.measure import Evaluation
from undertone.evaluation.metrics import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMES_SIDE_BY_SIDE = 40
_MOST_CELL_TEXTS = 12
# The cells become darker than this share, and their text white.
_DARK = 0.55


def confusion(evaluation: Evaluation) -> Figure:
    """True labels against verdicts; colour is the share of a true label's reviews."""
    count = len(evaluation.labels)
    shares = [
        [cell / max(1, scores.reviews) for cell in row]
        for row, scores in zip(evaluation.confusion, evaluation.by_label, strict=True)
    ]
    names = [drawing.short(label) for label in evaluation.labels]
    upright = len(" ".join(names)) > _NAMES_SIDE_BY_SIDE
    side = min(12.0, max(2.8, 0.95 * count if count <= _MOST_CELL_TEXTS else 0.45 * count))
    with drawing.style():
        figure = drawing.figure(side + 1.9, side + (1.9 if upright else 1.4))
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
        axes.set_xticks(range(count), names, rotation=90 if upright else 0)
        axes.set_yticks(range(count), names)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.set(xlabel="Verdict", ylabel="True label", title="Confusion matrix")
        if count <= _MOST_CELL_TEXTS:
            _write_cells(axes, evaluation.confusion, shares)
        else:
            bar = figure.colorbar(image, ax=axes, shrink=0.5)
            bar.set_label("Share of the true label")
            drawing.percent_axis(bar.ax.yaxis)
    return figure


def reliability(evaluation: Evaluation) -> Figure:
    """Accuracy against confidence with 95% intervals, and how many reviews stand behind them."""
    bins = evaluation.confidence_bins
    with drawing.style():
        figure = drawing.figure(5.6, 5.8)
        axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        start = min(1.0 / len(evaluation.labels), bins[0].low)
        axes.set_xlim(start - 0.01, 1.01)
        axes.set_title(f"Reliability (calibration error {shown('ece', evaluation.ece)})")
        _draw_reliability(axes, bins)
        strip.bar(
            [each.low for each in bins],
            [each.reviews / evaluation.reviews for each in bins],
            width=[each.high - each.low for each in bins],
            align="edge",
            color=GREY,
            edgecolor="white",
        )
        strip.set(xlabel="Confidence (probability of the likeliest label)", ylabel="Reviews")
        for axis in (axes.yaxis, strip.yaxis, strip.xaxis):
            drawing.percent_axis(axis)
    return figure


def roc(evaluation: Evaluation) -> Figure:
    """True against false positive rate, of each label where there are more than two."""
    with drawing.style():
        figure = drawing.figure(5.2, 5.2)
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2)
        few = len(evaluation.roc) <= len(STROKES)
        for number, curve in enumerate(evaluation.roc):
            stroke = STROKES[number] if few else STROKES[0]
            axes.plot(
                curve.false_positive_rate,
                curve.true_positive_rate,
                color=stroke.colour,
                linestyle=stroke.dash,
                linewidth=1.8 if few else 0.8,
                label=drawing.short(curve.label),
            )
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.set(xlabel="False positive rate", ylabel="True positive rate")
        axes.set_title(f"ROC (area {shown('roc_auc', evaluation.roc_auc)})")
        drawing.percent_axis(axes.xaxis)
        drawing.percent_axis(axes.yaxis)
        if evaluation.roc and few:
            axes.legend(loc="lower right")
    return figure


def risk_coverage(evaluation: Evaluation) -> Figure:
    """Wrong verdicts among the surest reviews, over how many of all reviews these are."""
    curve = evaluation.risk
    with drawing.style():
        figure = drawing.figure(6.0, 4.2)
        axes = figure.subplots()
        whole = 1.0 - evaluation.accuracy
        axes.axhline(whole, color=GREY, linestyle="--", linewidth=1.2, label="all reviews")
        axes.plot(curve.coverage, curve.risk, color=BLUE, label="the surest alone")
        axes.set(xlim=(-0.01, 1.01))
        axes.set_ylim(bottom=0.0)
        axes.set(xlabel="Reviews with a verdict", ylabel="Wrong verdicts among these")
        axes.set_title(f"Risk over coverage (mean {shown('aurc', evaluation.figures['aurc'])})")
        drawing.percent_axis(axes.xaxis)
        drawing.percent_axis(axes.yaxis)
        drawing.legend_above(axes)
    return figure


def by_length(evaluation: Evaluation) -> Figure:
    """Accuracy with 95% intervals over the length of the review, and reviews in each band."""
    bands = evaluation.by_length
    places = range(len(bands))
    with drawing.style():
        figure = drawing.figure(6.8, 4.4)
        axes = figure.subplots()
        axes.axhline(
            evaluation.accuracy, color=GREY, linestyle="--", linewidth=1.2, label="all reviews"
        )
        values, intervals = zip(*((b.accuracy, b.accuracy_interval) for b in bands), strict=True)
        _draw_points(axes, places, values, intervals)
        axes.set_xticks(places, [f"{band.title}\nn={band.reviews:,}" for band in bands])
        axes.tick_params(axis="x", labelsize=9)
        axes.set_xlim(-0.5, len(bands) - 0.5)
        axes.grid(visible=False, axis="x")
        axes.set(xlabel="Tokens of the whole review", ylabel="Accuracy")
        axes.set_title("Accuracy by length of the review")
        drawing.percent_axis(axes.yaxis)
        drawing.legend_above(axes)
    return figure


def _draw_reliability(axes: Axes, bins: Sequence[ConfidenceBin]) -> None:
    axes.plot(
        [0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2, label="perfectly calibrated"
    )
    confidences = [each.confidence for each in bins]
    values = [each.accuracy for each in bins]
    intervals = [wilson(round(each.accuracy * each.reviews), each.reviews) for each in bins]
    _draw_points(axes, confidences, values, intervals)
    lowest = min(axes.get_xlim()[0], *(interval.low - 0.03 for interval in intervals))
    axes.set(ylim=(max(-0.01, lowest), 1.02), ylabel="Accuracy")
    drawing.legend_above(axes)


def _draw_points(
    axes: Axes, places: Sequence[float], values: Sequence[float], intervals: Sequence[Interval]
) -> None:
    """Shares with their intervals, joined by a thin line."""
    below = [value - interval.low for value, interval in zip(values, intervals, strict=True)]
    above = [interval.high - value for value, interval in zip(values, intervals, strict=True)]
    axes.errorbar(
        places,
        values,
        yerr=[below, above],
        color=BLUE,
        marker="o",
        capsize=4,
        linewidth=1.4,
        label="accuracy, 95% interval",
    )


def _write_cells(axes: Axes, counts: Sequence[Sequence[int]], shares: list[list[float]]) -> None:
    for row, line in enumerate(counts):
        for column, count in enumerate(line):
            share = shares[row][column]
            axes.text(
                column,
                row,
                f"{count:,}\n{100.0 * share:.1f}%",
                ha="center",
                va="center",
                color="white" if share > _DARK else INK,
                fontsize=11 if len(counts) <= 5 else 8,
            )
