"""From trained weights to a finished model folder."""

from __future__ import annotations

import resource
import sys
import textwrap
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from torch import Tensor

from undertone import calibration, files, modelfolder, networks, provenance
from undertone.config import RunConfig
from undertone.settings import BAG
from undertone.training import checkpoint
from undertone.training.checkpoint import Progress
from undertone.training.trainer import EncodedReviews, accuracy

_NOT_FOR = (
    "It learned from these texts and from nothing else. Expect less of it on other kinds of "
    "text, other languages, irony and very short remarks. Its probabilities are calibrated for "
    "texts like those it was validated on. Do not use it to judge people."
)


class Outcome(Struct, frozen=True):
    """A trained network and what is known about it.

    ``logits`` float32 (N, K) are of the validation reviews. ``wide`` are the tensors of the bag of
    n-grams beside the network, if there is one.
    """

    config: RunConfig
    labels: tuple[str, ...]
    data: dict[str, Any]
    weights: dict[str, Tensor]
    progress: Progress
    logits: NDArray[np.float32]
    validation: EncodedReviews
    wide: dict[str, Tensor] | None = None


def publish(folder: Path, outcome: Outcome) -> dict[str, Any]:
    """Write all files of a model; the manifest comes last and makes it one.

    Returns:
        What ``metrics.json`` holds.
    """
    checkpoint.write_tensors(folder / modelfolder.WEIGHTS, outcome.weights)
    if outcome.config.network.architecture != BAG:
        arrays = {name: weight.numpy() for name, weight in outcome.weights.items()}
        graph = networks.build_graph(outcome.config, arrays)
        files.write_bytes(folder / modelfolder.GRAPH, graph.SerializeToString())
    if outcome.wide is not None:
        checkpoint.write_tensors(folder / modelfolder.WIDE, outcome.wide)
    temperature = calibration.fit_temperature(outcome.logits, outcome.validation.targets)
    thresholds = calibration.conformal_thresholds(
        outcome.logits, outcome.validation.targets, temperature
    )
    fitted = {"temperature": temperature, "conformal": thresholds}
    files.write_json(folder / modelfolder.CALIBRATION, fitted)
    metrics = _metrics(outcome, temperature)
    files.write_json(folder / modelfolder.METRICS, metrics)
    checkpoint.write_history(folder, outcome.progress)
    files.write_text(folder / modelfolder.CARD, _card(folder.name, outcome, metrics))
    manifest = modelfolder.Manifest(
        labels=outcome.labels,
        config=outcome.config,
        data=outcome.data,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        undertone=version("undertone"),
    )
    modelfolder.write(folder, manifest)
    return metrics


def _metrics(outcome: Outcome, temperature: float) -> dict[str, Any]:
    logits, validation, progress = outcome.logits, outcome.validation, outcome.progress
    targets = validation.targets
    return {
        "validation": {
            "reviews": len(targets),
            "accuracy": accuracy(logits, targets),
            "loss": calibration.log_loss(logits, targets),
            "loss_calibrated": calibration.log_loss(logits, targets, temperature),
            "tokens_read": int(validation.lengths.sum()),
            "tokens_total": validation.tokens_total,
        },
        "kept_epoch": progress.best_epoch
        if outcome.config.train.keep == "best"
        else progress.epoch - 1,
        "epochs": progress.epoch - 1,
        "steps": progress.step,
        "training_seconds": progress.seconds,
        "peak_memory": peak_memory(),
        "parameters": sum(
            weight.numel() for weight in outcome.weights.values() if weight.is_floating_point()
        ),
        "provenance": provenance.collect(outcome.config.seed),
    }


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _card(name: str, outcome: Outcome, metrics: dict[str, Any]) -> str:
    data, validation = outcome.data, metrics["validation"]
    made = (
        f"A sentiment model made with undertone {version('undertone')}: {_kind(outcome.config)}, "
        f"{metrics['parameters']:,} parameters. Its labels are {', '.join(outcome.labels)}."
    )
    loop = outcome.config.network.architecture != BAG
    epochs = f"{metrics['epochs']} epochs " if loop else ""
    flattered = ", which chose the epoch and so flatter it a little," if loop else ""
    trained = (
        f"It was trained on {data['train']:,} reviews from `{data['source']}` (digest "
        f"`{data['digest'][:16]}`), {epochs}in "
        f"{metrics['training_seconds'] / 60:.1f} minutes, seed {outcome.config.seed}, preset "
        f"`{outcome.config.preset}`. On {validation['reviews']:,} validation reviews{flattered} "
        f"its accuracy is {validation['accuracy']:.4f} and "
        f"its loss {validation['loss']:.4f} nats. `undertone evaluate` measures it on others."
    )
    if data.get("unlabelled"):
        trained += (
            f" Its word vectors started from {data['unlabelled']:,} unlabelled texts as well."
        )
    reads = (
        f"It reads at most {outcome.config.text.max_tokens} tokens of a review, from its start and "
        "its end, and says with every answer how many it read."
    )
    paragraphs = [made, trained, reads, _NOT_FOR]
    return "\n\n".join([f"# {name}", *(textwrap.fill(each, 100) for each in paragraphs)]) + "\n"


def _kind(config: RunConfig) -> str:
    network = config.network
    if network.architecture == BAG:
        weighting = "TF-IDF" if config.bag.weighting == "tfidf" else "naive Bayes"
        return (
            f"logistic regression on runs of up to {config.bag.ngrams} tokens with {weighting} "
            "weights"
        )
    directions = "bidirectional" if network.bidirectional else "one-directional"
    layers = "one layer" if network.layers == 1 else f"{network.layers} layers"
    return (
        f"a {directions} {network.architecture} with {layers} of {network.hidden_dim} units over "
        f"{network.embedding_dim}-dimensional token vectors, {network.pooling} pooling"
    )
