"""JSON Lines, Parquet, plain text; formats; columns."""

from __future__ import annotations

import datetime
import io
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datahelpers import outcome
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone.data.readers import SUFFIXES, TABLES
from undertone.data.rows import (
    Row,
    cell_text,
    group_column,
    label_column,
    open_rows,
    split_column,
    text_column,
)
from undertone.errors import DataError, MissingExtraError


def write(tmp_path, content, name):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_jsonl(tmp_path):
    content = '{"text": "caf\\u00e9 \\ud83d\\ude00", "label": 1}\n\n{"label": null, "text": "b"}\n'
    rows = open_rows(write(tmp_path, content, "a.jsonl"))
    assert rows.columns == ("text", "label")
    assert list(rows) == [
        Row(1, {"text": "café 😀", "label": 1}),
        Row(2, {"label": None, "text": "b"}),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": NaN}', "NaN and Infinity are no JSON numbers"),
        (b'{"text": "a", "score": -Infinity}', "NaN and Infinity"),
        (b'{"text": 1e400}', "line 2 holds a number that is out of range"),
        (b'{"text": "a", "score": [-1e999]}', "range (beyond 1.8e308). Write it as text"),
        (b'{"text": "\\ud800"}', "lone surrogate"),
        (b'{"text": "\\udc00 x"}', "lone surrogate"),
        (b'{"text": "\xed\xa0\x80"}', "byte 0xed at offset 27"),
        (b'{"text": ' + b"[" * 100_000, "nested too deeply"),
        (b'["a"]', "holds a JSON list, not an object"),
        (b'"a"', "holds a JSON str, not an object"),
        (b'{"text": "a"', "is not valid JSON"),
        (b"{'text': 'a'}", "is not valid JSON"),
        (b'{"text": "a"} {"text": "b"}', "trailing characters"),
        (b'{"text": "a\x00"}', "NUL"),
        (b'{"text": "a\xe9"}', "byte 0xe9 at offset 28"),
    ],
)
def test_hostile_json_names_the_line(tmp_path, line, message):
    path = write(tmp_path, b'{"text": "fine"}\n' + line + b"\n", "a.jsonl")
    with pytest.raises(DataError, match=r"^a\.jsonl line 2") as caught:
        list(open_rows(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_empty_jsonl(tmp_path):
    with pytest.raises(DataError, match=r"^a\.jsonl holds no rows"):
        open_rows(write(tmp_path, "\n\n", "a.jsonl"))


@given(content=st.binary(max_size=120) | st.text(max_size=80).map(str.encode))
@settings(max_examples=200, deadline=None)
def test_any_bytes_give_rows_or_one_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "f.jsonl"
    path.write_bytes(content)
    rows, message = outcome(lambda: list(open_rows(path)))
    assert "\n" not in message
    assert message or all(isinstance(row.fields, dict) for row in rows)


def test_plain_text_keeps_blank_lines(tmp_path):
    rows = open_rows(write(tmp_path, "one\r\n\n  three, \n", "a.txt"))
    assert rows.columns == ("text",)
    assert [(row.number, row.fields["text"]) for row in rows] == [
        (1, "one"),
        (2, ""),
        (3, "  three, "),
    ]


def test_plain_text_flaws(tmp_path):
    with pytest.raises(DataError, match=r"^a\.txt line 2: byte 0xff at offset 2"):
        list(open_rows(write(tmp_path, b"a\n\xff\n", "a.txt")))
    with pytest.raises(DataError, match=r"^a\.txt line 1 holds a NUL"):
        open_rows(write(tmp_path, b"\0\n", "a.txt"))


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"review": ["a", None, "c"] * 700, "sentiment": [1.0, 0.0, None] * 700})
    pq.write_table(table, path, row_group_size=500)
    rows = open_rows(path)
    assert rows.columns == ("review", "sentiment")
    read = list(rows)
    assert len(read) == 2100
    assert read[1] == Row(2, {"review": None, "sentiment": 0.0})
    assert read[2099] == Row(2100, {"review": "c", "sentiment": None})


