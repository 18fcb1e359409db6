"""Confident mistakes and near-duplicates as a page of text.

``[+ word]`` and ``[++ word]`` led to the verdict, ``[- word]`` and ``[-- word]`` spoke against it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from undertone.cli.wording import facts, one_line, printable

if TYPE_CHECKING:
    from undertone.evaluation.duplicates import NearDuplicate, Twin
    from undertone.evaluation.errors import Errors, Mistake, Side
    from undertone.evaluation.excerpts import Marked, Passage

_WIDTH = 96
_INDENT = "   "
# Holds a mark together while lines are filled; `printable` leaves none in a review.
_UNBROKEN = "\xa0"


def describe(errors: Errors) -> str:
    """Both lists, each under its heading."""
    return "\n\n".join([*_mistakes(errors), *_near_duplicates(errors)])


def _mistakes(errors: Errors) -> Iterator[str]:
    if not errors.wrong:
        yield "most confident mistakes: there are none"
        return
    yield (
        f"most confident mistakes, {len(errors.mistakes):,} of {errors.wrong:,}\n"
        "marks  [++ word] led to the verdict, [-- word] spoke against it"
    )
    for number, mistake in enumerate(errors.mistakes, 1):
        yield _mistake(number, mistake)


def _mistake(number: int, mistake: Mistake) -> str:
    from undertone.evaluation.excerpts import marked, with_gaps

    read = ""
    if mistake.tokens_read < mistake.tokens_total:
        read = f", read {mistake.tokens_read:,} of {mistake.tokens_total:,} tokens"
    said, true = one_line(mistake.predicted), one_line(mistake.label)
    head = f"{number}. {one_line(mistake.name)}: {true}, said {said} with {mistake.probability:.4f}"
    pieces = marked(mistake.text, mistake.passages, mistake.words)
    shown = ("".join(map(_piece, each)) for each in pieces)
    excerpt = with_gaps(shown, mistake.passages, mistake.text)
    sums = facts(
        [
            (f"for {said}", _side(mistake.led)),
            (f"for {true}", _side(mistake.opposed)),
            ("log-odds", _sum(mistake)),
        ]
    )
    return "\n".join([head + read, _filled(excerpt, _INDENT), textwrap.indent(sums, _INDENT)])


def _sum(mistake: Mistake) -> str:
    led, opposed = mistake.led.total, mistake.opposed.total
    return (
        f"{mistake.base:+.2f} at the start {led:+.2f} {opposed:+.2f} from the words "
        f"= {mistake.logit:+.2f} for {one_line(mistake.predicted)}"
    )


def _side(side: Side) -> str:
    from undertone.evaluation.error_pages import times

    listed = (f"{one_line(w.text)}{times(w)} {w.contribution:+.2f}" for w in side.strongest)
    return ", ".join(listed) or "nothing"


def _piece(piece: Marked) -> str:
    from undertone.evaluation.error_pages import without_markup

    shown = printable(without_markup(piece.text))
    if not piece.level:
        return shown
    signs = ("+" if piece.level > 0 else "-") * abs(piece.level)
    return f"[{signs}{_UNBROKEN}{shown}]"


def _near_duplicates(errors: Errors) -> Iterator[str]:
    title = "near-duplicates with different labels"
    if not errors.pairs:
        yield f"{title}: there are none"
        return
    pairs = "pair" if errors.pairs == 1 else "pairs"
    yield f"{title}, {len(errors.near_duplicates):,} of {errors.pairs:,} {pairs}"
    for number, pair in enumerate(errors.near_duplicates, 1):
        yield "\n".join(_pair(number, pair))


def _pair(number: int, pair: NearDuplicate) -> Iterator[str]:
    from undertone.evaluation.excerpts import parting

    places = parting(pair.first.text, pair.second.text)
    yield f"{number}. {100.0 * pair.similarity:.0f}% alike"
    for twin, place in zip((pair.first, pair.second), places, strict=True):
        yield from _twin(twin, place)


def _twin(twin: Twin, place: Passage) -> Iterator[str]:
    from undertone.evaluation.error_pages import how_many, without_markup
    from undertone.evaluation.excerpts import with_gaps

    shown = printable(without_markup(twin.text[place.start : place.end]))
    yield f"{_INDENT}{one_line(twin.label or 'no label')}: {one_line(twin.name)}{how_many(twin)}"
    yield _filled(with_gaps([shown], [place], twin.text), 2 * _INDENT)


def _filled(text: str, indent: str) -> str:
    lines = textwrap.wrap(
        re.sub(r"[ \t\n]+", " ", text),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace(_UNBROKEN, " ")
