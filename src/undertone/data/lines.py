"""Decoded lines of a text file, with every flaw named by its place."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO

from undertone.data.origins import MAX_LINE, Origin
from undertone.errors import DataError

Place = Callable[[int], str]
"""Line number (from 1) to the words that name it in a message."""

_WIDE_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def text_lines(origin: Origin, place: Place) -> Iterator[str]:
    r"""Decoded lines with their ends; only ``"\n"`` ends a line. A UTF-8 mark is dropped.

    Raises:
        DataError: a byte that the encoding does not have, a NUL, a line over 64 MiB, an unknown
            encoding, or a file that cannot be read.
    """
    single = _ends_lines_with_one_byte(origin.encoding)
    with origin.open() as stream:
        lines = _byte_lines(stream, origin, place) if single else _wide_lines(stream, origin, place)
        for number, line in enumerate(lines, 1):
            if "\0" in line:
                raise DataError(
                    f"{place(number)} holds a NUL character.",
                    "The file is damaged, or it is not text in the encoding "
                    f"{origin.encoding}; name the right one with --encoding.",
                )
            yield line


def _byte_lines(stream: BinaryIO, origin: Origin, place: Place) -> Iterator[str]:
    """Split first and decode each line, so that a bad byte is known by line and offset."""
    offset = 0
    number = 0
    while raw := stream.readline(MAX_LINE + 1):
        number += 1
        _check_length(len(raw), place, number)
        if number == 1:
            _refuse_wide_mark(raw, origin)
        try:
            line = raw.decode(origin.encoding)
        except UnicodeDecodeError as error:
            raise undecodable(place(number), origin.encoding, error, offset) from error
        offset += len(raw)
        yield line.removeprefix("\ufeff") if number == 1 else line


def _wide_lines(stream: BinaryIO, origin: Origin, place: Place) -> Iterator[str]:
    """Decode first, for encodings such as UTF-16 whose line ends are not one byte."""
    decoded = io.TextIOWrapper(stream, encoding=origin.encoding, newline="\n")
    number = 1
    try:
        while line := decoded.readline(MAX_LINE + 1):
            _check_length(len(line), place, number)
            yield line
            number += 1
    except UnicodeError as error:
        raise DataError(
            f"{place(number)} or soon after cannot be read as {origin.encoding}: {error}.",
            "Name the right encoding with --encoding.",
        ) from error
    finally:
        decoded.detach()  # the stream belongs to the caller


def undecodable(place: str, encoding: str, error: UnicodeDecodeError, offset: int = 0) -> DataError:
    """The error for a byte that the encoding does not have.

    Args:
        place: the row or file.
        encoding: the encoding that was tried.
        error: what the codec raised.
        offset: bytes of the file before those that were decoded.
    """
    guess = "cp1252" if codecs.lookup(encoding).name != "cp1252" else "latin-1"
    return DataError(
        f"{place}: byte 0x{error.object[error.start]:02x} at offset {offset + error.start} "
        f"is not valid {encoding}.",
        f"Name the file's encoding, for example --encoding {guess}, or save it as UTF-8.",
    )


def _ends_lines_with_one_byte(encoding: str) -> bool:
    try:
        return "\n".encode(encoding) == b"\n"
    except (LookupError, ValueError) as error:
        raise DataError(
            f"unknown encoding {encoding!r}.", "Usual ones are utf-8, cp1252, latin-1 and utf-16."
        ) from error


def _refuse_wide_mark(raw: bytes, origin: Origin) -> None:
    for mark, encoding in _WIDE_MARKS.items():
        if raw.startswith(mark):
            raise DataError(
                f"{origin.name} starts with the byte order mark of {encoding.upper()}, "
                f"but was read as {origin.encoding}.",
                f"Use --encoding {encoding}.",
            )


def _check_length(length: int, place: Place, number: int) -> None:
    if length > MAX_LINE:
        raise DataError(
            f"{place(number)} is longer than {MAX_LINE:,} bytes.",
            "Check that the file is text with one row a line.",
        )
