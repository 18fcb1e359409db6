"""Progress of training: plain lines without a terminal, a bar on one."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from undertone.cli.progress import LiveProgress, PlainProgress, bar, training_progress
from undertone.training.events import EpochDone, Note, StepDone


def step(number: int) -> StepDone:
    return StepDone(
        epoch=1,
        epochs=8,
        step=number,
        steps=400,
        loss=0.51234,
        accuracy=0.7432,
        reviews_per_second=1312.4,
        seconds_left=365.0,
    )


def epoch(best: bool) -> EpochDone:
    return EpochDone(
        epoch=1,
        epochs=8,
        step=50,
        lr=1e-3,
        train_loss=0.45,
        train_accuracy=0.801,
        validation_loss=0.4,
        validation_accuracy=0.83,
        best=best,
        seconds=42.3,
        reviews_per_second=1300.0,
    )


STEP = (
    "epoch 1/8, step 16/400: loss 0.512, accuracy 74.3%, 1,312 reviews/s, 6 min 05 s left"
)  # fmt: skip
EPOCH = (
    "epoch 1/8 done in 42 s: train loss 0.450, accuracy 80.1%; "
    "validation loss 0.400, accuracy 83.0%"
)


def test_plain_lines_come_every_ten_seconds_and_every_epoch():
    lines: list[str] = []
    seconds = iter([0.0, 3.0, 10.0, 19.9, 20.1])
    listener = PlainProgress(lines.append, lambda: next(seconds))
    listener(Note("float32 on the CPU."))
    for number in (8, 16, 24, 32):
        listener(step(number))
    listener(epoch(best=True))
    listener(epoch(best=False))
    assert lines == [
        "float32 on the CPU.",
        STEP,
        STEP.replace("16", "32"),
        EPOCH + ", the best so far",
        EPOCH,
    ]


def test_without_a_terminal_lines_go_to_stderr(capsys):
    with training_progress(terminal=False) as listener:
        listener(Note("a note"))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "a note\n")


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)


def test_on_a_terminal_a_bar_shows_the_figures_and_epochs_stay(console):
    with bar(console) as live:
        listener = LiveProgress(console, live)
        listener(Note("[not markup]"))
        listener(step(16))
        live.refresh()
        listener(epoch(best=True))
        assert live.tasks[0].completed == 16
        assert live.tasks[0].total == 400
    shown = console.file.getvalue()
    assert "[not markup]" in shown
    assert "loss 0.512, accuracy 74.3%, 1,312 reviews/s" in shown
    assert "6 min 05 s left" in shown
    assert "the best so far" in " ".join(shown.split())
