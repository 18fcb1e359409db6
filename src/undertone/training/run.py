"""Training from first step to last: reviews in, a model folder out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray
from torch import nn

from undertone import modelfolder, networks
from undertone.config import RunConfig
from undertone.data.also import described_with, joined, load_also
from undertone.data.examples import SourceOptions
from undertone.data.source import TrainingData, load_training, load_unlabelled
from undertone.extras import require
from undertone.settings import BAG
from undertone.text.bag import Bag
from undertone.text.tokenizer import TextEncoder
from undertone.training import (
    augment,
    bag_run,
    beside,
    checkpoint,
    hardware,
    loop,
    prepare,
    publish,
    runfolder,
    upkeep,
)
from undertone.training import start as starting
from undertone.training.board import joined_by_tensorboard
from undertone.training.checkpoint import Progress
from undertone.training.events import Listener, Note, silent
from undertone.training.objective import Objective
from undertone.training.stop import stop_on_interrupt
from undertone.training.trainer import EncodedReviews, Trainer, evaluate


class TrainResult(Struct, frozen=True):
    """What a training run reached; losses in nats, on validation."""

    folder: Path
    best_epoch: int
    epochs: int
    validation_accuracy: float
    validation_loss: float
    seconds: float


def train(
    source: str,
    *,
    config: RunConfig,
    output: str | Path,
    options: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    also: Sequence[str] = (),
    start_from: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_event: Listener = silent,
) -> TrainResult:
    """Train a model on a source of labelled reviews.

    Args:
        source: a file, a folder, an archive, ``sample`` or ``imdb``. Its test part is not opened.
        config: all settings; see :func:`undertone.config.load_preset`.
        output: the model folder to make.
        options: columns, encoding and excluded members of the source.
        also: further sources of labelled reviews, see :func:`undertone.data.also.load_also`.
        start_from: folder of a language model, or of a model, whose weights and tokenizer to
            start from.
        resume: go on from the checkpoint in ``output``; the result is the same, bit for bit, as
            that of a run that was never stopped.
        overwrite: replace what stands in ``output``.
        on_event: called with every :data:`undertone.training.events.Event`.

    Raises:
        DataError: the source cannot be read, or there is too little in it.
        OutputError: ``output`` exists already, or cannot be written.
        RunInterruptedError: Ctrl-C; go on with ``resume``.
        TrainingError: the loss is not a number, or the checkpoint is not of this run.
    """
    folder = Path(output)
    bag_run.refuse_unfit(config, start_from=start_from, resume=resume)
    with runfolder.claimed(folder, resume=resume, overwrite=overwrite):
        on_event(Note(f"Reading {source}."))
        data = load_training(source, options, config.data)
        data = joined(data, *load_also(also, data, options), config.data)
        unlabelled = (
            tuple(example.text for example in load_unlabelled(source, options))
            if config.train.vectors == "texts"
            else ()
        )
        return train_examples(
            data,
            config=config,
            output=folder,
            unlabelled=unlabelled,
            described=described_with(source, options, also),
            start_from=start_from,
            resume=resume,
            on_event=on_event,
        )


def train_examples(
    data: TrainingData,
    *,
    config: RunConfig,
    output: Path,
    unlabelled: Sequence[str] = (),
    described: dict[str, str] | None = None,
    start_from: Path | None = None,
    soft: NDArray[np.float32] | None = None,
    encoder: TextEncoder | None = None,
    resume: bool = False,
    on_event: Listener = silent,
) -> TrainResult:
    """Train a model on reviews that are already divided; see :func:`train`.

    Args:
        data: training and validation reviews.
        config: all settings.
        output: a folder from :func:`prepare_folder`. Unless ``resume``, a model that stands in it
            is deleted once the new one begins to be written.
        unlabelled: more texts for ``train.vectors=texts`` to learn word vectors from.
        described: what the model folder shall say about where the reviews come from.
        start_from: folder of a language model, or of a model, to start from.
        soft: float32 (N, C), target distributions of the training reviews, to learn from instead
            of their labels.
        encoder: what makes tokens of the reviews; None: the tokenizer of ``start_from``, or one
            that is learnt from the training reviews.
        resume: go on from the checkpoint in ``output`` where there is one.
        on_event: called with every event.
    """
    for note in data.notes:
        on_event(Note(note))
    bag_run.refuse_unfit(config, start_from=start_from, resume=resume)
    if config.network.architecture == BAG:
        about = _describe(data, described, (), None)
        bag_metrics = bag_run.train(
            data,
            config=config,
            output=output,
            about=about,
            soft=soft,
            encoder=encoder,
            listen=on_event,
        )
        return result_of(output, bag_metrics)
    start = starting.load(start_from, config) if start_from is not None else None
    with hardware.claimed(config.train) as machine:
        on_event(Note(machine.describe()))
        going_on = resume and prepare.has_checkpoint(output)
        if encoder is None:
            texts = (each.text for each in data.train)
            encoder = prepare.learn_tokens(texts, config, output, resume=going_on, start=start)
        torch.manual_seed(config.seed)
        network = networks.build_network(config, encoder.size, len(data.labels)).to(machine.device)
        if config.train.tensorboard:
            require("tensorboard", "tensorboard")
        # Nothing that stands in the folder was touched so far; from here on it is this run's.
        runfolder.clear(output, keep_model=resume)
        if not going_on:
            encoder.save(output / modelfolder.TOKENIZER)
        reviews = _encoded(data, encoder, config, soft, on_event)
        if not going_on:
            _begin(
                network, start, data.labels, encoder, reviews.training, unlabelled, config, on_event
            )
        targets = reviews.training.targets.tolist()
        tokenizer = output / modelfolder.TOKENIZER
        with (
            stop_on_interrupt() as stop,
            joined_by_tensorboard(config.train.tensorboard, output, on_event) as listen,
        ):
            trainer = Trainer(
                config,
                machine,
                network,
                Objective(config.train, targets, len(data.labels), machine.device),
                Progress(prepare.identity(config, data, tokenizer, start, soft)),
                output / checkpoint.NAME,
                listen,
                stop,
                augment.build(config.train, encoder),
            )
            if resume:
                upkeep.go_on(trainer, on_event)
            weights = loop.fit(trainer, reviews.training, reviews.validation)
        trainer.average.load(weights)
        outcome = publish.Outcome(
            config=config,
            labels=data.labels,
            data=_describe(data, described, unlabelled, start),
            weights=weights,
            progress=trainer.progress,
            logits=evaluate(trainer, reviews.validation),
            validation=reviews.validation,
            wide=None if reviews.bag is None else bag_run.tensors(reviews.bag),
        )
    metrics = publish.publish(output, outcome)
    trainer.path.unlink(missing_ok=True)
    return result_of(output, metrics)


class _Reviews(NamedTuple):
    """Encoded reviews, and the n-grams that the network learns beside, if any."""

    bag: Bag | None
    training: EncodedReviews
    validation: EncodedReviews


def _encoded(
    data: TrainingData,
    encoder: TextEncoder,
    config: RunConfig,
    soft: NDArray[np.float32] | None,
    listen: Listener,
) -> _Reviews:
    training = prepare.encode(encoder, data.train, data.labels, listen, soft)
    validation = prepare.encode(encoder, data.validation, data.labels, listen)
    if not config.network.wide:
        return _Reviews(None, training, validation)
    return _Reviews(
        *beside.fit(data, training, validation, config, vocabulary=encoder.size, listen=listen)
    )


def _begin(
    network: nn.Module,
    start: starting.Start | None,
    labels: tuple[str, ...],
    encoder: TextEncoder,
    training: EncodedReviews,
    unlabelled: Sequence[str],
    config: RunConfig,
    listen: Listener,
) -> None:
    """Overwrite the random start with what the run begins from."""
    if start is not None:
        taken = starting.apply(start, network, labels, config)
        grown = ", grown into wider ones" if start.grows_into(config.network) else ""
        listen(Note(f"Starting from {start.folder}: {len(taken)} tensors{grown}."))
    elif config.train.vectors == "texts":
        texts = [*training.sequences, *(each.ids for each in encoder.encode(unlabelled))]
        listen(Note(f"Learning word vectors from {len(texts):,} texts."))
        prepare.start_from_texts(network, texts, seed=config.seed)


def result_of(folder: Path, metrics: dict[str, Any]) -> TrainResult:
    """What ``metrics.json`` of a finished model says was reached."""
    return TrainResult(
        folder=folder,
        best_epoch=metrics["kept_epoch"],
        epochs=metrics["epochs"],
        validation_accuracy=metrics["validation"]["accuracy"],
        validation_loss=metrics["validation"]["loss"],
        seconds=metrics["training_seconds"],
    )


def _describe(
    data: TrainingData,
    described: dict[str, str] | None,
    unlabelled: Sequence[str],
    start: starting.Start | None,
) -> dict[str, object]:
    """What the manifest says of the reviews."""
    return {
        **(described or {"source": "examples"}),
        "train": len(data.train),
        "validation": len(data.validation),
        "unlabelled": len(unlabelled),
        "digest": data.digest,
        **(start.described() if start else {}),
    }
