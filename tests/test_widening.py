"""N-grams beside a network: the sum is what is published, predicted and explained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import undertone
from undertone import calibration, modelfolder, training, widening
from undertone.cli.entry import run
from undertone.config import load_preset
from undertone.data.examples import Example, SourceOptions
from undertone.data.source import load_split
from undertone.errors import ConfigError, ModelFolderError
from undertone.evaluation.export import export_int8
from undertone.settings import BagConfig

BAG = BagConfig(ngrams=2)


@pytest.fixture(scope="module")
def folder(sample_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("wide") / "m"
    return widening.widen(sample_model, "sample", bag=BAG, output=output).folder


@pytest.fixture(scope="module")
def validation() -> list[Example]:
    return load_split("sample", SourceOptions(), load_preset("sample").data, "validation")


def texts(examples: list[Example]) -> list[str]:
    return [each.text for each in examples]


def test_the_sum_is_predicted(folder: Path, sample_model: Path, validation: list[Example]) -> None:
    alone = undertone.load(sample_model).logits(texts(validation)).logits
    total = undertone.load(folder).logits(texts(validation)).logits
    model = undertone.load(folder)
    ids = [each.ids for each in model.encoder.encode(texts(validation))]
    linear = model.network._bag.logits(ids)
    assert np.abs(linear).max() > 0.01
    # What is not the bag is the network, times one factor.
    factor = (total - linear) / alone
    np.testing.assert_allclose(factor, factor[0, 0], rtol=1e-3)


def test_validation_figures_are_those_of_the_sum(folder: Path, validation: list[Example]) -> None:
    model = undertone.load(folder)
    logits = model.logits(texts(validation)).logits
    targets = np.array([model.labels.index(each.label) for each in validation])
    metrics = json.loads((folder / modelfolder.METRICS).read_text())["validation"]
    assert metrics["loss"] == pytest.approx(calibration.log_loss(logits, targets), abs=1e-5)
    before = json.loads((folder / modelfolder.CALIBRATION).read_text())["temperature"]
    assert before == pytest.approx(1.0, abs=0.05)  # the factors have seen to it


def test_contributions_add_up(folder: Path, validation: list[Example]) -> None:
    model = undertone.load(folder)
    for each in validation[:20]:
        explained = model.explain(each.text)
        total = explained.base + sum(token.contribution for token in explained.tokens)
        (logits,) = model.logits([each.text]).logits
        assert total == pytest.approx(float(logits[0]), abs=1e-5)


def test_an_int8_copy_keeps_its_n_grams(
    folder: Path, tmp_path: Path, validation: list[Example]
) -> None:
    copy = tmp_path / "m"
    shutil.copytree(folder, copy)
    export_int8(copy)
    whole, small = undertone.load(copy, precision="float32"), undertone.load(copy)
    assert small.precision == "int8"
    ours, theirs = (each.logits(texts(validation)).logits for each in (small, whole))
    # Rounding the states of a small network can move a single text further.
    assert np.quantile(np.abs(ours - theirs), 0.95) <= 0.2
    assert np.mean((ours > 0) == (theirs > 0)) >= 0.98


def test_the_network_and_its_history_are_told_of(folder: Path, sample_model: Path) -> None:
    manifest, before = modelfolder.read(folder), modelfolder.read(sample_model)
    assert manifest.config.network.wide
    assert manifest.data["network"] == sample_model.name
    assert manifest.data["digest"] == before.data["digest"]
    name = modelfolder.HISTORY
    assert (folder / name).read_bytes() == (sample_model / name).read_bytes()


def test_a_folder_without_its_n_grams_is_refused(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "m"
    shutil.copytree(folder, copy)
    (copy / modelfolder.WIDE).unlink()
    with pytest.raises(ModelFolderError, match=modelfolder.WIDE):
        undertone.load(copy)


def test_what_cannot_be_widened_is_refused(folder: Path, tmp_path: Path) -> None:
    bag = training.train("sample", config=load_preset("bag"), output=tmp_path / "bag").folder
    with pytest.raises(ConfigError, match="is a bag of n-grams already"):
        widening.widen(bag, "sample", bag=BagConfig(), output=tmp_path / "x")
    with pytest.raises(ConfigError, match="own folder"):
        widening.widen(folder, "sample", bag=BagConfig(), output=folder)
    assert not (tmp_path / "x").exists()


def test_n_grams_that_were_there_stay_behind(
    folder: Path, sample_model: Path, tmp_path: Path
) -> None:
    bag = BagConfig(ngrams=1)
    once = widening.widen(sample_model, "sample", bag=bag, output=tmp_path / "once").folder
    again = widening.widen(folder, "sample", bag=bag, output=tmp_path / "again").folder
    ours, theirs = (
        undertone.load(each).logits(["dull", "a moving film"]) for each in (once, again)
    )
    np.testing.assert_allclose(ours.logits, theirs.logits, rtol=1e-3)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of other widths and another seed than the sample model."""
    settings = ["train.epochs=3", "train.threads=1", "network.hidden_dim=12"]
    config = load_preset("sample", [*settings, "network.embedding_dim=20"], seed=5)
    output = tmp_path_factory.mktemp("other") / "n"
    return training.train("sample", config=config, output=output).folder


