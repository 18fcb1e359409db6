"""What inspection finds in a source made for it."""

from __future__ import annotations

import csv

import msgspec
import pytest

from undertone.config import RunConfig
from undertone.data.examples import SourceOptions
from undertone.data.inspect import Inspection, Lengths, Part, inspect_source
from undertone.errors import DataError
from undertone.settings import DataConfig, TextConfig

OPTIONS = SourceOptions()
CONFIG = RunConfig(text=TextConfig(max_tokens=16))


@pytest.fixture
def inspect(tmp_path):
    def run(rows, header=("text", "label", "split", "film")):
        path = tmp_path / "r.csv"
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([header, *rows])
        return inspect_source(str(path), OPTIONS, CONFIG)

    return run


ROWS = [
    ("Good film", "positive", "train", "a"),
    ("Good film", "positive", "train", "b"),
    ("Bad film", "negative", "train", "a"),
    ("<br />good  FILM", "negative", "dev", "c"),
    ("It wasn't good, was it?", "negative", "dev", "a"),
    ("Good film", "positive", "test", "d"),
    ("word " * 17, "positive", "test", "d"),
    ("  ", "positive", "test", "d"),
    ("caf\ufffd", "positive", "train", "e"),
    ("cafÃ© â€™ &amp; more", "negative", "train", "e"),
    ("a\x07b", "negative", "train", "e"),
]


def test_everything_is_counted(inspect):
    found = inspect(ROWS)
    assert found.reviews == 10
    assert found.parts == (
        Part("train", given=True, reviews=6, labels={"negative": 3, "positive": 3}),
        Part("validation", given=True, reviews=2, labels={"negative": 2}),
        Part("test", given=True, reviews=2, labels={"positive": 2}),
    )
    assert found.labels == ("negative", "positive")
    assert found.balance == 0.5
    assert (found.without_label, found.unlabelled) == (0, 0)
    assert (found.empty, found.empty_names) == (1, ("r.csv row 8",))
    assert found.duplicates == 2
    assert found.shared_texts == {"train+validation": 0, "train+test": 1, "validation+test": 0}
    assert found.groups == 5
    assert found.shared_groups == {"train+validation": 1, "train+test": 0, "validation+test": 0}
    assert (found.contradictions, found.contradiction_names) == (1, ("r.csv row 1",))
    assert found.words == Lengths(minimum=1, median=2, p90=5, p99=17, maximum=17)
    # "It wasn't good, was it?" has 5 words and 7 tokens: wasn't is one, "," and "?" count.
    assert found.tokens.p90 == 7
    assert found.tokens.maximum == 17
    assert found.max_tokens == 16
    assert found.longer == 0.1
    assert found.odd == {
        "replacement character": 0.1,
        "control character": 0.1,
        "wrong encoding": 0.1,
        "markup": 0.2,
    }
    assert found.problems == ()


def test_it_is_plain_json(inspect):
    found = inspect(ROWS)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Inspection) == found


def test_parts_that_a_run_would_cut(inspect):
    rows = [(f"review {n}", ("good", "bad")[n % 2]) for n in range(100)]
    found = inspect(rows, ("text", "label"))
    assert [(part.name, part.given, part.reviews) for part in found.parts] == [
        ("train", False, 72),
        ("validation", False, 8),
        ("test", False, 20),
    ]
    assert found.labels == ("bad", "good")
    assert found.groups == 0


def test_what_would_stop_a_run_is_told_and_not_raised(inspect):
    found = inspect([("a", "x"), ("b", ""), ("c", "x")], ("text", "label"))
    assert found.without_label == 1
    assert found.balance == 1.0
    assert len(found.problems) == 3
    assert found.problems[0].startswith("r.csv row 2 has no label (1 of 3")
    assert found.problems[1].startswith("all 3 reviews have the label 'x'")
    assert "too few" in found.problems[2]
    assert [(part.name, part.reviews) for part in found.parts] == [("all", 3)]


def test_an_empty_table(inspect):
    found = inspect([], ("text", "label"))
    assert found.reviews == 0
    assert found.words == Lengths(0, 0, 0, 0, 0)
    assert (found.longer, found.balance) == (0.0, 0.0)
    assert found.problems == (
        "there are no labelled reviews. Training needs reviews of two labels or more.",
    )


def test_flaws_of_rows_are_raised(tmp_path):
    (tmp_path / "r.csv").write_bytes(b"text,label\na,1\ncaf\xe9,0\n")
    with pytest.raises(DataError, match="row 2"):
        inspect_source(str(tmp_path / "r.csv"), OPTIONS, CONFIG)


def test_the_layout(folder, archive):
    found = inspect_source(str(folder), OPTIONS, CONFIG)
    assert found.unlabelled == 2
    assert (found.reviews, found.groups) == (10, 7)
    assert {part.name: part.given for part in found.parts} == {
        "train": True,
        "validation": False,
        "test": True,
    }
    other = inspect_source(str(archive), OPTIONS, CONFIG)
    assert msgspec.structs.replace(other, source=found.source) == found


def test_a_random_cut_is_not_the_one_given(folder):
    config = RunConfig(data=DataConfig(splits="random", validation=0.25, group="none"))
    found = inspect_source(str(folder), OPTIONS, config)
    assert [(part.given, part.reviews) for part in found.parts] == [
        (False, 6),
        (False, 2),
        (False, 2),
    ]


def test_the_exclude_list_is_noted(folder, tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("train/pos/0_9.txt\n")
    found = inspect_source(str(folder), SourceOptions(exclude=path), CONFIG)
    assert found.reviews == 9
    assert found.notes == (
        "reviews left out by out.txt: 1; names in it that the source does not have: 0.",
    )
