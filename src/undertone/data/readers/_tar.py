"""A tar archive walked member by member, in one pass, with nothing ever written to disk.

``tarfile`` keeps every member in memory, believes the sizes and renames that an archive claims,
and its releases differ in what they refuse. This walk uses it for one thing, the 512-byte header
(``TarInfo.frombuf``), and stops at the first member that a set of reviews has no reason to hold.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from msgspec import Struct

from undertone.errors import DataError

_BLOCK = 512
_CHUNK = 2**20
_LARGEST_EXTENSION = 2**16
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE)
_EXTENSIONS = (tarfile.XHDTYPE, tarfile.XGLTYPE)
_RENAMES = re.compile(rb"[0-9]+ (path|size|linkpath|hdrcharset|GNU\.sparse\.[a-z.]+)=")
_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.GNUTYPE_LONGNAME: "a name of over 100 characters",
    tarfile.GNUTYPE_LONGLINK: "a link to a name of over 100 characters",
}


class Limits(Struct, frozen=True):
    """The most that is read from one archive: members, and bytes once unpacked."""

    members: int = 1_000_000
    size: int = 4 * 2**30


class Tape:
    """The unpacked archive, forward only.

    Args:
        stream: its bytes.
        name: what messages call it.
        limits: where reading stops.
    """

    def __init__(self, stream: BinaryIO, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self._stream = stream
        self._position = 0

    def read(self, size: int) -> bytes:
        """Exactly ``size`` bytes.

        Raises:
            DataError: the archive ends before, or is larger than its limit.
        """
        self._allow(size)
        content = self._stream.read(size)
        self._position += len(content)
        if len(content) < size:
            raise self.damaged("it ends within a member")
        return content

    def header(self) -> bytes:
        """The next header block; empty at the end of the file."""
        self._allow(_BLOCK)
        content = self._stream.read(_BLOCK)
        self._position += len(content)
        return content

    def members(self) -> Iterator[tarfile.TarInfo]:
        """Regular files one by one; :meth:`read` their content before the next is asked for.

        Raises:
            DataError: a damaged archive, a hostile member, or too many of them.
        """
        count = 0
        while (info := self._next()) is not None:
            count += 1
            if count > self.limits.members:
                raise DataError(
                    f"{self.name} has more than {self.limits.members:,} members.",
                    "Check that it is an archive of reviews.",
                )
            end = self._position + -(-info.size // _BLOCK) * _BLOCK
            self._allow(end - self._position)
            if info.type in _EXTENSIONS:
                self._check_extension(info)
            elif info.type in _REGULAR:
                yield info
            self._skip_to(end)
        self._drain()

    def damaged(self, reason: str) -> DataError:
        """The error for an archive that cannot be read on."""
        return DataError(
            f"{self.name} is not a tar archive, or is damaged: {reason}.",
            "Copy or download it again.",
        )

    def _next(self) -> tarfile.TarInfo | None:
        block = self.header()
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.EOFHeaderError, tarfile.EmptyHeaderError):  # type: ignore[attr-defined]
            return None
        except (tarfile.HeaderError, ValueError, OverflowError) as error:
            raise self.damaged(str(error) or "bad header") from error
        _refuse_hostile(info, self.name)
        return info

    def _check_extension(self, info: tarfile.TarInfo) -> None:
        """Let pax headers pass that only add times and the like."""
        if info.size > _LARGEST_EXTENSION or _RENAMES.search(self.read(info.size)):
            raise DataError(
                f"{self.name}: the extended header {info.name!r} renames or resizes a member.",
                "Pack the reviews again with plain names.",
            )

    def _skip_to(self, end: int) -> None:
        while self._position < end:
            self.read(min(_CHUNK, end - self._position))

    def _drain(self) -> None:
        """Read to the end: the checksum of a gzip file stands there."""
        while content := self._stream.read(_CHUNK):
            self._position += len(content)
            self._allow(0)

    def _allow(self, size: int) -> None:
        if self._position + size > self.limits.size:
            raise DataError(
                f"{self.name} unpacks to more than {self.limits.size:,} bytes.",
                "Check that it is an archive of reviews.",
            )


def _refuse_hostile(info: tarfile.TarInfo, archive: str) -> None:
    path = PurePosixPath(info.name)
    if path.is_absolute() or ".." in path.parts:
        reason = "leads out of the archive"
    elif info.size < 0:
        reason = "has a negative size"
    elif info.type in (*_REGULAR, *_EXTENSIONS, tarfile.DIRTYPE):
        return
    else:
        reason = f"is {_KINDS.get(info.type, 'no ordinary file')}"
    raise DataError(
        f"{archive}: member {info.name!r} {reason}, which an archive of reviews has no reason for.",
        "Do not use this archive, or pack the reviews again as plain files.",
    )
