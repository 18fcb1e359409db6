"""Labels: their order, their text, and which sets of them can be trained on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertone.data.examples import (
    Example,
    label_order,
    label_text,
    require_labels,
    training_labels,
)
from undertone.errors import DataError


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["positive", "negative"], ("negative", "positive")),
        (["pos", "neg", "pos"], ("neg", "pos")),
        (["good", "bad"], ("bad", "good")),
        (["True", "False"], ("False", "True")),
        (["yes", "no"], ("no", "yes")),
        (["positive", "neutral", "negative"], ("negative", "neutral", "positive")),
        (
            ["very positive", "positive", "very negative", "neutral", "negative"],
            ("very negative", "negative", "neutral", "positive", "very positive"),
        ),
        (["1", "0"], ("0", "1")),
        (["10", "9", "-1"], ("-1", "9", "10")),
        (["4.5", "4"], ("4", "4.5")),
        (["sport", "art", "positive"], ("art", "positive", "sport")),
        (["1", "one"], ("1", "one")),
        (["nan", "1"], ("1", "nan")),
        ([], ()),
    ],
)
def test_label_order(labels, expected):
    assert label_order(labels) == expected


@given(st.lists(st.text(max_size=4)), st.randoms())
def test_label_order_depends_on_the_set_alone(labels, random):
    shuffled = labels * 2
    random.shuffle(shuffled)
    assert label_order(shuffled) == label_order(labels)
    assert sorted(label_order(labels)) == sorted(set(labels))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" positive ", "positive"),
        ("", None),
        ("  ", None),
        (None, None),
        (float("nan"), None),
        (1, "1"),
        (1.0, "1"),
        (-2.0, "-2"),
        (4.5, "4.5"),
        (True, "true"),
        (False, "false"),
        ("1.0", "1.0"),
    ],
)
def test_label_text(value, expected):
    assert label_text(value, "a.csv row 1") == expected


def test_a_list_is_no_label():
    with pytest.raises(DataError, match=r"^a\.jsonl row 2: a list stands where the label belongs"):
        label_text(["positive"], "a.jsonl row 2")


def _examples(labels):
    return [Example(f"t{n}", label, f"r.csv row {n}") for n, label in enumerate(labels, 1)]


def test_missing_labels_name_the_first_and_how_many():
    with pytest.raises(DataError, match=r"^r\.csv row 2 has no label \(2 of 4 reviews have none\)"):
        require_labels(_examples(["a", None, "b", None]))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["good"] * 3, "all 3 reviews have the label 'good'"),
        ([], "there are no labelled reviews"),
        ([f"text {n}" for n in range(400)], "look like a column of text"),
        ([f"text {n}" for n in range(30)], "30 different labels in 30 reviews"),
        (["positive", "Positive", "negative"], "'Positive' and 'positive' differ only in case"),
    ],
)
def test_labels_that_cannot_be_trained_on(labels, message):
    with pytest.raises(DataError, match=message):
        training_labels(_examples(labels))


def test_many_labels_are_fine_where_each_has_reviews():
    labels = [str(n) for n in range(100)]
    assert training_labels(_examples(labels * 3)) == tuple(labels)
