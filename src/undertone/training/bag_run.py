"""Training a bag of n-grams from reviews to a model folder, beside the loop that trains networks.

It is trained whole in one go: there is one epoch, no checkpoint, and nothing to start from.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from undertone import calibration, modelfolder
from undertone.config import RunConfig
from undertone.data.source import TrainingData
from undertone.errors import ConfigError, DataError
from undertone.settings import BAG
from undertone.text.bag import Bag
from undertone.text.tokenizer import TextEncoder
from undertone.training import bag, prepare, publish, runfolder
from undertone.training.bag import Fitted, Sequences
from undertone.training.checkpoint import Progress
from undertone.training.events import EpochDone, Listener, Note
from undertone.training.trainer import EncodedReviews, accuracy

_CHUNK = 512


def refuse_unfit(config: RunConfig, *, start_from: Path | None, resume: bool) -> None:
    """Refuse what a network can do and a bag cannot; other architectures pass.

    Raises:
        ConfigError: a bag is to be resumed, or to start from a model.
    """
    if config.network.architecture != BAG:
        return
    if resume:
        raise ConfigError(
            "a bag of n-grams is trained in one go, so there is nothing to resume.",
            "Train it anew, with --overwrite if its folder is in the way.",
        )
    if start_from is not None:
        raise ConfigError(
            f"a bag of n-grams cannot start from {start_from}.", "Leave --start-from out."
        )


def train(
    data: TrainingData,
    *,
    config: RunConfig,
    output: Path,
    about: dict[str, Any],
    soft: NDArray[np.float32] | None,
    encoder: TextEncoder | None = None,
    listen: Listener,
) -> dict[str, Any]:
    """Train a bag and write its folder; what stands there is replaced once there is a bag.

    Args:
        data: training and validation reviews.
        config: ``text``, ``bag`` and ``train.class_weights`` count.
        output: the folder.
        about: what the manifest shall say of the reviews.
        soft: float32 (N, C), target distributions of the training reviews, or None.
        encoder: what makes tokens of the reviews; None: a tokenizer learnt from them.
        listen: hears of what happens.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        DataError: nothing to learn from, or a label that no training review has.
    """
    if encoder is None:
        texts = (each.text for each in data.train)
        encoder = prepare.learn_tokens(texts, config, output, resume=False, start=None)
    training = prepare.encode(encoder, data.train, data.labels, listen, soft)
    validation = prepare.encode(encoder, data.validation, data.labels, listen)
    started = time.monotonic()
    fitted = fit(training, data.labels, config, encoder.size)
    done = _epoch(fitted, training, validation, time.monotonic() - started)
    listen(done)
    listen(Note(_learnt(fitted, config)))
    outcome = publish.Outcome(
        config=config,
        labels=data.labels,
        data=about,
        weights=tensors(fitted.bag),
        progress=_progress(done),
        logits=logits(fitted.bag, validation.sequences),
        validation=validation,
    )
    runfolder.clear(output, keep_model=False)
    encoder.save(output / modelfolder.TOKENIZER)
    return publish.publish(output, outcome)


def fit(
    training: EncodedReviews, labels: tuple[str, ...], config: RunConfig, vocabulary: int
) -> Fitted:
    """Train a bag on encoded reviews, soft labels and class weights included.

    Raises:
        DataError: nothing to learn from, or a label that no training review has.
    """
    targets = np.eye(len(labels))[training.targets] if training.soft is None else training.soft
    missing = [label for label, mass in zip(labels, targets.sum(axis=0), strict=True) if not mass]
    if missing:
        raise DataError(
            f"no training review has the label {missing[0]!r}.",
            "Give more reviews of it, or leave it out.",
        )
    weights = np.ones(len(targets))
    if config.train.class_weights == "balanced":
        counts = np.bincount(training.targets, minlength=len(labels))
        weights = targets @ (len(targets) / (len(labels) * np.maximum(1, counts)))
    return bag.fit(
        training.sequences,
        targets,
        config.bag,
        vocabulary=vocabulary,
        labels=len(labels),
        weights=weights,
    )


def _epoch(
    fitted: Fitted, training: EncodedReviews, validation: EncodedReviews, seconds: float
) -> EpochDone:
    """The one line of the history. A solver that chooses its own steps has no learning rate."""
    seen = logits(fitted.bag, training.sequences)
    unseen = logits(fitted.bag, validation.sequences)
    return EpochDone(
        epoch=1,
        epochs=1,
        step=fitted.iterations,
        lr=0.0,
        train_loss=calibration.log_loss(seen, training.targets),
        train_accuracy=accuracy(seen, training.targets),
        validation_loss=calibration.log_loss(unseen, validation.targets),
        validation_accuracy=accuracy(unseen, validation.targets),
        best=True,
        seconds=seconds,
        reviews_per_second=len(training.targets) / max(seconds, 1e-9),
    )


def _learnt(fitted: Fitted, config: RunConfig) -> str:
    ending = "" if fitted.converged else ", where it gave up: lower bag.c for a solution"
    return (
        f"{fitted.bag.ngrams.size:,} runs of up to {config.bag.ngrams} tokens weighed in "
        f"{fitted.iterations:,} steps of the solver{ending}."
    )


def _progress(done: EpochDone) -> Progress:
    return Progress(
        identity="",
        step=done.step,
        epoch=2,  # the one after the last
        seconds=done.seconds,
        best_epoch=1,
        best_loss=done.validation_loss,
        history=[msgspec.to_builtins(done)],
    )


def tensors(learnt: Bag) -> dict[str, torch.Tensor]:
    """The bag as a safetensors file holds it."""
    arrays: dict[str, NDArray[Any]] = {
        f"ngrams.{length}": level for length, level in enumerate(learnt.ngrams.levels, start=1)
    }
    arrays |= {"weight": learnt.weight, "bias": learnt.bias}
    if learnt.idf is not None:
        arrays["idf"] = learnt.idf
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def logits(learnt: Bag, sequences: Sequences) -> NDArray[np.float32]:
    """Scores float32 (N, K) of texts, a chunk at a time."""
    starts = range(0, len(sequences), _CHUNK)
    return np.concatenate([learnt.logits(sequences[start : start + _CHUNK]) for start in starts])
