"""Finished networks added up, with n-grams beside them: what each is good at.

Cheng et al., "Wide & Deep Learning for Recommender Systems" (2016): a linear model of rare, telling
features remembers what a network smooths over. The bag learns from the labels of the networks' own
training reviews and reads the same tokens; the logits are added, each times a factor fitted on the
validation reviews. The sum is still an exact sum over tokens. Several networks become one: see
:mod:`undertone.networks.side_by_side`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from undertone import calibration, modelfolder
from undertone.config import setting_mistakes
from undertone.data.also import joined, load_also
from undertone.data.examples import SourceOptions
from undertone.data.source import TrainingData, load_training
from undertone.errors import ConfigError, DataError
from undertone.extras import require
from undertone.inference import Model, load
from undertone.inference.network import Network
from undertone.inference.wide import Wide
from undertone.modelfolder import Manifest
from undertone.networks.side_by_side import Member, combined, merged
from undertone.settings import BAG, BagConfig
from undertone.training import Listener, Note, TrainResult, bag_run, prepare, publish, runfolder
from undertone.training import start as starting
from undertone.training.checkpoint import Progress
from undertone.training.events import silent
from undertone.training.run import result_of
from undertone.training.trainer import EncodedReviews, accuracy

Logits = NDArray[np.float32]


class Parts(NamedTuple):
    """What is added up, and how much of each.

    Attributes:
        logits: float32 (N, K) on the validation reviews, of every network and of the n-grams.
        factors: of each of them.
    """

    logits: tuple[Logits, ...]
    factors: tuple[float, ...]

    @property
    def total(self) -> Logits:
        """Float32 (N, K)."""
        terms = (factor * part for factor, part in zip(self.factors, self.logits, strict=True))
        return sum(terms, np.zeros_like(self.logits[0])).astype(np.float32)


def widen(
    models: str | Path | Sequence[str | Path],
    source: str,
    *,
    bag: BagConfig,
    output: str | Path,
    max_tokens: int | None = None,
    options: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    also: Sequence[str] = (),
    overwrite: bool = False,
    on_event: Listener = silent,
) -> TrainResult:
    """Make a new model of one or more networks and the n-grams of their training reviews.

    Args:
        models: folders of networks; n-grams that stand beside one of them already stay behind.
        source: the labelled reviews they were trained on, cut as they cut them.
        bag: which n-grams, and how they learn.
        output: the model folder to make.
        max_tokens: how many tokens of a review the new model reads; None: as many as they did.
        options: columns, encoding and excluded members of the source.
        also: further sources of labelled reviews, see :func:`undertone.data.also.load_also`.
        overwrite: replace what stands in ``output``.
        on_event: called with every event.

    Raises:
        ConfigError: a model is a bag, or the networks cannot become one.
        DataError: the source cannot be read, or its labels are not those of the models.
        ModelFolderError: a model cannot be read.
        OutputError: ``output`` exists already, or cannot be written.
    """
    folder = Path(output)
    if max_tokens is not None and (mistakes := setting_mistakes("text.max_tokens", max_tokens)):
        raise ConfigError(" ".join(mistakes))
    named = [models] if isinstance(models, str | Path) else models
    members = [_Network(each, max_tokens) for each in named]
    _refuse_unfit(members, folder)
    with runfolder.claimed(folder, resume=False, overwrite=overwrite):
        on_event(Note(f"Reading {source}."))
        settings = members[0].manifest.config.data
        data = load_training(source, options, settings)
        labels = members[0].model.labels
        if data.labels != labels:
            raise DataError(
                f"the source has the labels {', '.join(data.labels)}, the model "
                f"{', '.join(labels)}.",
                "Name the source that it was trained on.",
            )
        data = joined(data, *load_also(also, data, options), settings)
        for note in data.notes:
            on_event(Note(note))
        return _widen(members, data, bag, folder, on_event)


class _Network:
    """A member: what it was made with, and what it says."""

    def __init__(self, path: str | Path, max_tokens: int | None) -> None:
        self.folder = modelfolder.located(path)
        self.manifest: Manifest = modelfolder.read(self.folder)
        text = self.manifest.config.text
        self.text = text if max_tokens is None else structs.replace(text, max_tokens=max_tokens)
        exact = modelfolder.GRAPH in self.manifest.files or _is_bag(self.manifest)
        self.model: Model = load(self.folder, precision="float32" if exact else "int8")

    @property
    def network(self) -> Network:
        found = self.model.network
        return found.alone if isinstance(found, Wide) else found  # type: ignore[return-value]

    def member(self, factor: float) -> Member:
        weights, _ = starting.weights_of(self.folder, self.manifest)
        return Member(self.manifest.config.network, weights, factor)


def _is_bag(manifest: Manifest) -> bool:
    return manifest.config.network.architecture == BAG


def factors(parts: Sequence[Logits], targets: NDArray[np.integer]) -> tuple[float, ...]:
    """The factors, not below zero, whose weighted sum of logits has the least log loss.

    Args:
        parts: float32 (N, K) each.
        targets: int (N,), indices of labels.
    """
    minimize = require("scipy.optimize", "train").minimize

    def loss(point: NDArray[np.float64]) -> float:
        terms = [factor * part for factor, part in zip(point, parts, strict=True)]
        return calibration.log_loss(np.sum(terms, axis=0), targets)

    begin, bounds = [1.0 / len(parts)] * len(parts), [(0.0, None)] * len(parts)
    found = minimize(loss, begin, method="L-BFGS-B", bounds=bounds)
    return tuple(float(each) for each in found.x)


def _refuse_unfit(members: Sequence[_Network], output: Path) -> None:
    first = members[0]
    for each in members:
        if _is_bag(each.manifest):
            raise ConfigError(f"{each.folder} is a bag of n-grams already.", "Name a network.")
        learned = each.manifest.config.network.positions == "learned"
        if learned and each.text != each.manifest.config.text:
            raise ConfigError(
                f"{each.folder} has learnt the positions of "
                f"{each.manifest.config.text.max_tokens} tokens and no more.",
                "Drop --max-tokens.",
            )
        if output.resolve() == each.folder.resolve():
            raise ConfigError(
                f"{output} is the network's own folder.", "Name another with --output."
            )
        for what, theirs, ours in zip(_SHARED, _shared(each), _shared(first), strict=True):
            if theirs != ours:
                raise ConfigError(
                    f"{each.folder} and {first.folder} differ in their {what}.",
                    "Name networks that were trained alike, or use them as teachers.",
                )
    combined([each.manifest.config.network for each in members])


_SHARED = ("labels", "text settings", "tokens", "validation reviews")


def _shared(member: _Network) -> tuple[object, ...]:
    """What members must have in common; the settings that the validation part depends on last."""
    manifest = member.manifest
    cut = structs.replace(manifest.config.data, folds=0, fold=0, also_passes=1)
    tokens = manifest.files[modelfolder.TOKENIZER].sha256
    return manifest.labels, member.text, tokens, cut


def _widen(
    members: Sequence[_Network],
    data: TrainingData,
    bag: BagConfig,
    folder: Path,
    listen: Listener,
) -> TrainResult:
    first = members[0].manifest
    network = combined([each.manifest.config.network for each in members])
    text = members[0].text
    network = structs.replace(network, wide=True)
    config = structs.replace(first.config, bag=bag, network=network, text=text)
    encoder = members[0].model.encoder.limited(text.max_tokens)
    training_reviews = prepare.encode(encoder, data.train, data.labels, listen)
    validation = prepare.encode(encoder, data.validation, data.labels, listen)
    learnt = bag_run.fit(training_reviews, data.labels, config, encoder.size).bag
    logits = (
        *(each.network.logits(validation.sequences) for each in members),
        bag_run.logits(learnt, validation.sequences),
    )
    parts = Parts(logits, factors(logits, validation.targets))
    listen(Note(_told(parts, validation, learnt.ngrams.size)))
    *deep, wide = parts.factors
    scaled = learnt._replace(
        weight=(learnt.weight * wide).astype(np.float32),
        bias=(learnt.bias * wide).astype(np.float32),
    )
    chosen = [each.member(factor) for each, factor in zip(members, deep, strict=True)]
    outcome = publish.Outcome(
        config=config,
        labels=data.labels,
        data={
            **first.data,
            "network": ", ".join(each.model.name for each in members),
            "network_digest": ", ".join(each.model.digest for each in members),
        },
        weights=merged(chosen),
        progress=_progress(members),
        logits=parts.total,
        validation=validation,
        wide=bag_run.tensors(scaled),
    )
    runfolder.clear(folder, keep_model=False)
    encoder.save(folder / modelfolder.TOKENIZER)
    return result_of(folder, publish.publish(folder, outcome))


def _told(parts: Parts, validation: EncodedReviews, size: int) -> str:
    *networks, bag = (f"{accuracy(each, validation.targets):.2%}" for each in parts.logits)
    both = f"{accuracy(parts.total, validation.targets):.2%}"
    *many, last = (f"{factor:.2f}" for factor in parts.factors)
    return (
        f"{size:,} n-grams beside the network. Validation accuracy: network {', '.join(networks)}, "
        f"n-grams {bag}, together {both} (factors {', '.join(many)} and {last})."
    )


def _progress(members: Sequence[_Network]) -> Progress:
    """How a network came about, told again of the new model; of several only the time it took."""
    known = [each for each in members if modelfolder.METRICS in each.manifest.files]
    found = [
        msgspec.json.decode(
            modelfolder.verified(each.folder, each.manifest, modelfolder.METRICS).read_bytes()
        )
        for each in known
    ]
    seconds = sum(each["training_seconds"] for each in found)
    steps = sum(each["steps"] for each in found)
    if len(members) > 1 or not known:
        return Progress(identity="", step=steps, seconds=seconds)
    (metrics,) = found
    path = modelfolder.verified(known[0].folder, known[0].manifest, modelfolder.HISTORY)
    return Progress(
        identity="",
        step=steps,
        epoch=metrics["epochs"] + 1,
        seconds=seconds,
        best_epoch=metrics["kept_epoch"],
        history=[msgspec.json.decode(line) for line in path.read_bytes().splitlines() if line],
    )
