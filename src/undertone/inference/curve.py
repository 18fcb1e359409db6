"""How a verdict forms while a text is read, and where it turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SWING = 0.15
"""Smallest change of the running probability that counts."""

_POINTS = 64


class Turn(NamedTuple):
    """A peak or valley of a series.

    Attributes:
        at: index of the peak or valley.
        until: index of the extreme that follows it.
    """

    at: int
    until: int


def turns(values: Sequence[float], swing: float = SWING) -> list[Turn]:
    """The peaks and valleys that stand out.

    A peak stands out if the series rises to it by ``swing`` or more, counted from the lowest
    value since the turn before it (or since the start), and then falls from it by ``swing`` or
    more before it gets any higher; a valley likewise, upside down. Of equal extremes the first
    counts. So turns alternate, and smaller wavering between them is left out.

    >>> turns([0.5, 0.8, 0.75, 0.9, 0.3, 0.4, 0.2])
    [Turn(at=3, until=6)]
    >>> turns([0.5, 0.45, 0.9, 0.2, 0.6])  # 0.05 down is no turn
    [Turn(at=2, until=3), Turn(at=3, until=4)]
    """
    corners: list[int] = []
    low = high = 0  # extremes since the last turn
    direction = 0
    for index, value in enumerate(values):
        high = index if value > values[high] else high
        low = index if value < values[low] else low
        if direction >= 0 and values[high] - value >= swing:
            corners += [high] if direction else []
            direction, low = -1, index
        elif direction <= 0 and value - values[low] >= swing:
            corners += [low] if direction else []
            direction, high = 1, index
    ends = [*corners[1:], high if direction > 0 else low]
    return [Turn(at, until) for at, until in zip(corners, ends, strict=False)]


def prefix_lengths(sentence_ends: NDArray[np.bool_], most: int = _POINTS) -> NDArray[np.intp]:
    """After how many tokens the verdict is taken.

    After every token of a short text. Of a longer one after ``most`` evenly spaced tokens and
    after its sentences (evenly chosen ones, if there are more than ``most``).

    Args:
        sentence_ends: bool (T,), true where a token ends a sentence.
        most: points of each kind.

    Returns:
        Numbers from 1 to T, rising, T among them; empty for an empty text.
    """
    total = len(sentence_ends)
    if total <= most:
        return np.arange(1, total + 1)
    even = np.linspace(1, total, most).round().astype(np.intp)
    ends = np.flatnonzero(sentence_ends) + 1
    if len(ends) > most:
        ends = ends[np.linspace(0, len(ends) - 1, most).round().astype(np.intp)]
    return np.union1d(even, ends)
