"""What a source holds, told before any training."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations

from msgspec import Struct

from undertone.config import RunConfig
from undertone.data.examples import (
    LABELLED_SPLITS,
    UNLABELLED,
    Example,
    SourceOptions,
    label_order,
    require_labels,
    training_labels,
)
from undertone.data.source import Collected, collect
from undertone.data.splits import divide
from undertone.errors import DataError

UNDIVIDED = "all"
"""Name of the one part where the reviews cannot be divided."""

_TOKEN = re.compile(r"[\w]+(?:['’]\w+)*|[^\w\s]")
_MARKUP = re.compile(r"<[a-zA-Z/!][^<>]*>|&(?:[a-zA-Z]{2,8}|#[0-9]{1,6});")
_SAMPLES = 5

_ODD: Mapping[str, re.Pattern[str]] = {
    "replacement character": re.compile("\ufffd"),
    "control character": re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"),
    # UTF-8 read as Windows-1252: an accented letter, a quotation mark or dash, a byte order mark.
    "wrong encoding": re.compile("[ÂÃ][\u0080-\u00bf]|â€|â\u0080|ï»¿"),
    "markup": _MARKUP,
}


class Lengths(Struct, frozen=True):
    """Nearest-rank percentiles of a length over all reviews; 0 where there are none."""

    minimum: int
    median: int
    p90: int
    p99: int
    maximum: int


class Part(Struct, frozen=True):
    """One split: the source's own (given) or cut, and its number of reviews of each label."""

    name: str
    given: bool
    reviews: int
    labels: dict[str, int]


class Inspection(Struct, frozen=True):
    """What was found.

    Attributes:
        source: as named.
        reviews: reviews with text, the labelled splits together.
        parts: train, validation and test as a run would divide them, or one part called "all".
        labels: in the order of a model's outputs.
        balance: share of the most frequent label among labelled reviews.
        without_label: reviews of a labelled part that have no label.
        unlabelled: reviews of a part that has no labels, such as ``train/unsup``; not read.
        empty: reviews without text; they stand in no other figure.
        empty_names: names of the first of them.
        duplicates: reviews whose exact text stood before.
        shared_texts: distinct texts that stand in two parts, by "train+test" and so on.
        groups: distinct groups (IMDB: films).
        shared_groups: groups that stand in two parts.
        contradictions: texts, case and spacing aside, that stand with different labels.
        contradiction_names: names of the first reviews of such texts.
        words: lengths in words between blanks.
        tokens: lengths in words and punctuation marks, markup aside; an estimate of the model's.
        max_tokens: the model's limit.
        longer: share of reviews with more tokens than that; these are read in part.
        odd: share of reviews with replacement characters, control characters, signs of a wrong
            encoding, and markup.
        notes: what reading noticed, a line each.
        problems: what would stop a training run, a line each.
    """

    source: str
    reviews: int
    parts: tuple[Part, ...]
    labels: tuple[str, ...]
    balance: float
    without_label: int
    unlabelled: int
    empty: int
    empty_names: tuple[str, ...]
    duplicates: int
    shared_texts: dict[str, int]
    groups: int
    shared_groups: dict[str, int]
    contradictions: int
    contradiction_names: tuple[str, ...]
    words: Lengths
    tokens: Lengths
    max_tokens: int
    longer: float
    odd: dict[str, float]
    notes: tuple[str, ...]
    problems: tuple[str, ...]


def inspect_source(source: str, options: SourceOptions, config: RunConfig) -> Inspection:
    """Read all labelled parts of a source, test included, and tell what they hold.

    Missing labels, a single label and the like are reported, not raised.

    Raises:
        DataError: the source cannot be read at all, or a row of it.
        MissingExtraError: a package for this kind of source is not installed.
    """
    found = collect(source, options, LABELLED_SPLITS)
    examples = found.examples
    parts, problems = _divided(found, config)
    given = found.given if config.data.splits == "given" else frozenset[str]()
    counts = Counter(each.label for each in examples if each.label is not None)
    tokens = [_token_count(each.text) for each in examples]
    contradictions = _contradictions(examples)
    return Inspection(
        source=source,
        reviews=len(examples),
        parts=tuple(_part(name, part, given) for name, part in parts.items()),
        labels=label_order(counts),
        balance=max(counts.values(), default=0) / max(1, counts.total()),
        without_label=len(examples) - counts.total(),
        unlabelled=found.seen.get(UNLABELLED, 0),
        empty=len(found.blank),
        empty_names=found.blank[:_SAMPLES],
        duplicates=len(examples) - len({each.text for each in examples}),
        shared_texts=_shared(parts, lambda each: each.text),
        groups=len({each.group for each in examples} - {None}),
        shared_groups=_shared(parts, lambda each: each.group),
        contradictions=len(contradictions),
        contradiction_names=tuple(contradictions[:_SAMPLES]),
        words=_lengths([len(each.text.split()) for each in examples]),
        tokens=_lengths(tokens),
        max_tokens=config.text.max_tokens,
        longer=_share(count > config.text.max_tokens for count in tokens),
        odd={
            name: _share(pattern.search(each.text) is not None for each in examples)
            for name, pattern in _ODD.items()
        },
        notes=found.notes,
        problems=problems,
    )


def _divided(
    found: Collected, config: RunConfig
) -> tuple[dict[str, tuple[Example, ...]], tuple[str, ...]]:
    """The parts of a run and no problem, or one part and what stands in the way."""
    problems = []
    for check in (require_labels, training_labels):
        try:
            check(found.examples)
        except DataError as error:
            problems.append(str(error))
    try:
        parts = divide(found.examples, found.given, config.data)
    except DataError as error:
        problems.append(str(error))
        parts = {UNDIVIDED: found.examples}
    return parts, tuple(problems)


def _part(name: str, examples: Sequence[Example], given: frozenset[str]) -> Part:
    counts = Counter(each.label for each in examples if each.label is not None)
    labels = {label: counts[label] for label in label_order(counts)}
    return Part(name, name in given, len(examples), labels)


def _shared(
    parts: Mapping[str, Sequence[Example]], key: Callable[[Example], str | None]
) -> dict[str, int]:
    keys = {name: {key(each) for each in part} - {None} for name, part in parts.items()}
    return {
        f"{first}+{second}": len(keys[first] & keys[second])
        for first, second in combinations(keys, 2)
    }


def _contradictions(examples: Iterable[Example]) -> list[str]:
    """Name of the first review of every text that stands with two labels."""
    labels: dict[str, set[str]] = defaultdict(set)
    names: dict[str, str] = {}
    for each in examples:
        if each.label is not None:
            key = " ".join(_MARKUP.sub(" ", each.text).casefold().split())
            labels[key].add(each.label)
            names.setdefault(key, each.name)
    return [names[key] for key, different in labels.items() if len(different) > 1]


def _token_count(text: str) -> int:
    return len(_TOKEN.findall(_MARKUP.sub(" ", text)))


def _lengths(counts: Iterable[int]) -> Lengths:
    ordered = sorted(counts) or [0]

    def at(share: float) -> int:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return Lengths(ordered[0], at(0.5), at(0.9), at(0.99), ordered[-1])


def _share(flags: Iterable[bool]) -> float:
    listed = list(flags)
    return sum(listed) / len(listed) if listed else 0.0
