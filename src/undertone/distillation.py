"""A small model learns from large ones: their doubts about 50,000 reviews that nobody labelled.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015). A teacher knows
the labels of the reviews it learnt from by heart, so of a labelled review only those teachers
speak that did not learn from it: their training parts are cut again from the source and compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from undertone import calibration, files, modelfolder, training
from undertone.config import RunConfig
from undertone.data.examples import Example, SourceOptions
from undertone.data.source import TrainingData, load_training, load_unlabelled
from undertone.errors import ConfigError, DataError, ModelFolderError
from undertone.inference import Model, load
from undertone.networks import outputs
from undertone.text.tokenizer import TextEncoder
from undertone.training import Listener, Note, TrainResult, runfolder
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


class Lesson(Struct, frozen=True):
    """What a student learns from: reviews, and a target distribution float32 (N, C) for each."""

    reviews: tuple[Example, ...]
    targets: NDArray[np.float32]
    notes: tuple[str, ...]


def distill(
    teachers: Sequence[str | Path],
    source: str,
    *,
    config: RunConfig,
    output: str | Path,
    options: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    start_from: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_event: Listener = silent,
) -> TrainResult:
    """Train a student on the soft labels of its teachers.

    Args:
        teachers: model folders; several count as one that gives the mean of their logits.
        source: labelled reviews, and unlabelled ones where it has them. The student is validated
            on true labels; its test part is not opened.
        config: of the student. ``config.distill`` says how much the teachers count.
        output: the model folder to make.
        options: columns, encoding and excluded members of the source.
        start_from: folder of a language model, or of a model, to start from.
        resume: go on from the checkpoint in ``output``.
        overwrite: replace what stands in ``output``.
        on_event: called with every event.

    Raises:
        ConfigError: no teacher, or one that cannot be one.
        DataError: the source cannot be read, or its labels are not those of the teachers.
        ModelFolderError: a teacher cannot be read.
        OutputError: ``output`` exists already, or cannot be written.
    """
    models = _teachers(teachers)
    folder = Path(output)
    training.prepare_folder(folder, resume=resume, overwrite=overwrite)
    with runfolder.removed_if_unused(folder):
        on_event(Note(f"Reading {source}."))
        data = load_training(source, options, config.data)
        _same_labels(models, data.labels)
        unlabelled = tuple(load_unlabelled(source, options))
        taught = [_taught(model, source, options, data, config) for model in models]
        return distill_examples(
            models,
            taught,
            data,
            unlabelled,
            config=config,
            output=folder,
            described={"source": source, **options.described()},
            start_from=start_from,
            resume=resume,
            on_event=on_event,
        )


def distill_examples(
    models: Sequence[Teacher],
    taught: Sequence[frozenset[str]],
    data: TrainingData,
    unlabelled: Sequence[Example],
    *,
    config: RunConfig,
    output: Path,
    described: dict[str, str] | None = None,
    start_from: Path | None = None,
    encoder: TextEncoder | None = None,
    resume: bool = False,
    on_event: Listener = silent,
) -> TrainResult:
    """Train a student on reviews that are already divided; see :func:`distill`.

    Args:
        models: the teachers, who know the labels of ``data``.
        taught: names of the labelled reviews that each teacher learnt from.
        data: labelled reviews.
        unlabelled: reviews without a label.
        config: of the student.
        output: a folder from :func:`undertone.training.prepare_folder`.
        described: what the folder shall say about where the reviews come from.
        start_from: folder of a language model, or of a model, to start from.
        encoder: as :func:`undertone.training.train_examples` takes it.
        resume: go on from the checkpoint in ``output`` where there is one.
        on_event: called with every event.
    """
    with _scores(output) as cache:
        lesson = make_lesson(models, taught, data, unlabelled, config, cache, on_event)
        for note in lesson.notes:
            on_event(Note(note))
        return training.train_examples(
            structs.replace(data, train=lesson.reviews),
            config=config,
            output=output,
            described={
                **(described or {"source": "examples"}),
                "teachers": ", ".join(model.name for model in models),
                "teacher_digests": ", ".join(model.digest[:16] for model in models),
            },
            start_from=start_from,
            soft=lesson.targets,
            encoder=encoder,
            resume=resume,
            on_event=on_event,
        )


def make_lesson(
    models: Sequence[Teacher],
    taught: Sequence[frozenset[str]],
    data: TrainingData,
    unlabelled: Sequence[Example],
    config: RunConfig,
    cache: Path,
    listen: Listener = silent,
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

    Returns:
        Labelled reviews first, in their order, then the unlabelled ones.
    """
    reviews = (*data.train, *unlabelled)
    outsiders = np.zeros(len(reviews), dtype=np.int64)
    total = np.zeros((len(reviews), outputs(len(data.labels))))
    for model, names in zip(models, taught, strict=True):
        places = [
            n for n, each in enumerate(reviews) if each.label is None or each.name not in names
        ]
        total[places] += _ask(model, [reviews[place] for place in places], cache, listen)
        outsiders[places] += 1
    mean = total / np.maximum(outsiders, 1)[:, None]
    targets = calibration.probabilities(mean, config.distill.temperature).astype(np.float32)
    index = {label: number for number, label in enumerate(data.labels)}
    for place, review in enumerate(data.train):
        share = config.distill.label_share if outsiders[place] else 1.0
        targets[place] *= 1.0 - share
        targets[place, index[review.label or ""]] += share
    judged = int((outsiders[: len(data.train)] > 0).sum())
    plural = "" if len(models) == 1 else "s"
    note = (
        f"{len(unlabelled):,} unlabelled reviews are judged by {len(models)} teacher{plural}; of "
        f"{len(data.train):,} labelled ones {judged:,} by teachers that did not learn from them."
    )
    return Lesson(reviews, targets, (note,))


def _teachers(folders: Sequence[str | Path]) -> list[Model]:
    if not folders:
        raise ConfigError("there is no teacher.", "Name model folders with --teachers A,B.")
    models = [load(folder) for folder in folders]
    for model in models[1:]:
        if model.labels != models[0].labels:
            raise ModelFolderError(
                f"the teachers {models[0].name} and {model.name} know different labels: "
                f"{', '.join(models[0].labels)} and {', '.join(model.labels)}.",
                "Name teachers of the same task.",
            )
    return models


def _same_labels(models: Sequence[Model], labels: tuple[str, ...]) -> None:
    if models[0].labels != labels:
        raise DataError(
            f"the source has the labels {', '.join(labels)}, the teachers "
            f"{', '.join(models[0].labels)}.",
            "Name teachers that were trained for these labels.",
        )


def _taught(
    model: Model, source: str, options: SourceOptions, data: TrainingData, student: RunConfig
) -> frozenset[str]:
    """Names of the reviews that a teacher learnt from; all, where that cannot be found out."""
    same_cut = model.config.data == student.data
    theirs = data if same_cut else load_training(source, options, model.config.data)
    if theirs.digest != modelfolder.read(model.folder).data.get("digest"):
        theirs = data
    return frozenset(each.name for each in theirs.train)


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


@contextmanager
def _scores(folder: Path) -> Iterator[Path]:
    """Where the teachers' answers are kept; they are deleted once the student is finished."""
    yield folder
    for path in folder.glob(runfolder.TEACHER_SCORES):
        path.unlink()
