"""From reviews to what the loop needs: a tokenizer, token ids, a start for the token vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from undertone import config as configuration
from undertone import files, modelfolder
from undertone.config import RunConfig
from undertone.data.examples import Example
from undertone.data.source import TrainingData
from undertone.errors import DataError
from undertone.text.tokenizer import TextEncoder
from undertone.text.vectors import word_vectors
from undertone.training import checkpoint
from undertone.training.events import Listener, Note
from undertone.training.start import Start
from undertone.training.trainer import EncodedReviews

_VECTOR_NORM_PER_WIDTH = 0.1  # the scale of the random start, so that both learn alike


def has_checkpoint(output: Path) -> bool:
    """Whether a stopped run can be gone on with."""
    return (output / checkpoint.NAME).exists() and (output / modelfolder.TOKENIZER).exists()


def learn_tokens(
    texts: Iterable[str], config: RunConfig, output: Path, *, resume: bool, start: Start | None
) -> TextEncoder:
    """The tokenizer of the run: as the stopped run left it, of the start, or learnt from texts.

    Nothing is written.
    """
    if resume:
        return TextEncoder.load(output / modelfolder.TOKENIZER, config.text)
    if start is not None:
        return TextEncoder.load(start.tokenizer, config.text)
    return TextEncoder.train(texts, config.text)


def encode(
    encoder: TextEncoder,
    examples: Sequence[Example],
    labels: tuple[str, ...],
    listen: Listener,
    soft: NDArray[np.float32] | None = None,
) -> EncodedReviews:
    """Token ids and label indices. The caller hears of reviews left out and of reviews cut.

    Args:
        encoder: the tokenizer.
        examples: the reviews; one without a label needs ``soft``.
        labels: in the order of the outputs.
        listen: hears the notes.
        soft: float32 (N, C), a target distribution for every review, to learn from instead of
            the labels.

    Raises:
        DataError: nothing is left.
    """
    index = {label: number for number, label in enumerate(labels)}
    encoded = encoder.encode([example.text for example in examples])
    places = [place for place, review in enumerate(encoded) if len(review.ids)]
    if not places:
        raise DataError("no review has any text to learn from.", "Look with `undertone inspect`.")
    kept = [encoded[place] for place in places]
    if len(kept) < len(examples):
        listen(Note(f"{len(examples) - len(kept):,} reviews hold no token and are left out."))
    total = sum(review.total for review in kept)
    read = sum(len(review.ids) for review in kept)
    if read < total:
        cut = sum(len(review.ids) < review.total for review in kept)
        listen(
            Note(
                f"{cut:,} of {len(kept):,} reviews are longer than the limit and lose their "
                f"middle; {read / total:.1%} of all tokens are read."
            )
        )
    sequences = [review.ids for review in kept]
    if soft is not None:
        chosen = soft[places]
        likeliest = chosen.argmax(axis=1).astype(np.int64)
        return EncodedReviews(sequences, likeliest, total, chosen, places=np.array(places))
    targets = np.array([index[examples[place].label or ""] for place in places], dtype=np.int64)
    return EncodedReviews(sequences, targets, total, places=np.array(places))


def start_from_texts(network: nn.Module, texts: Iterable[NDArray[np.int32]], *, seed: int) -> None:
    """Overwrite the token vectors; words that no text tells anything about keep their start."""
    weight = network.get_parameter("embedding.weight")
    learnt = word_vectors(texts, *weight.shape, seed=seed)
    known = torch.from_numpy(learnt.any(axis=1)).to(weight.device)
    scale = _VECTOR_NORM_PER_WIDTH * weight.shape[1] ** 0.5
    with torch.no_grad():
        weight[known] = torch.from_numpy(learnt).to(weight.device)[known] * scale


def identity(
    config: RunConfig,
    data: TrainingData,
    tokenizer: Path,
    start: Start | None,
    soft: NDArray[np.float32] | None,
) -> str:
    """Digest of all that decides the resulting weights."""
    free = {"threads": 0, "checkpoint_seconds": 0.0, "tensorboard": False}
    settings = configuration.deciding(config)
    settings["train"] |= free
    parts = [msgspec.json.encode(settings, order="sorted").decode(), data.digest]
    parts += [start.digest] if start is not None else []
    parts += [hashlib.sha256(soft.tobytes()).hexdigest()] if soft is not None else []
    return hashlib.sha256("\n".join([*parts, files.sha256(tokenizer)]).encode()).hexdigest()
