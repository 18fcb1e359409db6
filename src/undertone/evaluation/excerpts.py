"""What of a long review is shown: where its heaviest words stand, or where two reviews part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

EXCERPT = 280
"""Characters of a review that are shown at most."""

# Characters before and after what matters that are shown with it.
_CONTEXT = 40
_WEAK, _STRONG = 0.15, 0.5
"""Shares of the largest contribution from which a word is marked, and marked as strong."""


class Word(Struct, frozen=True):
    """One word that the model read; pieces of a word are put together.

    Attributes:
        text: as the review has it.
        start: offset of its first character in the review.
        end: offset behind its last one.
        contribution: what it adds to the log-odds of the label given against the true one.
    """

    text: str
    start: int
    end: int
    contribution: float


class Passage(Struct, frozen=True):
    """A piece of a review, from offset ``start`` to before ``end``."""

    start: int
    end: int


class Marked(Struct, frozen=True):
    """A piece of a passage.

    Attributes:
        text: of the review.
        level: -2 speaks strongly against the label given, -1 against it, 0 hardly at all or not a
            word, 1 for it, 2 strongly for it.
    """

    text: str
    level: int


def heaviest_passages(text: str, words: Sequence[Word]) -> tuple[Passage, ...]:
    """The surroundings of the words that contribute most, in order, without overlap.

    A text of up to :data:`EXCERPT` characters is one passage. Of a longer one, the surroundings
    of words are added, those of the heaviest first, while they stay within that limit together.
    """
    if len(text) <= EXCERPT:
        return (Passage(0, len(text)),)
    chosen: list[Passage] = []
    for word in sorted(words, key=lambda each: -abs(each.contribution)):
        more = _joined([*chosen, _surroundings(text, word)])
        if sum(each.end - each.start for each in more) > EXCERPT:
            break
        chosen = more
    return tuple(chosen) or (Passage(0, EXCERPT),)


def marked(
    text: str, passages: Sequence[Passage], words: Sequence[Word]
) -> Iterator[tuple[Marked, ...]]:
    """Each passage in pieces, every word by how much it contributes beside the heaviest of all."""
    largest = max((abs(word.contribution) for word in words), default=0.0)
    for passage in passages:
        pieces, position = [], passage.start
        for word in words:
            level = _level(word.contribution, largest)
            if level and passage.start <= word.start and word.end <= passage.end:
                pieces += [Marked(text[position : word.start], 0), Marked(word.text, level)]
                position = word.end
        yield tuple(
            each for each in (*pieces, Marked(text[position : passage.end], 0)) if each.text
        )


def parting(one: str, other: str) -> tuple[Passage, Passage]:
    """The first difference of two texts with what surrounds it, in each of them."""
    common = next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return _from(one, common), _from(other, common)


def with_gaps(shown: Iterable[str], passages: Sequence[Passage], text: str) -> str:
    """Passages as one line, with an ellipsis wherever some of the text is left out.

    >>> with_gaps([" fine", "bad "], [Passage(4, 9), Passage(20, 24)], "x" * 24)
    '… fine … bad'
    """
    line = " … ".join(each.strip() for each in shown)
    before = "… " if passages[0].start else ""
    return before + line + (" …" if passages[-1].end < len(text) else "")


def _level(contribution: float, largest: float) -> int:
    share = abs(contribution) / largest if largest else 0.0
    strength = 2 if share >= _STRONG else 1 if share >= _WEAK else 0
    return strength if contribution > 0 else -strength


def _surroundings(text: str, word: Word) -> Passage:
    """The word and what stands around it, from the start of a word to the end of one."""
    return Passage(_start(text, word.start), _end(text, word.end))


def _from(text: str, place: int) -> Passage:
    return Passage(_start(text, place), _end(text, min(len(text), place + 2 * _CONTEXT)))


def _start(text: str, place: int) -> int:
    """Some characters before a place, where a word starts if one does."""
    start = max(0, place - _CONTEXT)
    if start and not text[start - 1].isspace():
        start += _first_space(text[start:place]) + 1
    return start


def _end(text: str, place: int) -> int:
    """Some characters behind a place, where a word ends if one does."""
    end = min(len(text), place + _CONTEXT)
    if end < len(text) and not text[end].isspace():
        end -= _first_space(text[place:end][::-1]) + 1
    return end


def _first_space(text: str) -> int:
    """Where the first white space stands; -1 where there is none."""
    return next((place for place, sign in enumerate(text) if sign.isspace()), -1)


def _joined(passages: Sequence[Passage]) -> list[Passage]:
    """Passages in order; those that touch or overlap become one."""
    joined: list[Passage] = []
    for each in sorted(passages, key=lambda passage: passage.start):
        if joined and each.start <= joined[-1].end + 1:
            joined[-1] = Passage(joined[-1].start, max(joined[-1].end, each.end))
        else:
            joined.append(each)
    return joined
