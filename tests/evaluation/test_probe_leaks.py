"""No probe stands in what a model learns from."""

from __future__ import annotations

import pytest

from undertone.data.examples import TRAIN, UNLABELLED, Example, SourceOptions
from undertone.data.overlap import normalised
from undertone.data.source import read_examples
from undertone.evaluation.probes import Leak, Probe, Suite, find_leaks, load_suites

LONG = Probe("It isn't the worst film I've seen, but it is close.", "negative", "x", "1")
SHORT = Probe("I liked it.", "positive", "x", "1")
SUITE = Suite("mine", (LONG, SHORT))


def found(*texts: str, words: int = 8) -> list[Leak]:
    examples = [Example(text, None, f"row {number}") for number, text in enumerate(texts, 1)]
    return list(find_leaks([SUITE], examples, words=words))


def test_words_are_compared_without_case_signs_and_markup():
    assert normalised("<br />Isn’t THIS, isn't\tthis?") == ("isnt", "this", "isnt", "this")


def test_a_run_of_words_inside_a_text_is_found_once():
    text = "Honestly: IT ISNT the worst<br /><br />film I've seen, but it is a mess."
    assert found(text) == [Leak("mine", LONG, "row 1", "isnt the worst film ive seen but it")]


def test_a_shorter_run_is_chance():
    assert found("it isn't the worst film I've seen") == []
    assert len(found("it isn't the worst film I've seen", words=7)) == 1


def test_a_short_probe_is_found_as_a_whole_text_alone():
    assert found("i liked it", "Yes, I liked it.") == [Leak("mine", SHORT, "row 1", "i liked it")]


def test_each_probe_is_named_once_for_each_text():
    assert [leak.name for leak in found(LONG.text, f"{LONG.text} {LONG.text}")] == [
        "row 1",
        "row 2",
    ]


def test_no_probe_stands_in_the_sample_reviews():
    reviews = read_examples("sample", SourceOptions())
    assert [(leak.probe.pair, leak.words) for leak in find_leaks(load_suites(), reviews)] == []


@pytest.mark.slow
def test_no_probe_stands_in_imdb(shared_data):
    source = str(shared_data / "aclImdb_v1.tar.gz")
    reviews = read_examples(source, SourceOptions(), frozenset({TRAIN, UNLABELLED}))
    assert [(leak.probe.pair, leak.words) for leak in find_leaks(load_suites(), reviews)] == []