def test_several_networks_become_one(
    sample_model: Path, other: Path, tmp_path: Path, validation: list[Example]
) -> None:
    both = widening.widen([sample_model, other], "sample", bag=BAG, output=tmp_path / "m").folder
    model, manifest = undertone.load(both), modelfolder.read(both)
    total = model.network.alone.logits(
        [each.ids for each in model.encoder.encode(texts(validation))]
    )
    parts = np.hstack(
        [undertone.load(each).logits(texts(validation)).logits for each in (sample_model, other)]
    )
    found, *_ = np.linalg.lstsq(parts, total, rcond=None)
    np.testing.assert_allclose(parts @ found, total, atol=1e-4)
    assert min(found) >= 0.0
    assert max(found) > 0.01
    widths = manifest.config.network.embedding_dim, manifest.config.network.hidden_dim
    first = modelfolder.read(sample_model).config.network
    assert widths == (first.embedding_dim + 20, first.hidden_dim + 12)
    assert manifest.data["network"] == f"{sample_model.name}, {other.name}"
    explained = model.explain(validation[0].text)
    logit = explained.base + sum(token.contribution for token in explained.tokens)
    assert logit == pytest.approx(float(model.logits([validation[0].text]).logits[0, 0]), abs=1e-5)


def test_networks_that_do_not_fit_together_are_refused(sample_model: Path, tmp_path: Path) -> None:
    def trained(name: str, *settings: str) -> Path:
        config = load_preset("sample", ["train.epochs=1", "train.threads=1", *settings])
        return training.train("sample", config=config, output=tmp_path / name).folder

    cases = {
        "text settings": trained("a", "text.max_tokens=50"),
        "validation reviews": trained("b", "data.split_seed=3"),
        "more than their widths": trained("c", "network.layers=2"),
        "without attention pooling": trained("d", "network.pooling=attention"),
    }
    for message, folder in cases.items():
        with pytest.raises(ConfigError, match=message):
            widening.widen([sample_model, folder], "sample", bag=BAG, output=tmp_path / "x")
        assert not (tmp_path / "x").exists()


def test_a_new_model_may_read_further_than_its_networks(
    sample_model: Path, tmp_path: Path, validation: list[Example]
) -> None:
    read = {}
    for limit in (5, 40):
        output = tmp_path / f"m{limit}"
        widening.widen(sample_model, "sample", bag=BAG, output=output, max_tokens=limit)
        model, manifest = undertone.load(output), modelfolder.read(output)
        assert manifest.config.text.max_tokens == limit
        read[limit] = [len(each.ids) for each in model.encoder.encode(texts(validation))]
        answer = model.predict(texts(validation)[0])
        assert answer.tokens_read == read[limit][0]
        encoded = [each.ids for each in model.encoder.encode(texts(validation))]
        # The network's own logits on those tokens, times one factor, are what is not the bag's.
        alone = undertone.load(sample_model).network.logits(encoded)
        (factor,), *_ = np.linalg.lstsq(alone, model.network.alone.logits(encoded), rcond=None)
        np.testing.assert_allclose(factor * alone, model.network.alone.logits(encoded), atol=1e-4)
    assert max(read[5]) == 5
    assert max(read[40]) > 5


def test_lengths_that_cannot_be_read_are_refused(sample_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"text\.max_tokens"):
        widening.widen(sample_model, "sample", bag=BAG, output=tmp_path / "x", max_tokens=0)
    small = ["embedding_dim=8", "hidden_dim=8", "heads=2", "feedforward_dim=8", "layers=1"]
    settings = ["train.epochs=1", "train.threads=1", "network.positions=learned"]
    settings += ["network.architecture=transformer", *(f"network.{each}" for each in small)]
    config = load_preset("sample", settings)
    folder = training.train("sample", config=config, output=tmp_path / "t").folder
    with pytest.raises(ConfigError, match="has learnt the positions of 128 tokens and no more"):
        widening.widen(folder, "sample", bag=BAG, output=tmp_path / "x", max_tokens=200)
    assert not (tmp_path / "x").exists()


def test_a_bag_has_no_bag_beside_it() -> None:
    with pytest.raises(ConfigError, match=r"network\.wide"):
        load_preset("bag", ["network.wide=true"])


def test_the_command(sample_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "m"
    words = ["widen", str(sample_model), "--data", "sample", "--output", str(output)]
    assert run([*words, "--set", "bag.ngrams=1"]) == 0
    told = capfd.readouterr()
    assert "n-grams beside the network. Validation accuracy" in told.err
    assert modelfolder.read(output).config.bag.ngrams == 1
    assert run(words) == 2
    assert "exists and is not empty" in capfd.readouterr().err
    assert run([*words, "--set", "train.lr=1"]) == 2
    assert "train.lr" in capfd.readouterr().err


def test_factors_are_those_of_logistic_regression_without_a_bias() -> None:
    generator = np.random.default_rng(0)
    targets = generator.integers(0, 2, 400)
    first, second = (
        (generator.normal(size=(400, 1)) + sign * (2 * targets[:, None] - 1)).astype(np.float32)
        for sign in (1.0, 0.5)
    )
    reference = LogisticRegression(C=1e9, fit_intercept=False, tol=1e-10).fit(
        np.hstack([first, second]), targets
    )
    found = widening.factors([first, second], targets)
    np.testing.assert_allclose(found, reference.coef_[0], rtol=2e-3)


def test_a_misleading_bag_gets_no_say() -> None:
    generator = np.random.default_rng(1)
    targets = generator.integers(0, 2, 200)
    good = (2.0 * targets - 1.0 + generator.normal(size=200))[:, None].astype(np.float32)
    deep, against = widening.factors([good, -good], targets)
    assert deep > 0.0
    assert against == 0.0
