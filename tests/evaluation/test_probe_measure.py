"""Figures of probes, worked out by hand with a model whose texts hold its answers."""

from __future__ import annotations

import pytest

import undertone
from undertone.errors import ConfigError
from undertone.evaluation import wilson
from undertone.evaluation.probes import (
    Probe,
    ProbeResult,
    Scores,
    Share,
    Suite,
    check_labels,
    probe,
)


def suite(*pairs: tuple, name: str = "s", phenomenon: str = "negation") -> Suite:
    """Each pair: (logit, label), (logit, label) and, if there is one, its kind."""
    probes = [
        Probe(f"{logit}|{0 if logit == '' else 5}", label, phenomenon, str(number), *kind)
        for number, (*members, kind) in enumerate(
            (*pair, ()) if len(pair) == 2 else (*pair[:2], (pair[2],)) for pair in pairs
        )
        for logit, label in members
    ]
    return Suite(name, tuple(probes))


BOTH = ((2, "positive"), (-1, "negative"))
HALF = ((3, "positive"), (1, "negative"))
TIED = ((1, "negative"), (1, "positive"))
WRONG = ((-3, "positive"), (1, "negative"))


def share(count: float, of: int, ties: int = 0) -> Share:
    return Share(count, of, ties, count / of, wilson(count, of))


def test_the_figures_of_opposite_pairs(scripted):
    found = probe(scripted(), [suite(BOTH, HALF, TIED, WRONG)])
    assert found.overall == Scores(
        texts=8,
        pairs=4,
        accuracy=share(4, 8),
        both=share(1, 4),
        direction=share(2.5, 4, ties=1),
        steady=None,
    )
    assert found.phenomena[0].name == "negation"
    assert found.phenomena[0].scores == found.overall
    assert found.phenomena[0].kinds == {}
    assert found.macro.direction == 0.625
    assert found.macro.steady is None
    assert isinstance(found, ProbeResult)
    assert found.model.name == "tiny"


def test_the_interval_of_a_share_with_a_tie_lies_between_its_neighbours():
    low, high = wilson(2.5, 4)
    assert wilson(2, 4).low < low < wilson(3, 4).low
    assert wilson(2, 4).high < high < wilson(3, 4).high


def test_pairs_of_one_label_ask_that_the_verdict_stays(scripted):
    steady = ((-1, "positive"), (-2, "positive"), "typo")
    moved = ((-1, "negative"), (1, "negative"), "case")
    found = probe(scripted(), [suite(steady, moved, phenomenon="robustness")])
    assert found.overall.direction is None
    assert found.overall.steady == share(1, 2)
    assert found.overall.both == share(0, 2)
    kinds = found.phenomena[0].kinds
    assert list(kinds) == ["typo", "case"]
    assert kinds["typo"].steady == share(1, 1)
    assert kinds["typo"].accuracy == share(0, 2)
    assert kinds["case"].accuracy == share(1, 2)


def test_kinds_that_divide_pairs_have_texts_alone(scripted):
    probes = (
        Probe("1|5", "positive", "cad", "1", "original"),
        Probe("1|5", "negative", "cad", "1", "revised"),
    )
    kinds = probe(scripted(), [Suite("cad", probes)]).phenomena[0].kinds
    assert kinds["original"] == Scores(1, 0, share(1, 1), None, None, None)
    assert kinds["revised"] == Scores(1, 0, share(0, 1), None, None, None)


def test_overall_is_pooled_and_macro_is_the_mean_of_phenomena(scripted):
    suites = [suite(BOTH, BOTH, BOTH), suite(WRONG, name="t", phenomenon="irony")]
    found = probe(scripted(), suites)
    assert found.overall.accuracy == share(6, 8)
    assert found.overall.both == share(3, 4)
    assert [each.name for each in found.phenomena] == ["negation", "irony"]
    assert found.macro.accuracy == 0.5
    assert found.macro.both == 0.5


def test_pairs_of_two_suites_with_one_name_stay_apart(scripted):
    found = probe(scripted(), [suite(BOTH), suite(WRONG, name="t")])
    assert found.overall.pairs == 2
    assert found.overall.both == share(1, 2)


def test_sure_verdicts_are_still_told_apart(scripted):
    """Both probabilities round to 1: the log-odds do not."""
    found = probe(scripted(), [suite(((90, "positive"), (80, "negative")))])
    assert found.overall.direction == share(1, 1)


def test_texts_without_tokens_are_wrong_and_score_zero(scripted):
    probes = (Probe("5|0", "positive", "x", "1"), Probe("-1|5", "negative", "x", "1"))
    found = probe(scripted(), [Suite("s", probes)])
    assert found.overall.accuracy == share(1, 2)
    assert found.overall.direction == share(1, 1)


@pytest.mark.parametrize("labels", [("neg", "pos"), ("0", "1"), ("False", "True"), ("-1", "1")])
def test_labels_are_mapped(scripted, labels):
    assert probe(scripted(labels), [suite(BOTH)]).overall.both == share(1, 1)


def test_a_model_whose_first_label_is_the_positive_one(scripted):
    found = probe(scripted(("pos", "neg")), [suite(BOTH, HALF)])
    assert found.overall.accuracy == share(1, 4)
    assert found.overall.direction == share(0, 2)


@pytest.mark.parametrize(
    "labels", [("a", "b"), ("negative", "neutral", "positive"), ("1", "2"), ("bad", "negative")]
)
def test_other_labels_are_refused(scripted, labels):
    with pytest.raises(ConfigError) as caught:
        check_labels(scripted(labels))
    assert str(caught.value).startswith(f"tiny has the labels {', '.join(labels)}, which are not")


def test_nothing_to_read_is_refused(scripted):
    with pytest.raises(ConfigError, match="there are no probes"):
        probe(scripted(), [])


def test_progress_is_told(scripted):
    told = []
    probe(scripted(), [suite(BOTH)], on_progress=lambda *done: told.append(done))
    assert told == [(2, 2)]


def test_the_public_names_measure_the_packaged_model():
    model = undertone.load(threads=1)
    found = undertone.probe(model, undertone.load_suites(["negation"]))
    assert found.overall.texts == 82
    texts = [each.text for each in undertone.load_suites(["negation"])[0].probes]
    truth = [each.label for each in undertone.load_suites(["negation"])[0].probes]
    said = [each.label for each in model.predict(texts)]
    right = sum(one == other for one, other in zip(truth, said, strict=True))
    assert found.overall.accuracy == share(right, 82)
