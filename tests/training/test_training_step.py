"""A step with all that it can do besides: distributions, changed reviews, perturbed vectors."""

import signal

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from traininghelpers import examples, prepared, result, run, tiny_config, tiny_data

from undertone import networks
from undertone.errors import RunInterruptedError
from undertone.settings import TextConfig
from undertone.text.tokenizer import TextEncoder
from undertone.training import adversarial, augment, loop
from undertone.training.adversarial import Attack
from undertone.training.checkpoint import Progress
from undertone.training.events import silent
from undertone.training.hardware import Hardware
from undertone.training.objective import Objective
from undertone.training.stop import StopFlag
from undertone.training.trainer import EncodedReviews, Trainer

CPU = torch.device("cpu")
CHANGES = {"sentence_drop": 0.2, "sentence_shuffle": 0.5, "crop": 0.5}
DROPOUT = {"word_dropout": 0.2, "layer_dropout": 0.4, "input_dropout": 0.3, "output_dropout": 0.4}
KINDS = ("adversarial", "virtual")


def told(count):
    """Reviews of three sentences each."""
    each = examples(count, ("negative", "positive"), seed=4)
    return [f"{one.text} . it was {one.text} ! {one.text} ." for one in each]


def made(*, soft=None, network=None, **train):
    """A trainer of two labels that has not begun, and twelve reviews to learn from."""
    config = replace(
        tiny_config(0, network, **train), text=TextConfig(vocabulary=100, min_frequency=1)
    )
    encoder = TextEncoder.train(told(12), config.text)
    sequences = [each.ids for each in encoder.encode(told(12))]
    targets = np.arange(12) % 2
    torch.manual_seed(0)
    trainer = Trainer(
        config,
        Hardware(CPU, bfloat16=False, threads=1),
        networks.build_network(config, encoder.size, 2),
        Objective(config.train, targets.tolist(), 2, CPU),
        Progress("of a test"),
        path=None,
        listen=silent,
        stop=StopFlag(),
        augmentation=augment.build(config.train, encoder),
    )
    trainer.network.train()
    return trainer, EncodedReviews(sequences, targets, sum(map(len, sequences)), soft)


def weights_after(trainer, reviews, *, steps=3):
    for step in range(steps):
        trainer.progress.step = step
        loop._step(trainer, reviews, np.arange(4 * step, 4 * step + 4), 10)
    return torch.cat([each.detach().flatten() for each in trainer.network.parameters()])


def test_certain_distributions_teach_what_labels_teach():
    certain = np.eye(2, dtype=np.float32)[np.arange(12) % 2]
    by_labels = weights_after(*made())
    torch.testing.assert_close(weights_after(*made(soft=certain)), by_labels)
    other = weights_after(*made(soft=1 - certain))
    assert not torch.allclose(other, by_labels)


def test_distributions_stay_with_their_reviews(monkeypatch):
    soft = np.stack([np.linspace(1, 0, 12), np.linspace(0, 1, 12)], axis=1).astype(np.float32)
    trainer, reviews = made(soft=soft)
    seen = []
    monkeypatch.setattr(
        trainer, "objective", lambda logits, targets: seen.append(targets) or (logits.sum())
    )
    index = np.array([7, 0, 11])
    loop._step(trainer, reviews, index, 10)
    np.testing.assert_array_equal(seen[0].numpy(), soft[index])


@pytest.mark.parametrize(
    "more", [{}, {"class_weights": "balanced"}, {"adversarial": "adversarial"}]
)
def test_several_passes_learn_what_one_does(more):
    """Without dropout, whose draws differ, and at lengths that the batch has not in common."""
    places = ("word", "embedding", "input", "layer", "output")
    off = {f"{place}_dropout": 0.0 for place in places}
    whole, reviews = made(**off, **more)
    parts, _ = made(microbatch=3, **off, **more)
    reviews.sequences[5] = np.tile(reviews.sequences[5], 4)
    index = np.array([0, 2, 4, 5, 1, 6, 8])
    for trainer in (whole, parts):
        loop._step(trainer, reviews, index, 10)
    torch.testing.assert_close(parts.totals, whole.totals, rtol=1e-6, atol=0.0)
    for one, other in zip(whole.network.parameters(), parts.network.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-4, atol=1e-6)


