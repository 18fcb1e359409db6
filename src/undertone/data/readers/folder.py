"""Reviews in a folder of the aclImdb layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from undertone.data.examples import Example, SourceOptions
from undertone.data.origins import MAX_FIELD, reading
from undertone.data.readers import _aclimdb as aclimdb
from undertone.data.selection import Selection


def read_folder(path: Path, options: SourceOptions, selection: Selection) -> Iterator[Example]:
    """The selected reviews, folder by folder, by number.

    Args:
        path: the folder that holds ``train`` and ``test``, or the one that holds ``aclImdb``.
        options: the encoding is used.
        selection: what to read; files of other splits are listed but never opened.

    Raises:
        DataError: no reviews there, or one that is not text in the encoding.
    """
    root = path / "aclImdb" if (path / "aclImdb").is_dir() else path
    for folder in aclimdb.FOLDERS:
        texts = {
            member: _text(root / member.name, options.encoding)
            for member in _members(root, folder)
            if selection.wants(member.name, member.split)
        }
        yield from aclimdb.examples(texts, {folder: _films(root, folder) if texts else []})
    if not selection.seen:
        raise aclimdb.no_reviews(str(path))


def _members(root: Path, folder: str) -> Iterator[aclimdb.Member]:
    if not (root / folder).is_dir():
        return
    with reading(str(root / folder)):
        for entry in (root / folder).iterdir():
            member = aclimdb.member(f"{folder}/{entry.name}")
            # A pipe of that name would block for ever.
            if member is not None and entry.is_file():
                yield member


def _text(path: Path, encoding: str) -> str:
    with reading(str(path)), path.open("rb") as stream:
        content = stream.read(MAX_FIELD + 1)
    return aclimdb.decoded(content, encoding, str(path))


def _films(root: Path, folder: str) -> list[str | None]:
    split, kind = folder.split("/")
    path = root / split / f"urls_{kind}.txt"
    if not path.is_file():
        return []
    with reading(str(path)):
        return aclimdb.films(path.read_bytes())