@pytest.mark.parametrize("cut", [0, 3, 100, -1])
def test_damaged_parquet(tmp_path, cut):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["a"] * 100}), path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"a\.parquet"):
        list(open_rows(path))


def test_parquet_with_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "a.parquet"
    column = pa.array([b"ok", b"\xff"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": column}), path)
    with pytest.raises(DataError, match=r"^a\.parquet is not a readable Parquet file"):
        list(open_rows(path))


def _stored(values, kind):
    """Times as the whole numbers that Parquet stores."""
    width = pa.int32() if kind == pa.date32() else pa.int64()
    return pa.array(values, width).cast(kind)


NEW_YEAR = 1_577_836_800_000_000_000  # 2020-01-01 in nanoseconds


def test_parquet_times_that_python_cannot_hold_become_text(tmp_path):
    path = tmp_path / "a.parquet"
    list_of, struct = pa.list_(pa.timestamp("ns")), pa.struct([("at", pa.timestamp("ns"))])
    held = {
        "text": pa.array(["a", None]),
        "micro": _stored([NEW_YEAR // 1000, None], pa.timestamp("us")),
        "nano": _stored([NEW_YEAR + 1, None], pa.timestamp("ns")),
        "whole": _stored([NEW_YEAR, None], pa.timestamp("ns")),
        "zone": _stored([NEW_YEAR + 1, None], pa.timestamp("ns", tz="UTC")),
        "clock": _stored([3_600_000_000_001, None], pa.time64("ns")),
        "took": _stored([3_000_000_001, None], pa.duration("ns")),
        "far": _stored([2**60, NEW_YEAR // 1000], pa.timestamp("us")),
        "day": _stored([2**30, 1], pa.date32()),
        "list": pa.array([[NEW_YEAR + 1], None], list_of),
        "struct": pa.array([{"at": NEW_YEAR + 1}, None], struct),
        "map": pa.array([[("k", NEW_YEAR + 1)], None], pa.map_(pa.string(), pa.timestamp("ns"))),
    }
    pq.write_table(pa.table(held), path)
    first, second = (row.fields for row in open_rows(path))
    assert first == {
        "text": "a",
        "micro": datetime.datetime(2020, 1, 1),
        "nano": "2020-01-01 00:00:00.000000001",
        "whole": "2020-01-01 00:00:00.000000000",
        "zone": "2020-01-01 00:00:00.000000001Z",
        "clock": "01:00:00.000000001",
        "took": "3000000001",
        "far": f"<value out of range: {2**60}>",
        "day": f"<value out of range: {2**30}>",
        "list": ["2020-01-01 00:00:00.000000001"],
        "struct": {"at": "2020-01-01 00:00:00.000000001"},
        "map": [("k", "2020-01-01 00:00:00.000000001")],
    }
    assert second == dict.fromkeys(held) | {
        "far": "2020-01-01 00:00:00.000000",
        "day": "1970-01-02",
    }


def test_parquet_refusals(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        open_rows(tmp_path / "missing.parquet")
    with pytest.raises(DataError, match="cannot be read from standard input"):
        open_rows("-", format="parquet")
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table([["a"], ["b"]], names=["text", "text"]), path)
    with pytest.raises(DataError, match="names a column twice"):
        open_rows(path)
    with pytest.raises(DataError, match=r"Drop --encoding"):
        open_rows(path, encoding="cp1252")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"undertone\[parquet\]"):
        open_rows(write(tmp_path, b"", "a.parquet"))


class _Stdin:
    def __init__(self, content):
        self.buffer = io.BytesIO(content)


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", _Stdin(b"one\ntwo\n"))
    rows = open_rows("-")
    assert rows.name == "standard input"
    assert [row.fields["text"] for row in rows] == ["one", "two"]
    monkeypatch.setattr(sys, "stdin", _Stdin("text,id\nä,1\n".encode("utf-16")))
    source = open_rows("-", format="csv", encoding="utf-16")
    assert [row.fields for row in source] == [{"text": "ä", "id": "1"}]
    assert not sys.stdin.buffer.closed


def test_format_is_told_by_the_name_or_by_the_user(tmp_path):
    path = write(tmp_path, "text\na\n", "REVIEWS.CSV")
    assert open_rows(path).columns == ("text",)
    path = write(tmp_path, "text\na\n", "reviews.dat")
    assert open_rows(path, format="csv").columns == ("text",)
    with pytest.raises(DataError, match=r"cannot tell the format .* csv, tsv, jsonl"):
        open_rows(path)
    with pytest.raises(DataError, match=r"unknown format 'jsnl' \(did you mean 'jsonl'\?\)"):
        open_rows(path, format="jsnl")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt", "a.csv.gz", "a.parquet"])
def test_a_missing_file_is_told_at_once(tmp_path, name):
    with pytest.raises(DataError, match=rf"no such file: .*{name}"):
        open_rows(tmp_path / name)


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(DataError, match=r"cannot read .*: Is a directory"):
        open_rows(tmp_path, format="csv")


def test_every_suffix_has_a_reader():
    assert set(SUFFIXES.values()) == set(TABLES)


@pytest.mark.parametrize(
    ("columns", "text", "label"),
    [
        (("review", "sentiment"), "review", "sentiment"),
        (("Sentiment", " Review "), " Review ", "Sentiment"),
        (("id", "review", "text", "label", "sentiment"), "text", "label"),
        (("Sentence", "STARS"), "Sentence", "STARS"),
        (("content", "x"), "content", None),
    ],
)
def test_usual_column_names(columns, text, label):
    assert text_column(columns) == text
    assert label_column(columns) == label


def test_other_columns():
    assert split_column(("Split", "text")) == "Split"
    assert split_column(("text",)) is None
    assert group_column(("film", "group")) == "group"
    assert group_column(("Item", "text")) == "Item"
    assert group_column(("text",)) is None


def test_chosen_columns():
    assert text_column(("A", "text"), "A") == "A"
    assert text_column(("Comment text", "b"), "comment text") == "Comment text"
    assert label_column(("a", "Mood"), "mood") == "Mood"
    with pytest.raises(
        DataError, match=r"no column 'reviw' \(did you mean 'review'\?\)\. Columns: 'review', 'b'\."
    ):
        text_column(("review", "b"), "reviw")
    with pytest.raises(DataError, match="no column 'x'"):
        label_column(("review", "b"), "x")


def test_a_table_without_header_shows_what_was_taken_for_columns():
    first_row = ("A wonderful little production. The filming is unassuming.", "positive\n")
    with pytest.raises(
        DataError,
        match=r"no column of reviews among the columns "
        r"'A wonderful little production\. The filmi\.\.\.', 'positive\\n'\. .*first row",
    ):
        text_column(first_row)


def test_long_column_lists_are_cut():
    columns = tuple(f"c{n}" for n in range(40))
    with pytest.raises(DataError, match=r"'c11' and 28 more"):
        text_column(columns)


def test_cell_text(monkeypatch):
    assert cell_text(Row(1, {"t": " a "}), "t", "r") == " a "
    assert cell_text(Row(1, {"t": None}), "t", "r") == ""
    assert cell_text(Row(1, {}), "t", "r") == ""
    with pytest.raises(DataError, match=r"^f row 1: column 't' holds a int, not text"):
        cell_text(Row(1, {"t": 5}), "t", "f row 1")
    with pytest.raises(DataError, match=r"^f row 1 holds a NUL"):
        cell_text(Row(1, {"t": "a\0"}), "t", "f row 1")
    monkeypatch.setattr("undertone.data.rows.MAX_FIELD", 3)
    with pytest.raises(DataError, match=r"^f row 1 is longer than 3 characters"):
        cell_text(Row(1, {"t": "abcd"}), "t", "f row 1")
