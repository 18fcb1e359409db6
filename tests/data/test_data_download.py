"""The download: checked, whole or not at all, and never over the network here."""

from __future__ import annotations

import email.message
import hashlib
import http.client
import io
import urllib.error
import urllib.request

import pytest

from undertone.data import download
from undertone.data.download import IMDB, Archive, download_imdb, fetch, imdb_archive, open_https
from undertone.errors import DataError, OutputError

CONTENT = bytes(range(256)) * 4096
ARCHIVE = Archive(
    "https://example.org/a/file.tar.gz",
    len(CONTENT),
    hashlib.md5(CONTENT, usedforsecurity=False).hexdigest(),
)


def serving(content):
    return lambda url: io.BytesIO(content)


def unreachable(url):
    raise AssertionError(f"opened {url}")


def left_in(folder):
    return [path.name for path in folder.iterdir()]


def test_the_official_archive():
    assert (
        Archive(
            url="https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
            size=84_125_825,
            md5="7c2ac02c03563afcf9b574c7e56c153a",
        )
        == IMDB
    )
    assert IMDB.name == "aclImdb_v1.tar.gz"


def test_a_good_file_is_kept_whole(tmp_path):
    steps = []
    path = fetch(
        ARCHIVE,
        tmp_path / "new" / "x.tar.gz",
        progress=lambda done, total: steps.append((done, total)),
        opener=serving(CONTENT),
    )
    assert path == tmp_path / "new" / "x.tar.gz"
    assert path.read_bytes() == CONTENT
    assert steps == [(n * 2**18, 2**20) for n in (1, 2, 3, 4)]
    assert left_in(path.parent) == ["x.tar.gz"]


def test_a_folder_as_target(tmp_path):
    path = fetch(ARCHIVE, tmp_path, opener=serving(CONTENT))
    assert path == tmp_path / "file.tar.gz"


def test_a_copy_that_is_there_is_not_fetched_again(tmp_path):
    (tmp_path / "file.tar.gz").write_bytes(CONTENT)
    assert fetch(ARCHIVE, tmp_path, opener=unreachable) == tmp_path / "file.tar.gz"


def test_another_file_is_never_replaced(tmp_path):
    (tmp_path / "file.tar.gz").write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(OutputError, match=r"exists and is not the official archive \(1,048,576"):
        fetch(ARCHIVE, tmp_path, opener=unreachable)
    assert (tmp_path / "file.tar.gz").read_bytes()[-1:] == b"x"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTENT[:-1], "1,048,575 bytes of 1,048,576"),
        (CONTENT[:-1] + b"x", "MD5 .* instead of"),
        (CONTENT + b"x", "1,048,577 bytes of 1,048,576"),
        (b"", "0 bytes of 1,048,576"),
    ],
)
def test_another_file_than_expected_leaves_nothing(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        fetch(ARCHIVE, tmp_path, opener=serving(content))
    assert left_in(tmp_path) == []


class _Endless(io.RawIOBase):
    served = 0

    def read(self, size=-1):
        self.served += size
        return b"\0" * size


def test_an_endless_answer_is_stopped(tmp_path):
    stream = _Endless()
    with pytest.raises(DataError, match="is not the expected file"):
        fetch(ARCHIVE, tmp_path, opener=lambda url: stream)
    assert stream.served <= ARCHIVE.size + 2**18


class _Broken(io.BytesIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def read(self, size=-1):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [ConnectionResetError("reset"), TimeoutError("reset"), http.client.HTTPException("reset")],
)
def test_a_network_that_breaks_off(tmp_path, error):
    with pytest.raises(DataError, match=r"cannot fetch https://example.org/a/file.tar.gz: reset"):
        fetch(ARCHIVE, tmp_path, opener=lambda url: _Broken(error))
    assert left_in(tmp_path) == []


def test_no_network(tmp_path):
    def opener(url):
        raise urllib.error.URLError("no route to host")

    with pytest.raises(DataError, match=r"no route to host\. .*name its path as SOURCE"):
        fetch(ARCHIVE, tmp_path, opener=opener)


def test_a_full_disk(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("undertone.files.os.fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        fetch(ARCHIVE, tmp_path, opener=serving(CONTENT))
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("http://example.org/x", "a http address"),
        ("file:///etc/passwd", "a file address"),
        ("ftp://example.org/x", "a ftp address"),
        ("example.org/x", "a relative address"),
    ],
)
def test_only_https(tmp_path, url, scheme):
    with pytest.raises(DataError, match=scheme):
        open_https(url)
    with pytest.raises(DataError, match=scheme):
        download_imdb(tmp_path / "x.tar.gz", url=url)
    assert left_in(tmp_path) == []


def test_redirections_stay_https():
    handler = download._HttpsRedirects()
    request = urllib.request.Request("https://example.org/x")
    arguments = (request, io.BytesIO(), 302, "Found", email.message.Message())
    followed = handler.redirect_request(*arguments, "https://other.org/x")
    assert followed.full_url == "https://other.org/x"
    with pytest.raises(DataError, match="is a http address"):
        handler.redirect_request(*arguments, "http://other.org/x")


def test_https_goes_through_urllib(monkeypatch):
    asked = []

    class Opener:
        def open(self, url, timeout):
            asked.append((url, timeout))
            return io.BytesIO(b"x")

    monkeypatch.setattr(urllib.request, "build_opener", lambda *handlers: Opener())
    assert open_https("https://example.org/x").read() == b"x"
    assert asked == [("https://example.org/x", 30.0)]


def test_where_imdb_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("UNDERTONE_HOME", str(tmp_path))
    assert imdb_archive() == tmp_path / "aclImdb_v1.tar.gz"
    monkeypatch.delenv("UNDERTONE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert imdb_archive() == tmp_path / "me" / ".cache" / "undertone" / "aclImdb_v1.tar.gz"


def test_imdb_goes_where_the_source_looks(tmp_path, monkeypatch):
    monkeypatch.setenv("UNDERTONE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(download, "IMDB", ARCHIVE)
    monkeypatch.setattr(download, "open_https", serving(CONTENT))
    path = download_imdb(url="https://mirror.example.org/y.tar.gz")
    assert path == tmp_path / "home" / "file.tar.gz"
    assert path.read_bytes() == CONTENT
