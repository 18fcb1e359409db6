"""A tiny data set in the aclImdb layout, and archives of any members."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from undertone.errors import DataError

T = TypeVar("T")

TEXTS = {
    "train/pos/0_9.txt": "A fine film.<br />Really.",
    "train/pos/1_8.txt": "Lovely café scenes.",
    "train/pos/2_7.txt": "Better than I feared.",
    "train/pos/10_10.txt": "The best of the year.",
    "train/neg/0_3.txt": "Dull.",
    "train/neg/1_1.txt": "A waste of two hours.",
    "train/neg/2_4.txt": "Not good, not bad, not for me.",
    "train/neg/10_2.txt": "I left early.",
    "train/unsup/0_0.txt": "Somebody filmed this.",
    "train/unsup/1_0.txt": "It lasts two hours.",
    "test/pos/0_10.txt": "Great fun.",
    "test/neg/0_1.txt": "No fun.",
}
_FILM = "http://www.imdb.com/title/{}/usercomments\n"
FILMS = {
    "train/urls_pos.txt": [f"tt{n:02}" for n in (1, 1, 2, 9, 9, 9, 9, 9, 9, 9, 3)],
    "train/urls_neg.txt": [f"tt{n:02}" for n in (1, 4, 4, 9, 9, 9, 9, 9, 9, 9, 5)],
    "test/urls_pos.txt": ["tt70"],
    "test/urls_neg.txt": ["tt71"],
}


def layout() -> dict[str, bytes]:
    """Path within the layout to content."""
    lists = {name: "".join(map(_FILM.format, films)) for name, films in FILMS.items()}
    return {name: content.encode() for name, content in {**TEXTS, **lists}.items()}


def write_archive(path: Path, members: dict[str, bytes] | list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items() if isinstance(members, dict) else members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def outcome(read: Callable[[], T]) -> tuple[T | None, str]:
    """What ``read`` returns and no message, or None and the message of its DataError."""
    try:
        return read(), ""
    except DataError as error:
        return None, str(error)
