"""The cut: disjoint, complete, seeded, balanced; groups and equal texts whole."""

from __future__ import annotations

from collections import Counter

import pytest
from datahelpers import outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.data.examples import Example
from undertone.data.splits import cut, divide
from undertone.errors import DataError
from undertone.settings import DataConfig


def reviews(count, *, films=0, labels=("negative", "positive")):
    return [
        Example(
            f"text {n}",
            labels[n % len(labels)],
            f"r.csv row {n}",
            f"film {n * 7919 % films}" if films else None,
        )
        for n in range(count)
    ]


def names(examples):
    return [each.name for each in examples]


EXAMPLES = st.lists(
    st.builds(
        Example,
        text=st.sampled_from("abcdefghijklmnopqrst"),
        label=st.sampled_from(["negative", "positive"]),
        name=st.uuids().map(str),
        group=st.sampled_from([None, "x", "y", "z", "u", "v", "w"]),
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda each: each.name,
)


@given(
    examples=EXAMPLES,
    share=st.floats(0.0, 0.9),
    seed=st.integers(0, 99),
    by_group=st.booleans(),
    random=st.randoms(),
)
@settings(max_examples=300, deadline=None)
def test_invariants(examples, share, seed, by_group, random):
    pieces, message = outcome(
        lambda: cut(examples, share, seed=seed, part="test", by_group=by_group)
    )
    if pieces is None:
        assert "too few" in message
        return
    assert sorted(names(pieces.kept + pieces.held_out)) == sorted(names(examples))
    assert not set(names(pieces.kept)) & set(names(pieces.held_out))
    assert bool(pieces.held_out) == (share > 0)
    assert {each.label for each in pieces.kept} == {each.label for each in examples}
    if by_group:
        groups = [{each.group for each in part} - {None} for part in (pieces.kept, pieces.held_out)]
        assert not groups[0] & groups[1]
    else:
        texts = [{each.text for each in part} for part in (pieces.kept, pieces.held_out)]
        assert not texts[0] & texts[1]
    again = list(examples)
    random.shuffle(again)
    other = cut(again, share, seed=seed, part="test", by_group=by_group)
    assert set(names(other.held_out)) == set(names(pieces.held_out))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.803])
def test_every_label_gives_its_share_to_the_nearest_review(share):
    examples = reviews(300, labels=("a", "a", "a", "a", "b"))
    pieces = cut(examples, share, seed=3, part="test", by_group=False)
    counts = Counter(each.label for each in pieces.held_out)
    assert counts == {"a": round(240 * share), "b": round(60 * share)}
    assert pieces.units == 300


def test_groups_stay_whole_and_labels_in_balance():
    examples = reviews(2000, films=150)
    pieces = cut(examples, 0.2, seed=0, part="test", by_group=True)
    assert pieces.units == 150
    assert not {each.group for each in pieces.kept} & {each.group for each in pieces.held_out}
    counts = Counter(each.label for each in pieces.held_out)
    assert abs(counts["negative"] - 200) <= 14
    assert abs(counts["positive"] - 200) <= 14


def test_the_order_of_the_source_is_kept():
    pieces = cut(reviews(50), 0.3, seed=0, part="test", by_group=False)
    for part in (pieces.kept, pieces.held_out):
        numbers = [int(each.text.split()[1]) for each in part]
        assert numbers == sorted(numbers)


def test_seed_and_part_change_the_cut():
    examples = reviews(400)

    def held(seed, part):
        return set(names(cut(examples, 0.5, seed=seed, part=part, by_group=False).held_out))

    assert held(0, "test") == held(0, "test")
    # Two independent halves of 400 share 100 names, give or take 5 standard deviations of 5.
    assert abs(len(held(0, "test") & held(1, "test")) - 100) < 25
    assert abs(len(held(0, "test") & held(0, "validation")) - 100) < 25


def test_the_cut_is_the_same_on_every_machine_and_version():
    pieces = cut(reviews(20), 0.3, seed=7, part="test", by_group=False)
    assert [each.name.split()[-1] for each in pieces.held_out] == [
        *("0", "1", "12", "13", "14", "15")
    ]


