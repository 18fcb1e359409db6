"""Texts laid end to end and folded into rows that a language model reads side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BETWEEN = 0  # the token that stands between two texts


def shuffled(count: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order of texts in an epoch, int64 (count,); it follows from (seed, epoch) alone."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def fold(
    texts: Sequence[NDArray[np.int32]], rows: int, *, backwards: bool = False
) -> NDArray[np.int32]:
    """One row a stream, int32 (rows, length); fewer than ``rows`` tokens at the end are dropped.

    For the texts [5, 6] and [7], two rows, forwards and backwards::

        [[0, 5, 6], [0, 7, 0]]        [[0, 7, 0], [6, 5, 0]]
    """
    between = np.array([BETWEEN], dtype=np.int32)
    line = np.concatenate([between, *(part for text in texts for part in (text, between))])
    if backwards:
        line = line[::-1]
    columns = length(texts, rows)
    return np.ascontiguousarray(line[: rows * columns].reshape(rows, columns))


def length(texts: Sequence[NDArray[np.int32]], rows: int) -> int:
    """Tokens of each row that :func:`fold` makes."""
    return (1 + sum(len(text) + 1 for text in texts)) // rows


def stretches(length: int, size: int) -> list[tuple[int, int]]:
    """Starts and ends of stretches of equal size; each needs the token after its end too.

    What does not fill a stretch at the end of a row is left out, in every epoch something else.
    For rows of 8 tokens and stretches of 3: ``[(0, 3), (3, 6)]``, of which the second predicts
    tokens 4 to 6.
    """
    return [(start, start + size) for start in range(0, length - size, size)]
