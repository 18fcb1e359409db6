"""From a model and reviews to an evaluation."""

from __future__ import annotations

import hashlib
import math

import msgspec
import numpy as np
import pytest

from undertone.data.examples import Example
from undertone.errors import DataError
from undertone.evaluation import Evaluation, as_json, collect_verdicts, evaluate, wilson

REVIEWS = (
    Example("-2|10", "negative", "row 1"),
    Example("4|20", "positive", "row 2"),
    Example("1|200", "negative", "row 3"),
    Example("0|0", "positive", "row 4"),
)


def _odds(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def test_everything_is_measured(scripted):
    model = scripted()
    found = evaluate(model, REVIEWS, source="reviews.csv", split="all")
    assert (found.source, found.split, found.reviews, found.empty) == ("reviews.csv", "all", 4, 1)
    assert found.labels == ("negative", "positive")
    assert found.accuracy == 0.5
    assert found.accuracy_interval == wilson(2, 4)
    # The model's temperature is 2, so its logits -2, 4, 1 count as -1, 2, 0.5.
    chosen = [1 - _odds(-1), _odds(2), 1 - _odds(0.5), 0.5]
    assert found.loss == pytest.approx(-sum(map(math.log, chosen)) / 4)
    assert found.figures["brier"] == pytest.approx(sum((1 - each) ** 2 for each in chosen) / 4)
    # Positive reviews score 0.88 and 0.5, negative ones 0.27 and 0.62: three pairs of four.
    assert found.roc_auc == 0.75
    gaps = [abs(1 - _odds(1)), abs(1 - _odds(2)), _odds(0.5), 0.5]
    assert found.ece == pytest.approx(sum(gaps) / 4)
    assert found.confusion == ((1, 1), (0, 1))
    assert [(each.precision, each.recall) for each in found.by_label] == [(1, 0.5), (0.5, 0.5)]
    assert (found.tokens_read, found.tokens_total) == (130, 230)
    assert found.figures["share_read"] == pytest.approx(130 / 230)
    assert [(each.title, each.reviews) for each in found.by_length] == [("0–25", 3), ("101–200", 1)]
    assert [curve.label for curve in found.roc] == ["positive"]
    assert sum(each.reviews for each in found.confidence_bins) == 4
    assert found.seconds > 0
    assert found.reviews_per_second == pytest.approx(4 / found.seconds)
    assert found.provenance["seed"] is None


def test_the_model_is_named_and_its_manifest_digested(scripted):
    found = evaluate(scripted(), REVIEWS)
    assert (found.source, found.split) == ("", "test")
    assert msgspec.structs.asdict(found.model) == {
        "name": "tiny",
        "digest": hashlib.sha256(b"{}").hexdigest(),
        "precision": "int8",
        "temperature": 2.0,
    }


def test_many_labels(scripted):
    labels = ("bad", "mixed", "good")
    reviews = [
        Example("3 0 0|5", "bad", "row 1"),
        Example("0 1 4|5", "good", "row 2"),
        Example("0 1 4|5", "mixed", "row 3"),
    ]
    found = evaluate(scripted(labels), reviews)
    assert found.confusion == ((1, 0, 0), (0, 0, 1), (0, 0, 1))
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.figures["precision"] is None
    # bad: all right; mixed: one pair ties, one is right; good: the same.
    assert found.roc_auc == pytest.approx((1 + 0.75 + 0.75) / 3)
    assert [curve.label for curve in found.roc] == list(labels)


def test_the_json_holds_all_of_it(scripted):
    found = evaluate(scripted(), REVIEWS, source="x")
    content = as_json(found)
    assert content.endswith(b"}\n")
    plain = msgspec.json.decode(content)
    assert plain["figures"]["accuracy"] == 0.5
    assert plain["accuracy_interval"] == list(wilson(2, 4))
    assert plain["model"]["name"] == "tiny"
    assert msgspec.json.decode(content, type=Evaluation) == found


def test_reviews_are_read_in_blocks_and_progress_is_told(scripted, monkeypatch):
    monkeypatch.setattr("undertone.evaluation.verdicts._BLOCK", 3)
    model, told = scripted(), []
    verdicts = collect_verdicts(model, REVIEWS, lambda *counts: told.append(counts))
    assert model.calls == [3, 1]
    assert told == [(3, 4), (4, 4)]
    assert verdicts.predicted.tolist() == [0, 1, 1, -1]
    assert verdicts.correct.tolist() == [True, True, False, False]
    assert verdicts.confidence == pytest.approx([_odds(1), _odds(2), _odds(0.5), 0.5])
    assert verdicts.tokens_read.dtype == np.int32


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (None, r"^reviews.csv row 7 has no label\. The model knows: negative, positive\.$"),
        ("positiv", r"'positiv', unknown to the model \(did you mean 'positive'\?\)\. The model"),
        ("5", r"^reviews.csv row 7 has the label '5', unknown to the model\. The model knows"),
    ],
)
def test_a_wrong_label_is_refused_before_anything_is_read(scripted, label, message):
    model = scripted()
    with pytest.raises(DataError, match=message):
        evaluate(model, [REVIEWS[0], Example("1|1", label, "reviews.csv row 7")])
    assert model.calls == []


def test_no_reviews_are_refused(scripted):
    with pytest.raises(DataError, match="no reviews to evaluate"):
        evaluate(scripted(), [])
