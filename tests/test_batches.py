from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import undertone.batches as module
from undertone.batches import bucket_by_length, collate, epoch_batches


def test_the_examples_in_the_docstrings_hold():
    result = doctest.testmod(module)
    assert result.attempted >= 5
    assert result.failed == 0


def test_collate_pads_on_the_right_and_keeps_lengths():
    batch = collate([np.array([5, 6], dtype=np.int32), np.array([], dtype=np.int32)], multiple=3)
    assert batch.ids.tolist() == [[5, 6, 0], [0, 0, 0]]
    assert batch.lengths.tolist() == [2, 0]
    assert batch.ids.dtype == batch.lengths.dtype == np.int64


@pytest.mark.parametrize(("longest", "width"), [(0, 32), (1, 32), (32, 32), (33, 64), (2740, 2752)])
def test_width_is_rounded_up_to_a_multiple(longest: int, width: int):
    assert collate([np.ones(longest, dtype=np.int32)]).ids.shape == (1, width)


def test_collate_of_nothing():
    batch = collate([])
    assert batch.ids.shape == (0, 32)
    assert batch.lengths.shape == (0,)


def test_buckets_go_from_short_to_long_and_keep_the_order_of_equals():
    assert [batch.tolist() for batch in bucket_by_length([5, 1, 5, 1, 9], 2)] == [
        [1, 3],
        [0, 2],
        [4],
    ]
    assert bucket_by_length([], 4) == []


Lengths = st.lists(st.integers(0, 3000), max_size=300)


@settings(max_examples=50, deadline=None)
@given(Lengths, st.integers(1, 40), st.integers(0, 2**31), st.integers(0, 50))
def test_every_text_stands_in_one_batch(lengths: list[int], size: int, seed: int, epoch: int):
    for batches in (
        bucket_by_length(lengths, size),
        epoch_batches(lengths, size, seed=seed, epoch=epoch),
    ):
        assert sorted(index for batch in batches for index in batch.tolist()) == [
            *range(len(lengths))
        ]
        assert all(1 <= len(batch) <= size for batch in batches)


def test_the_order_depends_on_seed_and_epoch_alone():
    lengths = [int(each) for each in np.random.default_rng(0).integers(1, 400, 1000)]

    def order(seed: int, epoch: int) -> list[list[int]]:
        return [batch.tolist() for batch in epoch_batches(lengths, 8, seed=seed, epoch=epoch)]

    assert order(3, 1) == order(3, 1)
    assert order(3, 1) != order(3, 2)
    assert order(3, 1) != order(4, 1)


def test_epoch_batches_hold_similar_lengths_in_random_order():
    lengths = np.random.default_rng(0).integers(1, 1000, 4000)
    batches = epoch_batches(lengths, 16, seed=0, epoch=0)
    spread = np.mean([np.ptp(lengths[batch]) for batch in batches])
    means = [lengths[batch].mean() for batch in batches]
    assert spread < 60  # random batches of 16 spread over about 880
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.25
