"""Progress of a training run: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

from undertone.cli.wording import duration, percent, perplexity

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from undertone.training.events import EpochDone, Event, PretrainEpoch, PretrainStep, StepDone

_SECONDS_BETWEEN_LINES = 10.0


@contextlib.contextmanager
def training_progress(terminal: bool) -> Iterator[Callable[[Event], None]]:
    """The listener to give to training and pretraining; a live bar is taken down at the end.

    Args:
        terminal: whether stderr is a terminal that can redraw a line.
    """
    if not terminal:
        yield PlainProgress()
        return
    from rich.console import Console

    console = Console(stderr=True)
    with bar(console) as live:
        yield LiveProgress(console, live)


class PlainProgress:
    """Writes notes, one line every ten seconds, and one line an epoch.

    Args:
        write: takes one line.
        clock: seconds from any start.
    """

    def __init__(
        self,
        write: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write or _to_stderr
        self._clock = clock
        self._last = clock()

    def __call__(self, event: Event) -> None:
        """Write the event if it is due."""
        from undertone.training.events import PretrainStep, StepDone

        if isinstance(event, StepDone | PretrainStep):
            now = self._clock()
            if now - self._last < _SECONDS_BETWEEN_LINES:
                return
            self._last = now
        self._write(line(event))


class LiveProgress:
    """Moves a bar with every step and prints notes and epochs above it."""

    def __init__(self, console: Console, live: Progress) -> None:
        self._console = console
        self._live = live
        self._task: TaskID | None = None

    def __call__(self, event: Event) -> None:
        """Show the event."""
        from undertone.training.events import PretrainStep, StepDone

        if not isinstance(event, StepDone | PretrainStep):
            self._console.print(line(event), highlight=False, markup=False, soft_wrap=True)
            return
        if self._task is None:
            self._task = self._live.add_task("", total=event.steps, figures="")
        self._live.update(
            self._task,
            description=f"epoch {event.epoch}/{event.epochs}",
            completed=event.step,
            figures=f"{_figures(event)}, {duration(event.seconds_left)} left",
        )


def bar(console: Console) -> Progress:
    """A bar that shows a description, a share done, and a text of figures."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
        console=console,
        transient=True,
    )


def line(event: Event) -> str:
    """One event as one line."""
    from undertone.training.events import EpochDone, Note, PretrainEpoch

    if isinstance(event, Note):
        return event.text
    if isinstance(event, EpochDone):
        return _epoch(event)
    if isinstance(event, PretrainEpoch):
        return _pretrain_epoch(event)
    return (
        f"epoch {event.epoch}/{event.epochs}, step {event.step}/{event.steps}: "
        f"{_figures(event)}, {duration(event.seconds_left)} left"
    )


def _figures(event: StepDone | PretrainStep) -> str:
    from undertone.training.events import PretrainStep

    if isinstance(event, PretrainStep):
        return f"sampled loss {event.loss:.3f}, {event.tokens_per_second:,.0f} tokens/s"
    return (
        f"loss {event.loss:.3f}, accuracy {percent(event.accuracy)}, "
        f"{event.reviews_per_second:,.0f} reviews/s"
    )


def _epoch(event: EpochDone) -> str:
    best = ", the best so far" if event.best else ""
    return (
        f"epoch {event.epoch}/{event.epochs} done in {duration(event.seconds)}: "
        f"train loss {event.train_loss:.3f}, accuracy {percent(event.train_accuracy)}; "
        f"validation loss {event.validation_loss:.3f}, "
        f"accuracy {percent(event.validation_accuracy)}{best}"
    )


def _pretrain_epoch(event: PretrainEpoch) -> str:
    """The sampled loss has no perplexity: the words that were not drawn are missing in it."""
    return (
        f"epoch {event.epoch}/{event.epochs} done in {duration(event.seconds)}: "
        f"sampled train loss {event.train_loss:.3f}; "
        f"validation loss {event.validation_loss:.3f}, "
        f"perplexity {perplexity(event.validation_loss)}, "
        f"{event.tokens_per_second:,.0f} tokens/s"
    )


def _to_stderr(text: str) -> None:
    click.echo(text, err=True)
