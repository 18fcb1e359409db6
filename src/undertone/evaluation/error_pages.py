"""The errors of a model as sections of a Markdown report and as JSON Lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from undertone.evaluation.duplicates import NearDuplicate, Twin
from undertone.evaluation.errors import Errors, Mistake, Side, Tally
from undertone.evaluation.excerpts import Marked, Passage, marked, parting, with_gaps
from undertone.evaluation.markdown import plain

# Tags, and what is left of one where a passage starts or ends inside it.
_MARKUP = re.compile(r"<[^<>]{1,200}>|^\s*/?>|<(?:[a-zA-Z/][^<>]{0,200})?$")
_JOINERS = "\u200c\u200d"  # they hold emoji and some scripts together
# All that could end a paragraph's text: emphasis, code, links, pictures, HTML, entities, cells.
_SIGNS = re.compile(r"([\\`*_\[\]<>#|~&$!])")


def json_lines(errors: Errors) -> bytes:
    """Every mistake, then every pair of near-duplicates, one JSON object a line.

    ``kind`` is ``"mistake"`` or ``"near_duplicate"``.
    """
    lines = [*errors.mistakes, *errors.near_duplicates]
    return b"".join(msgspec.json.encode(each) + b"\n" for each in lines)


def sections(errors: Errors) -> Iterator[str]:
    """Paragraphs of Markdown on both; nothing in a review can break out of its paragraph."""
    yield "## Most confident mistakes"
    if not errors.wrong:
        yield "There are none."
    else:
        yield (
            f"{len(errors.mistakes):,} of {errors.wrong:,}, the surest first. Bold words spoke for "
            "the verdict, those in italics against it. Figures are log-odds of the label given "
            "against the true one, before the temperature."
        )
    for number, mistake in enumerate(errors.mistakes, 1):
        yield from _mistake(number, mistake)
    yield "## Near-duplicates with different labels"
    yield _about_pairs(errors)
    for number, pair in enumerate(errors.near_duplicates, 1):
        yield _pair(number, pair)


def without_markup(text: str) -> str:
    """``text`` with a space for every tag, as it is shown to people."""
    return _MARKUP.sub(" ", text)


def times(tally: Tally) -> str:
    """``" ×3"`` for a word that stands three times; nothing for once."""
    return f" ×{tally.count}" if tally.count > 1 else ""


def how_many(twin: Twin) -> str:
    """``", 3 copies"``, or nothing for one."""
    return f", {twin.copies:,} copies" if twin.copies > 1 else ""


def _about_pairs(errors: Errors) -> str:
    if not errors.pairs:
        return "There are none."
    pairs = "pair" if errors.pairs == 1 else "pairs"
    return (
        f"{len(errors.near_duplicates):,} of {errors.pairs:,} {pairs}, the most alike first, each "
        "from where its texts begin to differ. At least one label of a pair is doubtful, or one "
        "word turns it."
    )


def _mistake(number: int, mistake: Mistake) -> Iterator[str]:
    read = ""
    if mistake.tokens_read < mistake.tokens_total:
        read = f"; read {mistake.tokens_read:,} of {mistake.tokens_total:,} tokens"
    yield (
        f"### {number}. `{plain(mistake.name)}`\n\n"
        f"True label {_escaped(mistake.label)}, said {_escaped(mistake.predicted)} with "
        f"{mistake.probability:.4f}{read}."
    )
    pieces = marked(mistake.text, mistake.passages, mistake.words)
    # The quotation mark keeps a review that starts like a list from becoming one.
    shown = ("".join(map(_piece, each)) for each in pieces)
    yield f"> “{with_gaps(shown, mistake.passages, mistake.text)}”"
    total = (
        f"- Start {mistake.base:+.2f}, words {mistake.led.total:+.2f} and "
        f"{mistake.opposed.total:+.2f}, together {mistake.logit:+.2f}"
    )
    sides = (mistake.predicted, mistake.led), (mistake.label, mistake.opposed)
    yield "\n".join([*(_side(*each) for each in sides), total])


def _side(label: str, side: Side) -> str:
    words = ", ".join(
        f"{_escaped(each.text)}{times(each)} {each.contribution:+.2f}" for each in side.strongest
    )
    return f"- For {_escaped(label)}: {words or 'nothing'}"


def _piece(piece: Marked) -> str:
    shown = _escaped(without_markup(piece.text))
    # Beside a letter, marks around a punctuation mark would be shown as they are.
    if not piece.level or not (piece.text[0].isalnum() and piece.text[-1].isalnum()):
        return shown
    mark = "**" if piece.level > 0 else "*"
    return f"{mark}{shown}{mark}"


def _pair(number: int, pair: NearDuplicate) -> str:
    places = parting(pair.first.text, pair.second.text)
    sides = zip((pair.first, pair.second), places, strict=True)
    return "\n".join(
        [f"{number}. {100.0 * pair.similarity:.0f}% alike", *(_twin(*each) for each in sides)]
    )


def _twin(twin: Twin, place: Passage) -> str:
    shown = _escaped(without_markup(twin.text[place.start : place.end]))
    return (
        f"   - {_escaped(twin.label or 'no label')}: `{plain(twin.name)}`{how_many(twin)}: "
        f"{with_gaps([shown], [place], twin.text)}"
    )


def _escaped(text: str) -> str:
    r"""Text on one line with no sign that Markdown would act on.

    >>> print(_escaped("2 * 3 <b>![x](y)"))
    2 \* 3 \<b\>\!\[x\](y)
    """
    folded = re.sub(r"\s+", " ", text)
    shown = "".join(sign for sign in folded if sign.isprintable() or sign in _JOINERS)
    return _SIGNS.sub(r"\\\1", shown)
