"""From a source to the reviews that a run is given; :mod:`.resolve` says what a source is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from undertone.data.examples import (
    LABELLED_SPLITS,
    TEST,
    TRAIN,
    UNLABELLED,
    VALIDATION,
    Example,
    SourceOptions,
    require_labels,
    training_labels,
)
from undertone.data.resolve import read
from undertone.data.selection import Selection, excluded_names
from undertone.data.splits import divide, without_fold
from undertone.errors import DataError, nearest
from undertone.settings import DataConfig

ALL = "all"
"""The split of :func:`load_split` that is every labelled review of the source."""

SPLITS = (TRAIN, VALIDATION, TEST, ALL)


class TrainingData(Struct, frozen=True):
    """What training is given, and never more than that.

    Attributes:
        train: the reviews to learn from.
        validation: the reviews that choose the best epoch.
        labels: in the order of the network's outputs.
        digest: hex SHA-256 of names, labels and texts of both parts, in order.
        notes: what was left out or noticed, a line each.
        further: how many of the last training reviews are no labelled reviews of the source.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    labels: tuple[str, ...]
    digest: str
    notes: tuple[str, ...]
    further: int = 0


class Collected(Struct, frozen=True):
    """Reviews as the source has them.

    Attributes:
        examples: those with text, in the order of the source.
        blank: names of those without, which are left out.
        seen: reviews of each split in the whole source, read or not; None: no split named.
        notes: what the exclude list did.
    """

    examples: tuple[Example, ...]
    blank: tuple[str, ...]
    seen: Mapping[str | None, int]
    notes: tuple[str, ...]

    @property
    def given(self) -> frozenset[str]:
        """The splits that the source itself names."""
        return frozenset(split for split in self.seen if split is not None)


def read_examples(
    source: str, options: SourceOptions, splits: frozenset[str] | None = None
) -> Iterator[Example]:
    """Read the reviews of a source; a table's rows without a label are among them.

    Args:
        source: a path, or a word that :mod:`.resolve` knows.
        options: columns, exclude list, encoding.
        splits: those to read where the source names splits; None: train, validation and test.
            The text of other splits is never read.

    Raises:
        DataError: the source is missing, damaged or not what it should be, or the exclude list
            matches nothing (known once the source was read to its end).
        MissingExtraError: a package for this kind of source is not installed.
    """
    yield from _read(
        source, options, _selection(options, LABELLED_SPLITS if splits is None else splits)
    )


def load_training(source: str, options: SourceOptions, config: DataConfig) -> TrainingData:
    """Load the train and validation parts; test text is not read where the source names it.

    Where the source names no test part, ``config.test`` of the reviews is set aside and not
    returned; where it names no validation part, ``config.validation`` of the rest becomes it.
    With ``config.splits="random"`` the source's own parts are pooled and cut anew.

    Raises:
        DataError: as :func:`read_examples`; a review without a label; labels that cannot be
            trained on; too few reviews to divide.
        MissingExtraError: a package for this kind of source is not installed.
    """
    found = collect(source, options, splits_to_read(TRAIN, config), need_labels=True)
    if not found.examples:
        raise empty_part(source, TRAIN, found)
    training_labels(found.examples)  # before the cut, whose errors would hide what is wrong
    parts = divide(found.examples, found.given, config)
    train, validation = without_fold(parts[TRAIN], config), parts[VALIDATION]
    if not train or not validation:
        raise empty_part(source, VALIDATION if train else TRAIN, found)
    labels = training_labels(train)
    refuse_unknown(validation, labels, "the training reviews, which have")
    return TrainingData(
        train,
        validation,
        labels,
        digest_of(train, validation),
        tuple(notes_on(found, parts, config)),
    )


def load_split(
    source: str,
    options: SourceOptions,
    config: DataConfig,
    split: str,
    labels: tuple[str, ...] | None = None,
) -> list[Example]:
    """Load one part, cut exactly as :func:`load_training` cuts it. Empty reviews are left out.

    Args:
        source: a path, or a word that :mod:`.resolve` knows.
        options: columns, exclude list, encoding.
        config: how to divide a source that names no parts.
        split: ``"train"``, ``"validation"``, ``"test"``, or ``"all"`` labelled reviews.
        labels: those the model knows. A label that differs from one of them only in case is
            taken for it.

    Raises:
        DataError: as :func:`load_training`; a label that the model does not know; an empty part.
        MissingExtraError: a package for this kind of source is not installed.
    """
    if split not in SPLITS:
        raise DataError(
            f"no split {split!r}{nearest(split, SPLITS)}.", f"Splits: {', '.join(SPLITS)}."
        )
    found = collect(source, options, splits_to_read(split, config), need_labels=True)
    if split == TEST and found.given and TEST not in found.given:
        found = collect(source, options, LABELLED_SPLITS, need_labels=True)
    parts = {ALL: found.examples} if split == ALL else divide(found.examples, found.given, config)
    part = parts[split]
    if not part:
        raise empty_part(source, split, found)
    if labels is not None:
        part = with_case_of(part, labels)
        refuse_unknown(part, labels, "the model, which knows")
    return list(part)


