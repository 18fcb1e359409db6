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
