"""Pretraining from first step to last: texts in, the folder of a language model out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray

from undertone import config as configuration
from undertone import files, modelfolder, provenance
from undertone.config import RunConfig
from undertone.data.examples import SourceOptions
from undertone.data.texts import TextData, load_texts
from undertone.errors import ConfigError
from undertone.networks.language_model import LanguageModel
from undertone.text.tokenizer import TextEncoder
from undertone.training import (
    checkpoint,
    grow,
    hardware,
    language,
    prepare,
    publish,
    runfolder,
    upkeep,
)
from undertone.training import start as starting
from undertone.training.checkpoint import Progress
from undertone.training.events import Listener, Note, silent
from undertone.training.hardware import Hardware
from undertone.training.language_trainer import LanguageTrainer, Texts
from undertone.training.stop import stop_on_interrupt
from undertone.training.streams import BETWEEN


class PretrainResult(Struct, frozen=True):
    """What a language model reached: nats a token on unseen text, over the whole vocabulary."""

    folder: Path
    epochs: int
    validation_loss: float
    seconds: float


def pretrain(
    source: str,
    *,
    config: RunConfig,
    output: str | Path,
    options: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    start_from: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_event: Listener = silent,
) -> PretrainResult:
    """Teach a language model from the texts of a source; labels are not looked at.

    Args:
        source: as in :func:`undertone.training.train`. Its test part is not opened, its validation
            part only measured on.
        config: the first layer of ``config.network``, learnt as ``config.pretrain`` says, on the
            device, in the number format and with the threads of ``config.train``.
        output: the folder to make; ``train --start-from`` takes it.
        options: columns, encoding and excluded members of the source.
        start_from: folder of a language model that goes on learning, from these texts, with its
            tokenizer; a narrower one is grown (:mod:`undertone.training.grow`).
        resume: go on from the checkpoint in ``output``, to the same weights bit for bit.
        overwrite: replace what stands in ``output``, once the new texts can be learnt from.
        on_event: called with every :data:`undertone.training.events.Event`.

    Raises:
        ConfigError: no language model goes with the architecture, or the settings do not fit
            ``start_from``.
        DataError: the source cannot be read, or there is too little text in it.
        ModelFolderError: ``start_from`` is no language model, or is damaged.
        OutputError: ``output`` exists already, or cannot be written.
        RunInterruptedError: Ctrl-C; go on with ``resume``.
        TrainingError: the loss is not a number, or the checkpoint is not of this run.
    """
    _refuse_other_networks(config)
    folder = Path(output)
    with runfolder.claimed(folder, resume=resume, overwrite=overwrite):
        on_event(Note(f"Reading {source}."))
        return pretrain_texts(
            load_texts(source, options, config.data),
            config=config,
            output=folder,
            described={"source": source, **options.described()},
            start_from=start_from,
            resume=resume,
            on_event=on_event,
        )


def pretrain_texts(
    data: TextData,
    *,
    config: RunConfig,
    output: Path,
    described: dict[str, str] | None = None,
    start_from: Path | None = None,
    encoder: TextEncoder | None = None,
    resume: bool = False,
    on_event: Listener = silent,
) -> PretrainResult:
    """Teach a language model from texts that are already divided; see :func:`pretrain`.

    Args:
        data: texts to learn from, and texts to measure on.
        config: all settings.
        output: a folder that is claimed, see :func:`undertone.training.runfolder.claimed`.
        described: what the folder shall say about where the texts come from.
        start_from: as in :func:`pretrain`.
        encoder: what makes tokens of the texts; None: the tokenizer of ``start_from``, or one
            learnt from the texts.
        resume: go on from the checkpoint in ``output`` where there is one.
        on_event: called with every event.
    """
    _refuse_other_networks(config)
    for note in data.notes:
        on_event(Note(note))
    start = starting.load_language_model(start_from, config) if start_from is not None else None
    about = {**(described or {"source": "texts"}), **(start.described() if start else {})}
    with hardware.claimed(config.train) as machine:
        on_event(Note(machine.describe()))
        return _pretrain(data, about, start, encoder, config, output, machine, resume, on_event)


def _refuse_other_networks(config: RunConfig) -> None:
    if config.network.architecture != "lstm":
        raise ConfigError(
            f"there is no language model for network.architecture={config.network.architecture}.",
            "Use a preset with the architecture lstm.",
        )


def _pretrain(
    data: TextData,
    described: dict[str, str],
    start: starting.Start | None,
    encoder: TextEncoder | None,
    config: RunConfig,
    folder: Path,
    machine: Hardware,
    resume: bool,
    listen: Listener,
) -> PretrainResult:
    going_on = resume and prepare.has_checkpoint(folder)
    if encoder is None:
        encoder = prepare.learn_tokens(data.train, config, folder, resume=going_on, start=start)
    texts, validation = _encode(encoder, data.train), _encode(encoder, data.validation)
    language.require_enough(config, texts, validation)
    # Nothing that stands in the folder was touched so far; from here on it is this run's.
    runfolder.clear(folder, keep_model=resume)
    if not going_on:
        encoder.save(folder / modelfolder.TOKENIZER)
    for note in _about(config, texts, start):
        listen(Note(note))
    model = _model(config, encoder.size, texts, start, random=going_on).to(machine.device)
    progress = Progress(_identity(config, data, folder / modelfolder.TOKENIZER, start))
    path = folder / checkpoint.NAME
    with stop_on_interrupt() as stop:
        trainer = LanguageTrainer(config, machine, model, progress, path, listen, stop)
        if resume:
            upkeep.go_on(trainer, listen)
        language.fit(trainer, texts, validation)
    result = _publish(folder, trainer, data, described)
    path.unlink(missing_ok=True)
    return result


def _about(config: RunConfig, texts: Texts, start: starting.Start | None) -> Iterator[str]:
    if start is not None:
        yield f"Starting from {start.folder}."
    yield f"Learning from {len(texts):,} texts, {sum(map(len, texts)):,} tokens."
    if config.network.layers > 1:
        yield (
            f"The language model is the first of network.layers={config.network.layers} layers; "
            "those above it will start at random."
        )


def _model(
    config: RunConfig, vocabulary: int, texts: Texts, start: starting.Start | None, *, random: bool
) -> LanguageModel:
    """A model before its first step; with ``random`` as it comes: a checkpoint will replace it."""
    torch.manual_seed(config.seed)
    counts = np.bincount(np.concatenate(texts), minlength=vocabulary).astype(np.float32)
    counts[BETWEEN] = len(texts)  # it stands after every text
    model = LanguageModel(config, vocabulary, torch.from_numpy(counts))
    if start is not None and not random:
        grow.grow(start.weights, model)
    elif config.pretrain.vectors == "texts" and not random:
        prepare.start_from_texts(model, texts, seed=config.seed)
    return model


def _encode(encoder: TextEncoder, texts: tuple[str, ...]) -> list[NDArray[np.int32]]:
    return [each.ids for each in encoder.encode(texts, cut=False) if len(each.ids)]


def _identity(
    config: RunConfig, data: TextData, tokenizer: Path, start: starting.Start | None
) -> str:
    """Digest of all that decides the resulting weights."""
    settings = configuration.deciding(config)
    deciding = [settings[name] for name in ("seed", "text", "network", "pretrain")]
    parts = [msgspec.json.encode(deciding, order="sorted").decode(), data.digest]
    parts += [config.train.precision, config.train.device, files.sha256(tokenizer)]
    parts += [start.digest] if start is not None else []
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _publish(
    folder: Path, trainer: LanguageTrainer, data: TextData, described: dict[str, str]
) -> PretrainResult:
    """Write weights, figures and, last, the manifest."""
    weights = {name: each.data for name, each in trainer.model.named_parameters()}
    progress, last = trainer.progress, trainer.progress.history[-1]
    metrics: dict[str, Any] = {
        "validation": {"loss": last["validation_loss"]},
        "epochs": progress.epoch - 1,
        "steps": progress.step,
        "training_seconds": progress.seconds,
        "peak_memory": publish.peak_memory(),
        "parameters": sum(each.numel() for each in weights.values()),
        "provenance": provenance.collect(trainer.config.seed),
    }
    manifest = modelfolder.Manifest(
        labels=(),
        config=trainer.config,
        data={
            **described,
            "train": len(data.train),
            "validation": len(data.validation),
            "digest": data.digest,
        },
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        undertone=version("undertone"),
    )
    checkpoint.write_tensors(folder / modelfolder.WEIGHTS, weights)
    files.write_json(folder / modelfolder.METRICS, metrics)
    checkpoint.write_history(folder, progress)  # a kill may have come before the last line
    modelfolder.write(folder, manifest, modelfolder.LANGUAGE_MODEL)
    return PretrainResult(folder, progress.epoch - 1, last["validation_loss"], progress.seconds)
