"""Ctrl-C in two stages: the first press stops after the current step, the second at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopFlag:
    """Set by the first Ctrl-C; training looks at it after every step."""

    def __init__(self) -> None:
        self.requested = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Signal handler; the second call interrupts at once."""
        if self.requested:
            signal.default_int_handler(number, frame)
        self.requested = True


@contextmanager
def stop_on_interrupt() -> Iterator[StopFlag]:
    """Listen for Ctrl-C inside the block; outside the main thread there is nothing to listen to."""
    flag = StopFlag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    before = signal.signal(signal.SIGINT, flag)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)