def load_unlabelled(source: str, options: SourceOptions) -> Iterator[Example]:
    """Reviews without a label: ``train/unsup`` of the aclImdb layout, or rows without one.

    Rows of a validation or test part are never among them.

    Raises:
        DataError: as :func:`read_examples`.
        MissingExtraError: a package for this kind of source is not installed.
    """
    selection = _selection(options, frozenset({TRAIN, UNLABELLED}))
    return (each for each in _read(source, options, selection) if each.label is None)


def collect(
    source: str, options: SourceOptions, splits: frozenset[str], *, need_labels: bool = False
) -> Collected:
    """Read the reviews of some splits to the end.

    Args:
        source: a path, or a word that :mod:`.resolve` knows.
        options: columns, exclude list, encoding.
        splits: those to read where the source names splits.
        need_labels: refuse a table without a column of labels, and reviews without a label.

    Raises:
        DataError: as :func:`read_examples`, and as ``need_labels`` says.
        MissingExtraError: a package for this kind of source is not installed.
    """
    selection = _selection(options, splits, need_labels=need_labels)
    examples, blank = [], []
    for each in _read(source, options, selection):
        if each.text.strip():
            examples.append(each)
        else:
            blank.append(each.name)
    if need_labels:
        require_labels(examples)
    notes = tuple(_exclude_notes(selection, options))
    return Collected(tuple(examples), tuple(blank), dict(selection.seen), notes)


def shared_texts(first: Iterable[Example], second: Iterable[Example]) -> int:
    """How many distinct texts stand in both."""
    return len({each.text for each in first} & {each.text for each in second})


def _selection(
    options: SourceOptions, splits: frozenset[str], *, need_labels: bool = False
) -> Selection:
    return Selection(splits, excluded=excluded_names(options.exclude), need_labels=need_labels)


def _read(source: str, options: SourceOptions, selection: Selection) -> Iterator[Example]:
    yield from read(source, options, selection)
    if options.exclude is not None and not selection.matched:
        raise DataError(
            f"none of the {selection.absent:,} names in {options.exclude} stands in {source}.",
            "It holds one name a line, such as train/pos/15_7.txt or `reviews.csv row 3`.",
        )


def splits_to_read(split: str, config: DataConfig) -> frozenset[str]:
    """Splits of the source that a part is made of."""
    if split == ALL or config.splits == "random":
        return LABELLED_SPLITS
    return frozenset({TEST}) if split == TEST else frozenset({TRAIN, VALIDATION})


def empty_part(source: str, split: str, found: Collected) -> DataError:
    """The error of a source in which nothing is left for a part."""
    given = ", ".join(sorted(found.given))
    return DataError(
        f"{source} has no {split} reviews.",
        f"Its own splits: {given}." if given else "Add reviews, or raise the part's share.",
    )


def refuse_unknown(examples: Sequence[Example], labels: Sequence[str], who: str) -> None:
    """Refuse reviews whose label is none of ``labels``, which are those of ``who``.

    Raises:
        DataError: there is one.
    """
    unknown = [each for each in examples if each.label not in labels]
    if unknown:
        raise DataError(
            f"{unknown[0].name} has the label {unknown[0].label!r}, unknown to {who} "
            f"{', '.join(labels)} ({len(unknown):,} in all).",
            "Rename the labels, or leave these reviews out.",
        )


def with_case_of(examples: Iterable[Example], labels: Sequence[str]) -> tuple[Example, ...]:
    """The reviews, with a label that differs from a known one only in case taken for it."""
    known = {label.casefold(): label for label in labels} | {label: label for label in labels}
    return tuple(
        replace(each, label=known.get(each.label, known.get(each.label.casefold(), each.label)))
        if each.label is not None
        else each
        for each in examples
    )


def digest_of(*parts: Iterable[Example]) -> str:
    """Hex SHA-256 of names, labels and texts of all parts, in order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"part\n")
        for each in part:
            for field in (each.name, each.label or "", each.text):
                content = field.encode("utf-8", "surrogatepass")
                digest.update(b"%d:" % len(content))
                digest.update(content)
    return digest.hexdigest()


def _exclude_notes(selection: Selection, options: SourceOptions) -> Iterator[str]:
    if options.exclude is not None:
        yield (
            f"reviews left out by {options.exclude.name}: {len(selection.matched):,}; "
            f"names in it that the source does not have: {selection.absent:,}."
        )


def notes_on(
    found: Collected, parts: Mapping[str, Sequence[Example]], config: DataConfig
) -> Iterator[str]:
    """What is worth knowing about how the parts came about, a line each."""
    yield from found.notes
    if found.blank:
        yield f"empty reviews left out: {len(found.blank):,}, the first is {found.blank[0]}."
    grouped = config.group == "auto" and any(each.group is not None for each in found.examples)
    for part in (TEST, VALIDATION):
        if parts[part] and (part not in found.given or config.splits == "random"):
            whole = ", groups kept whole" if grouped else ""
            yield f"{part}: {len(parts[part]):,} reviews, cut by seed {config.split_seed}{whole}."
    if config.folds:
        yield f"fold {config.fold} of {config.folds} of the training reviews is left out."
    shared = shared_texts(parts[TRAIN], parts[VALIDATION])
    if shared:
        yield f"texts that stand in both train and validation: {shared:,}."
