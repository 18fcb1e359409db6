"""Fetching the official IMDB archive, checked by size and digest."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from msgspec import Struct

from undertone import files
from undertone.data.origins import reading
from undertone.errors import DataError, OutputError

Progress = Callable[[int, int], None]
"""Called with the bytes received so far and the bytes there are."""

_BLOCK = 2**18
_TIMEOUT_SECONDS = 30.0


class Opener(Protocol):
    """Opens an address for reading, as :func:`open_https` does."""

    def __call__(self, url: str, /) -> BinaryIO:
        """The bytes at ``url``; raises OSError where there are none."""
        ...


class Archive(Struct, frozen=True):
    """A file on the network, with its size in bytes and its hex MD5 digest."""

    url: str
    size: int
    md5: str

    @property
    def name(self) -> str:
        """Last part of the address."""
        return self.url.rpartition("/")[2]


IMDB = Archive(
    "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
    84_125_825,
    "7c2ac02c03563afcf9b574c7e56c153a",
)
"""Large Movie Review Dataset v1.0 (Maas et al., ACL 2011)."""


def imdb_archive() -> Path:
    """Where the source ``imdb`` is looked for: ``$UNDERTONE_HOME``, else ``~/.cache/undertone``."""
    home = os.environ.get("UNDERTONE_HOME")
    return (Path(home) if home else Path.home() / ".cache" / "undertone") / IMDB.name


def download_imdb(
    target: Path | None = None, *, progress: Progress | None = None, url: str = IMDB.url
) -> Path:
    """Fetch the official archive, or keep the copy that is there.

    Args:
        target: the file, or a folder to put it in; None: where the source ``imdb`` is looked for.
        progress: called after every block.
        url: a mirror that serves the same bytes.

    Returns:
        The path of the archive.

    Raises:
        DataError: the network fails, or it serves something else.
        OutputError: another file is there already, or the disk is full.
    """
    path = imdb_archive() if target is None else target
    return fetch(Archive(url, IMDB.size, IMDB.md5), path, progress=progress)


def fetch(
    archive: Archive,
    target: Path,
    *,
    progress: Progress | None = None,
    opener: Opener | None = None,
) -> Path:
    """Fetch a file whose size and digest are known; it is written whole or not at all.

    Args:
        archive: what to fetch.
        target: the file, or a folder to put it in.
        progress: called after every block.
        opener: opens the address; None: :func:`open_https`.

    Raises:
        DataError: the network fails, or it serves something else.
        OutputError: another file is there already, or the disk is full.
    """
    path = target / archive.name if target.is_dir() else target
    if path.exists():
        return _kept(archive, path)
    with _network(archive.url):
        stream = (opener or open_https)(archive.url)
    with stream, files.replacing(path) as temporary, temporary.open("wb") as output:
        _copy(archive, stream, output, progress)
    return path


def open_https(url: str) -> BinaryIO:
    """Open an https address; redirections to anything else are refused.

    Raises:
        DataError: the address is not https.
        OSError: the network fails.
    """
    _require_https(url)
    opener = urllib.request.build_opener(_HttpsRedirects())
    response: BinaryIO = opener.open(url, timeout=_TIMEOUT_SECONDS)
    return response


class _HttpsRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _require_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextlib.contextmanager
def _network(url: str) -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise DataError(
            f"cannot fetch {url}: {getattr(error, 'reason', None) or error}.",
            "Check the connection, or fetch the file by other means and name its path as SOURCE.",
        ) from error


def _require_https(url: str) -> None:
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme != "https":
        raise DataError(f"{url} is a {scheme or 'relative'} address.", "Use an https address.")


def _copy(archive: Archive, stream: BinaryIO, output: BinaryIO, progress: Progress | None) -> None:
    digest = hashlib.md5(usedforsecurity=False)  # the digest that the authors publish
    received = 0
    while received <= archive.size:
        with _network(archive.url):
            block = stream.read(_BLOCK)
        if not block:
            break
        received += len(block)
        digest.update(block)
        output.write(block)
        if progress is not None:
            progress(received, archive.size)
    if received != archive.size or digest.hexdigest() != archive.md5:
        raise DataError(
            f"{archive.url} is not the expected file: {received:,} bytes of {archive.size:,}, "
            f"MD5 {digest.hexdigest()} instead of {archive.md5}.",
            "Nothing was kept. Try again later.",
        )


def _kept(archive: Archive, path: Path) -> Path:
    with reading(str(path)), path.open("rb") as stream:
        size = path.stat().st_size
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    if size != archive.size or digest.hexdigest() != archive.md5:
        raise OutputError(
            f"{path} exists and is not the official archive ({size:,} bytes).",
            "Move it away, or name another target.",
        )
    return path
