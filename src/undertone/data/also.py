"""Labelled reviews from further sources: to be learnt from, never measured on."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from undertone.data.examples import TRAIN, Example, SourceOptions
from undertone.data.overlap import Versions
from undertone.data.source import TrainingData, collect, digest_of, refuse_unknown, with_case_of
from undertone.settings import DataConfig


def load_also(
    sources: Sequence[str], data: TrainingData, options: SourceOptions
) -> tuple[tuple[Example, ...], tuple[str, ...]]:
    """Read further labelled reviews, without those that are versions of a validation review.

    A counterfactual revision shares most of its words with its original, but not the label. Had a
    model learnt from the revision of a review, that review would no longer measure it.

    Args:
        sources: what :func:`undertone.data.source.read_examples` takes. Of a source that names its
            splits only the training part is read.
        data: the reviews that they are added to; a label may differ from its labels in case.
        options: the encoding of the sources; the other options belong to the main source.

    Returns:
        The reviews in the order of the sources, and what to know of them, a line each.

    Raises:
        DataError: a source cannot be read, or has a label that ``data`` has not.
    """
    if not sources:
        return (), ()
    measured = Versions(each.text for each in data.validation)
    reading = SourceOptions(encoding=options.encoding)
    taken: list[Example] = []
    seen = 0
    for source in sources:
        found = collect(source, reading, frozenset({TRAIN}), need_labels=True)
        reviews = with_case_of(found.examples, data.labels)
        refuse_unknown(reviews, data.labels, "the training reviews, which have")
        taken += [each for each in reviews if each.text not in measured]
        seen += len(reviews)
    note = (
        f"{len(taken):,} more labelled reviews from {len(sources):,} further sources; "
        f"{seen - len(taken):,} are left out, as they are versions of validation reviews."
    )
    return tuple(taken), (note,)


def described_with(source: str, options: SourceOptions, also: Sequence[str]) -> dict[str, str]:
    """Where a run's reviews come from, for its record."""
    further = {"also": ", ".join(also)} if also else {}
    return {"source": source, **options.described(), **further}


def joined(
    data: TrainingData, also: Sequence[Example], notes: Sequence[str], config: DataConfig
) -> TrainingData:
    """Training data with further reviews behind its own, each ``config.also_passes`` times."""
    if not also:
        return data
    more = repeated(also, config)
    train = (*data.train, *more)
    digest = digest_of(train, data.validation)
    notes = (*data.notes, *notes)
    return replace(data, train=train, digest=digest, notes=notes, further=len(more))


def repeated(also: Sequence[Example], config: DataConfig) -> tuple[Example, ...]:
    """The further reviews as often as an epoch shows them."""
    return tuple(also) * config.also_passes
