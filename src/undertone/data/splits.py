"""Cutting reviews in two by a seed: labels in balance, groups and equal texts kept whole.

The cut depends on the seed and on what the reviews say, not on their order: every unit (a group,
or a text that may stand several times) has a rank, the hash of the seed and its key, and units
are taken in the order of their ranks while they bring the part cut off closer to its size.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from undertone.data.examples import LABELLED_SPLITS, TEST, TRAIN, VALIDATION, Example
from undertone.errors import DataError
from undertone.settings import DataConfig

_Counts = Counter[str | None]


class Cut(Struct, frozen=True):
    """Two parts, each in the order of the source, and the number of units they were made of."""

    kept: tuple[Example, ...]
    held_out: tuple[Example, ...]
    units: int


def divide(
    examples: Sequence[Example], given: frozenset[str], config: DataConfig
) -> dict[str, tuple[Example, ...]]:
    """Train, validation and test: the source's own parts, or cut by the seed.

    Args:
        examples: the reviews that were read.
        given: the splits that the source itself names, read or not.
        config: shares, seed, and whether to pool the source's own parts.

    Returns:
        The three parts by name; one that the source names but that was not read is empty.

    Raises:
        DataError: too few reviews to divide.
    """
    if config.splits == "random":
        given = frozenset()
    own = {TRAIN, None} if given else {*LABELLED_SPLITS, None}
    parts = {TRAIN: tuple(each for each in examples if each.split in own)}
    for part, share in ((TEST, config.test), (VALIDATION, config.validation)):
        if part in given:
            parts[part] = tuple(each for each in examples if each.split == part)
        elif not parts[TRAIN]:
            parts[part] = ()
        else:
            by_group = config.group == "auto"
            pieces = cut(parts[TRAIN], share, seed=config.split_seed, part=part, by_group=by_group)
            parts[TRAIN], parts[part] = pieces.kept, pieces.held_out
    return {part: parts[part] for part in (TRAIN, VALIDATION, TEST)}


def cut(examples: Sequence[Example], share: float, *, seed: int, part: str, by_group: bool) -> Cut:
    """Hold out about ``share`` of the reviews of every label.

    Reviews of one text stay together and, with ``by_group``, so do those of one group. Where no
    text repeats and there are no groups, each label's share is met to the nearest review. Every
    label keeps at least one review. A share of 0 holds nothing out.

    Args:
        examples: the reviews to divide.
        share: share held out, at least 0 and below 1.
        seed: another seed, another cut.
        part: what is held out ("validation", "test"); makes their cuts independent.
        by_group: keep groups whole.

    Raises:
        DataError: too few reviews or groups to hold out any.
    """
    units = _units(examples, by_group=by_group)
    chosen = _choose(_ranked(examples, units, seed, part, by_group), examples, share)
    if share > 0 and not chosen:
        kinds = "groups that can be parted" if by_group else "reviews of each label"
        raise DataError(
            f"{len(examples):,} reviews in {len(units):,} units are too few to cut off a {part} "
            f"part: there are not enough {kinds}.",
            "Add reviews" + (", or use data.group=none." if by_group else "."),
        )
    return Cut(
        tuple(each for place, each in enumerate(examples) if place not in chosen),
        tuple(each for place, each in enumerate(examples) if place in chosen),
        len(units),
    )


def without_fold(examples: Sequence[Example], config: DataConfig) -> tuple[Example, ...]:
    """All reviews but those of fold ``config.fold``; all where there are no folds.

    Texts and groups stay whole, as in :func:`cut`; units are dealt in the order of their ranks.
    """
    if not config.folds:
        return tuple(examples)
    folds = dealt(examples, config.folds, config)
    return tuple(each for each, fold in zip(examples, folds, strict=True) if fold != config.fold)


def dealt(examples: Sequence[Example], folds: int, config: DataConfig) -> list[int]:
    """The fold of every review, from 0; see :func:`without_fold`."""
    by_group = config.group == "auto"
    units = _units(examples, by_group=by_group)
    ranked = _ranked(examples, units, config.split_seed, "fold", by_group)
    found = [0] * len(examples)
    for number, unit in enumerate(ranked):
        for place in unit:
            found[place] = number % folds
    return found


def _choose(units: Sequence[Sequence[int]], examples: Sequence[Example], share: float) -> set[int]:
    """Places held out: units in order, each taken if the part comes closer to its target."""
    total: _Counts = Counter(each.label for each in examples)
    held: _Counts = Counter()
    chosen: set[int] = set()
    spare: tuple[float, Sequence[int]] | None = None
    for unit in units if share > 0 else ():
        labels: _Counts = Counter(examples[place].label for place in unit)
        if any(held[label] + count >= total[label] for label, count in labels.items()):
            continue  # it would take a label's last reviews
        change = sum(
            abs(held[label] + count - share * total[label])
            - abs(held[label] - share * total[label])
            for label, count in labels.items()
        )
        if change < 0:
            held += labels
            chosen.update(unit)
        elif spare is None or change < spare[0]:
            spare = (change, unit)
    if not chosen and spare is not None:
        chosen.update(spare[1])
    return chosen


def _units(examples: Sequence[Example], *, by_group: bool) -> list[list[int]]:
    """Places of the reviews that must stay together."""
    grouped = by_group and any(each.group is not None for each in examples)
    units = _joined([_keys(each, by_group=by_group) for each in examples])
    if grouped and max(map(len, units), default=0) * 2 > len(examples):
        # Stock phrases ("Great!") can chain all groups together; then groups alone count.
        return _joined([_keys(each, by_group=by_group)[:1] for each in examples])
    return units


def _keys(example: Example, *, by_group: bool) -> list[str]:
    """What binds a review to others, the group first."""
    text = f"text {example.text}"
    return [f"group {example.group}", text] if by_group and example.group is not None else [text]


def _joined(keys: Sequence[Sequence[str]]) -> list[list[int]]:
    """Places that share a key, directly or through others (union-find)."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while (above := parent.setdefault(key, key)) != key:
            parent[key] = key = parent[above]
        return key

    for mine in keys:
        for key in mine[1:]:
            parent[root(key)] = root(mine[0])
    units: dict[str, list[int]] = {}
    for place, mine in enumerate(keys):
        units.setdefault(root(mine[0]), []).append(place)
    return list(units.values())


def _ranked(
    examples: Sequence[Example],
    units: Iterable[list[int]],
    seed: int,
    part: str,
    by_group: bool,
) -> list[list[int]]:
    def rank(unit: Sequence[int]) -> bytes:
        first = (_keys(examples[place], by_group=by_group)[0] for place in unit)
        return min(_digest(f"{seed} {part} {key}") for key in set(first))

    return sorted(units, key=rank)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
