"""Pretraining from first step to last: texts in, the folder of a language model out."""

from __future__ import annotations

import hashlib
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
from undertone.data.source import TextData, load_texts
from undertone.networks.language_model import LanguageModel
from undertone.text.tokenizer import TextEncoder
from undertone.training import checkpoint, hardware, language, prepare, runfolder
from undertone.training.checkpoint import Progress
from undertone.training.events import Listener, Note, silent
from undertone.training.hardware import Hardware
from undertone.training.language import LanguageTrainer
from undertone.training.stop import stop_on_interrupt


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
    resume: bool = False,
    overwrite: bool = False,
    on_event: Listener = silent,
) -> PretrainResult:
    """Teach a language model from the texts of a source; labels are not looked at.

    Args:
        source: as in :func:`undertone.training.train`. Its test part is not opened, its validation
            part only measured on.
        config: the first layer of ``config.network``, learnt as ``config.pretrain`` says.
        output: the folder to make; ``train --start-from`` takes it.
        options: columns, encoding and excluded members of the source.
        resume: go on from the checkpoint in ``output``, to the same weights bit for bit.
        overwrite: replace what stands in ``output``.
        on_event: called with every :data:`undertone.training.events.Event`.

    Raises:
        DataError: the source cannot be read, or there is too little text in it.
        OutputError: ``output`` exists already, or cannot be written.
        RunInterruptedError: Ctrl-C; go on with ``resume``.
        TrainingError: the loss is not a number, or the checkpoint is not of this run.
    """
    folder = Path(output)
    runfolder.prepare_folder(folder, resume=resume, overwrite=overwrite)
    with runfolder.removed_if_unused(folder):
        on_event(Note(f"Reading {source}."))
        data = load_texts(source, options, config.data)
        for note in data.notes:
            on_event(Note(note))
        with hardware.claimed(config.train) as machine:
            on_event(Note(machine.describe()))
            return _pretrain(data, source, config, folder, machine, resume, on_event)


def _pretrain(
    data: TextData,
    source: str,
    config: RunConfig,
    folder: Path,
    machine: Hardware,
    resume: bool,
    listen: Listener,
) -> PretrainResult:
    going_on = resume and prepare.has_checkpoint(folder)
    encoder = _tokens(data, config, folder, going_on)
    runfolder.clear(folder, keep_model=resume)
    if not going_on:
        encoder.save(folder / modelfolder.TOKENIZER)
    texts, validation = _encode(encoder, data.train), _encode(encoder, data.validation)
    listen(Note(f"Learning from {len(texts):,} texts, {sum(map(len, texts)):,} tokens."))
    torch.manual_seed(config.seed)
    counts = np.bincount(np.concatenate(texts), minlength=encoder.size).astype(np.float32)
    counts[0] = len(texts)  # stands after every text
    model = LanguageModel(config, encoder.size, torch.from_numpy(counts)).to(machine.device)
    if config.pretrain.vectors == "texts" and not going_on:
        prepare.start_from_texts(model, texts, seed=config.seed)
    progress = Progress(_identity(config, data, folder / modelfolder.TOKENIZER))
    path = folder / checkpoint.NAME
    with stop_on_interrupt() as stop:
        trainer = LanguageTrainer(config, machine, model, progress, path, listen, stop)
        if going_on:
            trainer.progress, tensors = checkpoint.load(path, progress.identity)
            trainer.restore(tensors)
            listen(Note(f"Resumed at step {trainer.progress.step}."))
        language.fit(trainer, texts, validation)
    result = _publish(folder, trainer, data, source)
    path.unlink(missing_ok=True)
    return result


def _tokens(data: TextData, config: RunConfig, folder: Path, going_on: bool) -> TextEncoder:
    if going_on:
        return TextEncoder.load(folder / modelfolder.TOKENIZER, config.text)
    return TextEncoder.train(data.train, config.text)


def _encode(encoder: TextEncoder, texts: tuple[str, ...]) -> list[NDArray[np.int32]]:
    return [each.ids for each in encoder.encode(texts, cut=False) if len(each.ids)]


def _identity(config: RunConfig, data: TextData, tokenizer: Path) -> str:
    """Digest of all that decides the resulting weights."""
    settings = configuration.to_dict(config)
    deciding = [settings[name] for name in ("seed", "text", "network", "pretrain")]
    parts = [msgspec.json.encode(deciding, order="sorted").decode(), data.digest]
    parts += [config.train.precision, config.train.device, files.sha256(tokenizer)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _publish(folder: Path, trainer: LanguageTrainer, data: TextData, source: str) -> PretrainResult:
    """Write weights, figures and, last, the manifest."""
    weights = {name: each.data.cpu() for name, each in trainer.model.named_parameters()}
    checkpoint.write_tensors(folder / modelfolder.WEIGHTS, weights)
    progress, last = trainer.progress, trainer.progress.history[-1]
    metrics: dict[str, Any] = {
        "validation": {"loss": last["validation_loss"]},
        "epochs": progress.epoch - 1,
        "steps": progress.step,
        "training_seconds": progress.seconds,
        "parameters": sum(each.numel() for each in weights.values()),
        "provenance": provenance.collect(trainer.config.seed),
    }
    files.write_json(folder / modelfolder.METRICS, metrics)
    manifest = modelfolder.Manifest(
        labels=(),
        config=trainer.config,
        data={
            "source": source,
            "train": len(data.train),
            "validation": len(data.validation),
            "digest": data.digest,
        },
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        undertone=version("undertone"),
    )
    modelfolder.write(folder, manifest, modelfolder.LANGUAGE_MODEL)
    return PretrainResult(folder, progress.epoch - 1, last["validation_loss"], progress.seconds)
