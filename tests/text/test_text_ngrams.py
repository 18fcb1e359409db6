"""Runs of tokens as features, against a slow count and scikit-learn's."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from undertone.settings import BagConfig
from undertone.text import ngrams
from undertone.text.bag import Bag

VOCABULARY = 12
UNK = 1


def texts(count: int, seed: int = 0) -> list[np.ndarray]:
    """Ids from 1, the unknown word, to 11; some texts are empty or shorter than an n-gram."""
    random = np.random.default_rng(seed)
    return [
        random.integers(1, VOCABULARY, random.integers(0, 15)).astype(np.int32)
        for _ in range(count)
    ]


def spelled(known: ngrams.NGrams) -> list[tuple[int, ...]]:
    """The tokens of each feature, in the order of the features."""
    found: list[tuple[int, ...]] = []
    prefixes: list[tuple[int, ...]] = [()]
    for level in known.levels:
        prefixes = [
            (*prefixes[key // known.vocabulary], key % known.vocabulary) for key in level.tolist()
        ]
        found += prefixes
    return found


def runs(text: np.ndarray, longest: int) -> list[tuple[int, ...]]:
    ids = text.tolist()
    every = (
        tuple(ids[start : start + length])
        for length in range(1, longest + 1)
        for start in range(len(ids) - length + 1)
    )
    return [run for run in every if UNK not in run]


@pytest.mark.parametrize(("longest", "least"), [(1, 1), (2, 2), (3, 1), (3, 4), (5, 2)])
def test_the_known_ngrams_are_those_in_enough_texts(longest, least):
    sequences = texts(60)
    known = ngrams.learn(sequences, VOCABULARY, BagConfig(ngrams=longest, min_reviews=least))
    reviews = Counter(run for text in sequences for run in set(runs(text, longest)))
    expected = {run for run, count in reviews.items() if count >= least}
    assert len(spelled(known)) == known.size == len(expected)
    assert set(spelled(known)) == expected


def test_counts_are_those_of_a_slow_count():
    known = ngrams.learn(texts(60), VOCABULARY, BagConfig(ngrams=3, min_reviews=2))
    others = texts(20, seed=1)
    counts = known.tally(known.find(others))
    names = spelled(known)
    got = {
        (text, names[feature]): times
        for text, feature, times in zip(
            counts.text.tolist(), counts.feature.tolist(), counts.times.tolist(), strict=True
        )
    }
    assert got == {
        (number, run): times
        for number, text in enumerate(others)
        for run, times in Counter(runs(text, 3)).items()
        if run in set(names)
    }
    assert counts.text.tolist() == sorted(counts.text.tolist())


def test_places_and_lengths():
    known = ngrams.learn([np.array([5, 6, 7])] * 2, VOCABULARY, BagConfig(ngrams=2))
    found = known.find([np.array([9]), np.array([6, 7, 1, 5, 6])])
    rows = sorted(zip(*(column.tolist() for column in found), strict=True))
    # Features: 5, 6, 7, then 5 6 and 6 7. The 9 is not known, and the 1 is in no run.
    assert rows == [(1, 0, 3, 1), (1, 1, 0, 1), (1, 1, 4, 1), (1, 2, 1, 1), (1, 3, 3, 2),
                    (1, 4, 0, 2)]  # fmt: skip


def test_keys_of_five_tokens_of_a_large_vocabulary_do_not_overflow():
    vocabulary = 2**31 - 1
    text = np.arange(vocabulary - 5, vocabulary, dtype=np.int64)
    known = ngrams.learn([text, text], vocabulary, BagConfig(ngrams=5))
    assert spelled(known)[-1] == tuple(text.tolist())
    assert all((level > 0).all() for level in known.levels)


def test_nothing_is_known_of_texts_that_share_nothing():
    known = ngrams.learn([np.array([2]), np.array([3])], VOCABULARY, BagConfig(ngrams=3))
    assert known.size == 0
    assert len(known.find([np.array([2, 3])]).text) == 0


def linear(outputs: int, *, idf: bool) -> Bag:
    known = ngrams.learn(texts(60), VOCABULARY, BagConfig(ngrams=3, min_reviews=2))
    random = np.random.default_rng(3)
    weight = random.normal(size=(known.size, outputs)).astype(np.float32)
    bias = random.normal(size=outputs).astype(np.float32)
    scale = random.uniform(1, 3, known.size).astype(np.float32)
    return Bag(known, weight, bias, scale if idf else None)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("idf", [False, True])
def test_contributions_add_up(outputs, idf):
    bag = linear(outputs, idf=idf)
    for text in texts(30, seed=4):
        logits, parts, base = bag.contributions(text)
        assert parts.shape == (len(text), outputs)
        np.testing.assert_allclose(parts.sum(axis=0) + base, logits, atol=1e-5)
        np.testing.assert_array_equal(logits, bag.logits([text])[0])
        np.testing.assert_array_equal(base, bag.bias)


def test_what_an_ngram_adds_is_divided_among_its_places_and_tokens():
    known = ngrams.learn([np.array([5, 6])] * 2, VOCABULARY, BagConfig(ngrams=2))
    weight = np.array([[0.0], [1.0], [6.0]], dtype=np.float32)  # of 5, of 6, of 5 6
    bag = Bag(known, weight, np.zeros(1, dtype=np.float32), None)
    logits, parts, _ = bag.contributions(np.array([5, 6, 1, 6, 5, 6]))
    # 1 is divided among three places of 6; 6 among two places of two tokens each.
    third = 1 / 3
    np.testing.assert_allclose(parts[:, 0], [1.5, 1.5 + third, 0, third, 1.5, 1.5 + third], 1e-6)
    assert logits.tolist() == [7.0]


@pytest.mark.parametrize("idf", [False, True])
def test_a_text_scores_the_same_alone_and_in_company(idf):
    bag = linear(3, idf=idf)
    others = texts(40, seed=5)
    together = bag.logits(others)
    for number, text in enumerate(others):
        np.testing.assert_array_equal(bag.logits([text])[0], together[number])


def test_a_text_without_known_words_gets_the_bias():
    bag = linear(2, idf=True)
    np.testing.assert_array_equal(bag.logits([np.array([1, 1]), np.array([], int)])[1], bag.bias)
    np.testing.assert_array_equal(bag.logits([np.array([1, 1])])[0], bag.bias)
