"""What a student learns from: what its teachers say of reviews, and of sentences cut from them.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015). A teacher knows
the labels of the reviews it learnt from by heart, so of a labelled review only those teachers
speak that did not learn from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from undertone import calibration, files
from undertone.config import RunConfig
from undertone.data.examples import Example
from undertone.data.source import TrainingData
from undertone.networks import outputs
from undertone.settings import DistillConfig
from undertone.text.sentences import sentences
from undertone.training import Listener, Note, runfolder
from undertone.training.events import silent


class Teacher(Protocol):
    """What a student needs of a teacher; :class:`undertone.inference.Model` has it."""

    @property
    def name(self) -> str:
        """What the student's folder calls it."""

    @property
    def digest(self) -> str:
        """Hex SHA-256 of all that decides its answers."""

    @property
    def temperature(self) -> float:
        """Divisor of its logits."""

    def logits(self, texts: Sequence[str], /) -> Any:
        """A result whose ``logits`` are float32 (N, K)."""


_Ask = Callable[[Teacher, Sequence[Example]], NDArray[np.float64]]


class Lesson(Struct, frozen=True):
    """What a student learns from: reviews, and a target distribution float32 (N, C) for each."""

    reviews: tuple[Example, ...]
    targets: NDArray[np.float32]
    notes: tuple[str, ...]


def make_lesson(
    models: Sequence[Teacher],
    taught: Sequence[frozenset[str]],
    data: TrainingData,
    unlabelled: Sequence[Example],
    config: RunConfig,
    cache: Path,
    listen: Listener = silent,
    also: Sequence[Example] = (),
    sentence_teachers: Sequence[Teacher] = (),
) -> Lesson:
    """Ask the teachers.

    Args:
        models: the teachers.
        taught: names of the labelled reviews that each teacher learnt from.
        data: labelled reviews; its validation part is left alone.
        unlabelled: reviews without a label.
        config: of the student.
        cache: a folder that keeps each teacher's answers until the student is finished.
        listen: hears which teacher reads.
        also: further labelled reviews, whose labels alone count.
        sentence_teachers: who judges sentences; none: the teachers.

    Returns:
        Labelled reviews first, in their order, then the unlabelled ones, sentences, and ``also``.
    """
    ask = partial(_ask, cache=cache, listen=listen)
    judged = _judged_reviews(models, taught, data, unlabelled, config.distill, ask)
    cut = _judged_sentences(sentence_teachers or models, judged, config, ask)
    index = {label: number for number, label in enumerate(data.labels)}
    own = np.zeros((len(also), len(index)), dtype=np.float32)
    own[np.arange(len(also)), [index[each.label or ""] for each in also]] = 1.0
    parts = (judged, cut, Lesson(tuple(also), own, ()))
    return Lesson(
        tuple(review for part in parts for review in part.reviews),
        np.concatenate([part.targets for part in parts]),
        tuple(note for part in parts for note in part.notes),
    )


def _judged_reviews(
    models: Sequence[Teacher],
    taught: Sequence[frozenset[str]],
    data: TrainingData,
    unlabelled: Sequence[Example],
    settings: DistillConfig,
    ask: _Ask,
) -> Lesson:
    reviews = (*data.train, *unlabelled)
    outsiders = np.zeros(len(reviews), dtype=np.int64)
    total = np.zeros((len(reviews), outputs(len(data.labels))))
    for model, names in zip(models, taught, strict=True):
        places = [
            n for n, each in enumerate(reviews) if each.label is None or each.name not in names
        ]
        total[places] += ask(model, [reviews[place] for place in places])
        outsiders[places] += 1
    mean = total / np.maximum(outsiders, 1)[:, None]
    targets = calibration.probabilities(mean, settings.temperature).astype(np.float32)
    index = {label: number for number, label in enumerate(data.labels)}
    for place, review in enumerate(data.train):
        share = settings.label_share if outsiders[place] else 1.0
        targets[place] *= 1.0 - share
        targets[place, index[review.label or ""]] += share
    judged = int((outsiders[: len(data.train)] > 0).sum())
    plural = "" if len(models) == 1 else "s"
    note = (
        f"{len(unlabelled):,} unlabelled reviews are judged by {len(models)} teacher{plural}; of "
        f"{len(data.train):,} labelled ones {judged:,} by teachers that did not learn from them."
    )
    return Lesson(reviews, targets, (note,))


def _judged_sentences(
    models: Sequence[Teacher], judged: Lesson, config: RunConfig, ask: _Ask
) -> Lesson:
    """Sentences drawn from the reviews, judged by all teachers and by where they stand.

    A sentence is no review: what a teacher makes of it counts, and so does the verdict on the whole
    review, which most of its sentences share. The two are multiplied as independent evidence, the
    second one mixed with the uniform distribution, since a sentence may say the contrary.
    """
    count = round(config.distill.sentences * len(judged.reviews))
    drawn = list(_drawn(judged.reviews, count, seed=config.seed))
    if not drawn:
        return Lesson((), np.zeros((0, judged.targets.shape[1]), dtype=np.float32), ())
    reviews = tuple(sentence for _, sentence in drawn)
    mean = np.mean([ask(model, reviews) for model in models], axis=0)
    own = calibration.probabilities(mean, config.distill.temperature)
    around = judged.targets[[place for place, _ in drawn]]
    context = config.distill.context
    targets = own * (context * around + (1.0 - context) / around.shape[1])
    targets /= targets.sum(axis=1, keepdims=True)
    note = f"{len(reviews):,} sentences are judged by the teachers and by their reviews."
    return Lesson(reviews, targets.astype(np.float32), (note,))


def _drawn(reviews: Sequence[Example], count: int, *, seed: int) -> Iterator[tuple[int, Example]]:
    """Places of reviews and a sentence of each, at most ``count``; every review before any twice.

    A sentence may come twice, which a short review cannot help.
    """
    number = np.random.default_rng([seed, 2])
    rounds = -(-count // max(1, len(reviews)))
    orders = [number.permutation(len(reviews)).tolist() for _ in range(rounds)]
    for place in islice(chain.from_iterable(orders), count):
        choice = sentences(reviews[place].text)
        if choice:
            text = choice[int(number.integers(len(choice)))]
            yield place, Example(text, None, f"{reviews[place].name} sentence")


def _ask(
    model: Teacher, reviews: Sequence[Example], cache: Path, listen: Listener
) -> NDArray[np.float64]:
    """Calibrated logits float64 (N, K) of one teacher, from the cache where they are known."""
    path = cache / runfolder.TEACHER_SCORES.replace("*", _key(model, reviews))
    if path.exists():
        known: NDArray[np.float64] = np.load(path, allow_pickle=False)
        return known
    listen(Note(f"{model.name} reads {len(reviews):,} reviews."))
    found = model.logits([each.text for each in reviews]).logits / model.temperature
    logits: NDArray[np.float64] = found.astype(np.float64)
    with files.replacing(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, logits, allow_pickle=False)
    return logits


def _key(model: Teacher, reviews: Sequence[Example]) -> str:
    digest = hashlib.sha256(model.digest.encode())
    for each in reviews:
        digest.update(hashlib.sha256(each.text.encode("utf-8", "surrogatepass")).digest())
    return digest.hexdigest()[:16]
