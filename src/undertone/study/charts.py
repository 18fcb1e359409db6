"""What the pictures of a study show, before anything is drawn.

A chart is drawn twice: into the page by :mod:`.svg`, in the colours of the reader's scheme, and
into files by :mod:`.pictures`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

from msgspec import Struct

from undertone.study.summary import Mean, ModelResult, StudyResult

_TWO_LABELS = 2
# Between models that share a place on an axis of bands, so that intervals do not hide each other.
_BESIDE = 0.07


class Point(NamedTuple):
    """A mark, with the ends of its interval where it has one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


class Line(Struct, frozen=True):
    """One model's marks; ``style`` is its number, which gives colour and marker everywhere."""

    name: str
    style: int
    points: tuple[Point, ...]
    dashed: bool = False
    joined: bool = True
    markers: bool = True


class Chart(Struct, frozen=True):
    """One picture.

    Attributes:
        name: of its files.
        title: above it.
        x_title: below it, with the unit.
        y_title: beside it, with the unit.
        lines: what it shows.
        x_scale: whole: integers alone get a tick; bands: the names in ``bands`` stand at 0, 1, 2
            and so on.
        bands: names of the places along x.
        percent_x: x is a share of 1.
        percent_y: y is a share of 1.
        diagonal: also show where y equals x.
        note: how to read it.
    """

    name: str
    title: str
    x_title: str
    y_title: str
    lines: tuple[Line, ...]
    x_scale: Literal["linear", "log", "whole", "bands"] = "linear"
    bands: tuple[str, ...] = ()
    percent_x: bool = False
    percent_y: bool = False
    diagonal: bool = False
    note: str = ""


def charts(result: StudyResult) -> tuple[Chart, ...]:
    """All pictures of a study; those that would be empty are left out."""
    made = (draw(result) for draw in CHARTS)
    return tuple(each for each in made if any(line.points for line in each.lines))


def loss(result: StudyResult) -> Chart:
    """Loss against epoch, every model."""
    return Chart(
        "loss_epoch_plot",
        "Loss by epoch",
        "Epoch",
        "Loss (nats)",
        tuple(_epochs(result, "loss")),
        x_scale="whole",
        note=_EPOCHS_NOTE,
    )


def accuracy(result: StudyResult) -> Chart:
    """Accuracy against epoch, every model."""
    return Chart(
        "accuracy_epoch_plot",
        "Accuracy by epoch",
        "Epoch",
        "Accuracy",
        tuple(_epochs(result, "accuracy")),
        x_scale="whole",
        percent_y=True,
        note=_EPOCHS_NOTE,
    )


def by_parameters(result: StudyResult) -> Chart:
    """Test accuracy against parameters."""
    return _against(
        result,
        "accuracy_parameters",
        "Test accuracy by parameters",
        "Parameters",
        lambda model: float(model.parameters),
    )


def by_operations(result: StudyResult) -> Chart:
    """Test accuracy against operations of training."""
    return _against(
        result,
        "accuracy_flops",
        "Test accuracy by training operations",
        "Training operations (FLOP)",
        lambda model: model.mean("flops"),
        "A bag of n-grams has no such count and is left out.",
    )


def by_minutes(result: StudyResult) -> Chart:
    """Test accuracy against minutes of training."""
    return _against(
        result,
        "accuracy_minutes",
        "Test accuracy by training time",
        "Training time (minutes)",
        lambda model: model.mean("minutes"),
    )


def calibration(result: StudyResult) -> Chart:
    """Accuracy against confidence."""
    lines = [
        Line(
            model.name,
            style,
            tuple(Point(each.confidence, each.accuracy) for each in model.confidence_bins),
        )
        for style, model in _numbered(result)
    ]
    return Chart(
        "calibration",
        "Calibration on test",
        "Confidence (probability of the likeliest label)",
        "Accuracy",
        tuple(lines),
        percent_x=True,
        percent_y=True,
        diagonal=True,
        note="All seeds together, 15 bins; on the diagonal, confidence is accuracy.",
    )


