"""Batches of texts side by side, one thread each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from undertone.errors import ConfigError

T = TypeVar("T")


def thread_count(threads: int | None) -> int:
    """The number of threads, None being one for each core that this process may use.

    Raises:
        ConfigError: not a number of threads.
    """
    if threads is None:
        available = getattr(os, "sched_getaffinity", None)  # Linux: the cores we may use
        return len(available(0)) if available is not None else os.cpu_count() or 1
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ConfigError(f"threads={threads!r} is no number of threads.", "Give 1 or more.")
    return threads


def side_by_side(work: Callable[[T], None], batches: Sequence[T], threads: int) -> None:
    """Call ``work`` with every batch, ``threads`` of them at a time."""
    if len(batches) > 1 and threads > 1:
        from concurrent.futures import ThreadPoolExecutor  # costs a single prediction some ms

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, batches))
    else:
        for batch in batches:
            work(batch)
