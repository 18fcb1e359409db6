"""Every figure, by hand and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics as sklearn

from undertone import calibration
from undertone.evaluation import METRICS, metrics
from undertone.evaluation.verdicts import verdicts_from_logits

pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:sklearn")

# Logits with few distinct values, so that scores and verdicts tie often.
ties = st.sampled_from([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
seeds = st.integers(0, 10_000)


@st.composite
def random_cases(draw):
    """Targets and logits of 2 to 40 reviews and 2 to 5 labels; each label occurs."""
    labels = draw(st.integers(2, 5))
    count = draw(st.integers(labels, 40))
    targets = draw(arrays.arrays(np.int64, count, elements=st.integers(0, labels - 1)))
    targets[:labels] = np.arange(labels)
    width = 1 if labels == 2 else labels
    return targets, draw(arrays.arrays(np.float64, (count, width), elements=ties))


def _verdicts(targets, logits, temperature=1.0):
    labels = tuple("abcde"[: max(2, logits.shape[1])])
    tokens = np.full(len(targets), 5, dtype=np.int32)
    return verdicts_from_logits(labels, targets, logits, temperature, tokens=(tokens, tokens))


def _mean_risk(wrong, confidence):
    """AURC one review at a time; equally sure ones share their errors evenly."""
    errors, risks = 0.0, []
    for value in sorted(set(confidence.tolist()), reverse=True):
        tied = wrong[confidence == value]
        for _ in tied:
            errors += tied.mean()
            risks.append(errors / (len(risks) + 1))
    return sum(risks) / len(risks)


@given(random_cases(), st.sampled_from([0.5, 1.0, 2.0]))
@settings(max_examples=150, deadline=None)
def test_the_figures_are_scikit_learns(case, temperature):
    targets, logits = case
    verdicts = _verdicts(targets, logits, temperature)
    probabilities, predicted = verdicts.probabilities, verdicts.predicted
    binary = probabilities.shape[1] == 2
    found = metrics.measure(verdicts)
    average = {"average": "macro", "zero_division": 0.0}
    expected = {
        "accuracy": sklearn.accuracy_score(targets, predicted),
        "aurc": _mean_risk(targets != predicted, probabilities.max(axis=1)),
        "loss": sklearn.log_loss(targets, probabilities),
        "precision_macro": sklearn.precision_score(targets, predicted, **average),
        "recall_macro": sklearn.recall_score(targets, predicted, **average),
        "f1_macro": sklearn.f1_score(targets, predicted, **average),
        "roc_auc": sklearn.roc_auc_score(targets, probabilities[:, 1])
        if binary
        else np.mean([
            sklearn.roc_auc_score(targets == label, probabilities[:, label])
            for label in range(probabilities.shape[1])
        ]),
        "brier": sklearn.brier_score_loss(targets, probabilities[:, 1])
        if binary
        else np.square(probabilities - np.eye(probabilities.shape[1])[targets]).sum(1).mean(),
        "precision": sklearn.precision_score(targets, predicted, zero_division=0.0)
        if binary
        else None,
        "recall": sklearn.recall_score(targets, predicted) if binary else None,
        "f1": sklearn.f1_score(targets, predicted, zero_division=0.0) if binary else None,
        "ece": _ece(verdicts.confidence, verdicts.correct),
        "share_read": 1.0,
    }  # fmt: skip
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == (None if value is None else pytest.approx(value, abs=1e-9)), name
    matrix = sklearn.confusion_matrix(targets, predicted, labels=range(probabilities.shape[1]))
    assert metrics.confusion_matrix(verdicts).tolist() == matrix.tolist()


def _ece(confidence, correct) -> float:
    """Guo et al. 2017, equation 3, read aloud: bins (0, 1/15], (1/15, 2/15], ..."""
    total = 0.0
    for number in range(15):
        inside = (confidence > np.linspace(0, 1, 16)[number]) & (
            confidence <= np.linspace(0, 1, 16)[number + 1]
        )
        if inside.any():
            total += inside.sum() * abs(correct[inside].mean() - confidence[inside].mean())
    return total / len(confidence)


@given(random_cases())
@settings(max_examples=50, deadline=None)
def test_precision_recall_and_f1_of_each_label_are_scikit_learns(case):
    targets, logits = case
    verdicts = _verdicts(targets, logits)
    labels = range(len(verdicts.labels))
    expected = sklearn.precision_recall_fscore_support(
        targets, verdicts.predicted, labels=labels, zero_division=0.0
    )
    found = metrics.label_scores(verdicts)
    for number, each in enumerate(found):
        assert (each.precision, each.recall, each.f1, each.reviews) == pytest.approx(
            [column[number] for column in expected]
        )
    assert [each.label for each in found] == list(verdicts.labels)
    assert sum(each.predicted for each in found) == len(targets)


@given(st.integers(1, 60), seeds)
@settings(max_examples=60, deadline=None)
def test_the_area_counts_pairs_and_ties_half(count, seed):
    rng = np.random.default_rng(seed)
    positive, scores = rng.random(count) < 0.5, rng.integers(0, 6, count) / 5
    ups, downs = scores[positive], scores[~positive]
    found = metrics.area_under_roc(positive, scores)
    if len(ups) == 0 or len(downs) == 0:
        assert found is None
    else:
        wins = (ups[:, None] > downs).sum() + 0.5 * (ups[:, None] == downs).sum()
        assert found == pytest.approx(wins / (len(ups) * len(downs)))


def test_calibration_error_by_hand(verdicts):
    # (0.8, 0.8667]: three reviews, confidence 0.82 and 0.85 and 0.85, one wrong;
    # (0.9333, 1]: one review, confidence 0.95, right.
    case = verdicts(
        [1, 0, 1, 1],
        [[0.18, 0.82], [0.85, 0.15], [0.85, 0.15], [0.05, 0.95]],
    )
    gap_one = abs(2 / 3 - (0.82 + 0.85 + 0.85) / 3)
    assert METRICS["ece"].measure(case) == pytest.approx((3 * gap_one + 0.05) / 4)
    assert METRICS["ece"].measure(case) == pytest.approx(0.1425)


def test_a_confidence_on_the_edge_belongs_to_the_bin_below(verdicts):
    case = verdicts([0, 0], [[0.6, 0.4], [0.61, 0.39]])
    from undertone.evaluation.curves import confidence_bins

    assert [(round(each.low, 3), each.reviews) for each in confidence_bins(case)] == [
        (0.533, 1),
        (0.6, 1),
    ]


def test_the_loss_is_that_of_the_calibration():
    rng = np.random.default_rng(0)
    targets, logits = rng.integers(0, 2, 500), rng.normal(0, 9, (500, 1)).astype(np.float32)
    found = metrics.log_loss(_verdicts(targets, logits, 1.7))
    assert found == pytest.approx(calibration.log_loss(logits, targets, 1.7), rel=1e-9)


def test_a_certain_mistake_has_a_finite_loss():
    found = metrics.log_loss(_verdicts(np.array([0, 1]), np.array([[5_000.0], [5_000.0]])))
    assert found == pytest.approx(-np.log(np.finfo(float).tiny) / 2)


def test_a_review_without_tokens_counts_as_wrong_and_undecided():
    tokens = np.array([7, 0], dtype=np.int32)
    verdicts = verdicts_from_logits(
        ("n", "p"), np.array([1, 1]), np.array([[2.0], [9.0]]), 1.0, tokens=(tokens, tokens)
    )
    assert verdicts.predicted.tolist() == [1, -1]
    assert verdicts.probabilities[1].tolist() == [0.5, 0.5]
    assert metrics.accuracy(verdicts) == 0.5
    assert metrics.confusion_matrix(verdicts).tolist() == [[0, 0], [0, 1]]
    scores = metrics.label_scores(verdicts)[1]
    assert (scores.reviews, scores.predicted) == (2, 1)
    assert (scores.precision, scores.recall, scores.f1) == (1.0, 0.5, pytest.approx(2 / 3))
    certain = 1 / (1 + np.exp(-2))
    assert metrics.log_loss(verdicts) == pytest.approx((-np.log(certain) + np.log(2)) / 2)
    # Bin of 0.5: nothing right; bin of 0.88: all right.
    expected = (0.5 + 1 - certain) / 2
    assert metrics.expected_calibration_error(verdicts) == pytest.approx(expected)


def test_one_label_only_leaves_the_area_undefined(verdicts):
    case = verdicts([1, 1], [[0.2, 0.8], [0.6, 0.4]])
    found = metrics.measure(case)
    assert found["roc_auc"] is None
    assert (found["precision"], found["recall"]) == (1.0, 0.5)
    assert found["f1_macro"] == pytest.approx((0.0 + 2 / 3) / 2)


def test_labels_that_do_not_occur_are_left_out_of_the_means(verdicts):
    case = verdicts([0, 1, 1], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.5, 0.4, 0.1]])
    found = metrics.measure(case)
    assert found["recall_macro"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["roc_auc"] == pytest.approx(1.0)
    assert found["f1"] is None


def test_the_share_read(verdicts):
    case = verdicts([0, 1], [[0.9, 0.1]] * 2, total=[300, 100], read=[100, 100])
    assert METRICS["share_read"].measure(case) == 0.5
    assert METRICS["share_read"].measure(verdicts([0], [[0.5, 0.5]], total=[0])) is None


def test_every_metric_is_described():
    for name, metric in METRICS.items():
        assert metric.title, name
        assert metric.better == ("lower" if name in ("loss", "ece", "aurc", "brier") else "higher")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [("accuracy", 0.91234, "91.23%"), ("loss", 0.24117, "0.2412"), ("roc_auc", None, "–")],
)
def test_figures_as_people_read_them(name, value, text):
    assert metrics.shown(name, value) == text