def roc(result: StudyResult) -> Chart:
    """True against false positive rate of the second of two labels."""
    two = len(result.labels) == _TWO_LABELS
    lines = [
        Line(
            model.name,
            style,
            tuple(
                Point(*pair)
                for curve in model.roc[:1]
                for pair in zip(curve.false_positive_rate, curve.true_positive_rate, strict=True)
            ),
            markers=False,
        )
        for style, model in _numbered(result)
        if two
    ]
    return Chart(
        "roc",
        f"ROC of {result.labels[-1]!r} on test",
        "False positive rate",
        "True positive rate",
        tuple(lines),
        percent_x=True,
        percent_y=True,
        diagonal=True,
        note="All seeds together; on the diagonal, a model guesses.",
    )


def by_length(result: StudyResult) -> Chart:
    """Test accuracy against the length of the review."""
    bands = next((each.by_length for each in result.full), ())
    places = {band.title: place for place, band in enumerate(bands)}
    lines = [
        Line(
            model.name,
            style,
            tuple(
                _point(
                    places[band.title] + _BESIDE * (style - len(result.models) / 2), band.accuracy
                )
                for band in model.by_length
            ),
        )
        for style, model in _numbered(result)
    ]
    return Chart(
        "accuracy_by_length",
        "Test accuracy by length of the review",
        "Words of the review",
        "Accuracy",
        tuple(lines),
        x_scale="bands",
        bands=tuple(places),
        percent_y=True,
        note="Means over seeds with 95% intervals.",
    )


_EPOCHS_NOTE = "Means over seeds. Solid: validation; dashed: train, dropout on."

CHARTS: tuple[Callable[[StudyResult], Chart], ...] = (
    loss,
    accuracy,
    by_parameters,
    by_operations,
    by_minutes,
    calibration,
    roc,
    by_length,
)
"""The pictures in the order of the report; a new one is a function and an entry."""


def _numbered(result: StudyResult) -> Iterator[tuple[int, ModelResult]]:
    """Models that were trained in full, each with its number among all models."""
    return ((place, each) for place, each in enumerate(result.models) if not each.steps)


def _epochs(result: StudyResult, kind: str) -> Iterator[Line]:
    for part in ("validation", "train"):
        for style, model in _numbered(result):
            points = (Point(each.epoch, getattr(each, f"{part}_{kind}")) for each in model.history)
            yield Line(model.name, style, tuple(points), dashed=part == "train")


def _against(
    result: StudyResult,
    name: str,
    title: str,
    x_title: str,
    cost: Callable[[ModelResult], float | None],
    note: str = "",
) -> Chart:
    lines = []
    for style, model in _numbered(result):
        spent = cost(model)
        if spent:
            point = _point(spent, model.figures["test_accuracy"])
            lines.append(Line(model.name, style, (point,), joined=False))
    return Chart(
        name,
        title,
        x_title,
        "Test accuracy",
        tuple(lines),
        x_scale="log",
        percent_y=True,
        note=f"Means over seeds with 95% intervals. {note}".strip(),
    )


def _point(x: float, figure: Mean) -> Point:
    if figure.interval is None:
        return Point(x, figure.mean)
    low, high = (min(1.0, max(0.0, end)) for end in figure.interval)
    return Point(x, figure.mean, low, high)


def limits(chart: Chart) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of the two axes, with some room around all marks."""
    points = [point for line in chart.lines for point in line.points]
    xs = [point.x for point in points]
    ys = [end for point in points for end in (point.y, point.low, point.high) if end is not None]
    low, high = _with_room(ys)
    if chart.percent_y:
        low, high = max(0.0, low), min(1.0, high)
    if chart.x_scale == "log":
        return (min(xs) / 2, max(xs) * 2), (low, high)
    if chart.x_scale == "bands":
        return (-0.5, len(chart.bands) - 0.5), (low, high)
    if chart.x_scale == "whole":
        return (min(xs) - 0.5, max(xs) + 0.5), (low, high)
    if chart.name == "roc":
        return (0.0, 1.0), (0.0, 1.0)
    return (max(0.0, min(xs) - 0.02), min(1.0, max(xs) + 0.02)), (low, high)


def _with_room(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = max(0.02, 0.06 * (high - low))
    return low - room, high + room
