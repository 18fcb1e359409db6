"""Reviews in a ``.tar.gz`` of the aclImdb layout, streamed without extraction."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from undertone.data.examples import Example, SourceOptions
from undertone.data.origins import MAX_FIELD, reading
from undertone.data.readers import _aclimdb as aclimdb
from undertone.data.readers._tar import Limits, Tape
from undertone.data.selection import Selection
from undertone.errors import DataError

_LARGEST_FILM_LIST = 64 * 2**20
_LIMITS = Limits()


def read_archive(
    path: Path, options: SourceOptions, selection: Selection, limits: Limits = _LIMITS
) -> Iterator[Example]:
    """The selected reviews, in the order that :func:`read_folder` has too.

    The whole archive is read before the first review comes out, because the lists of films may
    stand behind the reviews; only the selected texts are decoded and kept.

    Args:
        path: the archive.
        options: the encoding is used.
        selection: what to read; members of other splits are passed over unread.
        limits: where reading stops.

    Raises:
        DataError: damaged, hostile or too large an archive, no reviews in it, a review that
            stands twice, or one that is not text in the encoding.
    """
    with reading(str(path)), gzip.open(path, "rb") as stream:
        tape = Tape(cast("BinaryIO", stream), path.name, limits)
        texts, lists = _collect(tape, options.encoding, selection)
    if not selection.seen:
        raise aclimdb.no_reviews(str(path))
    yield from aclimdb.examples(texts, lists)


def _collect(
    tape: Tape, encoding: str, selection: Selection
) -> tuple[dict[aclimdb.Member, str], dict[str, list[str | None]]]:
    texts: dict[aclimdb.Member, str] = {}
    lists: dict[str, list[str | None]] = {}
    seen: set[str] = set()
    for info in tape.members():
        if member := aclimdb.member(info.name):
            if member.name in seen:
                raise _twice(tape, info.name)
            seen.add(member.name)
            if selection.wants(member.name, member.split):
                content = _content(tape, info.name, info.size, MAX_FIELD)
                texts[member] = aclimdb.decoded(content, encoding, f"{tape.name}: {member.name}")
        elif folder := aclimdb.film_list(info.name):
            if folder in lists:
                raise _twice(tape, info.name)
            lists[folder] = aclimdb.films(_content(tape, info.name, info.size, _LARGEST_FILM_LIST))
    return texts, lists


def _content(tape: Tape, name: str, size: int, limit: int) -> bytes:
    if size > limit:
        raise DataError(
            f"{tape.name}: member {name!r} has {size:,} bytes, more than {limit:,}.",
            "Check that it is an archive of reviews.",
        )
    return tape.read(size)


def _twice(tape: Tape, name: str) -> DataError:
    return DataError(
        f"{tape.name}: member {name!r} stands twice.", "Pack the reviews again, each once."
    )
