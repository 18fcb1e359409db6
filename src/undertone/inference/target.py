"""Where scored rows go: which file is written, and in which format."""

from __future__ import annotations

from pathlib import Path

from undertone.data.rows import table_format
from undertone.errors import ConfigError, OutputError
from undertone.inference.table import Source
from undertone.inference.writers import ENCODERS

_STANDARD = "-"
_FORMATS = (*ENCODERS, "parquet")


def path_of(given: str | Path, what: str) -> Path | None:
    """The path that a user named, or None for standard input or output.

    Args:
        given: a path, or ``"-"``.
        what: ``"input"`` or ``"output"``, for the message.

    Raises:
        ConfigError: the name is empty.
    """
    if not str(given):
        raise ConfigError(
            f"the name of the {what} is empty.", f"Name a file, or - for standard {what}."
        )
    return None if str(given) == _STANDARD else Path(given)


def written_format(source: Source, target: Path | None) -> str:
    """The format of the output: by its ending, else that of the input, else CSV.

    Raises:
        ConfigError: an ending of no format that can be written, or Parquet from something else.
    """
    origin = source.format or (table_format(source.path) if source.path is not None else None)
    named = None if target is None else _named_format(target)
    if named == "parquet" and origin != "parquet":
        raise ConfigError(
            f"cannot write {target}: Parquet is written from Parquet alone, because "
            f"{origin or 'the input'} does not say which types its columns have.",
            "Name the output .csv or .jsonl.",
        )
    if named is not None:
        return named
    if origin == "parquet" and target is None:
        return "jsonl"
    return origin if origin in _FORMATS else "csv"


def place_of(target: Path, source: Source, *, overwrite: bool) -> Path:
    """The file to write: ``target``, or where it leads if it is a link.

    Args:
        target: what the user named.
        source: what is read, which must not be written.
        overwrite: the file may exist.

    Raises:
        OutputError: it exists, is the input, or is no plain file.
    """
    place = _followed(target)
    if not place.exists():
        return place
    if place.is_dir():
        raise OutputError(f"{target} is a folder.", "Name a file in it.")
    if not place.is_file():
        raise OutputError(
            f"{target} is a device or a pipe, not a file.", "Write to - and redirect that."
        )
    if source.path is not None and source.path.exists() and place.samefile(source.path):
        raise OutputError(f"{target} is the input itself.", "Choose another name.")
    if not overwrite:
        raise OutputError(f"{target} exists.", "Choose another name, or add --overwrite.")
    return place


def _named_format(target: Path) -> str | None:
    """The format that the ending of an output tells; None for a name without an ending."""
    ending = target.suffix.lower()
    named = table_format(target)
    if ending and (ending == ".gz" or named not in _FORMATS):
        raise ConfigError(
            f"cannot write {target.name}: a table of scores is plain {', '.join(_FORMATS)}.",
            f"Name it for example {target.name.partition('.')[0]}.csv.",
        )
    return named


def _followed(target: Path) -> Path:
    """Where a link leads, so that the file behind it is replaced and not the link."""
    if not target.is_symlink():
        return target
    if target.exists() and not target.is_file():
        return target  # /dev/stdout and its like lead to what has no path
    try:
        place = target.resolve()
    except (OSError, RuntimeError):  # how links in a circle show before Python 3.13
        place = target
    if place.is_symlink():
        raise OutputError(f"{target} is a link that leads nowhere.", "Choose another name.")
    return place
