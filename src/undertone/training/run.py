"""Training from first step to last: reviews in, a model folder out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray
from torch import nn

from undertone import config as configuration
from undertone import files, modelfolder, networks
from undertone.config import RunConfig
from undertone.data.examples import Example, SourceOptions
from undertone.data.source import TrainingData, load_training, load_unlabelled
from undertone.errors import DataError
from undertone.extras import require
from undertone.text.tokenizer import TextEncoder
from undertone.text.vectors import word_vectors
from undertone.training import checkpoint, hardware, loop, publish
from undertone.training.checkpoint import Progress
from undertone.training.events import EpochDone, Event, Listener, Note, silent
from undertone.training.objective import Objective
from undertone.training.runfolder import clear, prepare_folder
from undertone.training.stop import stop_on_interrupt
from undertone.training.trainer import EncodedReviews, Trainer, evaluate

_VECTOR_NORM_PER_WIDTH = 0.1  # the scale of the random start, so that both learn alike


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
    output: Path,
    options: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
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
    prepare_folder(output, resume=resume, overwrite=overwrite)
    data = load_training(source, options, config.data)
    described = {"source": source, **_reading(options)}
    unlabelled = (
        tuple(example.text for example in load_unlabelled(source, options))
        if config.train.vectors == "texts"
        else ()
    )
    return train_examples(
        data,
        config=config,
        output=output,
        unlabelled=unlabelled,
        described=described,
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
        resume: go on from the checkpoint in ``output`` where there is one.
        on_event: called with every event.
    """
    for note in data.notes:
        on_event(Note(note))
    machine = hardware.choose(config.train)
    on_event(Note(machine.describe()))
    encoder = _encoder(data, config, output, resume=resume)
    training = encode(encoder, data.train, data.labels, on_event)
    validation = encode(encoder, data.validation, data.labels, on_event)

    torch.manual_seed(config.seed)
    network = networks.build_network(config, encoder.size, len(data.labels)).to(machine.device)
    if config.train.vectors == "texts":
        texts = [*training.sequences, *(each.ids for each in encoder.encode(unlabelled))]
        on_event(Note(f"Learning word vectors from {len(texts):,} texts."))
        _start_from_texts(network, texts, config)
    objective = Objective(config.train, training.targets.tolist(), len(data.labels), machine.device)
    progress = Progress(_identity(config, data, output / modelfolder.TOKENIZER))
    with stop_on_interrupt() as stop, _listeners(config, output, on_event) as listen:
        trainer = Trainer(
            config, machine, network, objective, progress, output / checkpoint.NAME, listen, stop
        )
        if resume:
            _restore(trainer, on_event)
        weights = loop.fit(trainer, training, validation)
    trainer.average.load(weights)
    described = described or {"source": "examples"}
    outcome = publish.Outcome(
        config=config,
        labels=data.labels,
        data=described | _counts(data),
        weights=weights,
        progress=trainer.progress,
        logits=evaluate(trainer, validation),
        targets=validation.targets,
    )
    metrics = publish.publish(output, outcome)
    (output / checkpoint.NAME).unlink(missing_ok=True)
    return TrainResult(
        folder=output,
        best_epoch=metrics["kept_epoch"],
        epochs=metrics["epochs"],
        validation_accuracy=metrics["validation"]["accuracy"],
        validation_loss=metrics["validation"]["loss"],
        seconds=metrics["training_seconds"],
    )


def encode(
    encoder: TextEncoder, examples: Sequence[Example], labels: tuple[str, ...], listen: Listener
) -> EncodedReviews:
    """Token ids and label indices; reviews without any token are left out and counted.

    Raises:
        DataError: nothing is left.
    """
    index = {label: number for number, label in enumerate(labels)}
    encoded = encoder.encode([example.text for example in examples])
    pairs = [
        (review.ids, index[example.label or ""])
        for review, example in zip(encoded, examples, strict=True)
        if len(review.ids)
    ]
    if not pairs:
        raise DataError("no review has any text to learn from.", "Look with `undertone inspect`.")
    if len(pairs) < len(examples):
        listen(Note(f"{len(examples) - len(pairs)} reviews hold no token and are left out."))
    targets = np.array([target for _, target in pairs], dtype=np.int64)
    return EncodedReviews([ids for ids, _ in pairs], targets)


