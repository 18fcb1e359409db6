"""Texts of different length in one array, and the order in which they are read.

Lengths always travel with the ids: whoever reads a batch must not read its padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer]

# Batches sorted together by length. More saves padding; fewer keeps batches more mixed.
_POOL = 50
_MULTIPLE = 32


class Batch(NamedTuple):
    """Token ids of several texts.

    Attributes:
        ids: int64 (B, T), padded with 0 on the right.
        lengths: int64 (B,), the true lengths.
    """

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]


def padded_length(longest: int, multiple: int = _MULTIPLE) -> int:
    """T of a batch whose longest text has ``longest`` tokens: see :func:`collate`.

    >>> padded_length(33), padded_length(0)
    (64, 32)
    """
    return -(-max(1, longest) // multiple) * multiple


def collate(sequences: Sequence[Integers], multiple: int = _MULTIPLE) -> Batch:
    """Put sequences side by side.

    T is the longest length rounded up to a multiple, because the first call of an LSTM at each
    new shape is slow: few different shapes are fast ones.

    >>> batch = collate([np.array([7]), np.array([4, 5, 6]), np.array([8, 9])], multiple=4)
    >>> batch.ids
    array([[7, 0, 0, 0],
           [4, 5, 6, 0],
           [8, 9, 0, 0]])
    >>> batch.lengths
    array([1, 3, 2])

    Args:
        sequences: B integer arrays of one dimension.
        multiple: T is divisible by it, and at least it.
    """
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    width = padded_length(int(lengths.max(initial=0)), multiple)
    ids = np.zeros((len(sequences), width), dtype=np.int64)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = sequence
    return Batch(ids, lengths)


def bucket_by_length(lengths: Sequence[int] | Integers, batch_size: int) -> list[Integers]:
    """Batches of texts of similar length: the least padding, for use where order is free.

    >>> bucket_by_length([30, 2, 31], batch_size=2)
    [array([1, 0]), array([2])]

    Args:
        lengths: int (N,).
        batch_size: indices in a batch, save the last.

    Returns:
        Index arrays that together hold 0 to N-1 once, from the shortest text to the longest;
        equal lengths keep their order.
    """
    return _pieces(np.argsort(np.asarray(lengths, dtype=np.int64), kind="stable"), batch_size)


def epoch_batches(
    lengths: Sequence[int] | Integers, batch_size: int, *, seed: int, epoch: int
) -> list[Integers]:
    """The batches of one training epoch, a function of the seed and the epoch alone.

    Texts are shuffled, sorted by length within pools of 50 batches, cut into batches, and the
    batches shuffled. A run that stops can go on in the middle of an epoch by counting batches.

    >>> epoch_batches([30, 2, 31], batch_size=2, seed=0, epoch=0)
    [array([2]), array([1, 0])]
    >>> epoch_batches([30, 2, 31], batch_size=2, seed=0, epoch=2)
    [array([1, 0]), array([2])]

    Args:
        lengths: int (N,).
        batch_size: indices in a batch, save one that may be smaller.
        seed: of the run, not negative.
        epoch: any number not negative.

    Returns:
        Index arrays that together hold 0 to N-1 once.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(sizes))
    batches: list[Integers] = []
    for pool in _pieces(order, batch_size * _POOL):
        by_length = pool[np.argsort(sizes[pool], kind="stable")]
        batches += _pieces(by_length, batch_size)
    return [batches[index] for index in generator.permutation(len(batches))]


def _pieces(order: Integers, size: int) -> list[Integers]:
    return [order[start : start + size] for start in range(0, len(order), size)]
