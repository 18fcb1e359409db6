"""The int8 model: made, calibrated on validation, and compared with float32 on test reviews."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from undertone import calibration, files, modelfolder, provenance
from undertone.data.examples import TEST, VALIDATION, Example, SourceOptions
from undertone.data.source import load_split
from undertone.errors import ModelFolderError
from undertone.evaluation import metrics
from undertone.evaluation.verdicts import Verdicts, collect_verdicts, timed_verdicts
from undertone.inference.predictor import Model, load
from undertone.inference.quantisation import quantise
from undertone.modelfolder import Manifest
from undertone.settings import BAG

COMPARISON = modelfolder.COMPARISON
_TEMPERATURE = "temperature_int8"
_CONFORMAL = "conformal_int8"
_WARM_UP = 256


class PrecisionFigures(Struct, frozen=True):
    """One graph on the test reviews.

    Attributes:
        accuracy: share of right verdicts.
        loss: mean negative log-probability of the true label, in nats.
        ece: expected calibration error, as a share.
        temperature: divisor of its logits.
        bytes: size of its file.
        reviews_per_second: from texts to verdicts, tokenising included, in one pass.
    """

    accuracy: float
    loss: float
    ece: float
    temperature: float
    bytes: int
    reviews_per_second: float


class Comparison(Struct, frozen=True):
    """What rounding to int8 changes.

    Attributes:
        source: where the reviews come from.
        split: which part of it.
        reviews: how many.
        flips: verdicts that differ.
        share_read: share of all tokens that the model reads; the rest is cut from long reviews.
        largest_change: of the probability of any label of any review.
        float32: figures of ``model.onnx``.
        int8: figures of ``model.int8.onnx``.
        provenance: command, commit, date, machine and versions.
    """

    source: str
    split: str
    reviews: int
    share_read: float
    flips: int
    largest_change: float
    float32: PrecisionFigures
    int8: PrecisionFigures
    provenance: dict[str, Any]


def export_int8(
    folder: Path, *, source: str | None = None, options: SourceOptions | None = None
) -> Comparison | None:
    """Write ``model.int8.onnx`` into a model folder, and measure it where there are reviews.

    The temperature of the int8 graph and its thresholds of doubt are fitted on the validation
    reviews of ``source``; both graphs are then measured on its test reviews, and the figures kept
    in ``int8.json``. All of it happens beside the folder; what fails leaves the folder as it was.

    Args:
        folder: a model folder with ``model.onnx``.
        source: the reviews; None: quantise only, and keep the temperature of float32.
        options: how the source is read.

    Returns:
        The comparison; None without a source.

    Raises:
        DataError: the source cannot be read, or has labels that the model does not know.
        MissingExtraError: the ``onnx`` package is not installed.
        ModelFolderError: the folder is damaged or a bag of n-grams, or the LSTM did not become
            int8.
    """
    manifest = modelfolder.read(folder)
    if manifest.config.network.architecture == BAG:
        raise ModelFolderError(
            f"{folder} is a bag of n-grams, which has no int8 form.", "Use it as it is."
        )
    modelfolder.verify(folder, manifest)
    parts = _reviews(source, options or SourceOptions(), manifest) if source else None
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        _build(folder, manifest, scratch)
        comparison = None
        if parts is not None:
            _calibrate(scratch, manifest, parts[0])
            comparison = compare(
                load(scratch, precision="float32"),
                load(scratch, precision="int8"),
                parts[1],
                source=source or "",
            )
        _install(scratch, folder, manifest, comparison)
    return comparison


def _reviews(
    source: str, options: SourceOptions, manifest: Manifest
) -> tuple[list[Example], list[Example]]:
    """Validation and test reviews, read before anything is made."""
    validation, test = (
        load_split(source, options, manifest.config.data, split, manifest.labels)
        for split in (VALIDATION, TEST)
    )
    return validation, test


def _build(folder: Path, manifest: Manifest, scratch: Path) -> None:
    """A model folder of its own with both graphs; the one to be extended is not touched."""
    beside = [modelfolder.WIDE] if manifest.config.network.wide else []
    for name in (modelfolder.TOKENIZER, modelfolder.GRAPH, *beside):
        shutil.copyfile(modelfolder.verified(folder, manifest, name), scratch / name)
    path = modelfolder.verified(folder, manifest, modelfolder.CALIBRATION)
    content = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    content.pop(_TEMPERATURE, None)
    content.pop(_CONFORMAL, None)
    files.write_json(scratch / modelfolder.CALIBRATION, content)
    quantise(scratch / modelfolder.GRAPH, scratch / modelfolder.GRAPH_INT8)
    modelfolder.write(scratch, manifest)


def _install(
    scratch: Path, folder: Path, manifest: Manifest, comparison: Comparison | None
) -> None:
    """Move what is new into the model folder, the manifest last."""
    (folder / COMPARISON).unlink(missing_ok=True)
    for name in (modelfolder.GRAPH_INT8, modelfolder.CALIBRATION):
        files.write_bytes(folder / name, (scratch / name).read_bytes())
    modelfolder.write(folder, manifest)
    if comparison is not None:
        files.write_json(folder / COMPARISON, comparison)


def compare(
    float32: Model, int8: Model, examples: Sequence[Example], *, source: str, split: str = TEST
) -> Comparison:
    """Let two graphs of one model read the same labelled reviews."""
    before, plain = _measure(float32, examples, modelfolder.GRAPH)
    after, rounded = _measure(int8, examples, modelfolder.GRAPH_INT8)
    return Comparison(
        source=source,
        split=split,
        reviews=len(examples),
        share_read=float(after.tokens_read.sum() / max(1, after.tokens_total.sum())),
        flips=int(np.count_nonzero(before.predicted != after.predicted)),
        largest_change=float(np.abs(before.probabilities - after.probabilities).max()),
        float32=plain,
        int8=rounded,
        provenance=provenance.collect(),
    )


def _calibrate(folder: Path, manifest: Manifest, validation: Sequence[Example]) -> None:
    model = load(folder, precision="int8")
    index = {label: number for number, label in enumerate(model.labels)}
    targets = np.array([index[example.label or ""] for example in validation])
    logits = model.logits([example.text for example in validation]).logits
    path = folder / modelfolder.CALIBRATION
    content = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    temperature = calibration.fit_temperature(logits, targets)
    content[_TEMPERATURE] = temperature
    content[_CONFORMAL] = calibration.conformal_thresholds(logits, targets, temperature)
    files.write_json(path, content)
    modelfolder.write(folder, manifest)


def _measure(
    model: Model, examples: Sequence[Example], graph: str
) -> tuple[Verdicts, PrecisionFigures]:
    collect_verdicts(model, examples[:_WARM_UP])
    verdicts, seconds = timed_verdicts(model, examples)
    figures = metrics.measure(verdicts)
    return verdicts, PrecisionFigures(
        accuracy=figures["accuracy"] or 0.0,
        loss=figures["loss"] or 0.0,
        ece=figures["ece"] or 0.0,
        temperature=model.temperature,
        bytes=(model.folder / graph).stat().st_size,
        reviews_per_second=len(examples) / seconds,
    )
