"""The layout of the Large Movie Review Dataset (Maas et al., ACL 2011), on disk or in an archive.

``train/pos/12_9.txt`` is review 12 of the labelled, positive train part, rated 9 of 10. Line 12,
counted from 0, of ``train/urls_pos.txt`` names the film. ``train/unsup`` has no labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from undertone.data.examples import UNLABELLED, Example
from undertone.data.lines import undecodable
from undertone.data.origins import MAX_FIELD
from undertone.errors import DataError

FOLDERS = ("test/neg", "test/pos", "train/neg", "train/pos", "train/unsup")
"""The folders that hold reviews, sorted."""

_PREFIX = r"(?:\./)?(?:aclImdb/)?"
_MEMBER = re.compile(
    # No leading zeros: one name for one review.
    _PREFIX + r"((?:train|test)/(?:pos|neg)|train/unsup)/(0|[1-9][0-9]{0,7})_(0|[1-9][0-9]?)\.txt"
)
_FILMS = re.compile(_PREFIX + r"(train|test)/urls_(pos|neg|unsup)\.txt")
_FILM = re.compile(r"tt[0-9]+")
_LABELS = {"neg": "negative", "pos": "positive"}


class Member(Struct, frozen=True, order=True):
    """One review's place. Members sort by folder, then by number, as all readers yield them."""

    folder: str
    number: int
    rating: int

    @property
    def name(self) -> str:
        """As in ``--exclude`` lists, without ``aclImdb/``."""
        return f"{self.folder}/{self.number}_{self.rating}.txt"

    @property
    def split(self) -> str:
        """``train``, ``test`` or ``unsup``."""
        split, kind = self.folder.split("/")
        return UNLABELLED if kind == "unsup" else split

    @property
    def label(self) -> str | None:
        """``negative``, ``positive``, or None in ``train/unsup``."""
        return _LABELS.get(self.folder.split("/")[1])


def member(path: str) -> Member | None:
    """The review at a path within the layout, or None where the path is no review's."""
    match = _MEMBER.fullmatch(path)
    return Member(match[1], int(match[2]), int(match[3])) if match else None


def film_list(path: str) -> str | None:
    """The folder whose films a ``urls_*.txt`` lists, e.g. ``"train/pos"``, or None."""
    match = _FILMS.fullmatch(path)
    return f"{match[1]}/{match[2]}" if match else None


def films(content: bytes) -> list[str | None]:
    """Film of every line of a ``urls_*.txt``: ``tt0453418`` of its address, None if blank."""
    lines = content.decode("utf-8", "replace").splitlines()
    return [_film(line.strip()) for line in lines]


def decoded(content: bytes, encoding: str, name: str) -> str:
    """Text of one review.

    Raises:
        DataError: it is too long, holds a NUL, or a byte that the encoding does not have.
    """
    if len(content) > MAX_FIELD:
        raise DataError(f"{name} is longer than {MAX_FIELD:,} bytes.", "Shorten or remove it.")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise undecodable(name, encoding, error) from error
    except LookupError as error:
        raise DataError(
            f"unknown encoding {encoding!r}.", "Usual ones are utf-8, cp1252."
        ) from error
    if "\0" in text:
        raise DataError(f"{name} holds a NUL character.", "Mend or remove it.")
    return text


def examples(
    texts: Mapping[Member, str], lists: Mapping[str, Sequence[str | None]]
) -> Iterator[Example]:
    """Reviews in the order of the layout, each with its film where a list names it.

    Args:
        texts: text of each review.
        lists: films of each folder, by number.
    """
    for place in sorted(texts):
        known = lists.get(place.folder, ())
        film = known[place.number] if place.number < len(known) else None
        yield Example(texts[place], place.label, place.name, film, place.split)


def no_reviews(name: str) -> DataError:
    """The error for a folder or archive without a single review."""
    return DataError(
        f"{name} holds no reviews in the aclImdb layout.",
        "It needs files such as train/pos/0_9.txt and train/neg/0_3.txt.",
    )


def _film(line: str) -> str | None:
    match = _FILM.search(line)
    return match[0] if match else line or None
