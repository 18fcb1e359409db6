"""Files in and out: nothing lost, nothing changed, nothing half-written."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_model import logit, sigmoid

from undertone import files
from undertone.errors import ConfigError, DataError, OutputError, RunInterruptedError
from undertone.inference import Model, load, partial, scoring
from undertone.inference.scoring import score_file
from undertone.inference.table import added_names
from undertone.inference.writers import ENCODERS

Build = Callable[..., Path]

ADDED = ["label", "probability", "tokens_read", "tokens_total", "status"]


def write(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path


def leftovers(folder: Path) -> list[str]:
    return sorted(
        each.name for each in folder.iterdir() if ".partial" in each.name or ".tmp" in each.name
    )


def probability(text: str) -> float:
    positive = sigmoid(logit(text))
    return round(max(positive, 1 - positive), 6)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """1,250 rows of different lengths, some empty, in chunks of 256."""
    monkeypatch.setattr(scoring, "_ROWS", 256)
    words = ["good", "bad", "film", "not", "great", "awful", "but"]
    lines = [
        " ".join(words[(index * 7 + place * 3) % 7] for place in range(index * 13 % 50))
        for index in range(1250)
    ]
    return write(
        tmp_path / "in.csv", "review,n\n" + "".join(f"{x},{n}\n" for n, x in enumerate(lines))
    )


def test_csv_keeps_columns_rows_and_order(model: Model, tmp_path: Path):
    source = write(
        tmp_path / "in.csv",
        'id,review,"odd, name"\n'
        '007,good film,"a ""quote"", and\nmore"\n'
        "x,,\n"
        '"  ",BAD!,é😀\n'
        "x,<br />,=1+1\n",
    )
    result = score_file(model, source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes().decode() == (
        'id,review,"odd, name",label,probability,tokens_read,tokens_total,status\n'
        '007,good film,"a ""quote"", and\nmore",positive,0.754915,2,2,ok\n'
        "x,,,,,0,0,empty\n"
        "  ,BAD!,é😀,negative,0.679179,2,2,ok\n"
        "x,<br />,=1+1,,,0,0,empty\n"
    )
    assert (probability("good film"), probability("bad !")) == (0.754915, 0.679179)
    assert (result.rows, result.empty, result.cut, result.resumed) == (4, 2, 0, 0)
    assert result.columns == tuple(ADDED)
    assert result.seconds > 0
    assert leftovers(tmp_path) == []


def test_names_that_the_input_has_get_a_prefix(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text,label,status\ngood,negative,new\n")
    result = score_file(model, source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == (
        "text,label,status,predicted_label,probability,tokens_read,tokens_total,predicted_status\n"
        "good,negative,new,positive,0.893309,1,1,ok\n"
    )
    assert result.columns == (
        *("predicted_label", "probability", "tokens_read", "tokens_total", "predicted_status"),
    )
    score_file(model, tmp_path / "out.csv", tmp_path / "again.csv")
    header = (tmp_path / "again.csv").read_text().splitlines()[0].split(",")
    assert header[8:] == [
        *("predicted_label_2", "predicted_probability", "predicted_tokens_read"),
        *("predicted_tokens_total", "predicted_status_2"),
    ]


def test_free_names():
    assert added_names(["a"]) == tuple(ADDED)
    taken = ["label", "predicted_label", "predicted_label_2"]
    assert added_names(taken)[0] == "predicted_label_3"


def test_a_long_review_says_how_much_was_read(build: Build, tmp_path: Path):
    model = load(build(max_tokens=3))
    source = write(tmp_path / "in.tsv", "text\tn\ngood good good bad\t1\nbad\t2\n")
    result = score_file(model, source, tmp_path / "out.tsv")
    rows = (tmp_path / "out.tsv").read_text().splitlines()
    assert [row.split("\t")[4:6] for row in rows[1:]] == [["3", "4"], ["1", "1"]]
    assert result.cut == 1


def test_jsonl_keeps_every_field_of_every_row(model: Model, tmp_path: Path):
    lines = [
        {"text": "good", "n": 12345678901234567890, "nested": {"a": [1, None]}, "é": "😀"},
        {"text": None, "more": True},
        {"n": 1.5},
        {"text": "bad film", "n": None},
    ]
    source = write(tmp_path / "in.jsonl", "\n\n".join(json.dumps(line) for line in lines))
    score_file(model, source, tmp_path / "out.jsonl")
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    scores = [
        dict(zip(ADDED, values, strict=True))
        for values in (
            ("positive", probability("good"), 1, 1, "ok"),
            (None, None, 0, 0, "empty"),
            (None, None, 0, 0, "empty"),
            ("negative", probability("bad film"), 2, 2, "ok"),
        )
    ]
    assert found == [{**line, **score} for line, score in zip(lines, scores, strict=True)]
    assert list(found[0]) == ["text", "n", "nested", "é", *ADDED]


def test_jsonl_to_csv_writes_values_as_json_does(model: Model, tmp_path: Path):
    lines = [{"text": "good", "a": [1, "x"], "b": True, "c": None, "d": 0.5}, {"text": "bad"}]
    source = write(tmp_path / "in.jsonl", "\n".join(json.dumps(line) for line in lines))
    score_file(model, source, tmp_path / "out.csv")
    rows = list(csv.reader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert rows[1][:5] == ["good", '[1,"x"]', "true", "", "0.5"]
    assert rows[2][:5] == ["bad", "", "", "", ""]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("a", "a"),
        (None, ""),
        (True, "true"),
        (12345678901234567890, "12345678901234567890"),
        (0.1, "0.1"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ([1, "x"], '[1,"x"]'),
        ({"a": None}, '{"a":null}'),
        (b"\xff", "/w=="),
        (timedelta(seconds=3), "PT3S"),
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, 12, 30, tzinfo=UTC), "2024-02-29T12:30:00Z"),
        (Decimal("1.50"), "1.50"),
        (Fraction(1, 3), "1/3"),
    ],
)
def test_cells_of_every_kind(value: object, cell: str):
    written = ENCODERS["tsv"].rows([{"x": value, "y": "z"}], ["x", "y"]).decode()
    assert next(csv.reader([written], delimiter="\t")) == [cell, "z"]


def test_a_later_row_must_not_lose_a_field(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.jsonl", '{"text": "good"}\n{"text": "bad", "status": "mine"}\n')
    with pytest.raises(DataError, match=r"in\.jsonl row 2 has a field 'status' that the first row"):
        score_file(model, source, tmp_path / "out.jsonl")
    source = write(tmp_path / "in2.jsonl", '{"text": "good"}\n{"text": "bad", "more": "mine"}\n')
    with pytest.raises(DataError, match=r"row 2 has a field 'more' .* Write JSON Lines"):
        score_file(model, source, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    assert leftovers(tmp_path) == []


def test_plain_text_becomes_csv(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.txt", "good film\n\nbad, film\n")
    score_file(model, source, tmp_path / "out.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [row["text"] for row in rows] == ["good film", "", "bad, film"]
    assert [row["status"] for row in rows] == ["ok", "empty", "ok"]


def test_an_empty_table_has_a_header(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text,n\n")
    result = score_file(model, source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == ",".join(["text", "n", *ADDED]) + "\n"
    assert result.rows == 0


def test_the_format_is_that_of_the_output_name_or_the_input(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text,n\ngood,1\n")
    score_file(model, source, tmp_path / "out.ndjson")
    assert json.loads((tmp_path / "out.ndjson").read_text())["n"] == "1"
    score_file(model, source, tmp_path / "out")
    assert (tmp_path / "out").read_text().startswith("text,n,label")
    odd = write(tmp_path / "odd", "text\tn\ngood\t1\n")
    score_file(model, odd, tmp_path / "deep" / "out", format="tsv")
    assert (tmp_path / "deep" / "out").read_text().startswith("text\tn\tlabel")


def test_encoding_of_the_input(model: Model, tmp_path: Path):
    source = tmp_path / "in.csv"
    source.write_bytes("text,name\ngood,Müller\n".encode("cp1252"))
    with pytest.raises(DataError, match="byte 0xfc"):
        score_file(model, source, tmp_path / "out.csv")
    score_file(model, source, tmp_path / "out.csv", encoding="cp1252")
    assert "good,Müller,positive" in (tmp_path / "out.csv").read_text(encoding="utf-8")


def test_text_column_by_name(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text,other\ngood,bad\n")
    score_file(model, source, tmp_path / "out.csv", text_column="other")
    assert "good,bad,negative" in (tmp_path / "out.csv").read_text()
    with pytest.raises(DataError, match=r"no column 'othr'.*did you mean 'other'"):
        score_file(model, source, tmp_path / "out2.csv", text_column="othr")


# Parquet


@pytest.fixture
def table() -> pa.Table:
    day = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
    return pa.table(
        {
            "id": pa.array([1, None, 3], pa.int16()),
            "review": pa.array(["good", None, "bad bad"], pa.string()),
            "label": pa.array(["x", "y", "x"]).dictionary_encode(),
            "when": pa.array([day, None, day], pa.timestamp("ns", "UTC")),
            "list": pa.array([[1.5], [], None], pa.list_(pa.float32())),
        }
    ).replace_schema_metadata({"made": "by hand"})


def test_parquet_keeps_every_type(model: Model, tmp_path: Path, table: pa.Table):
    pq.write_table(table, tmp_path / "in.parquet")
    before = pq.read_table(tmp_path / "in.parquet")
    result = score_file(model, tmp_path / "in.parquet", tmp_path / "out.parquet")
    after = pq.read_table(tmp_path / "out.parquet")
    assert after.select(before.column_names).equals(before)
    assert after.schema.metadata[b"made"] == b"by hand"
    assert after.select(list(result.columns)).to_pydict() == {
        "predicted_label": ["positive", None, "negative"],
        "probability": [probability("good"), None, probability("bad bad")],
        "tokens_read": [1, 0, 2],
        "tokens_total": [1, 0, 2],
        "status": ["ok", "empty", "ok"],
    }
    assert after.schema.field("tokens_read").type == pa.int32()
    assert leftovers(tmp_path) == []


def test_parquet_to_text(model: Model, tmp_path: Path, table: pa.Table):
    pq.write_table(table, tmp_path / "in.parquet")
    score_file(model, tmp_path / "in.parquet", tmp_path / "out.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [row["id"] for row in rows] == ["1", "", "3"]
    assert rows[0]["when"] == "2024-02-29 12:30:00.000000000Z"
    assert [row["predicted_label"] for row in rows] == ["positive", "", "negative"]


def test_parquet_is_not_made_from_text(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text\ngood\n")
    with pytest.raises(ConfigError, match="Parquet is written from Parquet alone, because csv"):
        score_file(model, source, tmp_path / "out.parquet")


def test_many_parquet_rows_stay_beside_their_scores(model: Model, tmp_path: Path):
    texts = ["good" if index % 3 else "bad" for index in range(20_000)]
    pq.write_table(pa.table({"text": texts, "n": range(20_000)}), tmp_path / "in.parquet")
    score_file(model, tmp_path / "in.parquet", tmp_path / "out.parquet")
    after = pq.read_table(tmp_path / "out.parquet").to_pydict()
    assert after["text"] == texts
    assert after["n"] == [*range(20_000)]
    assert after["label"] == [{"good": "positive", "bad": "negative"}[text] for text in texts]


# Standard input and output


def run(build: Build, script: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    code = (
        "import undertone\nfrom undertone.inference.scoring import score_file\n"
        f"model = undertone.load({str(build())!r}, threads=1)\n{script}"
    )
    return subprocess.run([sys.executable, "-c", code], input=stdin, capture_output=True)


def test_standard_input_and_output(build: Build):
    script = "score_file(model, '-', '-', format='csv')"
    done = run(build, script, b"text,n\ngood,1\n,2\n")
    assert done.stderr == b""
    assert done.stdout.decode() == (
        "text,n,label,probability,tokens_read,tokens_total,status\n"
        "good,1,positive,0.893309,1,1,ok\n,2,,,0,0,empty\n"
    )


def test_standard_input_is_plain_text_unless_said(build: Build, tmp_path: Path):
    target = tmp_path / "out.jsonl"
    done = run(build, f"score_file(model, '-', {str(target)!r})", b"good\nbad\n")
    assert (done.stdout, done.stderr) == (b"", b"")
    rows = [json.loads(line) for line in target.read_text().splitlines()]
    assert [(row["text"], row["label"]) for row in rows] == [
        ("good", "positive"),
        ("bad", "negative"),
    ]
    assert leftovers(tmp_path) == []


def test_parquet_to_standard_output_is_json_lines(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pq.write_table(pa.table({"text": ["good"], "n": [1]}), tmp_path / "in.parquet")
    taken = io.BytesIO()
    monkeypatch.setattr(partial.sys, "stdout", SimpleNamespace(buffer=taken))
    result = score_file(model, tmp_path / "in.parquet", "-")
    assert json.loads(taken.getvalue())["n"] == 1
    assert result.rows == 1


def test_a_pipe_is_read_once(model: Model, tmp_path: Path):
    pipe = tmp_path / "in.csv"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_text, args=("text\ngood\nbad\n",))
    feeder.start()
    told: list[float | None] = []
    result = score_file(
        model, pipe, tmp_path / "out.csv", on_progress=lambda *each: told.append(each[2])
    )
    feeder.join()
    assert result.rows == 2
    assert told == [None]


# Targets


def test_an_existing_output_is_kept_unless_told(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text\ngood\n")
    target = write(tmp_path / "out.csv", "precious")
    with pytest.raises(OutputError, match=r"out\.csv exists\. .* --overwrite"):
        score_file(model, source, target)
    assert target.read_text() == "precious"
    score_file(model, source, target, overwrite=True)
    assert target.read_text().startswith("text,label")


def test_the_old_output_stays_until_the_new_one_is_whole(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text\n" + "good\n" * 3000)
    target = write(tmp_path / "out.csv", "precious")
    seen = []

    def look(*_: object) -> None:
        seen.append(target.read_text())

    score_file(model, source, target, overwrite=True, on_progress=look)
    assert seen == ["precious"] * 3
    assert len(target.read_text().splitlines()) == 3001


def test_targets_that_cannot_be(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text\ngood\n")
    with pytest.raises(OutputError, match="is the input itself"):
        score_file(model, source, tmp_path / "." / "in.csv", overwrite=True)
    with pytest.raises(OutputError, match="is a folder"):
        score_file(model, source, tmp_path, overwrite=True)
    for name in ("out.csv.gz", "out.txt", "out.json", "out.xlsx", "out.data", "out.CSVX"):
        with pytest.raises(ConfigError, match=f"cannot write {name}: .* Name it .* out.csv"):
            score_file(model, source, tmp_path / name, overwrite=True)
        assert not (tmp_path / name).exists()
    with pytest.raises(ConfigError, match=r"name of the output is empty\. .* - for standard out"):
        score_file(model, source, "")
    with pytest.raises(ConfigError, match=r"name of the input is empty\. .* - for standard in"):
        score_file(model, "", tmp_path / "out.csv")
    blocked = write(tmp_path / "file", "")
    with pytest.raises(OutputError, match=r"cannot write .*out\.csv\.partial"):
        score_file(model, source, blocked / "out.csv")
    assert source.read_text() == "text\ngood\n"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_pipe_or_device_is_no_target(model: Model, tmp_path: Path, overwrite: bool):
    source = write(tmp_path / "in.csv", "text\ngood\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(OutputError, match=f"{name} is a device or a pipe, not a file"):
            score_file(model, source, tmp_path / name, overwrite=overwrite)
    with pytest.raises(OutputError, match=r"^/dev/null is a device or a pipe"):
        score_file(model, source, "/dev/null", overwrite=overwrite)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "link").is_symlink()
    assert leftovers(tmp_path) == []


def test_a_link_stays_and_its_file_is_written(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text\ngood\n")
    (tmp_path / "deep").mkdir()
    real = tmp_path / "deep" / "real.csv"
    link = tmp_path / "link.csv"
    link.symlink_to(real)
    score_file(model, source, link)  # nothing is lost: the file did not exist
    assert link.readlink() == real
    assert real.read_text() == (
        "text,label,probability,tokens_read,tokens_total,status\ngood,positive,0.893309,1,1,ok\n"
    )
    with pytest.raises(OutputError, match=r"link\.csv exists\."):
        score_file(model, source, link)
    real.write_text("old")
    score_file(model, source, link, overwrite=True)
    assert (link.is_symlink(), real.read_text()[:11]) == (True, "text,label,")
    to_input = tmp_path / "to_input.csv"
    to_input.symlink_to(source)
    with pytest.raises(OutputError, match="is the input itself"):
        score_file(model, source, to_input, overwrite=True)


def test_links_in_a_circle_lead_nowhere(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text\ngood\n")
    (tmp_path / "a.csv").symlink_to(tmp_path / "b.csv")
    (tmp_path / "b.csv").symlink_to(tmp_path / "a.csv")
    with pytest.raises(OutputError, match=r"a\.csv is a link that leads nowhere"):
        score_file(model, source, tmp_path / "a.csv", overwrite=True)


# Files of others


def test_a_partial_file_of_the_user_is_kept(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text\ngood\n")
    mine = write(tmp_path / "out.csv.partial", "mine")
    told = r"out\.csv\.partial is not from an unfinished run of undertone\. Move or delete it"
    for _ in range(2):
        with pytest.raises(OutputError, match=told):
            score_file(model, source, tmp_path / "out.csv", overwrite=True)
    assert mine.read_text() == "mine"
    assert leftovers(tmp_path) == ["out.csv.partial"]
    mine.unlink()
    assert score_file(model, source, tmp_path / "out.csv").rows == 1


@pytest.mark.parametrize("content", ["mine\n", '{"mine":1}\n', "\0"])
def test_a_journal_of_the_user_is_kept(model: Model, tmp_path: Path, content: str):
    source = write(tmp_path / "in.csv", "text\ngood\n")
    mine = write(tmp_path / "out.csv.partial.journal", content)
    with pytest.raises(OutputError, match=r"out\.csv\.partial\.journal is not from an unfin"):
        score_file(model, source, tmp_path / "out.csv")
    assert mine.read_text() == content
    assert leftovers(tmp_path) == ["out.csv.partial.journal"]


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
@pytest.mark.parametrize("ending", ["partial", "partial.journal"])
def test_something_else_under_a_name_of_ours(model: Model, tmp_path: Path, kind: str, ending: str):
    source = write(tmp_path / "in.csv", "text\ngood\n")
    taken, other = tmp_path / f"out.csv.{ending}", write(tmp_path / "other", "")
    if kind == "folder":
        taken.mkdir()
    elif kind == "link":
        taken.symlink_to(other)
    else:
        os.mkfifo(taken)
    with pytest.raises(OutputError, match=rf"out\.csv\.{ending} is not from an unfinished run"):
        score_file(model, source, tmp_path / "out.csv")
    assert leftovers(tmp_path) == [taken.name]
    assert other.read_text() == ""


def test_two_runs_cannot_write_one_output(model: Model, source: Path, tmp_path: Path):
    target = tmp_path / "out.csv"
    refused: list[str] = []

    def second(done: int, *_: object) -> None:
        with pytest.raises(OutputError) as caught:
            score_file(model, source, target, overwrite=True)
        refused.append(str(caught.value))

    score_file(model, source, tmp_path / "whole.csv")
    result = score_file(model, source, target, on_progress=second)
    assert (
        refused
        == [f"another run is writing {target}. Wait until it has ended, or choose another name."]
        * 5
    )
    assert (result.rows, result.resumed) == (1250, 0)
    assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert leftovers(tmp_path) == []


def test_another_process_is_refused_too(build: Build, model: Model, source: Path, tmp_path: Path):
    target = tmp_path / "out.csv"
    errors: list[bytes] = []

    def second(done: int, *_: object) -> None:
        if not errors:
            errors.append(run(build, f"score_file(model, {str(source)!r}, {str(target)!r})").stderr)

    result = score_file(model, source, target, on_progress=second)
    assert f"OutputError: another run is writing {target}." in errors[0].decode()
    assert (result.rows, leftovers(tmp_path)) == (1250, [])


def test_an_output_made_while_the_rows_were_checked_is_kept(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text\ngood\n")
    target = tmp_path / "out.csv"

    class Slow(partial.PartialFile):
        def __enter__(self) -> partial.PartialFile:
            opened = super().__enter__()
            target.write_text("of a run that has just ended")
            return opened

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "PartialFile", Slow)
        with pytest.raises(OutputError, match=r"out\.csv exists"):
            score_file(model, source, target)
    assert target.read_text() == "of a run that has just ended"
    assert leftovers(tmp_path) == []


def test_a_lock_that_was_deleted_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    journal = tmp_path / "out.csv.partial.journal"
    calls = []
    real = files.lock

    def late(handle: int) -> bool:
        """The other run deletes its journal between our opening and our locking of it."""
        calls.append(handle)
        if len(calls) == 1:
            journal.unlink()
        return real(handle)

    monkeypatch.setattr(files, "lock", late)
    with partial.PartialFile(tmp_path / "out.csv", {"a": "b"}) as opened:
        opened.append(b"x\n", partial.Tally(rows=1))
        assert len(calls) == 2
        assert journal.read_text().splitlines() == [
            '{"undertone":{"a":"b"}}',
            '{"size":2,"tally":{"rows":1,"empty":0,"cut":0}}',
        ]
        opened.become_output()
    assert (tmp_path / "out.csv").read_text() == "x\n"


def test_a_missing_input(model: Model, tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        score_file(model, tmp_path / "none.csv", tmp_path / "out.csv")
    with pytest.raises(DataError, match="cannot tell the format"):
        score_file(model, write(tmp_path / "in.odd", "x"), tmp_path / "out.csv")


def test_a_flawed_row_is_told_before_any_work(model: Model, tmp_path: Path):
    source = write(tmp_path / "in.csv", "text,n\n" + "good,1\n" * 3000 + "bad\n")
    calls: list[int] = []
    with pytest.raises(DataError, match=r"in\.csv row 3001 \(line 3002\)"):
        score_file(
            model, source, tmp_path / "out.csv", on_progress=lambda *each: calls.append(each[0])
        )
    assert calls == []
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["in.csv"]


def test_a_full_disk(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = write(tmp_path / "in.csv", "text\n" + "good\n" * 3000)
    real = os.fsync
    calls = []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 3:  # the key, a chunk, a chunk
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(partial.os, "fsync", full)
    with pytest.raises(OutputError, match=r"No space left on device\. .*goes on from here"):
        score_file(model, source, tmp_path / "out.csv")
    monkeypatch.undo()
    result = score_file(model, source, tmp_path / "out.csv")
    assert (result.rows, result.resumed) == (3000, 1024)


# Progress, stopping and going on


def test_progress(model: Model, source: Path, tmp_path: Path):
    told: list[tuple[int, float, float | None]] = []
    score_file(
        model,
        source,
        tmp_path / "out.csv",
        on_progress=lambda done, rate, left: told.append((done, rate, left)),
    )
    assert [each[0] for each in told] == [256, 512, 768, 1024, 1250]
    assert all(rate > 0 for _, rate, _ in told)
    assert told[0][2] == pytest.approx((1250 - 256) / told[0][1])
    assert told[-1][2] == 0.0


class StoppedError(Exception):
    pass


def stop_after(rows: int, error: type[BaseException]) -> Callable[[int, float, float | None], None]:
    def listen(done: int, *_: object) -> None:
        if done >= rows:
            raise error

    return listen


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("rows", [1, 500, 1250])
def test_a_stopped_run_goes_on_to_the_same_bytes(
    model: Model, source: Path, tmp_path: Path, ending: str, rows: int
):
    whole, target = tmp_path / f"whole.{ending}", tmp_path / f"out.{ending}"
    expected = score_file(model, source, whole)
    with pytest.raises(StoppedError):
        score_file(model, source, target, on_progress=stop_after(rows, StoppedError))
    assert not target.exists()
    assert leftovers(tmp_path) == [f"out.{ending}.partial", f"out.{ending}.partial.journal"]
    result = score_file(model, source, target)
    assert result.resumed == {1: 256, 500: 512, 1250: 1250}[rows]
    assert (result.rows, result.empty) == (expected.rows, expected.empty) == (1250, 25)
    assert target.read_bytes() == whole.read_bytes()
    assert leftovers(tmp_path) == []


def test_a_torn_partial_file_goes_on_too(model: Model, source: Path, tmp_path: Path):
    whole, target = tmp_path / "whole.csv", tmp_path / "out.csv"
    score_file(model, source, whole)
    cut = tmp_path / "out.csv.partial"
    journal = tmp_path / "out.csv.partial.journal"
    for damage in ("tail", "journal", "short", "key"):
        with pytest.raises(StoppedError):
            score_file(model, source, target, on_progress=stop_after(700, StoppedError))
        if damage == "tail":  # killed while rows were written
            cut.write_bytes(cut.read_bytes() + b"half a li")
        elif damage == "journal":  # killed while the journal was written
            journal.write_bytes(journal.read_bytes()[:-5])
        elif damage == "short":  # the disk lost the end of the rows
            cut.write_bytes(cut.read_bytes()[:-100])
        else:
            journal.write_bytes(journal.read_bytes()[:40])
        result = score_file(model, source, target)
        assert result.resumed == {"tail": 768, "journal": 512, "short": 512, "key": 0}[damage]
        assert target.read_bytes() == whole.read_bytes()
        target.unlink()


def test_another_input_or_model_starts_anew_and_says_so(
    model: Model, build: Build, source: Path, tmp_path: Path
):
    target = tmp_path / "out.csv"
    notes: list[str] = []
    told = f"{target}.partial is of another input, model or setting: starting anew"

    def stop() -> None:
        target.unlink(missing_ok=True)
        with pytest.raises(StoppedError):
            score_file(
                model,
                source,
                target,
                on_progress=stop_after(500, StoppedError),
                on_note=notes.append,
            )

    stop()
    other = load(build(tmp_path / "other", bias=-1.0))
    assert score_file(other, source, target, on_note=notes.append).resumed == 0
    assert notes == [told]
    stop()
    source.write_bytes(source.read_bytes().replace(b"good", b"bad "))
    assert score_file(model, source, target, on_note=notes.append).resumed == 0
    assert notes == [told] * 2
    stop()
    assert score_file(model, source, target, text_column="n", on_note=notes.append).resumed == 0
    assert notes == [told] * 3
    stop()
    assert score_file(model, source, target, on_note=notes.append).resumed == 512
    assert notes == [told] * 3


def test_a_large_file_is_said_to_be_checked_first(
    model: Model, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    heard: list[object] = []

    def score(name: str) -> None:
        score_file(
            model,
            source,
            tmp_path / name,
            on_note=heard.append,
            on_progress=lambda done, *_: heard.append(done),
        )

    score("small.csv")
    monkeypatch.setattr(scoring, "_BYTES_WORTH_A_NOTE", source.stat().st_size)
    score("large.csv")
    counts = [256, 512, 768, 1024, 1250]
    note = "checking the rows of in.csv before the first one is scored"
    assert heard == [*counts, note, *counts]


def test_a_run_without_rows_leaves_nothing(model: Model, tmp_path: Path):
    pipe = tmp_path / "in.csv"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_text, args=("text,n\ngood\n",))
    feeder.start()
    with pytest.raises(DataError, match="row 1"):
        score_file(model, pipe, tmp_path / "out.csv")
    feeder.join()
    assert leftovers(tmp_path) == []


def test_ctrl_c_says_how_to_go_on(model: Model, source: Path, tmp_path: Path):
    with pytest.raises(RunInterruptedError, match=r"stopped after 512 rows\. The same command"):
        score_file(
            model, source, tmp_path / "out.csv", on_progress=stop_after(500, KeyboardInterrupt)
        )
    assert score_file(model, source, tmp_path / "out.csv").resumed == 512


def test_ctrl_c_on_standard_input(
    model: Model, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with source.open("rb") as stream:
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))
        with pytest.raises(
            RunInterruptedError, match="Standard input or a pipe cannot be gone on with"
        ):
            score_file(
                model,
                "-",
                tmp_path / "out.csv",
                format="csv",
                on_progress=stop_after(500, KeyboardInterrupt),
            )


def test_a_stopped_parquet_run_goes_on_to_the_same_bytes(model: Model, tmp_path: Path):
    texts = [" ".join(["good", "bad", "film"][: n % 4]) for n in range(3000)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "in.parquet")
    whole, target = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    score_file(model, tmp_path / "in.parquet", whole)
    with pytest.raises(StoppedError):
        score_file(model, tmp_path / "in.parquet", target, on_progress=stop_after(1, StoppedError))
    assert score_file(model, tmp_path / "in.parquet", target).resumed == 1024
    assert target.read_bytes() == whole.read_bytes()
    assert leftovers(tmp_path) == []


def test_rows_of_huge_texts_end_a_chunk_early(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scoring, "_CHARACTERS", 30)
    source = write(tmp_path / "in.csv", "text\n" + "good good good\n" * 7)
    told: list[int] = []
    score_file(model, source, tmp_path / "out.csv", on_progress=lambda done, *_: told.append(done))
    assert told == [3, 6, 7]


def test_a_chunk_holds_a_million_characters_and_the_row_that_passes_them(
    model: Model, tmp_path: Path
):
    source = write(tmp_path / "in.csv", "text\n" + f"{'a' * 600_000}\n" * 3)
    told: list[int] = []
    score_file(model, source, tmp_path / "out.csv", on_progress=lambda done, *_: told.append(done))
    assert told == [2, 3]


def test_a_killed_run_goes_on_to_the_same_bytes(build: Build, source: Path, tmp_path: Path):
    whole, target = tmp_path / "whole.csv", tmp_path / "out.csv"
    folder = build()
    score_file(load(folder, threads=1), source, whole)
    script = (
        "import sys, time, undertone\n"
        "from undertone.inference import scoring\n"
        "scoring._ROWS = 256\n"
        f"model = undertone.load({str(folder)!r}, threads=1)\n"
        "def slowly(*each):\n"
        "    print(each[0], flush=True)\n"
        "    time.sleep(0.2)\n"
        f"scoring.score_file(model, {str(source)!r}, {str(target)!r}, on_progress=slowly)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"256\n"
        assert process.stdout.readline() == b"512\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not target.exists()
    result = score_file(load(folder, threads=1), source, target)
    assert result.resumed in (512, 768)
    assert target.read_bytes() == whole.read_bytes()
    assert leftovers(tmp_path) == []


PEAK = """
import resource, sys, undertone
from undertone.inference.scoring import score_file
model = undertone.load(sys.argv[1], threads=2)
score_file(model, sys.argv[2], sys.argv[3])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_stays_the_same_for_ten_times_the_rows(build: Build, tmp_path: Path):
    peaks = []
    folder = build()
    for rows in (20_000, 200_000):
        source = tmp_path / f"{rows}.csv"
        with source.open("w") as stream:
            stream.write("text\n")
            stream.writelines(f"good film {n} not bad at all but great\n" for n in range(rows))
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(folder), str(source), str(tmp_path / f"o{rows}.csv")],
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout))
        with (tmp_path / f"o{rows}.csv").open() as stream:
            assert sum(1 for _ in stream) == rows + 1
    assert peaks[1] <= 1.2 * peaks[0]
