"""Where scored rows go: standard output, or a file that a killed run can go on with.

While a run lasts, its rows stand in ``OUTPUT.partial``. ``OUTPUT.partial.journal`` holds one JSON
object a line: first the key of the run (what it reads, with which model, how it writes), then
after every chunk of rows how far the partial file is good. Both only ever grow, so whatever moment
a run is killed at, the last whole line of the journal tells the truth. A run with the same key
cuts the partial file there and goes on; any other run starts anew. The journal is locked while a
run lasts, and files of these names that no run left behind are not touched.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
from msgspec import Struct

from undertone import files
from undertone.errors import OutputError

Key = Mapping[str, str]

# How the first line of a journal starts, by which it is known as ours, also where it is torn.
_SIGN = b'{"undertone":'
_LONGEST_KEY = 2**16


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


_NOTHING = (_Mark(0, Tally()), 0)
"""The mark of a run that starts, and how much of its journal is good."""


class PartialFile:
    """The unfinished output of one run. Use as a context manager.

    Attributes:
        output: the finished file.
        path: ``OUTPUT.partial``.
        done: what it holds, after a killed run that could be gone on with.
        anew: rows of a killed run with another key were thrown away.
    """

    def __init__(self, output: Path, key: Key) -> None:
        self.output = output
        self.path = output.with_name(f"{output.name}.partial")
        self._journal_path = output.with_name(f"{output.name}.partial.journal")
        self._key = _SIGN + msgspec.json.encode(dict(key)) + b"}\n"
        self._stream: BinaryIO
        self._journal: BinaryIO
        self.done = Tally()
        self.anew = False

    def __enter__(self) -> PartialFile:
        """Open or create both files.

        Raises:
            OutputError: the folder cannot be written, another run is writing the same output, or
                a file of the user's has one of the two names.
        """
        with self._writing():
            self.output.parent.mkdir(parents=True, exist_ok=True)
            _check_regular(self.path)
            _check_regular(self._journal_path)
            self._journal = self._locked_journal()
            try:
                self._start()
            except BaseException:
                self._journal.close()
                raise
        return self

    def _start(self) -> None:
        """Go on behind the last good mark, or from nothing."""
        size = self.path.stat().st_size if self.path.exists() else 0
        first = self._journal.readline(_LONGEST_KEY)
        if first and not first.startswith(_SIGN):
            raise _taken(self._journal_path)
        if size and not first:
            self._journal_path.unlink()  # it is empty: most likely made a moment ago
            raise _taken(self.path)
        mark, length = self._last_mark(size) if first == self._key else _NOTHING
        self.anew = size > 0 and first != self._key
        # The rows go before the key that makes them ours: a run can be killed in between.
        self._stream = _opened(self.path, mark.size)
        self._journal.seek(length)
        self._journal.truncate()
        if not length:
            self._note(self._key)
            os.fsync(self._journal.fileno())  # rows without a key would pass for the user's own
        self.done = mark.tally

    def __exit__(self, *_: object) -> None:
        """Close both files; they stay if there is something to go on with."""
        self._stream.close()
        if not self._journal.closed and not self.done.rows:
            self._remove()
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
            self.path.replace(self.output)
            files.sync_folder(self.output.parent)
            self._journal_path.unlink()
            self._journal.close()  # last, because it is the lock

    def discard(self) -> None:
        """Remove both files."""
        with self._writing():
            self._stream.close()
            self._remove()
            self._journal.close()

    def _remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self._journal_path.unlink(missing_ok=True)

    def _note(self, line: bytes) -> None:
        self._journal.write(line)
        self._journal.flush()

    def _locked_journal(self) -> BinaryIO:
        """The journal, open at its start and locked for as long as it is open."""
        while True:
            handle = os.open(self._journal_path, os.O_RDWR | os.O_CREAT, 0o666)
            journal = os.fdopen(handle, "r+b")
            if not files.lock(journal.fileno()):
                journal.close()
                raise OutputError(
                    f"another run is writing {self.output}.",
                    "Wait until it has ended, or choose another name.",
                )
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), self._journal_path.stat()):
                    return journal
            journal.close()  # the run that held the lock has ended and deleted this journal

    def _last_mark(self, size: int) -> tuple[_Mark, int]:
        """The last good mark, and the bytes of journal up to it.

        The journal stands behind its first line; ``size`` is that of the partial file.
        """
        mark, length = _NOTHING[0], len(self._key)
        for line in self._journal:
            following = _mark(line)
            if following is None or following.size > size:
                break
            mark, length = following, length + len(line)
        return (mark, length) if mark.tally.rows else _NOTHING

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


def _check_regular(path: Path) -> None:
    """Let only a plain file, or nothing, stand where the run writes."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise _taken(path)


def _taken(path: Path) -> OutputError:
    return OutputError(
        f"{path} is not from an unfinished run of undertone.",
        "Move or delete it, or choose another name for the output.",
    )


def _opened(path: Path, size: int) -> BinaryIO:
    """Open for writing behind the first ``size`` bytes; what stands after them goes."""
    stream = path.open("r+b" if size else "wb")
    stream.truncate(size)
    stream.seek(size)
    return stream
