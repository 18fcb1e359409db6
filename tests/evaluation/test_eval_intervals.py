"""Intervals and paired tests, against scipy and against direct simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from undertone.errors import ConfigError
from undertone.evaluation import holm, mcnemar, paired_bootstrap, student_t, wilson


@given(st.integers(1, 30_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
       st.sampled_from([0.8, 0.9, 0.95, 0.99]))  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_wilson_is_scipys(case, confidence):
    successes, trials = case
    expected = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    found = wilson(successes, trials, confidence)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_at_its_ends():
    assert wilson(0, 10) == pytest.approx((0.0, 0.27753), abs=1e-5)
    assert wilson(10, 10) == pytest.approx((0.72247, 1.0), abs=1e-5)
    assert wilson(0, 10).low == 0.0
    assert wilson(7, 7).high == 1.0
    assert wilson(0, 0) == (0.0, 1.0)


def _outcomes(both: int, only_first: int, only_second: int) -> tuple[np.ndarray, np.ndarray]:
    first = np.repeat([True, True, False], [both, only_first, only_second])
    second = np.repeat([True, False, True], [both, only_first, only_second])
    return first, second


counts = st.integers(0, 400)


@given(counts, counts)
@settings(max_examples=60, deadline=None)
def test_mcnemar_is_what_scipys_distributions_say(only_first, only_second):
    first, second = _outcomes(5, only_first, only_second)
    fewer, all_ = min(only_first, only_second), only_first + only_second
    exact = stats.binomtest(fewer, all_, 0.5).pvalue if all_ else 1.0
    binomial = stats.binom(all_, 0.5)
    mid = min(1.0, 2 * binomial.cdf(fewer) - binomial.pmf(fewer)) if all_ else 1.0
    distance = max(0, abs(only_first - only_second) - 1)
    corrected = stats.chi2.sf(distance**2 / all_, 1) if all_ else 1.0
    for method, expected in (("exact", exact), ("mid-p", mid), ("continuity", corrected)):
        test = mcnemar(first, second, method)
        assert (test.only_first, test.only_second) == (only_first, only_second)
        assert test.method == method
        assert test.p_value == pytest.approx(expected, rel=1e-8)


def test_mcnemar_chooses_by_the_number_of_disagreements():
    small = mcnemar(*_outcomes(10, 5_000, 5_000))
    assert (small.method, small.p_value) == ("exact", 1.0)
    large = mcnemar(*_outcomes(10, 5_200, 4_801))
    assert large.method == "continuity"
    assert large.p_value == pytest.approx(stats.chi2.sf(398**2 / 10_001, 1))
    assert mcnemar([True, False], [True, False]).p_value == 1.0


def test_a_known_example():
    # Fagerland et al. 2013, table 1: airway hyper-responsiveness, 1 and 7 discordant pairs.
    first, second = _outcomes(1, 1, 7)
    assert mcnemar(first, second, "exact").p_value == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar(first, second, "mid-p").p_value == pytest.approx(0.0391, abs=5e-5)
    assert mcnemar(first, second, "continuity").p_value == pytest.approx(0.0771, abs=5e-5)


def test_bootstrap_of_right_and_wrong_agrees_with_drawing_reviews():
    rng = np.random.default_rng(0)
    first, second = rng.random(500) < 0.9, rng.random(500) < 0.87
    found = paired_bootstrap(first, second, seed=1)
    differences = first.astype(float) - second
    drawn = rng.integers(0, 500, size=(10_000, 500))
    expected = np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975])
    assert found.difference == pytest.approx(differences.mean())
    assert found.interval == pytest.approx(tuple(expected), abs=0.003)
    assert found.resamples == 10_000


def test_bootstrap_of_losses_agrees_with_scipy():
    rng = np.random.default_rng(3)
    first, second = rng.exponential(0.3, 300), rng.exponential(0.4, 300)
    found = paired_bootstrap(first, second, seed=2, resamples=4_000, confidence=0.9)
    reference = stats.bootstrap(
        (first - second,), np.mean, confidence_level=0.9, method="percentile",
        n_resamples=4_000, rng=np.random.default_rng(5),
    ).confidence_interval  # fmt: skip
    assert found.difference == pytest.approx(first.mean() - second.mean())
    assert found.interval == pytest.approx((reference.low, reference.high), abs=0.005)
    # By the central limit theorem the p-value is near that of the normal distribution.
    z = abs(found.difference) / (np.std(first - second) / math.sqrt(300))
    assert found.p_value == pytest.approx(2 * stats.norm.sf(z), abs=0.01)


def test_bootstrap_in_blocks_is_the_same_distribution(monkeypatch):
    monkeypatch.setattr("undertone.evaluation.intervals._DRAWS_AT_ONCE", 1_000)
    values = np.random.default_rng(3).normal(0.05, 1.0, 130)
    found = paired_bootstrap(values, np.zeros(130), seed=0, resamples=2_001)
    reach = 1.96 * values.std() / math.sqrt(130)
    expected = (values.mean() - reach, values.mean() + reach)
    assert found.interval == pytest.approx(expected, abs=0.02)


def test_equal_seeds_give_equal_results_and_equal_models_no_difference():
    first, second = np.arange(200) % 3 == 0, np.arange(200) % 4 == 0
    one = paired_bootstrap(first, second, seed=4, resamples=500)
    assert one == paired_bootstrap(first, second, seed=4, resamples=500)
    assert one != paired_bootstrap(first, second, seed=5, resamples=500)
    same = paired_bootstrap(first, first, seed=4, resamples=500)
    assert (same.difference, same.interval, same.p_value) == (0.0, (0.0, 0.0), 1.0)
    far = paired_bootstrap(np.ones(200), np.zeros(200), seed=4, resamples=499)
    assert far.p_value == pytest.approx(2 / 500)


def test_unpaired_input_is_refused():
    with pytest.raises(ConfigError, match=r"equally long rows, not \(2,\) and \(3,\)"):
        mcnemar([True, False], [True, False, True])
    with pytest.raises(ConfigError, match="equally long rows"):
        paired_bootstrap(np.zeros((2, 2)), np.zeros((2, 2)), seed=0)
    with pytest.raises(ConfigError, match="no reviews to compare"):
        paired_bootstrap([], [], seed=0)


def test_holm_steps_down():
    # As statsmodels' multipletests(..., method="holm") corrects them.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.6, 0.4, 0.0001]) == pytest.approx((0.8, 0.8, 0.0003))
    assert holm([0.02, 0.02, 0.02]) == pytest.approx((0.06, 0.06, 0.06))
    assert holm([0.03]) == (0.03,)
    assert holm([]) == ()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_holm_rejects_what_the_procedure_rejects(p_values):
    corrected = holm(p_values)
    rejected = set()
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if (len(p_values) - rank) * p_values[place] > 0.05:
            break
        rejected.add(place)
    assert {place for place, value in enumerate(corrected) if value <= 0.05} == rejected


def test_student_t_is_scipys():
    values = [0.921, 0.934, 0.928, 0.925]
    expected = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert student_t(values) == pytest.approx((expected.low, expected.high))
    assert student_t([0.9]) is None
    assert student_t([0.9, 0.9]) == (0.9, 0.9)
