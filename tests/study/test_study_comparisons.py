"""Which of two models is better, and when that cannot be told."""

from __future__ import annotations

import numpy as np
import pytest

from undertone.evaluation import holm, mcnemar, paired_bootstrap
from undertone.study.comparisons import compare


def right(share: float, seeds: int = 3, reviews: int = 2_000, start: int = 0) -> np.ndarray:
    generator = np.random.default_rng(start)
    return generator.random((seeds, reviews)) < share


def test_clear_differences_are_put_into_words():
    found = compare({"a": right(0.9), "b": right(0.8, start=1), "c": right(0.9, start=2)}, seed=0)
    assert [each.words for each in found] == [
        "a is better than b",
        "a and c are not distinguishable",
        "b is worse than c",
    ]
    assert found[0].difference == pytest.approx(
        right(0.9).mean() - right(0.8, start=1).mean(), abs=1e-12
    )
    assert found[0].interval.low > 0


def test_the_p_values_are_those_of_the_tests():
    models = {"a": right(0.85), "b": right(0.84, start=1), "c": right(0.80, start=2)}
    found = compare(models, seed=5)
    pair = found[0]
    drawn = paired_bootstrap(models["a"].mean(axis=0), models["b"].mean(axis=0), seed=5)
    assert (pair.bootstrap, pair.interval) == (drawn.p_value, drawn.interval)
    last = found[2]
    single = [
        mcnemar(one, other).p_value for one, other in zip(models["b"], models["c"], strict=True)
    ]
    assert last.mcnemar == max(single)
    assert [each.mcnemar_holm for each in found] == list(holm([each.mcnemar for each in found]))
    assert [each.bootstrap_holm for each in found] == list(holm([each.bootstrap for each in found]))


def test_one_lucky_seed_is_not_enough():
    base = right(0.8, seeds=2)
    lucky = np.stack([base[0] | right(0.5, seeds=1, start=3)[0], base[1]])
    lucky[1, np.flatnonzero(lucky[1])[:5]] = False
    (pair,) = compare({"lucky": lucky, "base": base}, seed=0)
    assert pair.mcnemar == 1.0
    assert pair.bootstrap < 0.01
    assert pair.verdict == "not distinguishable"


def test_a_model_with_one_seed_meets_every_seed_of_the_other():
    one, other = right(0.9, seeds=1), right(0.8, start=1)
    (pair,) = compare({"one": one, "other": other}, seed=0)
    assert pair.mcnemar == max(mcnemar(one[0], each).p_value for each in other)
    assert pair.verdict == "better"


def test_equal_models_are_not_told_apart():
    (pair,) = compare({"a": right(0.9), "b": right(0.9)}, seed=0)
    assert (pair.difference, pair.mcnemar, pair.bootstrap) == (0.0, 1.0, 1.0)
    assert pair.verdict == "not distinguishable"
    assert compare({"a": right(0.9)}, seed=0) == ()
