"""The probe, the suite, and who belongs to whom."""

from __future__ import annotations

from collections import defaultdict

from msgspec import Struct

NEGATIVE, POSITIVE = "negative", "positive"
"""The labels of every suite; the labels of a model are mapped onto them."""


class Probe(Struct, frozen=True):
    """One text.

    Attributes:
        text: what the model reads.
        label: ``"negative"`` or ``"positive"``.
        phenomenon: what makes it hard, e.g. ``"negation"``.
        pair: shared by the two texts that belong together, unique in the suite.
        kind: part of the phenomenon that gets figures of its own; empty where there is none.
    """

    text: str
    label: str
    phenomenon: str
    pair: str
    kind: str = ""


class Suite(Struct, frozen=True):
    """A checked set of probes.

    Attributes:
        name: of its file, without the ending.
        probes: in the order of the file; each pair has exactly two.
    """

    name: str
    probes: tuple[Probe, ...]

    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Indices of the two members of every pair, in the order of the first members."""
        members: dict[str, list[int]] = defaultdict(list)
        for index, probe in enumerate(self.probes):
            members[probe.pair].append(index)
        return tuple((first, second) for first, second in members.values())