def test_one_more_review_moves_few_others():
    before = set(names(cut(reviews(400), 0.5, seed=0, part="t", by_group=False).held_out))
    after = set(names(cut(reviews(401), 0.5, seed=0, part="t", by_group=False).held_out))
    assert len(before ^ after) <= 2


def test_equal_texts_of_two_films_join_them():
    examples = [
        *reviews(40, films=10),
        Example("same", "positive", "s1", "film 1"),
        Example("same", "positive", "s2", "film 2"),
    ]
    pieces = cut(examples, 0.3, seed=0, part="t", by_group=True)
    assert pieces.units == 9
    sides = [{each.group for each in part} for part in (pieces.kept, pieces.held_out)]
    assert any({"film 1", "film 2"} <= side for side in sides)


def test_a_stock_phrase_does_not_chain_all_films_together():
    examples = [
        *reviews(60, films=10),
        *(Example("Great!", "positive", f"g{n}", f"film {n}") for n in range(10)),
    ]
    pieces = cut(examples, 0.2, seed=0, part="t", by_group=True)
    assert pieces.units == 10
    assert 7 <= len(pieces.held_out) <= 21


def test_a_label_is_never_lost_from_what_is_kept():
    examples = [*reviews(100), Example("odd", "neutral", "n")]
    for seed in range(20):
        pieces = cut(examples, 0.9, seed=seed, part="t", by_group=False)
        assert "neutral" in {each.label for each in pieces.kept}


def test_a_small_share_still_holds_one_review_out():
    assert len(cut(reviews(8), 0.01, seed=0, part="t", by_group=False).held_out) == 1


@pytest.mark.parametrize(
    ("examples", "by_group", "message"),
    [
        (
            reviews(2),
            False,
            r"2 reviews in 2 units are too few to cut off a test part.*Add reviews\.$",
        ),
        (reviews(50, films=1), True, r"50 reviews in 1 units are too few.*data\.group=none"),
    ],
)
def test_too_few(examples, by_group, message):
    with pytest.raises(DataError, match=message):
        cut(examples, 0.2, seed=0, part="test", by_group=by_group)


def _split(examples, split):
    return [Example(e.text, e.label, e.name, e.group, split) for e in examples]


def test_divide_cuts_what_the_source_does_not_give():
    parts = divide(reviews(100), frozenset(), DataConfig())
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 72,
        "validation": 8,
        "test": 20,
    }
    assert list(parts) == ["train", "validation", "test"]
    assert len({each.name for part in parts.values() for each in part}) == 100


def test_divide_keeps_given_parts():
    pool = reviews(100)
    examples = _split(pool[:60], "train") + _split(pool[60:], "test")
    parts = divide(examples, frozenset({"train", "test"}), DataConfig(validation=0.2))
    assert names(parts["test"]) == names(pool[60:])
    assert len(parts["train"]) == 48
    assert {each.split for each in parts["validation"]} == {"train"}


def test_divide_leaves_a_part_empty_that_was_not_read():
    parts = divide(_split(reviews(50), "train"), frozenset({"train", "test"}), DataConfig())
    assert parts["test"] == ()
    assert len(parts["train"]) + len(parts["validation"]) == 50


def test_random_pools_the_given_parts():
    pool = reviews(100)
    examples = _split(pool[:60], "train") + _split(pool[60:], "test")
    config = DataConfig(splits="random", validation=0.125)
    parts = divide(examples, frozenset({"train", "test"}), config)
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [70, 10, 20]
    assert {each.split for each in parts["test"]} == {"train", "test"}
    # The source's own split makes no difference.
    assert names(parts["test"]) == names(divide(pool, frozenset(), config)["test"])


def test_group_none_lets_films_be_parted():
    examples = reviews(200, films=4)
    parts = divide(examples, frozenset(), DataConfig(group="none"))
    assert len(parts["test"]) == 40
    assert {each.group for each in parts["train"]} & {each.group for each in parts["test"]}


def test_no_share_no_part():
    assert divide(reviews(10), frozenset(), DataConfig(test=0.0))["test"] == ()


def test_half_a_review_rounds_down():
    pieces = cut(reviews(10), 0.5, seed=0, part="t", by_group=False)
    assert Counter(each.label for each in pieces.held_out) == {"negative": 2, "positive": 2}
