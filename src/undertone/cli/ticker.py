"""How far counted work is: one line redrawn on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Concatenate, Generic, ParamSpec

import click

from undertone.cli.wording import duration, megabytes, percent

P = ParamSpec("P")

_PAUSE_ON_TERMINAL = 0.2
_PAUSE = 10.0
_ERASE_LINE = "\r\x1b[K"


class Ticker(Generic[P]):
    """Called after every piece of work; writes to stderr when it is due. Use it as a context.

    Args:
        wording: makes the line from the seconds since the start and what the call is given.
        terminal: whether stderr can redraw a line; None: find out.
        clock: seconds from any start.
    """

    def __init__(
        self,
        wording: Callable[Concatenate[float, P], str],
        terminal: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wording = wording
        self._terminal = sys.stderr.isatty() if terminal is None else terminal
        self._clock = clock
        self._started = self._last = clock()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Write a line if it is due."""
        now = self._clock()
        if now - self._last < (_PAUSE_ON_TERMINAL if self._terminal else _PAUSE):
            return
        self._last = now
        line = self._wording(now - self._started, *args, **kwargs)
        if self._terminal:
            self._redraw(line)
        else:
            click.echo(line, err=True)

    def __enter__(self) -> Ticker[P]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Clear the line, so that what follows starts on an empty one."""
        if self._terminal:
            self._redraw("")

    def _redraw(self, line: str) -> None:
        click.echo(f"{_ERASE_LINE}{line}", err=True, nl=False, color=True)


def reviews(seconds: float, done: int, total: int) -> str:
    """``"1,200 of 4,800 reviews, 600/s, 6.0 s left"``."""
    rate = done / max(seconds, 1e-9)
    left = f", {duration((total - done) / rate)} left" if done else ""
    return f"{done:,} of {total:,} reviews, {rate:,.0f}/s{left}"


def rows(_seconds: float, done: int, rate: float, seconds_left: float | None) -> str:
    """``"1,200 rows, 600/s, 6.0 s left"``."""
    left = "" if seconds_left is None else f", {duration(seconds_left)} left"
    return f"{done:,} rows, {rate:,.0f}/s{left}"


def received(seconds: float, done: int, total: int) -> str:
    """``"21.0 MB of 84.1 MB, 25.0%, 5.1 MB/s"``."""
    rate = megabytes(round(done / max(seconds, 1e-9)))
    return f"{megabytes(done)} of {megabytes(total)}, {percent(done / total)}, {rate}/s"
