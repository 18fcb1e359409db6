"""One file a format. A new table format is a new file and a line in each dictionary here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from undertone.data.origins import Origin, RowSource
from undertone.data.readers.csv import open_csv, open_tsv
from undertone.data.readers.jsonl import open_jsonl
from undertone.data.readers.parquet import open_parquet
from undertone.data.readers.plaintext import open_plaintext

TABLES: Mapping[str, Callable[[Origin], RowSource]] = {
    "csv": open_csv,
    "tsv": open_tsv,
    "jsonl": open_jsonl,
    "parquet": open_parquet,
    "txt": open_plaintext,
}

SUFFIXES: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "txt",
}
