"""Confidence bins, ROC curves and length bands."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sklearn

from undertone.evaluation import wilson
from undertone.evaluation.curves import (
    confidence_bins,
    length_bands,
    risk_curve,
    risks,
    roc_curves,
)
from undertone.evaluation.metrics import area_under_risk


def test_bins_by_hand(verdicts):
    case = verdicts([1, 0, 1, 1], [[0.18, 0.82], [0.85, 0.15], [0.85, 0.15], [0.05, 0.95]])
    first, last = confidence_bins(case)
    assert (first.low, first.high) == pytest.approx((12 / 15, 13 / 15))
    assert (first.reviews, first.accuracy) == (3, pytest.approx(2 / 3))
    assert first.confidence == pytest.approx(0.84)
    assert (last.low, last.high) == pytest.approx((14 / 15, 1.0))
    assert (last.reviews, last.confidence, last.accuracy) == (1, 0.95, 1.0)


def test_certainty_and_its_opposite_have_a_bin(verdicts):
    (only,) = confidence_bins(verdicts([0], [[1.0, 0.0]]))
    assert (only.low, only.reviews) == (pytest.approx(14 / 15), 1)
    (only,) = confidence_bins(verdicts([0], [[0.5, 0.5]]))
    assert only.low == pytest.approx(7 / 15)


def test_a_small_roc_curve_by_hand(verdicts):
    # Scores of the second label, with one tie: 0.9 +, 0.7 + and -, 0.2 -
    case = verdicts([1, 1, 0, 0], [[0.1, 0.9], [0.3, 0.7], [0.3, 0.7], [0.8, 0.2]])
    (curve,) = roc_curves(case)
    assert curve.label == "b"
    assert curve.false_positive_rate == (0.0, 0.0, 0.5, 1.0)
    assert curve.true_positive_rate == (0.0, 0.5, 1.0, 1.0)


def test_a_thinned_curve_lies_on_the_whole_one(verdicts):
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, 5_000)
    scores = 1 / (1 + np.exp(-rng.normal(targets, 1.0)))
    case = verdicts(targets, np.stack([1 - scores, scores], axis=1))
    (curve,) = roc_curves(case)
    assert 150 < len(curve.false_positive_rate) <= 201
    whole = sklearn.roc_curve(targets, scores, drop_intermediate=False)
    points = set(zip(whole[0].round(6), whole[1].round(6), strict=True))
    assert set(zip(curve.false_positive_rate, curve.true_positive_rate, strict=True)) <= points
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert area == pytest.approx(sklearn.roc_auc_score(targets, scores), abs=2e-3)


def test_many_labels_have_a_curve_each_unless_all_or_none_have_it(verdicts):
    case = verdicts([0, 1, 1], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.5, 0.4, 0.1]])
    assert [curve.label for curve in roc_curves(case)] == ["a", "b"]
    assert roc_curves(verdicts([1, 1], [[0.2, 0.8], [0.6, 0.4]])) == ()


def test_bands_by_hand(verdicts):
    total = [0, 25, 26, 50, 400, 401, 900, 2_740]
    case = verdicts(
        [0] * 8,
        [[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]] * 2,
        total=total,
        read=np.minimum(total, 300),
    )
    bands = length_bands(case)
    assert [(each.low, each.high, each.reviews) for each in bands] == [
        (0, 25, 2),
        (26, 50, 2),
        (201, 400, 1),
        (401, 800, 1),
        (801, None, 2),
    ]
    assert [each.accuracy for each in bands] == [0.5, 0.5, 1.0, 1.0, 0.5]
    assert bands[0].accuracy_interval == wilson(1, 2)
    assert bands[2].share_read == 0.75
    assert bands[4].share_read == pytest.approx(600 / 3_640)
    assert [each.title for each in bands] == ["0–25", "26–50", "201–400", "401–800", "over 800"]


def test_a_band_of_empty_reviews_has_no_share(verdicts):
    (band,) = length_bands(verdicts([0], [[0.5, 0.5]], total=[0]))
    assert (band.reviews, band.accuracy, band.share_read) == (1, 0.0, None)


def test_risk_over_coverage_by_hand(verdicts):
    """Right at 0.9; one of two right at 0.8; wrong at 0.6; empty and wrong at 0.5."""
    rows = [[0.2, 0.8], [0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.5, 0.5]]
    found = verdicts([0, 0, 0, 0, 0], rows, total=[9, 9, 9, 9, 0])
    assert risks(found) == pytest.approx([0, 0.5 / 2, 1 / 3, 2 / 4, 3 / 5])
    assert area_under_risk(found) == pytest.approx((0.25 + 1 / 3 + 0.5 + 0.6) / 5)
    curve = risk_curve(found)
    assert curve.coverage == (0.2, 0.4, 0.6, 0.8, 1.0)
    assert curve.risk[-1] == 0.6


def test_the_risk_curve_of_many_reviews_has_a_hundred_points(verdicts):
    generator = np.random.default_rng(0)
    second = generator.uniform(size=1234)
    found = verdicts(generator.integers(0, 2, 1234), np.stack([1 - second, second], axis=1))
    curve = risk_curve(found)
    assert len(curve.coverage) == 100
    assert curve.risk[-1] == pytest.approx(1 - found.correct.mean(), abs=1e-6)
    surest = np.argsort(-found.confidence)[: round(curve.coverage[49] * 1234)]
    assert curve.risk[49] == pytest.approx(1 - found.correct[surest].mean(), abs=1e-6)
