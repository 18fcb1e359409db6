"""Turns of hand-made curves, and where a curve gets its points."""

from __future__ import annotations

import doctest
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.inference import curve
from undertone.inference.curve import Turn, prefix_lengths, turns


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(curve) == (0, 2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([0.5], []),
        ([0.1, 0.3, 0.6, 0.95], []),  # a steady rise turns nowhere
        ([0.9, 0.7, 0.2], []),
        ([0.5, 0.4, 0.5, 0.4, 0.5], []),  # wavering
        ([0.5, 0.2, 0.9], [Turn(1, 2)]),  # down, then up
        ([0.5, 0.8, 0.1], [Turn(1, 2)]),
        ([0.5, 0.4, 0.9], []),  # the fall before the rise is too small to count
        ([0.5, 0.75, 0.55, 0.56, 0.9], [Turn(1, 2), Turn(2, 4)]),
        ([0.5, 0.75, 0.65, 0.9, 0.8], []),  # a dent in a rise
        ([0.2, 0.8, 0.8, 0.2], [Turn(1, 3)]),  # the first of equal peaks
        ([0.2, 0.8, 0.7, 0.7, 0.2, 0.25, 0.1], [Turn(1, 6)]),
        ([0.0, 1.0, 0.0, 1.0, 0.0], [Turn(1, 2), Turn(2, 3), Turn(3, 4)]),
        ([0.5, 0.25, 0.5, 0.25], [Turn(1, 2), Turn(2, 3)]),
        ([0.5, 0.625, 0.25], []),
        ([0.45, 0.5, 0.4, 0.9, 0.7], [Turn(3, 4)]),
    ],
)
def test_turns(values: list[float], expected: list[Turn]):
    assert turns(values) == expected
    assert turns([1 - value for value in values], swing=0.1499) == turns(values, swing=0.1499)


def test_the_swing_is_a_smallest_change():
    values = [0.0, 0.5, 0.25, 0.75]
    assert turns(values, swing=0.25) == [Turn(1, 2), Turn(2, 3)]
    assert turns(values, swing=0.2501) == []


@given(st.lists(st.floats(0, 1), max_size=40))
def test_turns_alternate_and_swing_enough(values: list[float]):
    found = turns(values)
    corners = [turn.at for turn in found] + [turn.until for turn in found[-1:]]
    assert all(first.until == second.at for first, second in itertools.pairwise(found))
    legs = [values[b] - values[a] for a, b in itertools.pairwise(corners)]
    assert all(abs(leg) >= curve.SWING for leg in legs)
    assert all(one * two < 0 for one, two in itertools.pairwise(legs))
    if found:
        before = values[: corners[0] + 1]
        assert max(abs(value - before[-1]) for value in before) >= curve.SWING


def ends(total: int, *places: int) -> np.ndarray:
    flags = np.zeros(total, dtype=bool)
    flags[[place - 1 for place in places]] = True
    return flags


def test_a_short_text_gets_every_point():
    assert prefix_lengths(ends(0)).tolist() == []
    assert prefix_lengths(ends(3, 2)).tolist() == [1, 2, 3]
    assert prefix_lengths(ends(64)).tolist() == [*range(1, 65)]


def test_a_long_text_gets_even_points_and_ends_of_sentences():
    assert prefix_lengths(ends(13), most=4).tolist() == [1, 5, 9, 13]
    assert prefix_lengths(ends(13, 3, 9), most=4).tolist() == [1, 3, 5, 9, 13]
    many = prefix_lengths(ends(1000, *range(2, 1001, 2)))
    assert many[[0, -1]].tolist() == [1, 1000]
    assert len(many) <= 128
    assert np.diff(many).max() <= 16
