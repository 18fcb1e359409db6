"""Near-duplicates with different labels: resemblance by hand, and against every pair compared."""

from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest

from undertone.data.examples import Example
from undertone.evaluation.duplicates import near_duplicates, words


def reviews(*pairs: tuple[str, str | None]) -> list[Example]:
    return [Example(text, label, f"row {place}") for place, (text, label) in enumerate(pairs, 1)]


def found(*pairs: tuple[str, str | None]) -> list[tuple[float, int, int]]:
    return [
        (pair.similarity, pair.first.index, pair.second.index)
        for pair in near_duplicates(reviews(*pairs))
    ]


BY_HAND = {
    # abc bcd cde def efg against abc bcd cde def efx: 4 of 6.
    "last word": ("a b c d e f g", "a b c d e f x", 4 / 6),
    # abc bcd cde against abc bcd cdx: 2 of 4, just enough.
    "one half": ("a b c d e", "a b c d x", 0.5),
    # abc bcd against abc bcx: 1 of 3.
    "less than one half": ("a b c d", "a b c x", None),
    # Of 8 shingles each, a word in the middle spoils 3: 5 of 11.
    "middle word": ("a b c d e f g h i j", "a b c d x f g h i j", None),
    # abc bcd cde against these three and def efg: 3 of 5.
    "longer": ("a b c d e", "a b c d e f g", 3 / 5),
    # aaa alone, however often it stands.
    "repeated": ("a a a a a", "a a a", 1.0),
    "order": ("a b c d e f", "f e d c b a", None),
    "two words": ("a b", "b a", None),
    "case, markup and marks": ("It’s GOOD,<br />really!", "its good really", 1.0),
    "emoji": ("good 👍", "good 👎", None),
    "emoji as one word of many": ("a b c d e f 👍", "a b c d e f 👎", 4 / 6),
}


@pytest.mark.parametrize(("one", "other", "similarity"), BY_HAND.values(), ids=BY_HAND)
def test_resemblance_by_hand(one, other, similarity):
    expected = [] if similarity is None else [(similarity, 0, 1)]
    assert found((one, "no"), (other, "yes")) == expected
    assert found((one, "yes"), (other, "yes")) == []


def test_copies_with_one_label_are_one_side():
    (pair,) = near_duplicates(
        reviews(
            ("Fine film.", "yes"),
            ("something else altogether", "no"),
            ("fine film", "no"),
            ("FINE FILM!", "yes"),
            ("fine <b>film</b>", "no"),
            ("fine film", "no"),
        )
    )
    assert (pair.similarity, pair.first.index, pair.first.copies) == (1.0, 0, 2)
    assert (pair.second.index, pair.second.copies) == (2, 3)
    assert (pair.first.name, pair.first.label, pair.first.text) == ("row 1", "yes", "Fine film.")


def test_three_labels_of_one_text_are_three_pairs():
    assert found(("a b c", "1"), ("a b c", "2"), ("a b c", "3")) == [
        (1.0, 0, 1),
        (1.0, 0, 2),
        (1.0, 1, 2),
    ]


def test_the_most_alike_stand_first_and_ties_in_the_order_of_the_source():
    assert found(
        ("a b c d e", "no"),
        ("p q r s t u v", "no"),
        ("a b c d x", "yes"),
        ("p q r s t u w", "yes"),
        ("k l m", "yes"),
        ("k l m", "no"),
    ) == [(1.0, 4, 5), (4 / 6, 1, 3), (0.5, 0, 2)]


@pytest.mark.parametrize("texts", [[], ["only one"], ["?!", "..."], ["", "<br />"]])
def test_nothing_to_compare(texts):
    assert found(*((text, str(place)) for place, text in enumerate(texts))) == []


def resemblance(one: str, other: str) -> float:
    """The definition: distinct runs of three words in both, over those in either."""
    sets = []
    for text in (one, other):
        listed = words(text)
        size = min(3, len(listed))
        sets.append({listed[at : at + size] for at in range(len(listed) - size + 1)})
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


@pytest.mark.parametrize("seed", range(8))
def test_none_is_missed(seed):
    """Short texts of few words: many pairs, many ties, many shared shingles."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(list("abc"), rng.integers(1, 9))) for _ in range(200)]
    examples = reviews(*((text, str(rng.integers(3))) for text in texts))
    first = {(each.text, each.label): place for place, each in reversed(list(enumerate(examples)))}
    expected = {
        (resemblance(one, other), *sorted((first[one, label], first[other, label_2])))
        for (one, label), (other, label_2) in combinations(first, 2)
        if label != label_2 and resemblance(one, other) >= 0.5
    }
    got = [
        (pair.similarity, pair.first.index, pair.second.index) for pair in near_duplicates(examples)
    ]
    assert len(got) == len(set(got)) > 20
    assert set(got) == expected


@pytest.mark.slow
def test_ten_thousand_reviews_take_seconds():
    """230 words each, frequent as in a language; every hundredth review is copied."""
    rng = np.random.default_rng(0)
    drawn = rng.zipf(1.3, size=(10_000, 230)) % 100_000
    drawn[1::100] = drawn[0::100]
    drawn[1::100, 100] = 100_001  # spoils 3 of 228 shingles
    examples = [
        Example(" ".join(map(str, row)), str(place % 2), f"row {place}")
        for place, row in enumerate(drawn.tolist())
    ]
    start = time.process_time()
    pairs = near_duplicates(examples)
    assert time.process_time() - start < 24
    assert [pair.first.index for pair in sorted(pairs, key=lambda pair: pair.first.index)] == list(
        range(0, 10_000, 100)
    )
    assert min(pair.similarity for pair in pairs) > 0.9
