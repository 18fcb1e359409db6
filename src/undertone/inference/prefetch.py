"""The next item is made in the background while the current one is used."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar, cast

T = TypeVar("T")
_END = object()


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items in the same order, each made by another thread while the last one is used.

    An exception of ``items`` is raised where its item would have come. At most two items are
    alive at a time. Closing this iterator waits for the item that is being made.
    """
    from concurrent.futures import ThreadPoolExecutor  # costs a single prediction some ms

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(next, items, _END)
        while (item := future.result()) is not _END:
            future = pool.submit(next, items, _END)
            yield cast("T", item)
