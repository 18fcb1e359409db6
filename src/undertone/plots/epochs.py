"""The curves of a training run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
from msgspec import Struct

from undertone import modelfolder
from undertone.errors import ModelFolderError
from undertone.evaluation import drawing
from undertone.evaluation.drawing import GREY, INK, STROKES, save
from undertone.extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The least that the axis of losses or accuracies spans, lest noise look like progress.
_LEAST_SPAN = 0.05
# Up to so many epochs, each one gets a marker.
_MOST_MARKERS = 40


class HistoryFigures(NamedTuple):
    """The curves of one training run."""

    loss: Figure
    accuracy: Figure


class _Epoch(Struct, frozen=True):
    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


class _Metrics(Struct, frozen=True):
    kept_epoch: int | None = None


def history(folder: Path) -> HistoryFigures:
    """Loss and accuracy over epochs, for training and validation, with the kept epoch marked.

    Works on a run that is not finished as well; then the epoch with the best validation loss so
    far is marked.

    Args:
        folder: of the model or run; its ``history.jsonl`` and ``metrics.json`` are read.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ModelFolderError: there is no history, or it is damaged.
    """
    epochs = _read_history(folder / modelfolder.HISTORY)
    mark = _mark(folder / modelfolder.METRICS, epochs)
    return HistoryFigures(_history(epochs, mark, "loss"), _history(epochs, mark, "accuracy"))


def save_history(folder: Path, output: Path | None = None) -> tuple[Path, ...]:
    """Write ``loss_epoch_plot`` and ``accuracy_epoch_plot``, each as ``.png`` and ``.svg``.

    Args:
        folder: of the model or run.
        output: where to write; None: into ``folder``.

    Returns:
        The four paths.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ModelFolderError: there is no history, or it is damaged.
        OutputError: the disk is full or the folder cannot be written.
    """
    target = folder if output is None else output
    figures = history(folder)
    return (
        *save(figures.loss, target / "loss_epoch_plot"),
        *save(figures.accuracy, target / "accuracy_epoch_plot"),
    )


def _read_history(path: Path) -> list[_Epoch]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ModelFolderError(
            f"cannot read {path}: {error.strerror}.", "Name a folder that `undertone train` wrote."
        ) from error
    epochs = []
    for number, line in enumerate(lines, start=1):
        try:
            epochs.append(msgspec.json.decode(line, type=_Epoch))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ModelFolderError(
                f"{path}, line {number} is damaged: {error}.", "Copy the whole folder again."
            ) from error
    if not epochs:
        raise ModelFolderError(f"{path} holds no epoch yet.", "Let the first epoch finish.")
    return epochs


def _mark(metrics: Path, epochs: Sequence[_Epoch]) -> tuple[_Epoch, str]:
    """The epoch to mark and what to call it."""
    by_number = {each.epoch: each for each in epochs}
    try:
        kept = msgspec.json.decode(metrics.read_bytes(), type=_Metrics).kept_epoch
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        kept = None
    if kept in by_number:
        return by_number[kept], f"kept: epoch {kept}"
    best = min(epochs, key=lambda each: each.validation_loss)
    return best, f"best so far: epoch {best.epoch}"


def _history(
    epochs: Sequence[_Epoch], mark: tuple[_Epoch, str], kind: Literal["loss", "accuracy"]
) -> Figure:
    marked, name = mark
    numbers = [each.epoch for each in epochs]
    with drawing.style():
        figure = drawing.figure()
        axes = figure.subplots()
        for stroke, part in zip(STROKES, ("train", "validation"), strict=False):
            axes.plot(
                numbers,
                [getattr(each, f"{part}_{kind}") for each in epochs],
                color=stroke.colour,
                linestyle=stroke.dash,
                marker=stroke.marker if len(epochs) <= _MOST_MARKERS else "",
                label="train, dropout on" if part == "train" else part,
            )
        _draw_mark(axes, marked.epoch, getattr(marked, f"validation_{kind}"), name)
        axes.set_title(f"{kind.capitalize()} by epoch")
        axes.set(xlabel="Epoch", ylabel="Loss (nats)" if kind == "loss" else "Accuracy")
        axes.set_xlim(numbers[0] - 0.5, numbers[-1] + 0.5)
        ticker = require("matplotlib.ticker", "plots")
        axes.xaxis.set_major_locator(ticker.MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
        low, high = axes.get_ylim()
        spare = max(0.0, _LEAST_SPAN - (high - low)) / 2
        axes.set_ylim(low - spare, high + spare)
        if kind == "accuracy":
            drawing.percent_axis(axes.yaxis)
        drawing.legend_above(axes)
    return figure


def _draw_mark(axes: Axes, epoch: int, value: float, name: str) -> None:
    """A line through the epoch and a ring around its validation value."""
    axes.axvline(epoch, color=GREY, linewidth=1.0, linestyle=":")
    axes.plot(
        [epoch],
        [value],
        marker="o",
        markersize=12,
        markerfacecolor="none",
        markeredgecolor=INK,
        linestyle="none",
        label=name,
    )
