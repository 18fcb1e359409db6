"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from undertone.errors import OutputError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it replaces ``path`` durably.

    The temporary file is flushed to disk before the rename and the folder after it, so that a
    crash leaves either the old file or the new one. On any error the temporary file is removed
    and ``path`` stays as it was. A killed process can leave the temporary file behind; it is
    called ``.NAME.*.tmp``.

    Raises:
        OutputError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
    except OSError as error:
        raise _output_error(path, error) from error
    try:
        yield temporary
        temporary.chmod(mode)  # whoever wrote it may have put a file of its own there
        _make_durable(temporary, path)
    except OSError as error:
        raise _output_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write ``content`` to ``path`` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode("utf-8"))


def json_bytes(value: Any) -> bytes:
    """``value`` as indented JSON in UTF-8, ending in a line feed."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` as indented JSON, whole or not at all."""
    write_bytes(path, json_bytes(value))


def sha256(path: Path) -> str:
    """Hex SHA-256 digest of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _make_durable(temporary: Path, path: Path) -> None:
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def lock(handle: int) -> bool:
    """Lock an open file or folder until it is closed; False where another one holds it.

    Systems and file systems without such locks let everyone pass.
    """
    try:
        import fcntl  # absent on Windows
    except ImportError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def sync_folder(folder: Path) -> None:
    """Flush a folder to disk, so that a rename in it outlives a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _output_error(path: Path, error: OSError) -> OutputError:
    reason = error.strerror or type(error).__name__
    if isinstance(error, FileExistsError):
        reason = "a file stands where its folder belongs"
    return OutputError(
        f"cannot write {path}: {reason}.",
        "Free some space or choose another place; nothing was left half-written.",
    )
