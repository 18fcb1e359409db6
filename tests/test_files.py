"""Files are written whole or not at all, whatever goes wrong in between."""

import errno
import hashlib
import os
import stat
import subprocess
import sys

import pytest

from undertone import files
from undertone.errors import OutputError


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def raising(number):
    def fail(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    return fail


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "new" / "deep" / "file.txt"
    files.write_text(path, "naïve\n")
    assert path.read_bytes() == b"na\xc3\xafve\n"
    files.write_bytes(path, b"second")
    assert path.read_bytes() == b"second"
    assert listing(path.parent) == ["file.txt"]


def test_the_temporary_file_is_empty_and_stands_beside_its_target(tmp_path):
    path = tmp_path / "file.txt"
    with files.replacing(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.startswith(".file.txt.")
        assert temporary.name.endswith(".tmp")
        assert temporary.read_bytes() == b""
        assert not path.exists()
    assert path.read_bytes() == b""


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_an_error_in_the_body_keeps_the_old_file_and_leaves_nothing(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write():
        with files.replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "old"
    assert listing(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("place", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch, place, number):
    path = tmp_path / "file.txt"
    path.write_text("old")
    monkeypatch.setattr(os, place, raising(number))
    with pytest.raises(OutputError) as caught:
        files.write_text(path, "new")
    monkeypatch.undo()
    assert str(caught.value) == (
        f"cannot write {path}: {os.strerror(number)}. "
        "Free some space or choose another place; nothing was left half-written."
    )
    assert path.read_text() == "old"
    assert listing(tmp_path) == ["file.txt"]


def test_a_disk_that_fills_up_while_writing(tmp_path):
    """The limit on a file's size is a real failure of ``write``, in a process of its own."""
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    program = """
import resource, sys
from pathlib import Path
from undertone import errors, files
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    files.write_bytes(Path(sys.argv[1]), bytes(2000))
except errors.OutputError as error:
    print(error.what)
"""
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert done.stdout == f"cannot write {path}: File too large.\n", done.stderr
    assert path.read_bytes() == b"old"
    assert listing(tmp_path) == ["file.bin"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match=r"below\.txt: a file stands where its folder"):
        files.write_text(tmp_path / "file" / "below.txt", "x")
    with pytest.raises(OutputError, match="File name too long"):
        files.write_text(tmp_path / ("x" * 300), "x")
    assert listing(tmp_path) == ["file"]


def test_a_folder_is_never_replaced(tmp_path):
    (tmp_path / "target").mkdir()
    with pytest.raises(OutputError, match="Is a directory"):
        files.write_text(tmp_path / "target", "x")
    assert listing(tmp_path) == ["target"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="Permission denied"):
            files.write_text(tmp_path / "file.txt", "x")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask_even_if_a_library_swaps_the_file(tmp_path, mask, mode):
    path = tmp_path / "file.txt"
    before = os.umask(mask)
    try:
        with files.replacing(path) as temporary:
            own = tmp_path / "own"
            own.write_text("from a library")
            own.chmod(0o600)
            own.replace(temporary)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_text() == "from a library"


def test_file_and_folder_are_flushed_around_the_rename(tmp_path, monkeypatch):
    events = []
    fsync = os.fsync

    def noted(handle):
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        events.append((kind, (tmp_path / "file.txt").exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    files.write_text(tmp_path / "file.txt", "x")
    assert events == [("file", False), ("folder", True)]


def test_sha256_reads_any_size(tmp_path):
    content = bytes(range(256)) * 3000
    (tmp_path / "file").write_bytes(content)
    assert files.sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()