def test_passes_of_a_step_drop_different_things(monkeypatch):
    trainer, reviews = made(microbatch=4, adversarial="adversarial")
    seeds = []
    gradients = loop._gradients
    monkeypatch.setattr(
        loop,
        "_gradients",
        lambda *given, seed, share: seeds.append(seed) or gradients(*given, seed=seed, share=share),
    )
    loop._step(trainer, reviews, np.arange(12), 10)
    assert len(set(seeds)) == 3


def test_accuracy_is_counted_against_labels_where_distributions_are_learnt_from():
    half = np.full((12, 2), 0.5, dtype=np.float32)
    trainer, reviews = made(soft=half, lr=1e-9, output_dropout=0.0)
    with torch.no_grad():
        trainer.network.output.weight.zero_()
        trainer.network.output.bias.fill_(1.0)  # always the second label
    loop._step(trainer, reviews, np.array([1, 3, 5, 0]), 10)
    assert trainer.totals[1].item() == 3


def test_reviews_are_changed_in_training_and_settings_cannot_be_forgotten():
    plain, reviews = made()
    changed, _ = made(**CHANGES)
    batch = loop._batch(changed, reviews, np.arange(12))
    assert batch.lengths.tolist() != reviews.lengths.tolist()
    assert (batch.lengths <= torch.from_numpy(reviews.lengths)).all()
    assert loop._batch(plain, reviews, np.arange(12)).lengths.tolist() == reviews.lengths.tolist()
    changed.progress.step = 1
    assert loop._batch(changed, reviews, np.arange(12)).lengths.tolist() != batch.lengths.tolist()
    with pytest.raises(ValueError, match="settings ask for an augmentation"):
        Trainer(
            changed.config,
            plain.hardware,
            plain.network,
            plain.objective,
            plain.progress,
            path=None,
            listen=silent,
            stop=StopFlag(),
        )


@pytest.mark.parametrize("mask", ["review", "element"])
def test_all_passes_of_a_step_share_their_dropout(monkeypatch, mask):
    """Hardly moved vectors give hardly another answer, unless dropout differs."""
    trainer, reviews = made(network={"layers": 2}, dropout_mask=mask, **DROPOUT)
    with torch.no_grad():
        trainer.network.output.weight.mul_(20.0)  # a network with opinions
    found = []
    divergence = adversarial.divergence

    def noted(clean, perturbed):
        found.append(divergence(clean, perturbed))
        return found[-1]

    monkeypatch.setattr(adversarial, "divergence", noted)
    batch = loop._batch(trainer, reviews, np.arange(12))
    loop._gradients(trainer, batch, Attack("virtual", 1e-3, 1.0), seed=4)
    assert len(found) == 2
    assert max(abs(each.item()) for each in found) < 1e-6
    trainer.network.train(False)
    still, _ = loop._gradients(trainer, batch, Attack("virtual", 1e-3, 1.0), seed=4)
    trainer.network.train(True)
    dropped, _ = loop._gradients(trainer, batch, Attack("virtual", 1e-3, 1.0), seed=4)
    assert divergence(still, dropped).item() > 1e-3  # so dropout was on above


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_learns_from_the_perturbed_pass_once_it_has_begun(kind):
    plain = weights_after(*made())
    late = weights_after(*made(adversarial=kind, adversarial_start=0.3), steps=3)
    assert torch.equal(late, plain)
    early = weights_after(*made(adversarial=kind, adversarial_start=0.1), steps=3)
    assert not torch.allclose(early, plain)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_with_everything_on_that_was_stopped_ends_as_one_that_was_not(
    tmp_path, monkeypatch, kind
):
    config = tiny_config(
        2, {"layers": 2}, adversarial=kind, adversarial_start=0.3, **CHANGES, **DROPOUT
    )
    data = tiny_data()
    reviews = zip(told(len(data.train)), data.train, strict=True)
    data = replace(data, train=tuple(replace(each, text=text) for text, each in reviews))
    config = replace(config, text=replace(config.text, max_tokens=40))
    whole = run(prepared(tmp_path / "whole"), config, data=data).folder
    broken = prepared(tmp_path / "broken")
    step = loop._step

    def pressed(trainer, *rest):
        step(trainer, *rest)
        if trainer.progress.step in (3, 14, 15, 31):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(loop, "_step", pressed)
    for _ in range(4):
        with pytest.raises(RunInterruptedError):
            run(broken, config, data=data, resume=True)
    run(broken, config, data=data, resume=True)
    assert result(broken) == result(whole)
