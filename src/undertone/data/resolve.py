"""Which reader a source goes to.

A source is a file, a folder or a ``.tar.gz`` in the aclImdb layout, or one of the words
``sample`` (reviews inside the package), ``imdb`` (the downloaded archive) and ``hf:NAME`` (the
Hugging Face Hub). A file that is called like one of the words is reached as ``./sample``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from undertone.data.download import imdb_archive
from undertone.data.examples import Example, SourceOptions
from undertone.data.readers import SUFFIXES
from undertone.data.readers.archive import read_archive
from undertone.data.readers.folder import read_folder
from undertone.data.readers.hub import read_hub
from undertone.data.rows import open_rows, table_format
from undertone.data.selection import Selection
from undertone.data.tables import read_table
from undertone.errors import DataError

SAMPLE = Path(__file__).parent / "sample" / "reviews.jsonl"
"""The reviews inside the package."""

_ARCHIVES = (".tar.gz", ".tgz")
_HUB = "hf:"


def read(source: str, options: SourceOptions, selection: Selection) -> Iterator[Example]:
    """The selected reviews of a source; see the module for what a source is.

    Raises:
        DataError: no such source, or one that its reader refuses.
        MissingExtraError: a package for this kind of source is not installed.
    """
    if source.startswith(_HUB):
        return read_hub(source.removeprefix(_HUB), options, selection)
    path = source_path(source)
    if path.is_dir():
        return read_folder(path, _without_columns(source, options), selection)
    if path.name.lower().endswith(_ARCHIVES):
        return read_archive(path, _without_columns(source, options), selection)
    format = table_format(path)  # noqa: A001 - the word users know
    if format is None:
        raise DataError(
            f"cannot tell what kind of source {source} is from its name.",
            f"Known endings: {', '.join((*SUFFIXES, *_ARCHIVES))}; "
            "a folder needs the aclImdb layout.",
        )
    return read_table(open_rows(path, format=format, encoding=options.encoding), options, selection)


def source_path(source: str) -> Path:
    """Where a source lies on disk.

    Raises:
        DataError: nothing is there.
    """
    if source == "sample":
        return SAMPLE
    path = imdb_archive() if source == "imdb" else Path(source)
    if path.exists():
        return path
    if source == "imdb":
        raise DataError(
            f"IMDB is not at {path}.",
            "Fetch it with `undertone download imdb`, or name the path of a copy.",
        )
    raise DataError(f"no such source: {source}.", "Name a file, a folder, sample, imdb or hf:NAME.")


def _without_columns(source: str, options: SourceOptions) -> SourceOptions:
    column = options.text_column or options.label_column
    if column is not None:
        raise DataError(
            f"{source} is laid out in folders and has no column {column!r}.",
            "Drop --text-column and --label-column.",
        )
    return options
