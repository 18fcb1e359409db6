"""What abstaining promised against what was found."""

import numpy as np
import pytest

from undertone import calibration
from undertone.evaluation.doubt import PROMISES, promises
from undertone.evaluation.intervals import wilson
from undertone.evaluation.verdicts import verdicts_from_logits

LABELS = ("negative", "positive")


def drawn(seed: int, count: int):
    """Log-odds that mean what they say."""
    number = np.random.default_rng(seed)
    logits = number.normal(0.0, 3.0, (count, 1))
    targets = (number.random(count) < 1.0 / (1.0 + np.exp(-logits[:, 0]))).astype(np.int64)
    return logits, targets


def verdicts(logits, targets, read=None):
    read = np.full(len(targets), 5, dtype=np.int32) if read is None else read
    return verdicts_from_logits(LABELS, targets, logits, 1.0, tokens=(read, read))


def test_fresh_texts_of_the_same_kind_are_covered_as_promised():
    thresholds = calibration.conformal_thresholds(*drawn(0, 20_000))
    logits, targets = drawn(1, 20_000)
    for each in promises(verdicts(logits, targets), thresholds):
        assert each.found == pytest.approx(each.coverage, abs=0.01)
        assert each.interval == wilson(round(each.found * 20_000), 20_000)
        # A wrong answer is a set of one label that is not the true one.
        assert each.answered * (1.0 - (each.accuracy or 0.0)) <= 1.0 - each.coverage + 0.01


def test_answers_are_counted_by_hand_and_silence_is_no_wrong_answer():
    logits, targets = np.array([[4.0], [4.0], [0.1], [9.0]]), np.array([1, 0, 1, 0])
    read = np.array([5, 5, 5, 0], dtype=np.int32)
    thresholds = [0.6] * 500  # a label stays possible from a probability of 0.4 on
    found = promises(verdicts(logits, targets, read), thresholds)
    assert [each.coverage for each in found] == list(PROMISES)
    # Rows 1 and 2 are answered, one wrongly; row 3 keeps both labels; row 4 has no token.
    assert {(each.found, each.answered, each.accuracy) for each in found} == {(0.75, 0.5, 0.5)}


def test_a_model_without_thresholds_promises_nothing():
    assert promises(verdicts(*drawn(0, 5)), ()) == ()
