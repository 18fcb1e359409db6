"""Probabilities, log loss and temperature against scipy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize_scalar
from scipy.special import expit, softmax
from sklearn import metrics

from undertone import calibration
from undertone.errors import ConfigError


def overconfident(labels, rows=400, sharpness=4.0, seed=5):
    """Logits that are right more often than not, multiplied so that they claim too much."""
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, labels, rows)
    logits = generator.normal(size=(rows, labels))
    logits[np.arange(rows), targets] += 1.0
    if labels == 2:
        logits = logits[:, 1:] - logits[:, :1]
    return (logits * sharpness).astype(np.float32), targets


def test_one_logit_is_the_log_odds_of_the_second_label():
    logits = np.array([[0.0], [2.0], [-3.0]])
    expected = np.stack([1 - expit(logits[:, 0]), expit(logits[:, 0])], axis=1)
    np.testing.assert_allclose(calibration.probabilities(logits), expected, rtol=1e-14)
    halved = calibration.probabilities(logits, 2.0)
    np.testing.assert_allclose(halved[:, 1], expit(logits[:, 0] / 2), rtol=1e-14)


def test_many_logits_are_a_softmax():
    logits, _ = overconfident(5)
    expected = softmax(logits.astype(np.float64) / 1.7, axis=1)
    result = calibration.probabilities(logits, 1.7)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, expected, rtol=1e-12)


@pytest.mark.parametrize("labels", [2, 3, 7])
@pytest.mark.parametrize("temperature", [1.0, 0.3, 6.0])
def test_log_loss_is_that_of_scikit_learn(labels, temperature):
    logits, targets = overconfident(labels, sharpness=1.0)
    expected = metrics.log_loss(targets, calibration.probabilities(logits, temperature))
    assert calibration.log_loss(logits, targets, temperature) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("labels", [2, 3, 7])
@pytest.mark.parametrize("sharpness", [0.4, 1.0, 5.0])
def test_the_temperature_is_the_one_scipy_finds(labels, sharpness):
    logits, targets = overconfident(labels, sharpness=sharpness)

    def loss(log_temperature):
        scaled = calibration.probabilities(logits, float(np.exp(log_temperature)))
        return metrics.log_loss(targets, scaled)

    found = minimize_scalar(
        loss, bounds=(np.log(0.05), np.log(20)), method="bounded", options={"xatol": 1e-9}
    )
    fitted = calibration.fit_temperature(logits, targets)
    assert fitted == pytest.approx(np.exp(found.x), rel=1e-5)
    assert calibration.log_loss(logits, targets, fitted) <= found.fun + 1e-12
    assert (fitted > 2) == (sharpness == 5.0)


def test_the_temperature_stays_between_its_bounds():
    logits = np.array([[8.0], [-8.0], [8.0]])
    always_right = np.array([1, 0, 1])
    assert calibration.fit_temperature(logits, always_right) == pytest.approx(0.05)
    assert calibration.fit_temperature(logits, 1 - always_right) == pytest.approx(20.0)


def test_without_rows_the_temperature_is_one():
    assert calibration.fit_temperature(np.zeros((0, 1)), np.zeros(0, dtype=int)) == 1.0


def test_huge_logits_neither_overflow_nor_warn():
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        result = calibration.probabilities(np.array([[1e4, -1e4, 0.0]], dtype=np.float64) * 0.07)
        loss = calibration.log_loss(np.array([[1e4]]), np.array([0]))
    assert result[0, 0] == 1.0
    assert loss == pytest.approx(1e4)


@settings(max_examples=50, deadline=None)
@given(
    logits=arrays(np.float64, (4, 3), elements=st.floats(-30, 30)),
    temperature=st.floats(0.05, 20),
)
def test_rows_sum_to_one_and_no_decision_changes(logits, temperature):
    result = calibration.probabilities(logits, temperature)
    np.testing.assert_allclose(result.sum(axis=1), 1.0, rtol=1e-12)
    rows = np.arange(4)
    np.testing.assert_array_equal(result[rows, logits.argmax(axis=1)], result.max(axis=1))


def test_conformal_thresholds_by_hand():
    """Nine held-out texts: the rank of a coverage c is the ceiling of 10 c."""
    shares = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    logits = np.log(shares / (1 - shares))[:, None]
    thresholds = calibration.conformal_thresholds(logits, np.ones(9, dtype=int))
    assert len(thresholds) == 500
    for coverage, expected in ((0.5, 0.5), (0.501, 0.6), (0.6, 0.6), (0.9, 0.9), (0.901, 1.0)):
        found = calibration.threshold_for(coverage, thresholds)
        assert found == pytest.approx(expected), coverage
    assert calibration.threshold_for(0.5001, thresholds) == pytest.approx(0.6)
    assert calibration.threshold_for(0.999, thresholds) == 1.0


def test_without_held_out_texts_every_label_stays_possible():
    thresholds = calibration.conformal_thresholds(np.zeros((0, 3)), np.zeros(0, dtype=int))
    assert thresholds == [1.0] * 500
    assert calibration.prediction_sets(np.array([[1.0, 0.0, 0.0]]), 1.0).all()


@pytest.mark.parametrize("coverage", [0.499, 0.9991, 1.0, -1.0, float("nan"), float("inf")])
def test_other_coverages_are_refused(coverage):
    with pytest.raises(ConfigError, match="is out of range"):
        calibration.threshold_for(coverage, [0.0] * 500)


def test_prediction_sets_hold_none_one_or_all():
    rows = np.array([[0.45, 0.55], [0.05, 0.95], [0.5, 0.5]])
    assert calibration.prediction_sets(rows, 0.25).tolist() == [[0, 0], [0, 1], [0, 0]]
    assert calibration.prediction_sets(rows, 0.55).tolist() == [[1, 1], [0, 1], [1, 1]]


@pytest.mark.parametrize("labels", [2, 4])
@pytest.mark.parametrize("coverage", [0.6, 0.9, 0.95])
def test_sets_hold_the_true_label_as_often_as_was_asked(labels, coverage):
    """Mean over draws of held-out and new texts: between c and c + 1 / (n + 1)."""
    count, draws, new = 99, 300, 100
    held = []
    for seed in range(draws):
        logits, targets = overconfident(labels, rows=count + new, seed=seed)
        thresholds = calibration.conformal_thresholds(logits[:count], targets[:count], 2.0)
        rows = calibration.probabilities(logits[count:], 2.0)
        sets = calibration.prediction_sets(rows, calibration.threshold_for(coverage, thresholds))
        held.append(sets[np.arange(new), targets[count:]].mean())
    error = 4 * np.std(held) / np.sqrt(draws)
    assert coverage - error <= np.mean(held) <= coverage + 1 / (count + 1) + error
