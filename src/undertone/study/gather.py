"""From the folders of finished runs to the result of a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from undertone import modelfolder, provenance
from undertone.data.examples import TEST, Example
from undertone.data.source import digest_of, load_split
from undertone.errors import ConfigError, DataError
from undertone.evaluation.verdicts import NO_VERDICT
from undertone.study import comparisons, measured, plan, steps, summary, tested
from undertone.study.measured import Run
from undertone.study.plan import Contender, Job, Plan
from undertone.study.summary import ModelResult, StudyResult, Tested
from undertone.study.tricky import Reading, TrickyResult, TrickyReview

_INTERVALS = "95%, Student's t over seeds, which share one division of the reviews"
_NOT_TIMED = "not timed yet"


@dataclass(frozen=True)
class Gathered:
    """What there is to report on.

    Attributes:
        plan: of the study.
        finished: runs that hold a model.
        timed: runs of which some steps alone are trained.
        missing: why the other runs are not there, by name.
        listen: told of progress, a line at a time.
    """

    plan: Plan
    finished: tuple[Job, ...]
    timed: tuple[Job, ...]
    missing: Mapping[str, str]
    listen: Callable[[str], None]

    def of(self, contender: Contender) -> list[Job]:
        """The finished runs whose weights a contender uses, a seed each."""
        owner = contender.weights or contender.name
        return [each for each in self.finished if each.contender.name == owner]

    def answers(self, job: Job, texts: Sequence[str], kind: str) -> tested.Answers:
        """What a run says of texts; kept in the folder ``verdicts`` of the report."""
        path = self.plan.output / "verdicts" / f"{job.name}{kind}.npz"
        return tested.answers(job.folder, texts, path)


@dataclass(frozen=True)
class _Reviews:
    """The test reviews, and the labels in the order of the models' outputs."""

    examples: tuple[Example, ...]
    texts: tuple[str, ...]
    labels: tuple[str, ...]


def gather(there: Gathered, tricky: Sequence[TrickyReview]) -> StudyResult:
    """Test every finished run and compare the models.

    Raises:
        ConfigError: a finished run has other settings, or learnt from other reviews.
        DataError: no run is finished, or the test reviews cannot be read.
        ModelFolderError: a run is damaged.
    """
    if not there.finished:
        why = next(iter(there.missing.values()), "")
        raise DataError(f"no run in {there.plan.output} is finished: {why}.", "Train some first.")
    runs = {each.name: measured.read(each) for each in there.finished}
    first = runs[there.finished[0].name]
    _require_same_reviews(there, runs, first)
    reviews = _reviews(there)
    heard = {
        each: [_tested(there, each, job, runs[job.name], reviews) for job in there.of(each)]
        for each in there.plan.contenders
        if there.of(each)
    }
    timed, missing = _timed(there, first.digest)
    return StudyResult(
        source=there.plan.source,
        protocol=there.plan.protocol,
        settings=there.plan.settings,
        seeds=there.plan.seeds,
        labels=reviews.labels,
        train=first.train,
        validation=first.validation,
        test=len(reviews.texts),
        test_digest=digest_of(reviews.examples),
        train_digest=first.digest,
        intervals=_INTERVALS,
        flops=measured.FLOPS_FORMULA,
        method=comparisons.METHOD,
        models=(*_rows(there, heard, reviews), *timed),
        comparisons=comparisons.compare(
            {
                each.name: np.stack([one.verdicts.correct for one in tests])
                for each, tests in heard.items()
            },
            there.plan.seeds[0],
        ),
        tricky=_tricky(there, reviews.labels, tricky),
        missing={**there.missing, **missing},
        provenance=provenance.collect(there.plan.seeds[0]),
    )


def _require_same_reviews(there: Gathered, runs: Mapping[str, Run], first: Run) -> None:
    for job in there.finished:
        if runs[job.name].digest != first.digest:
            raise ConfigError(
                f"{job.folder} learnt from other reviews than {there.finished[0].folder}.",
                "The source has changed: delete the older folders to train them anew.",
            )


def _reviews(there: Gathered) -> _Reviews:
    job = there.finished[0]
    labels = modelfolder.read(job.folder).labels
    examples = load_split(
        there.plan.source, there.plan.options, plan.data_config([job]), TEST, labels
    )
    return _Reviews(tuple(examples), tuple(each.text for each in examples), labels)


def _tested(there: Gathered, contender: Contender, job: Job, run: Run, reviews: _Reviews) -> Tested:
    there.listen(f"testing {contender.name}, seed {job.seed}: {len(reviews.texts):,} reviews")
    found = there.answers(job, reviews.texts, "")
    verdicts = tested.verdicts(found, reviews.examples, reviews.labels, contender.threshold)
    speed = len(reviews.texts) / max(found.seconds, 1e-9)
    return Tested(run, verdicts, tested.uncalibrated(found, verdicts), speed)


def _rows(
    there: Gathered, heard: Mapping[Contender, Sequence[Tested]], reviews: _Reviews
) -> list[ModelResult]:
    words = np.array([len(text.split()) for text in reviews.texts], dtype=np.int64)
    return [
        summary.trained(each, there.of(each)[0].config.network.architecture, tests, words)
        for each, tests in heard.items()
    ]


def _timed(there: Gathered, digest: str) -> tuple[list[ModelResult], dict[str, str]]:
    """Rows of the models that were trained in steps only, and those that were not."""
    rows, missing = [], {}
    for job in there.timed:
        speed = steps.kept(job, digest, plan.steps_file(there.plan, job))
        if speed is None:
            missing[job.contender.name] = _NOT_TIMED
        else:
            rows.append(summary.timed(job.contender, speed))
    return rows, missing


def _tricky(
    there: Gathered, labels: tuple[str, ...], reviews: Sequence[TrickyReview]
) -> tuple[TrickyResult, ...]:
    if not reviews:
        return ()
    texts = [each.text for each in reviews]
    found = {
        each: [there.answers(job, texts, "-tricky") for job in there.of(each)]
        for each in there.plan.contenders
        if there.of(each)
    }
    return tuple(
        TrickyResult(
            review,
            tuple(_reading(each, seeds, place, labels) for each, seeds in found.items()),
        )
        for place, review in enumerate(reviews)
    )


def _reading(
    contender: Contender, seeds: Sequence[tested.Answers], place: int, labels: tuple[str, ...]
) -> Reading:
    chosen = [tested.chosen(each, contender.threshold)[place] for each in seeds]
    return Reading(
        contender.name,
        tuple(tuple(each.probabilities[place].tolist()) for each in seeds),
        tuple("" if each == NO_VERDICT else labels[each] for each in chosen),
    )
