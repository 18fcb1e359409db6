"""Suites of probes: those inside the package, files of users, and the published forms."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from undertone.errors import ConfigError, DataError
from undertone.evaluation.probes import Probe, load_suite, load_suites, packaged_names

SIXTEEN = (
    *("comparison", "concession", "conditional", "defeated_expectation", "double_negation"),
    *("hedging", "intensity", "irony", "mixed_aspects", "negation", "others_opinion"),
    *("plot_words", "questions", "ratings_in_words", "robustness", "turn_over_time"),
)


def line(text: str, label: object = "positive", pair: object = "a", **more: object) -> str:
    return json.dumps({"text": text, "label": label, "phenomenon": "negation", "pair": pair} | more)


GOOD = (line("I liked it."), line("I did not like it.", "negative"))


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{each}\n" for each in lines), encoding="utf-8")
    return path


def test_all_suites_are_inside_the_package():
    assert packaged_names() == SIXTEEN
    assert tuple(suite.name for suite in load_suites()) == SIXTEEN


@pytest.mark.parametrize("name", SIXTEEN)
def test_a_packaged_suite_is_balanced_and_of_one_phenomenon(name):
    suite = load_suite(name)
    assert {each.phenomenon for each in suite.probes} == {name}
    pairs = suite.pairs()
    assert len(pairs) >= 30
    assert len({" ".join(each.text.split()) for each in suite.probes}) == len(suite.probes)
    labels = Counter(each.label for each in suite.probes)
    assert labels["negative"] == labels["positive"] == len(pairs)
    alike = [suite.probes[one].label == suite.probes[other].label for one, other in pairs]
    assert all(alike) if name == "robustness" else not any(alike)


def test_the_kinds_of_robustness():
    suite = load_suite("robustness")
    assert {each.kind for each in suite.probes} == {"typo", "case", "name", "neutral"}
    assert all(suite.probes[a].kind == suite.probes[b].kind for a, b in suite.pairs())


def test_no_text_stands_in_two_packaged_suites():
    texts = Counter(each.text for suite in load_suites() for each in suite.probes)
    assert [text for text, count in texts.items() if count > 1] == []


def test_a_file_of_a_user(tmp_path):
    lines = [line("Bad.", 0, 7), "", line("Good!", "POS", 7, kind="short"), *GOOD]
    suite = load_suite(write(tmp_path / "mine.jsonl", *lines))
    assert suite.name == "mine"
    assert suite.probes[:2] == (
        Probe("Bad.", "negative", "negation", "7"),
        Probe("Good!", "positive", "negation", "7", "short"),
    )
    assert suite.pairs() == ((0, 1), (2, 3))


def test_members_need_not_stand_together(tmp_path):
    lines = [line("A.", pair=1), *GOOD, line("B.", "negative", 1)]
    assert load_suite(write(tmp_path / "mine.jsonl", *lines)).pairs() == ((0, 3), (1, 2))


def test_several_names_each_once(tmp_path):
    mine = write(tmp_path / "mine.jsonl", *GOOD)
    names = [suite.name for suite in load_suites(["irony", mine, "package"])]
    assert names[:2] == ["irony", "mine"]
    assert sorted(names) == sorted([*SIXTEEN, "mine"])


FLAWS = {
    "unknown label": ([line("x", "meh"), GOOD[1]], "line 1: unknown label 'meh'"),
    "no polarity": ([line("x", "neutral"), GOOD[1]], "line 1: unknown label 'neutral'"),
    "one member": ([*GOOD, line("alone", pair="b")], "line 3: the pair 'b' has one member"),
    "three members": ([*GOOD, line("more")], "line 3: the pair 'a' has two members already"),
    "pair again": (
        [*GOOD, line("I liked  it.", pair="b"), line("I did not like it.", "negative", "b")],
        "line 4: the pair 'b' has the texts of the pair 'a'",
    ),
    "same text": ([line("x"), line("x", "negative")], "line 2: both members of the pair 'a'"),
    "two phenomena": (
        [GOOD[0], line("x", "negative", phenomenon="irony")],
        "line 2: the pair 'a' has two phenomena",
    ),
    "empty text": ([line(" \t"), GOOD[1]], "line 1: empty text"),
    "empty phenomenon": ([line("x", phenomenon=""), GOOD[1]], "line 1: empty phenomenon"),
    "empty pair": ([line("x", pair=" "), GOOD[1]], "line 1: empty pair"),
    "not JSON": (["", "{text: x}", *GOOD], "line 2: not valid JSON"),
    "an array": (["[]", *GOOD], "line 1: Expected `object`, got `array`"),
    "deep": (["[" * 100_000, *GOOD], "line 1: "),
    "surrogate": ([line("\ud800"), GOOD[1]], "line 1: not valid JSON"),
    "field missing": (['{"text": "x"}'], "line 1: Object missing required field `label`"),
    "strange field": ([line("x", pairs=3)], "line 1: Object contains unknown field `pairs`"),
    "number as text": ([line(3)], "line 1: Expected `str`, got `int` - at `$.text`"),
    "nothing": ([""], "holds no probes"),
}


@pytest.mark.parametrize(("lines", "expected"), FLAWS.values(), ids=FLAWS)
def test_a_flaw_is_named_with_its_line(tmp_path, lines, expected):
    with pytest.raises(DataError) as caught:
        load_suite(write(tmp_path / "mine.jsonl", *lines))
    assert str(caught.value).startswith("mine.jsonl ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_all_flaws_are_named_at_once_in_order(tmp_path):
    lines = [line("alone"), *("{}" for _ in range(9))]
    with pytest.raises(DataError) as caught:
        load_suite(write(tmp_path / "mine.jsonl", *lines))
    message = str(caught.value)
    assert message.index("line 1: the pair") < message.index("line 2: Object missing")
    assert "; and 5 more." in message


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "mine.jsonl").write_bytes(b'{"text": "\xff"}\n')
    with pytest.raises(DataError, match="line 1: byte 0xff"):
        load_suite(tmp_path / "mine.jsonl")


def test_unknown_suites_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"no suite 'negatoin' \(did you mean 'negation'\?\)"):
        load_suite("negatoin")
    with pytest.raises(DataError, match=r"no such file: .*mine\.jsonl"):
        load_suite(tmp_path / "mine.jsonl")
    with pytest.raises(ConfigError, match="no suite of probes is named"):
        load_suites([])


CAD = """Sentiment\tText\tbatch_id
Negative\t"It was ""bad"".<br />Really."\t12
Positive\t"It was ""good"".<br />Really."\t12
Positive\tFine.\t4
Negative\tNot fine.\t4
"""


def test_counterfactual_pairs(tmp_path):
    path = tmp_path / "dev_paired.tsv"
    path.write_text(CAD, encoding="utf-8")
    suite = load_suite(path)
    assert suite.probes == (
        Probe('It was "bad".<br />Really.', "negative", "dev_paired", "12", "original"),
        Probe('It was "good".<br />Really.', "positive", "dev_paired", "12", "revised"),
        Probe("Fine.", "positive", "dev_paired", "4", "original"),
        Probe("Not fine.", "negative", "dev_paired", "4", "revised"),
    )
    assert suite.pairs() == ((0, 1), (2, 3))


CONTRAST = {
    "test_original.tsv": "Sentiment\tText\nPositive\tFine.\nNegative\tNo.\n",
    "test_contrast.tsv": "Sentiment\tText\nNegative\tNot fine.\nPositive\tYes.\n",
}


@pytest.mark.parametrize("named", CONTRAST)
def test_a_contrast_set_by_either_file(tmp_path, named):
    for name, content in CONTRAST.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    suite = load_suite(tmp_path / named)
    assert suite.name == "test_contrast"
    assert [(each.text, each.pair, each.kind) for each in suite.probes] == [
        ("Fine.", "1", "original"),
        ("Not fine.", "1", "contrast"),
        ("No.", "2", "original"),
        ("Yes.", "2", "contrast"),
    ]
    assert {each.phenomenon for each in suite.probes} == {"test_contrast"}


BAD_TSV = {
    "half a batch": (CAD.rsplit("Negative", 1)[0], "row 3: the batch_id 4 has 1 rows, not two"),
    "empty text": (CAD.replace("\tFine.", "\t "), "row 3: empty text"),
    "label": (CAD.replace("Positive\tF", "Great\tF"), "row 3: unknown label 'Great'"),
    "no batch": (CAD.replace("\t4\n", "\t\n"), "row 3 has no batch_id"),
    "other form": ("a\tb\nc\td\n", "has no column 'batch_id' (columns: 'a', 'b')"),
    "no text": ("Sentiment\tbatch_id\nPositive\t1\nPositive\t1\n", "no column of reviews"),
}


@pytest.mark.parametrize(("content", "expected"), BAD_TSV.values(), ids=BAD_TSV)
def test_flaws_of_published_forms(tmp_path, content, expected):
    path = tmp_path / "pairs.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        load_suite(path)
    assert expected in str(caught.value)


def test_half_a_contrast_set_is_refused(tmp_path):
    path = tmp_path / "test_contrast.tsv"
    path.write_text(CONTRAST["test_contrast.tsv"], encoding="utf-8")
    with pytest.raises(DataError, match=r"no such file: .*test_original\.tsv"):
        load_suite(path)
    path.with_name("test_original.tsv").write_text("Sentiment\tText\nPositive\tFine.\n")
    with pytest.raises(DataError, match=r"test_original\.tsv has 1 rows, but .* has 2"):
        load_suite(path)


def test_the_published_pairs(shared_data):
    path = shared_data / "cad" / "dev_paired.tsv"
    if not path.is_file():
        pytest.skip("the counterfactual pairs are not at hand")
    suite = load_suite(path)
    assert len(suite.pairs()) == 245
    labels = Counter((each.kind, each.label) for each in suite.probes)
    assert labels["original", "positive"] == labels["revised", "negative"] == 123
    assert all(suite.probes[a].label != suite.probes[b].label for a, b in suite.pairs())
