"""N-grams that a network learns beside: what they say of whom, and what comes of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from msgspec.structs import replace
from traininghelpers import (
    examples,
    prepared,
    result,
    run,
    stopped_and_resumed,
    tiny_config,
    tiny_data,
)

import undertone
from undertone import calibration, modelfolder
from undertone.data.splits import dealt
from undertone.settings import BagConfig, DataConfig
from undertone.text.tokenizer import TextEncoder
from undertone.training import bag_run, beside, loop, prepare
from undertone.training.trainer import EncodedReviews, evaluate

BAG = BagConfig(ngrams=2, beside=0.4)


def wide_config(**train):
    return replace(tiny_config(network={"wide": True}, **train), bag=BAG)


@pytest.fixture(scope="module")
def data():
    """Thirty reviews of the source itself, thirty from elsewhere."""
    found = tiny_data()
    return replace(found, further=30)


@pytest.fixture(scope="module")
def encoder(data):
    return TextEncoder.train((each.text for each in data.train), tiny_config().text)


@pytest.fixture(scope="module")
def fitted(data, encoder):
    notes = []
    parts = [
        prepare.encode(encoder, each, data.labels, notes.append)
        for each in (data.train, data.validation)
    ]
    found = beside.fit(data, *parts, wide_config(), vocabulary=encoder.size, listen=notes.append)
    return found, notes


def bag_of(reviews, data, encoder):
    index = [data.labels.index(each.label) for each in reviews]
    sequences = [each.ids for each in encoder.encode([each.text for each in reviews])]
    learners = EncodedReviews(sequences, np.array(index), 0)
    return bag_run.fit(learners, data.labels, wide_config(), encoder.size).bag


def test_a_review_is_judged_by_n_grams_of_the_others(data, encoder, fitted):
    found, _ = fitted
    own = data.train[:30]
    folds = dealt(own, beside.FOLDS, DataConfig())
    assert sorted(set(folds)) == list(range(beside.FOLDS))
    expected = np.zeros((30, 1), dtype=np.float32)
    for place, fold in enumerate(folds):
        others = [each for each, theirs in zip(own, folds, strict=True) if theirs != fold]
        sequence = encoder.encode([own[place].text])[0].ids
        expected[place] = bag_of(others, data, encoder).logits([sequence])
    targets = np.array([data.labels.index(each.label) for each in own])
    factor = BAG.beside / calibration.fit_temperature(expected, targets)
    np.testing.assert_allclose(found.training.beside[:30], expected * factor, atol=1e-5)


def test_further_reviews_are_judged_by_all_and_taught_to_none(data, encoder, fitted):
    found, notes = fitted
    bag = bag_of(data.train[:30], data, encoder)
    factor = found.bag.weight[0, 0] / bag.weight[0, 0]
    np.testing.assert_allclose(found.bag.weight, bag.weight * factor, rtol=1e-5)
    for examples_, judged in (
        (data.train[30:], found.training.beside[30:]),
        (data.validation, found.validation.beside),
    ):
        sequences = [each.ids for each in encoder.encode([each.text for each in examples_])]
        np.testing.assert_allclose(judged, bag.logits(sequences) * factor, atol=1e-5)
    assert f"their logits count {factor:.3f} times" in notes[-1].text


def test_what_is_published_is_the_sum(tmp_path):
    folder = run(prepared(tmp_path / "m"), wide_config()).folder
    model, data = undertone.load(folder), tiny_data()
    texts = [each.text for each in data.validation]
    logits = model.logits(texts).logits
    ids = [each.ids for each in model.encoder.encode(texts)]
    apart = model.network.alone.logits(ids), model.network._bag.logits(ids)
    assert min(np.abs(part).max() for part in apart) > 0.05
    np.testing.assert_allclose(logits, apart[0] + apart[1], atol=1e-6)
    targets = np.array([data.labels.index(each.label) for each in data.validation])
    metrics = json.loads((folder / modelfolder.METRICS).read_text())["validation"]
    assert metrics["loss"] == pytest.approx(calibration.log_loss(logits, targets), abs=1e-5)
    assert modelfolder.read(folder).config.network.wide


@pytest.mark.parametrize("adversarial", ["none", "adversarial", "virtual"])
def test_the_loss_is_that_of_the_sum(tmp_path, monkeypatch, adversarial):
    """With n-grams that settle everything nothing is left to learn, perturbed or not."""
    seen = []
    original = loop._gradients

    def watched(trainer, batch, against, **rest):
        certain = (2.0 * batch.labels.float() - 1.0)[:, None] * 50.0
        logits, loss = original(trainer, batch._replace(beside=certain), against, **rest)
        largest = max(float(each.grad.abs().max()) for each in trainer.network.parameters())
        seen.append((float(loss), largest))
        return logits, loss

    monkeypatch.setattr(loop, "_gradients", watched)
    config = wide_config(epochs=1, adversarial=adversarial, adversarial_start=0.0)
    run(prepared(tmp_path / "m"), config)
    assert len(seen) > 3
    assert max(max(pair) for pair in seen) < 1e-6


def test_validation_counts_the_n_grams(tmp_path, monkeypatch):
    found = {}
    original = loop.fit

    def kept(trainer, train, validation):
        weights = original(trainer, train, validation)
        both = evaluate(trainer, validation)
        alone = evaluate(trainer, EncodedReviews(validation.sequences, validation.targets, 0))
        found["gap"] = np.abs(both - alone - validation.beside).max()
        found["size"] = np.abs(validation.beside).max()
        return weights

    monkeypatch.setattr(loop, "fit", kept)
    run(prepared(tmp_path / "m"), wide_config())
    assert found["gap"] < 1e-5
    assert found["size"] > 0.05


@pytest.mark.parametrize("step", [3, 17])
def test_a_resumed_run_ends_as_an_unbroken_one(tmp_path, monkeypatch, step):
    whole = result(run(prepared(tmp_path / "a"), wide_config()).folder)
    assert stopped_and_resumed(tmp_path / "b", wide_config(), monkeypatch, step) == whole


def test_reviews_without_a_word_are_nobodys(encoder):
    reviews = list(examples(20, ("negative", "positive"), seed=5))
    reviews[3] = replace(reviews[3], text="!?")
    blank = not len(encoder.encode([reviews[3].text])[0].ids)
    data = replace(tiny_data(), train=tuple(reviews), further=5)
    parts = [
        prepare.encode(encoder, each, data.labels, lambda _: None)
        for each in (data.train, data.validation)
    ]
    assert parts[0].places.tolist() == [n for n in range(20) if n != 3 or not blank]
    found = beside.fit(data, *parts, wide_config(), vocabulary=encoder.size, listen=lambda _: None)
    assert len(found.training.beside) == len(parts[0].sequences)
