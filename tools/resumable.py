"""Commands that are repeated until they have nothing left to do, each call within a time limit."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from undertone.errors import RunInterruptedError, UndertoneError
from undertone.study.side_by_side import interruptible
from undertone.training.events import EpochDone, Event, Note, PretrainEpoch

UNFINISHED = 75  # exit status of a run that stopped in time: EX_TEMPFAIL of sysexits.h


def exit_status(work: Callable[[], None], stop_after: float) -> int:
    """Do the work for so many seconds at most, 0: to its end; 0, 2 or :data:`UNFINISHED`."""
    try:
        with stopped_after(stop_after):
            work()
    except (RunInterruptedError, KeyboardInterrupt):
        print("\nStopped in time; the same command goes on from here.")
        return UNFINISHED
    except UndertoneError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def add_stop_after(parser: argparse.ArgumentParser) -> None:
    """The option that :func:`exit_status` takes."""
    parser.add_argument(
        "--stop-after", type=float, default=0.0, metavar="SECONDS", help="0: run to the end"
    )


def tell(event: Event) -> None:
    """A line for what is worth one."""
    if isinstance(event, Note):
        print(f"  {event.text}", flush=True)
    elif isinstance(event, PretrainEpoch):
        print(
            f"  epoch {event.epoch} of {event.epochs}: validation loss "
            f"{event.validation_loss:.4f} nats, {event.tokens_per_second:,.0f} tokens/s",
            flush=True,
        )
    elif isinstance(event, EpochDone):
        print(
            f"  epoch {event.epoch} of {event.epochs}: validation accuracy "
            f"{event.validation_accuracy:.2%}, {event.reviews_per_second:,.0f} reviews/s",
            flush=True,
        )


@contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """Press Ctrl-C once when the time is over; 0: never. A loop that trains saves and ends."""
    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with interruptible():
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
