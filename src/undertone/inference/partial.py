"""Where scored rows go: standard output, or a file that a killed run can go on with.

While a run lasts, its rows stand in ``OUTPUT.partial``. ``OUTPUT.partial.journal`` holds one JSON
object a line: first the key of the run (what it reads, with which model, how it writes), then
after every chunk of rows how far the partial file is good. Both only ever grow, so whatever moment
a run is killed at, the last whole line of the journal tells the truth. A run with the same key
cuts the partial file there and goes on; any other run starts anew.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
from msgspec import Struct

from undertone.errors import OutputError

Key = Mapping[str, str]


class Tally(Struct, frozen=True):
    """Rows written, those among them without tokens, and those not read to the end."""

    rows: int = 0
    empty: int = 0
    cut: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.rows + other.rows, self.empty + other.empty, self.cut + other.cut)


class Sink(Protocol):
    """Takes chunks of rows."""

    @property
    def done(self) -> Tally:
        """What it holds already."""

    def append(self, content: bytes, tally: Tally) -> None:
        """Take a chunk; it counts once this returns."""


class StandardOutput:
    """Rows go to the next program at once; nothing can be taken back or gone on with."""

    def __init__(self) -> None:
        self.done = Tally()

    def append(self, content: bytes, tally: Tally) -> None:
        """Write and flush a chunk."""
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        self.done += tally


class _Mark(Struct, frozen=True):
    """How far the partial file is good."""

    size: int
    tally: Tally


class PartialFile:
    """The unfinished output of one run. Use as a context manager.

    Attributes:
        path: ``OUTPUT.partial``.
        done: what it holds, after a killed run that could be gone on with.
    """

    def __init__(self, output: Path, key: Key) -> None:
        self._output = output
        self.path = output.with_name(f"{output.name}.partial")
        self._journal_path = output.with_name(f"{output.name}.partial.journal")
        self._key = msgspec.json.encode(dict(key)) + b"\n"
        self._stream: BinaryIO
        self._journal: BinaryIO
        self.done = Tally()

    def __enter__(self) -> PartialFile:
        """Open or create both files.

        Raises:
            OutputError: the folder cannot be written.
        """
        with self._writing():
            self._output.parent.mkdir(parents=True, exist_ok=True)
            mark, length = self._last_mark()
            self._stream = _opened(self.path, mark.size)
            self._journal = _opened(self._journal_path, length)
            self.done = mark.tally
            if not length:
                self._note(self._key)
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._journal.close()

    def append(self, content: bytes, tally: Tally) -> None:
        """Write a chunk of rows to the disk, then note it in the journal.

        Raises:
            OutputError: the disk is full.
        """
        with self._writing():
            self._stream.write(content)
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self.done += tally
            self._note(msgspec.json.encode(_Mark(self._stream.tell(), self.done)) + b"\n")

    def become_output(self) -> None:
        """Give the partial file its final name.

        Raises:
            OutputError: it cannot be renamed.
        """
        with self._writing():
            self._stream.close()
            self._journal.close()
            self.path.replace(self._output)
            _sync_folder(self._output.parent)
            self._journal_path.unlink()

    def discard(self) -> None:
        """Remove both files."""
        with self._writing():
            self._stream.close()
            self._journal.close()
            self.path.unlink()
            self._journal_path.unlink()

    def _note(self, line: bytes) -> None:
        self._journal.write(line)
        self._journal.flush()

    def _last_mark(self) -> tuple[_Mark, int]:
        """The last good mark of a run with the same key, and the bytes of journal up to it."""
        start = _Mark(0, Tally())
        nothing = start, 0
        if not self._journal_path.is_file() or not self.path.is_file():
            return nothing
        size = self.path.stat().st_size
        with self._journal_path.open("rb") as journal:
            if journal.readline() != self._key:
                return nothing
            mark, length = start, len(self._key)
            for line in journal:
                following = _mark(line)
                if following is None or following.size > size:
                    break
                mark, length = following, length + len(line)
        return (mark, length) if mark.tally.rows else nothing

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror or error}.",
                "Free some space or choose another place; the same command goes on from here.",
            ) from error


def _mark(line: bytes) -> _Mark | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return msgspec.json.decode(line, type=_Mark)
    except msgspec.MsgspecError:
        return None


def _opened(path: Path, size: int) -> BinaryIO:
    """Open for writing behind the first ``size`` bytes; what stands after them goes."""
    stream = path.open("r+b" if size else "wb")
    stream.truncate(size)
    stream.seek(size)
    return stream


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
