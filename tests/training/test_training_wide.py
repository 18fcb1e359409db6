"""N-grams beside a network: the sum is what is published, predicted and explained."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from traininghelpers import prepared, run, tiny_config, tiny_data

import undertone
from undertone import modelfolder
from undertone.errors import ConfigError, ModelFolderError
from undertone.settings import BagConfig
from undertone.training import wide


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from msgspec.structs import replace

    config = replace(tiny_config(network={"wide": True}), bag=BagConfig(ngrams=2, min_reviews=1))
    return run(prepared(tmp_path_factory.mktemp("wide") / "m"), config).folder


def test_the_sum_is_predicted(folder):
    model = undertone.load(folder)
    texts = [each.text for each in tiny_data().validation]
    ids = [each.ids for each in model.encoder.encode(texts)]
    network, bag = model.network._network, model.network._bag
    expected = network.logits(ids) + bag.logits(ids)
    assert np.abs(bag.logits(ids)).max() > 0.01
    np.testing.assert_allclose(model.logits(texts).logits, expected, atol=1e-6)


def test_validation_figures_are_those_of_the_sum(folder):
    import json

    from undertone import calibration

    validation = tiny_data().validation
    model = undertone.load(folder)
    logits = model.logits([each.text for each in validation]).logits
    targets = np.array([model.labels.index(each.label) for each in validation])
    metrics = json.loads((folder / modelfolder.METRICS).read_text())
    assert metrics["validation"]["loss"] == pytest.approx(
        calibration.log_loss(logits, targets), abs=1e-5
    )


def test_contributions_add_up(folder):
    model = undertone.load(folder)
    for each in tiny_data().validation:
        explained = model.explain(each.text)
        total = explained.base + sum(token.contribution for token in explained.tokens)
        (logits,) = model.logits([each.text]).logits
        assert total == pytest.approx(float(logits[0]), abs=1e-5)


def test_an_int8_copy_keeps_its_n_grams(folder, tmp_path):
    import shutil

    from undertone.evaluation.export import export_int8

    copy = tmp_path / "m"
    shutil.copytree(folder, copy)
    export_int8(copy)
    whole, small = undertone.load(copy, precision="float32"), undertone.load(copy)
    assert small.precision == "int8"
    texts = [each.text for each in tiny_data().validation]
    np.testing.assert_allclose(small.logits(texts).logits, whole.logits(texts).logits, atol=0.2)


def test_a_folder_without_its_n_grams_is_refused(folder, tmp_path):
    import shutil

    copy = tmp_path / "m"
    shutil.copytree(folder, copy)
    (copy / modelfolder.WIDE).unlink()
    with pytest.raises(ModelFolderError, match=modelfolder.WIDE):
        undertone.load(copy)


def test_factors_are_those_of_logistic_regression_without_a_bias():
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 2, 400)
    first, second = (
        (generator.normal(size=(400, 1)) + sign * (2 * targets[:, None] - 1)).astype(np.float32)
        for sign in (1.0, 0.5)
    )
    reference = LogisticRegression(C=1e9, fit_intercept=False, tol=1e-10).fit(
        np.hstack([first, second]), targets
    )
    np.testing.assert_allclose(
        wide.factors(first, second, targets), reference.coef_[0], rtol=2e-3
    )


def test_a_misleading_bag_gets_no_say():
    generator = np.random.default_rng(1)
    targets = generator.integers(0, 2, 200)
    good = (2.0 * targets - 1.0 + generator.normal(size=200))[:, None].astype(np.float32)
    deep, against = wide.factors(good, -good, targets)
    assert deep > 0.0
    assert against == 0.0


def test_a_bag_has_no_bag_beside_it():
    with pytest.raises(ConfigError, match=r"network\.wide"):
        tiny_config(network={"wide": True, "architecture": "bag"})
