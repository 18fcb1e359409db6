"""Suites of probes: pairs of short texts of which a word or a clause turns the verdict, or may not.

A suite is plain JSON Lines: ``text``, ``label``, ``phenomenon``, ``pair`` and, where a part of the
pairs is of interest by itself, ``kind``. Two lines with one ``pair`` belong together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from undertone.data.examples import polarity
from undertone.data.lines import text_lines
from undertone.data.origins import Origin
from undertone.data.rows import table_format
from undertone.errors import ConfigError, DataError, nearest
from undertone.evaluation.probes import published
from undertone.evaluation.probes.pairs import NEGATIVE, POSITIVE, Probe, Suite

PACKAGE = "package"
"""Stands for all suites inside the package where a suite is named."""

_FOLDER = Path(__file__).resolve().parents[2] / "probes"
# One line of error bears no more.
_FLAWS_SHOWN = 5


class _Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a suite, before its values are checked."""

    text: str
    label: str | int
    phenomenon: str
    pair: str | int
    kind: str = ""


def packaged_names() -> tuple[str, ...]:
    """Names of the suites inside the package, in alphabetical order."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.jsonl")))


def load_suites(names: Sequence[str | Path] = (PACKAGE,)) -> tuple[Suite, ...]:
    """The suites that were named, each once.

    Args:
        names: files, names of suites inside the package, or ``"package"`` for all of these.

    Raises:
        ConfigError: none is named.
        DataError: as :func:`load_suite`.
    """
    wanted: list[str | Path] = []
    for name in names:
        wanted += packaged_names() if str(name) == PACKAGE else [name]
    if not wanted:
        raise ConfigError("no suite of probes is named.", f"Name a file, or {PACKAGE}.")
    return tuple(load_suite(name) for name in dict.fromkeys(wanted))


def load_suite(name: str | Path) -> Suite:
    """Read and check one suite.

    Args:
        name: a JSON Lines file, a TSV file of counterfactual pairs or of contrast sets (see
            :mod:`undertone.evaluation.probes.published`), or the name of a suite inside the
            package. A name that is both is the package's; write ``./name`` for the file.

    Raises:
        DataError: no such suite, or flaws in it; each one is named with its line.
    """
    if str(name) in packaged_names():
        return _read_lines(_FOLDER / f"{name}.jsonl")
    path = Path(name)
    known = table_format(path)
    if known == "tsv":
        return published.read(path)
    if known == "jsonl":
        return _read_lines(path)
    hint = nearest(str(name), packaged_names())
    raise DataError(
        f"no suite {str(name)!r}{hint}.",
        f"Name a .jsonl or .tsv file, or one of {', '.join((PACKAGE, *packaged_names()))}.",
    )


def _read_lines(path: Path) -> Suite:
    origin = Origin(path)
    flaws: list[str] = []
    probes: dict[int, Probe] = {}
    for number, line in enumerate(text_lines(origin, lambda at: f"{path.name} line {at}"), 1):
        if not line.strip():
            continue
        try:
            probes[number] = _probe(line)
        except _FlawError as flaw:
            flaws.append(f"line {number}: {flaw}")
    flaws += _flaws_of_pairs(probes)
    if flaws:
        raise _refusal(path.name, flaws)
    if not probes:
        raise DataError(f"{path.name} holds no probes.", "It needs one JSON object a line.")
    return Suite(path.stem, tuple(probes.values()))


class _FlawError(Exception):
    """What is wrong with one line."""


def _probe(line: str) -> Probe:
    try:
        read = msgspec.json.decode(line, type=_Line)
        # A lone surrogate can be written in JSON, but it is no text.
        read.text.encode()
    except msgspec.ValidationError as error:
        raise _FlawError(str(error)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _FlawError(f"not valid JSON ({error})") from error
    pole = polarity(str(read.label))
    empty = [name for name in ("text", "phenomenon") if not getattr(read, name).strip()]
    if empty:
        raise _FlawError(f"empty {empty[0]}")
    if not str(read.pair).strip():
        raise _FlawError("empty pair")
    if not pole:
        raise _FlawError(f"unknown label {str(read.label)!r} (labels: {NEGATIVE}, {POSITIVE})")
    label = POSITIVE if pole > 0 else NEGATIVE
    return Probe(read.text, label, read.phenomenon.strip(), str(read.pair), read.kind.strip())


def _flaws_of_pairs(probes: Mapping[int, Probe]) -> Iterator[str]:
    """Pairs that are none, and pairs that stand in the suite twice."""
    members: dict[str, list[int]] = defaultdict(list)
    for number, probe in probes.items():
        members[probe.pair].append(number)
    seen: dict[frozenset[str], str] = {}
    for pair, lines in members.items():
        texts = frozenset(" ".join(probes[line].text.split()) for line in lines)
        if len(lines) == 1:
            yield f"line {lines[0]}: the pair {pair!r} has one member, not two"
        elif len(lines) > 2:
            yield f"line {lines[2]}: the pair {pair!r} has two members already"
        elif len({probes[line].phenomenon for line in lines}) > 1:
            yield f"line {lines[1]}: the pair {pair!r} has two phenomena"
        elif len(texts) == 1:
            yield f"line {lines[1]}: both members of the pair {pair!r} are the same text"
        elif texts in seen:
            yield f"line {lines[1]}: the pair {pair!r} has the texts of the pair {seen[texts]!r}"
        seen.setdefault(texts, pair)


def _refusal(name: str, flaws: Sequence[str]) -> DataError:
    """All flaws in the order of the file, as far as one line bears them."""
    ordered = sorted(flaws, key=lambda flaw: int(flaw.split(":")[0].removeprefix("line ")))
    rest = len(ordered) - _FLAWS_SHOWN
    more = f"; and {rest:,} more" if rest > 0 else ""
    return DataError(
        f"{name} {'; '.join(ordered[:_FLAWS_SHOWN])}{more}.",
        "A line is one object with text, label, phenomenon and pair; a pair has two lines.",
    )
