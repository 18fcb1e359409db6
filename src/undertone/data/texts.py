"""From a source to the texts that a language model learns from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from undertone.data.examples import (
    TEST,
    TRAIN,
    UNLABELLED,
    VALIDATION,
    Example,
    SourceOptions,
)
from undertone.data.source import (
    collect,
    digest_of,
    empty_part,
    notes_on,
    splits_to_read,
)
from undertone.data.splits import cut, divide
from undertone.settings import DataConfig


class TextData(Struct, frozen=True):
    """Texts for a language model; ``digest`` is a SHA-256 over both parts."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    digest: str
    notes: tuple[str, ...]


def load_texts(source: str, options: SourceOptions, config: DataConfig) -> TextData:
    """Texts for a language model: training reviews and unlabelled ones; test text is not read.

    The validation part is that of :func:`undertone.data.source.load_training`, so a classifier
    that starts from the language model is validated on texts neither has seen. Where no review has
    a label, it is the source's own validation part, or else ``config.validation`` of the texts is
    cut off. Folds play no part: they hide labels from a teacher, and a language model looks at
    none.

    Raises:
        DataError: as :func:`undertone.data.source.read_examples`; too few texts to divide.
        MissingExtraError: a package for this kind of source is not installed.
    """
    found = collect(source, options, splits_to_read(TRAIN, config) | {UNLABELLED})
    labelled = tuple(each for each in found.examples if each.label is not None)
    unlabelled = tuple(each for each in found.examples if each.label is None)
    if labelled:
        parts = divide(labelled, found.given, config)
        parts[TRAIN] = (*parts[TRAIN], *_to_learn_from(unlabelled))
    else:
        parts = _divide_unlabelled(unlabelled, config)
    train, validation = parts[TRAIN], parts[VALIDATION]
    if not train or not validation:
        raise empty_part(source, VALIDATION if train else TRAIN, found)
    texts = tuple(each.text for each in train), tuple(each.text for each in validation)
    notes = notes_on(found, parts, replace(config, folds=0, fold=0))
    return TextData(*texts, digest_of(train, validation), tuple(notes))


def _to_learn_from(unlabelled: Iterable[Example]) -> tuple[Example, ...]:
    """Without the rows that the source keeps for validation or test."""
    return tuple(each for each in unlabelled if each.split not in (VALIDATION, TEST))


def _divide_unlabelled(
    examples: Sequence[Example], config: DataConfig
) -> dict[str, tuple[Example, ...]]:
    own = tuple(each for each in examples if each.split == VALIDATION)
    rest = _to_learn_from(examples)
    if own or not rest:
        return {TRAIN: rest, VALIDATION: own, TEST: ()}
    by_group = config.group == "auto"
    pieces = cut(
        rest, config.validation, seed=config.split_seed, part=VALIDATION, by_group=by_group
    )
    return {TRAIN: pieces.kept, VALIDATION: pieces.held_out, TEST: ()}