def _start_from_texts(
    network: nn.Module, texts: Iterable[NDArray[np.int32]], config: RunConfig
) -> None:
    """Overwrite the token vectors; words that no text tells anything about keep their start."""
    weight = network.get_parameter("embedding.weight")
    learnt = word_vectors(texts, *weight.shape, seed=config.seed)
    known = torch.from_numpy(learnt.any(axis=1)).to(weight.device)
    scale = _VECTOR_NORM_PER_WIDTH * weight.shape[1] ** 0.5
    with torch.no_grad():
        weight[known] = torch.from_numpy(learnt).to(weight.device)[known] * scale


def _encoder(data: TrainingData, config: RunConfig, output: Path, *, resume: bool) -> TextEncoder:
    """The tokenizer of the run, learnt anew or as the stopped run left it.

    A resumed run with other settings is refused later, by its identity; until then nothing of the
    stopped run may change.
    """
    path = output / modelfolder.TOKENIZER
    if resume and path.exists() and (output / checkpoint.NAME).exists():
        clear(output, keep_model=True)
        return TextEncoder.load(path, config.text)
    encoder = TextEncoder.train((example.text for example in data.train), config.text)
    clear(output, keep_model=resume)
    encoder.save(path)
    return encoder


def _restore(trainer: Trainer, listen: Listener) -> None:
    if not trainer.path.exists():
        listen(Note("No checkpoint yet; starting from the beginning."))
        return
    trainer.progress, tensors = checkpoint.load(trainer.path, trainer.progress.identity)
    trainer.restore(tensors)
    listen(Note(f"Resumed at step {trainer.progress.step}, epoch {trainer.progress.epoch}."))


def _identity(config: RunConfig, data: TrainingData, tokenizer: Path) -> str:
    """Digest of all that decides the resulting weights."""
    free = {"threads": 0, "checkpoint_seconds": 0.0, "tensorboard": False}
    settings = configuration.to_dict(config)
    settings["train"] |= free
    parts = [msgspec.json.encode(settings, order="sorted").decode(), data.digest]
    return hashlib.sha256("\n".join([*parts, files.sha256(tokenizer)]).encode()).hexdigest()


def _reading(options: SourceOptions) -> dict[str, str]:
    """How the source was read, as far as it was not the usual way."""
    chosen = {
        "text_column": options.text_column,
        "label_column": options.label_column,
        "exclude": options.exclude and str(options.exclude),
        "encoding": options.encoding,
    }
    return {name: value for name, value in chosen.items() if value}


def _counts(data: TrainingData) -> dict[str, Any]:
    return {
        "train": len(data.train),
        "validation": len(data.validation),
        "digest": data.digest,
    }


@contextmanager
def _listeners(config: RunConfig, output: Path, listen: Listener) -> Iterator[Listener]:
    """The caller's listener, joined by TensorBoard if asked for."""
    if not config.train.tensorboard:
        yield listen
        return
    require("tensorboard", "tensorboard")
    writer = require("torch.utils.tensorboard", "tensorboard").SummaryWriter(
        str(output / "tensorboard")
    )

    def both(event: Event) -> None:
        if isinstance(event, EpochDone):
            for part in ("train", "validation"):
                for kind in ("loss", "accuracy"):
                    writer.add_scalar(
                        f"{kind}/{part}", getattr(event, f"{part}_{kind}"), event.epoch
                    )
            writer.add_scalar("lr", event.lr, event.epoch)
        listen(event)

    try:
        yield both
    finally:
        writer.close()
