"""Scored rows as bytes, one encoder a format, and Parquet at the end of a run."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from undertone import files
from undertone.errors import DataError
from undertone.extras import require

Fields = Mapping[str, Any]

# Rows of a Parquet row group.
_GROUP = 8192


class Encoder(Protocol):
    """How rows of one format are written."""

    fixed_columns: bool
    """Whether a row can hold no other columns than the first."""

    def header(self, columns: Sequence[str]) -> bytes:
        """What stands before the rows."""

    def rows(self, rows: Iterable[Fields], columns: Sequence[str]) -> bytes:
        """The rows one after the other."""


class Delimited:
    """CSV or TSV in UTF-8: fields quoted where needed, missing values empty, lines end in LF."""

    fixed_columns = True

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter

    def header(self, columns: Sequence[str]) -> bytes:
        """The column names."""
        return self._lines([columns])

    def rows(self, rows: Iterable[Fields], columns: Sequence[str]) -> bytes:
        """One record a row, each value as :func:`_cell` says."""
        return self._lines([_cell(row.get(column)) for column in columns] for row in rows)

    def _lines(self, records: Iterable[Sequence[str]]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self._delimiter, lineterminator="\n").writerows(records)
        return text.getvalue().encode("utf-8")


class JsonLines:
    """One JSON object a line; every row keeps the fields that it has."""

    fixed_columns = False

    def header(self, columns: Sequence[str]) -> bytes:  # noqa: ARG002 - part of the protocol
        """Nothing: JSON Lines name the columns in every row."""
        return b""

    def rows(self, rows: Iterable[Fields], columns: Sequence[str]) -> bytes:  # noqa: ARG002
        """One object a row."""
        return b"".join(msgspec.json.encode(row, enc_hook=str) + b"\n" for row in rows)


ENCODERS: Mapping[str, Encoder] = {
    "csv": Delimited(","),
    "tsv": Delimited("\t"),
    "jsonl": JsonLines(),
}


def write_parquet(source: Path, scores: Path, output: Path, names: Sequence[str]) -> None:
    """The columns of a Parquet file, types untouched, with scores beside them.

    Args:
        source: the Parquet file that was scored.
        scores: JSON Lines with one object of ``names`` for each of its rows.
        output: the file to write, whole or not at all.
        names: the columns to add: label, probability, tokens read, tokens in all, status.

    Raises:
        DataError: ``source`` has no longer as many rows as ``scores``.
        MissingExtraError: pyarrow is not installed.
        OutputError: the disk is full or the folder cannot be written.
    """
    arrow = require("pyarrow", "parquet")
    parquet = require("pyarrow.parquet", "parquet")
    kinds = (arrow.string(), arrow.float64(), arrow.int32(), arrow.int32(), arrow.string())
    fields = [arrow.field(name, kind) for name, kind in zip(names, kinds, strict=True)]
    with (
        files.replacing(output) as temporary,
        parquet.ParquetFile(source) as table,
        scores.open("rb") as lines,
    ):
        schema = table.schema_arrow
        for field in fields:
            schema = schema.append(field)
        with parquet.ParquetWriter(temporary, schema) as writer:
            for batch in table.iter_batches(batch_size=_GROUP, use_threads=False):
                rows = [msgspec.json.decode(line) for line in itertools.islice(lines, len(batch))]
                if len(rows) != len(batch):
                    raise DataError(f"{source} changed while it was read.", "Run it again.")
                added = [
                    arrow.array([row[field.name] for row in rows], field.type) for field in fields
                ]
                writer.write_batch(arrow.record_batch([*batch.columns, *added], schema=schema))


def _cell(value: Any) -> str:
    """A value as one field of a delimited file.

    Text as it is, nothing where it is missing, numbers in full (also nan and inf, which JSON
    lacks), anything else as JSON writes it, without quotes around: true, [1,"x"], bytes in
    base64, dates, times and durations in ISO 8601.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    encoded = msgspec.json.encode(value, enc_hook=str)
    return str(msgspec.json.decode(encoded)) if encoded.startswith(b'"') else encoded.decode()
