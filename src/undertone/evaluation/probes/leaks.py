"""Whether probes, or long runs of their words, stand in texts that a model learns from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from undertone.data.examples import Example
from undertone.data.overlap import WORDS, Words, normalised, runs
from undertone.evaluation.probes.pairs import Probe, Suite


class Leak(Struct, frozen=True):
    """One probe found in one text.

    Attributes:
        suite: name of the probe's suite.
        probe: the probe.
        name: of the text that holds it.
        words: the words that both have, as they are compared.
    """

    suite: str
    probe: Probe
    name: str
    words: str


def find_leaks(
    suites: Iterable[Suite], texts: Iterable[Example], *, words: int = WORDS
) -> Iterator[Leak]:
    """Probes that stand in texts, each with each text once.

    Compared are words alone: case, punctuation, apostrophes and markup do not count. A probe is
    found where ``words`` words of it follow each other in a text, or where it is the whole text;
    a probe of fewer words is found in the second way alone, because a few words meet by chance.

    Args:
        suites: what must not leak.
        texts: what a model learns from, read once.
        words: the length of a run that counts.
    """
    long, whole = _index(suites, words)
    for example in texts:
        found = normalised(example.text)
        seen: set[int] = set()
        for run in sorted(long.keys() & runs(found, words)):
            yield from _new(long[run], example.name, run, seen)
        if len(found) < words:
            yield from _new(whole.get(found, ()), example.name, found, seen)


_Owners = dict[Words, list[tuple[str, Probe]]]


def _index(suites: Iterable[Suite], words: int) -> tuple[_Owners, _Owners]:
    """The probes that hold each run, and the short probes by all their words."""
    long: _Owners = {}
    whole: _Owners = {}
    for suite in suites:
        for probe in suite.probes:
            found = normalised(probe.text)
            for run in runs(found, words):
                long.setdefault(run, []).append((suite.name, probe))
            if len(found) < words:
                whole.setdefault(found, []).append((suite.name, probe))
    return long, whole


def _new(
    owners: Iterable[tuple[str, Probe]], name: str, shared: Words, seen: set[int]
) -> Iterator[Leak]:
    for suite, probe in owners:
        if id(probe) not in seen:
            seen.add(id(probe))
            yield Leak(suite, probe, name, " ".join(shared))
