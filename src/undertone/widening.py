"""N-grams put beside a finished network: what each is good at, added up.

Cheng et al., "Wide & Deep Learning for Recommender Systems" (2016): a linear model of rare, telling
features remembers what a network smooths over. The bag learns from the labels of the network's own
training reviews and reads the same tokens; the logits are added, each times a factor fitted on the
validation reviews. The sum is still an exact sum over tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from undertone import calibration, modelfolder, training
from undertone.data.also import joined, load_also
from undertone.data.examples import SourceOptions
from undertone.data.source import TrainingData, load_training
from undertone.errors import ConfigError, DataError
from undertone.extras import require
from undertone.inference import Model, load
from undertone.modelfolder import Manifest
from undertone.settings import BAG, BagConfig
from undertone.training import Listener, Note, TrainResult, bag_run, prepare, publish, runfolder
from undertone.training.checkpoint import Progress
from undertone.training.events import silent
from undertone.training.run import result_of
from undertone.training.trainer import EncodedReviews, accuracy

Logits = NDArray[np.float32]


class Parts(NamedTuple):
    """What is added up, and how much of each.

    Attributes:
        network: float32 (N, K), the network's logits on the validation reviews.
        bag: float32 (N, K), those of the n-grams.
        factors: of the two.
    """

    network: Logits
    bag: Logits
    factors: tuple[float, float]

    @property
    def total(self) -> Logits:
        """Float32 (N, K)."""
        deep, wide = self.factors
        return (deep * self.network + wide * self.bag).astype(np.float32)


def widen(
    model: str | Path,
    source: str,
    *,
    bag: BagConfig,
    output: str | Path,
    options: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    also: Sequence[str] = (),
    overwrite: bool = False,
    on_event: Listener = silent,
) -> TrainResult:
    """Make a new model of a network and the n-grams of its training reviews.

    Args:
        model: folder of a network that has no n-grams beside it yet.
        source: the labelled reviews it was trained on, cut as it cut them.
        bag: which n-grams, and how they learn.
        output: the model folder to make.
        options: columns, encoding and excluded members of the source.
        also: further sources of labelled reviews, see :func:`undertone.data.also.load_also`.
        overwrite: replace what stands in ``output``.
        on_event: called with every event.

    Raises:
        ConfigError: the model is a bag, or has n-grams beside it.
        DataError: the source cannot be read, or its labels are not those of the model.
        ModelFolderError: the model cannot be read.
        OutputError: ``output`` exists already, or cannot be written.
    """
    network = load(model, precision="float32")
    manifest = modelfolder.read(network.folder)
    _refuse_unfit(network, Path(output))
    folder = Path(output)
    training.prepare_folder(folder, resume=False, overwrite=overwrite)
    with runfolder.removed_if_unused(folder):
        on_event(Note(f"Reading {source}."))
        data = load_training(source, options, manifest.config.data)
        if data.labels != network.labels:
            raise DataError(
                f"the source has the labels {', '.join(data.labels)}, the model "
                f"{', '.join(network.labels)}.",
                "Name the source that it was trained on.",
            )
        data = joined(data, *load_also(also, data, options), manifest.config.data)
        for note in data.notes:
            on_event(Note(note))
        return _widen(network, manifest, data, bag, folder, on_event)


def factors(first: Logits, second: Logits, targets: NDArray[np.integer]) -> tuple[float, float]:
    """The two factors, not below zero, whose weighted sum has the least log loss.

    Args:
        first: float32 (N, K).
        second: float32 (N, K).
        targets: int (N,), indices of labels.
    """
    minimize = require("scipy.optimize", "train").minimize

    def loss(point: NDArray[np.float64]) -> float:
        return calibration.log_loss(point[0] * first + point[1] * second, targets)

    found = minimize(loss, [0.5, 0.5], method="L-BFGS-B", bounds=[(0.0, None)] * 2)
    return float(found.x[0]), float(found.x[1])


def _refuse_unfit(network: Model, output: Path) -> None:
    settings = network.config.network
    if settings.architecture == BAG or settings.wide:
        what = "is a bag of n-grams" if settings.architecture == BAG else "has n-grams beside it"
        raise ConfigError(f"{network.folder} {what} already.", "Name a network.")
    if output.resolve() == network.folder.resolve():
        raise ConfigError(f"{output} is the network's own folder.", "Name another with --output.")


def _widen(
    network: Model,
    manifest: Manifest,
    data: TrainingData,
    bag: BagConfig,
    folder: Path,
    listen: Listener,
) -> TrainResult:
    config = structs.replace(
        manifest.config, bag=bag, network=structs.replace(manifest.config.network, wide=True)
    )
    encoder = network.encoder
    training_reviews = prepare.encode(encoder, data.train, data.labels, listen)
    validation = prepare.encode(encoder, data.validation, data.labels, listen)
    learnt = bag_run.fit(training_reviews, data.labels, config, encoder.size).bag
    logits = network.network.logits(validation.sequences)
    linear = bag_run.logits(learnt, validation.sequences)
    parts = Parts(logits, linear, factors(logits, linear, validation.targets))
    listen(Note(_told(parts, validation, learnt.ngrams.size)))
    deep, wide = parts.factors
    scaled = learnt._replace(
        weight=(learnt.weight * wide).astype(np.float32),
        bias=(learnt.bias * wide).astype(np.float32),
    )
    progress = _progress(network.folder, manifest)
    outcome = publish.Outcome(
        config=config,
        labels=data.labels,
        data={**manifest.data, "network": network.name, "network_digest": network.digest},
        weights=_scaled(network.folder, manifest, deep),
        progress=progress,
        logits=parts.total,
        validation=validation,
        wide=bag_run.tensors(scaled),
    )
    runfolder.clear(folder, keep_model=False)
    encoder.save(folder / modelfolder.TOKENIZER)
    return result_of(folder, publish.publish(folder, outcome))


def _told(parts: Parts, validation: EncodedReviews, size: int) -> str:
    alone, bag, both = (
        f"{accuracy(each, validation.targets):.2%}"
        for each in (parts.network, parts.bag, parts.total)
    )
    deep, wide = parts.factors
    return (
        f"{size:,} n-grams beside the network. Validation accuracy: network {alone}, n-grams "
        f"{bag}, both {both} (factors {deep:.2f} and {wide:.2f})."
    )


def _scaled(folder: Path, manifest: Manifest, factor: float) -> dict[str, Any]:
    """The network's weights, its output layer times the factor."""
    load_file = require("safetensors.torch", "train").load_file
    weights = load_file(modelfolder.verified(folder, manifest, modelfolder.WEIGHTS))
    return {
        name: weight * factor if name.startswith("output.") else weight
        for name, weight in weights.items()
    }


def _progress(folder: Path, manifest: Manifest) -> Progress:
    """How the network came about, which is told again of the new model."""
    history = modelfolder.verified(folder, manifest, modelfolder.HISTORY).read_bytes()
    epochs = [msgspec.json.decode(line) for line in history.splitlines() if line]
    path = modelfolder.verified(folder, manifest, modelfolder.METRICS)
    metrics = msgspec.json.decode(path.read_bytes())
    return Progress(
        identity="",
        step=metrics["steps"],
        epoch=metrics["epochs"] + 1,
        seconds=metrics["training_seconds"],
        best_epoch=metrics["kept_epoch"],
        history=epochs,
    )
