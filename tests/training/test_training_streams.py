"""Texts laid end to end and folded."""

import numpy as np
import pytest

from undertone.training import streams


def texts(*contents: list[int]) -> list[np.ndarray]:
    return [np.array(each, dtype=np.int32) for each in contents]


def test_the_example_of_the_docstring():
    both = texts([5, 6], [7])
    assert streams.fold(both, 2).tolist() == [[0, 5, 6], [0, 7, 0]]
    assert streams.fold(both, 2, backwards=True).tolist() == [[0, 7, 0], [6, 5, 0]]


def test_what_fills_no_column_is_dropped_at_the_end_of_each_direction():
    both = texts([5, 6, 7], [8])
    assert streams.fold(both, 3).tolist() == [[0, 5], [6, 7], [0, 8]]
    assert streams.fold(both, 3, backwards=True).tolist() == [[0, 8], [0, 7], [6, 5]]


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 50])
def test_length_is_that_of_the_rows(rows):
    some = texts([2] * 9, [3], [4] * 12)
    folded = streams.fold(some, rows)
    assert folded.shape == (rows, streams.length(some, rows))
    assert (folded.dtype, folded.flags.c_contiguous) == (np.int32, True)


def test_every_stretch_has_a_token_after_its_end():
    assert streams.stretches(8, 3) == [(0, 3), (3, 6)]
    assert streams.stretches(7, 3) == [(0, 3), (3, 6)]
    assert streams.stretches(6, 3) == [(0, 3)]
    assert streams.stretches(4, 3) == [(0, 3)]
    assert streams.stretches(3, 3) == []


def test_the_order_follows_from_seed_and_epoch_alone():
    first = streams.shuffled(50, seed=3, epoch=1).tolist()
    assert first == streams.shuffled(50, seed=3, epoch=1).tolist()
    assert sorted(first) == list(range(50))
    assert first != streams.shuffled(50, seed=3, epoch=2).tolist()
    assert first != streams.shuffled(50, seed=4, epoch=1).tolist()
