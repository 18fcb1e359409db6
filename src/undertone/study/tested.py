"""What a finished run says of texts, read once and kept beside the report."""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from undertone import calibration, files, modelfolder
from undertone.data.examples import Example
from undertone.evaluation import Verdicts
from undertone.evaluation.verdicts import NO_VERDICT, verdicts_from_logits
from undertone.inference import load


class Answers(Struct, frozen=True, eq=False):
    """One run on N texts.

    Attributes:
        logits: float32 (N, K); K=1: the log-odds of the second of two labels.
        tokens_read: int32 (N,).
        tokens_total: int32 (N,), before long texts are cut.
        temperature: divisor of the logits.
        seconds: from texts to logits, on all cores.
    """

    logits: NDArray[np.float32]
    tokens_read: NDArray[np.int32]
    tokens_total: NDArray[np.int32]
    temperature: float
    seconds: float

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Calibrated, float64 (N, C)."""
        return calibration.probabilities(self.logits, self.temperature)


def answers(folder: Path, texts: Sequence[str], kept: Path) -> Answers:
    """Read texts with the model in ``folder``, or take what it said of them before.

    Args:
        folder: a finished run.
        texts: to read.
        kept: file (``.npz``, plain arrays) that keeps the answers; one that is of another model,
            of other texts, or damaged, is replaced.

    Raises:
        ModelFolderError: the folder is damaged.
        OutputError: the answers cannot be written.
    """
    key = _key(folder, texts)
    found = _kept(kept, key)
    if found is None:
        found = _asked(folder, texts)
        buffer = io.BytesIO()
        np.savez(buffer, key=np.array(key), **structs.asdict(found))
        files.write_bytes(kept, buffer.getvalue())
    return found


def verdicts(
    found: Answers, examples: Sequence[Example], labels: tuple[str, ...], threshold: float
) -> Verdicts:
    """Truth and verdict of labelled reviews.

    Args:
        found: of the same reviews.
        examples: reviews whose labels are all in ``labels``.
        labels: in the order of the model's outputs.
        threshold: with two labels, the verdict is the second where the logit lies above this;
            0 is the usual rule, the likelier label.
    """
    places = {label: number for number, label in enumerate(labels)}
    targets = np.array([places[each.label or ""] for each in examples], dtype=np.int64)
    usual = verdicts_from_logits(
        labels,
        targets,
        found.logits,
        found.temperature,
        tokens=(found.tokens_read, found.tokens_total),
    )
    return structs.replace(usual, predicted=chosen(found, threshold))


def chosen(found: Answers, threshold: float) -> NDArray[np.int64]:
    """Index of each text's label, int64 (N,), or ``NO_VERDICT`` where nothing was read.

    Args:
        found: of the texts.
        threshold: see :func:`verdicts`.
    """
    if found.logits.shape[1] == 1:
        best = (found.logits[:, 0] > threshold).astype(np.int64)
    else:
        best = found.logits.argmax(axis=1)
    return np.where(found.tokens_read == 0, NO_VERDICT, best)


def uncalibrated(found: Answers, usual: Verdicts) -> Verdicts:
    """The same with probabilities as training saw them, without a temperature."""
    tokens = found.tokens_read, found.tokens_total
    return verdicts_from_logits(usual.labels, usual.targets, found.logits, 1.0, tokens=tokens)


def _asked(folder: Path, texts: Sequence[str]) -> Answers:
    model = load(folder, precision="float32")
    started = time.perf_counter()
    result = model.logits(texts)
    seconds = time.perf_counter() - started
    return Answers(
        result.logits, result.tokens_read, result.tokens_total, model.temperature, seconds
    )


def _key(folder: Path, texts: Sequence[str]) -> str:
    """Digest of the manifest, which holds the digests of the model's files, and of the texts."""
    digest = hashlib.sha256(files.sha256(folder / modelfolder.MANIFEST).encode())
    for text in texts:
        content = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(content))
        digest.update(content)
    return digest.hexdigest()


def _kept(path: Path, key: str) -> Answers | None:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            if str(arrays["key"]) != key:
                return None
            return Answers(
                arrays["logits"],
                arrays["tokens_read"],
                arrays["tokens_total"],
                float(arrays["temperature"]),
                float(arrays["seconds"]),
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
