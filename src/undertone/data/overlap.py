"""Whether two texts share long runs of words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

WORDS = 9
"""Words of a run that two texts do not share by chance.

Eight are too few: "twice as long as it needs to be" stands in more than one text of IMDB.
"""

MARKUP = re.compile(r"<[^<>]{1,200}>")
_APOSTROPHES = re.compile("['’‘`\u0092]")
_WORD = re.compile(r"\w+")

Words = tuple[str, ...]


def normalised(text: str) -> Words:
    """The words of a text as they are compared: no case, punctuation, apostrophe or markup.

    >>> normalised("I didn’t <br />HATE it...")
    ('i', 'didnt', 'hate', 'it')
    """
    return tuple(_WORD.findall(bare(text)))


def bare(text: str) -> str:
    """A text without markup and apostrophes, its case folded."""
    return _APOSTROPHES.sub("", MARKUP.sub(" ", text)).casefold()


def runs(words: Words, length: int = WORDS) -> Iterator[Words]:
    """Every run of ``length`` words that follow each other; of a shorter text there is none."""
    return zip(*(words[start:] for start in range(length)), strict=False)


class Versions:
    """Texts of which others may be versions: the same ones, or with some words changed.

    Args:
        texts: read once; only hashes of their runs are kept.
        share: of a text's runs that must stand in these texts for it to be a version of them.
    """

    def __init__(self, texts: Iterable[str], *, share: float = 0.3) -> None:
        self._share = share
        self._runs: set[int] = set()
        for text in texts:
            self._runs.update(_hashes(text))

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str):
            return False
        found = list(_hashes(text))
        return sum(each in self._runs for each in found) >= self._share * max(1, len(found))


def _hashes(text: str) -> Iterator[int]:
    words = normalised(text)
    return map(hash, runs(words) if len(words) >= WORDS else [words])
