"""A small model learns from large ones: their doubts about 50,000 reviews that nobody labelled.

Which teachers may judge which review is decided here: their training parts are cut again from the
source and compared. :mod:`undertone.lesson` says what becomes of their verdicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import structs

from undertone import modelfolder, training
from undertone.config import RunConfig
from undertone.data.also import described_with, load_also, repeated
from undertone.data.examples import Example, SourceOptions
from undertone.data.source import TrainingData, load_training, load_unlabelled
from undertone.errors import ConfigError, DataError, ModelFolderError
from undertone.inference import Model, load
from undertone.lesson import Teacher, make_lesson
from undertone.text.tokenizer import TextEncoder
from undertone.training import Listener, Note, TrainResult, runfolder
from undertone.training.events import silent


def distill(
    teachers: Sequence[str | Path],
    source: str,
    *,
    config: RunConfig,
    output: str | Path,
    options: SourceOptions = SourceOptions(),  # noqa: B008 (frozen)
    also: Sequence[str] = (),
    sentence_teachers: Sequence[str | Path] = (),
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
        also: further sources, of which the labels count and no teacher is asked; see
            :func:`undertone.data.also.load_also`.
        sentence_teachers: model folders that judge single sentences; none: the teachers.
        start_from: folder of a language model, or of a model, to start from.
        resume: go on from the checkpoint in ``output``.
        overwrite: replace what stands in ``output``.
        on_event: called with every event.

    Raises:
        ConfigError: no teacher, one that cannot be one, or one for sentences where none are cut.
        DataError: the source cannot be read, or its labels are not those of the teachers.
        ModelFolderError: a teacher cannot be read.
        OutputError: ``output`` exists already, or cannot be written.
    """
    models = _teachers(teachers)
    readers = _sentence_teachers(sentence_teachers, config)
    folder = Path(output)
    with runfolder.claimed(folder, resume=resume, overwrite=overwrite):
        on_event(Note(f"Reading {source}."))
        data = load_training(source, options, config.data)
        _same_labels([*models, *readers], data.labels)
        unlabelled = tuple(load_unlabelled(source, options))
        taught = [_taught(model, source, options, data, config) for model in models]
        more, notes = load_also(also, data, options)
        return distill_examples(
            models,
            taught,
            structs.replace(data, notes=(*data.notes, *notes)),
            unlabelled,
            config=config,
            output=folder,
            described=described_with(source, options, also),
            also=more,
            sentence_teachers=readers,
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
    also: Sequence[Example] = (),
    sentence_teachers: Sequence[Teacher] = (),
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
        output: a folder that is claimed, see :func:`undertone.training.runfolder.claimed`.
        described: what the folder shall say about where the reviews come from.
        also: further labelled reviews, each learnt from ``config.data.also_passes`` times an epoch.
        sentence_teachers: who judges single sentences; none: the teachers.
        start_from: folder of a language model, or of a model, to start from.
        encoder: as :func:`undertone.training.train_examples` takes it.
        resume: go on from the checkpoint in ``output`` where there is one.
        on_event: called with every event.
    """
    with _scores(output) as cache:
        more = repeated(also, config.data)
        lesson = make_lesson(
            models, taught, data, unlabelled, config, cache, on_event, more, sentence_teachers
        )
        for note in lesson.notes:
            on_event(Note(note))
        return training.train_examples(
            structs.replace(
                data, train=lesson.reviews, further=len(lesson.reviews) - len(data.train)
            ),
            config=config,
            output=output,
            described={
                **(described or {"source": "examples"}),
                **_record("teacher", models),
                **_record("sentence_teacher", sentence_teachers),
            },
            start_from=start_from,
            soft=lesson.targets,
            encoder=encoder,
            resume=resume,
            on_event=on_event,
        )


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


def _sentence_teachers(folders: Sequence[str | Path], config: RunConfig) -> list[Model]:
    if folders and not config.distill.sentences:
        raise ConfigError(
            "there are teachers for sentences, but no sentences: distill.sentences=0.",
            "Add --set distill.sentences=1, or drop --sentence-teachers.",
        )
    return _teachers(folders) if folders else []


def _record(role: str, models: Sequence[Teacher]) -> dict[str, str]:
    """Who taught, for the manifest: names, and the start of digests."""
    if not models:
        return {}
    return {
        f"{role}s": ", ".join(model.name for model in models),
        f"{role}_digests": ", ".join(model.digest[:16] for model in models),
    }


def _same_labels(models: Sequence[Model], labels: tuple[str, ...]) -> None:
    for model in models:
        if model.labels != labels:
            raise DataError(
                f"the source has the labels {', '.join(labels)}, the teacher {model.name} "
                f"{', '.join(model.labels)}.",
                "Name teachers that were trained for these labels.",
            )


def _taught(
    model: Model, source: str, options: SourceOptions, data: TrainingData, student: RunConfig
) -> frozenset[str]:
    """Names of the reviews that a teacher learnt from; all, where that cannot be found out."""
    # Passes over further reviews do not change the cut.
    cut = structs.replace(model.config.data, also_passes=student.data.also_passes)
    theirs = data if cut == student.data else load_training(source, options, model.config.data)
    if theirs.digest != modelfolder.read(model.folder).data.get("digest"):
        theirs = data
    return frozenset(each.name for each in theirs.train)


@contextmanager
def _scores(folder: Path) -> Iterator[Path]:
    """Where the teachers' answers are kept; they are deleted once the student is finished."""
    yield folder
    for path in folder.glob(runfolder.TEACHER_SCORES):
        path.unlink()
