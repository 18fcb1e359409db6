"""``undertone inspect``: figures as text and as JSON, and one clear line for every bad source."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROWS = [
    ("A wonderful film with a great heart", "positive"),
    ("A wonderful film with a great heart", "positive"),
    ("Dull and slow from start to end", "negative"),
    ("I wanted to like it, but no", "negative"),
    ("", "negative"),
    ("Fine acting, fine music", "positive"),
    ("Nothing works in this picture", "negative"),
    ("A joy", "positive"),
    ("A bore", "negative"),
]


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    lines = [f'"{text}",{label}' for text, label in ROWS]
    path.write_text("\n".join(["review,sentiment", *lines]) + "\n", encoding="utf-8")
    return path


def test_figures_as_json(cli, reviews):
    outcome = cli("inspect", reviews, "--json", "--set", "text.max_tokens=6")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert found["reviews"] == 8
    assert found["labels"] == ["negative", "positive"]
    assert found["empty"] == 1
    assert found["empty_names"] == ["reviews.csv row 5"]
    assert found["duplicates"] == 1
    assert found["max_tokens"] == 6
    assert found["longer"] == pytest.approx(4 / 8)
    assert sum(part["reviews"] for part in found["parts"]) == 8


def test_figures_as_text(cli, reviews):
    outcome = cli("inspect", reviews)
    assert outcome.code == 0, outcome.err
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert "reviews 8" in lines
    assert "labels negative, positive (in the order of a model's outputs)" in lines
    assert "balance 50.0% have the most frequent label" in lines
    assert "empty 1 (first: reviews.csv row 5)" in lines
    assert "duplicates 1 reviews repeat the text of an earlier one" in lines
    assert "length in shortest median 90% 99% longest" in lines
    assert "words 2 5 7 7 7" in lines
    assert any(line.startswith("train") and line.endswith("cut by seed") for line in lines)


def test_what_would_stop_a_training_is_said(cli, tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("text,label\ngood,pos\nnice,pos\n", encoding="utf-8")
    outcome = cli("inspect", path)
    assert outcome.code == 0
    assert "problem: all 2 reviews have the label 'pos'." in outcome.out


def test_the_sample_is_reached_by_its_name(cli):
    found = json.loads(cli("inspect", "sample", "--json").out)
    assert found["reviews"] >= 600
    assert found["labels"] == ["negative", "positive"]
    assert found["problems"] == []
    assert [part["given"] for part in found["parts"]] == [True, True, True]


BAD = {
    "missing file": ({}, ["nowhere.csv"], "nowhere.csv"),
    "unknown column": (
        {"a.csv": b"film,score\nx,1\n"},
        ["a.csv"],
        "no column of reviews among the columns 'film', 'score'.",
    ),
    "mistyped column": (
        {"a.csv": b"review,sentiment\nx,pos\n"},
        ["a.csv", "--text-column", "reviw"],
        "no column 'reviw' (did you mean 'review'?). Columns: 'review', 'sentiment'.",
    ),
    "unbalanced quote": (
        {"a.csv": b'text,label\n"open,pos\nnext,neg\n'},
        ["a.csv"],
        "a.csv row 1 (line 2) opens a quote that is not closed properly",
    ),
    "wrong encoding": (
        {"a.csv": "text,label\nfine,pos\ncafé,neg\n".encode("latin-1")},
        ["a.csv"],
        "a.csv row 2 (line 3): byte 0xe9 at offset 23 is not valid utf-8.",
    ),
    "unknown encoding": ({"a.csv": b"text\nx\n"}, ["a.csv", "--encoding", "utf-88"], "'utf-88'"),
    "NUL bytes": ({"a.csv": b"text,label\nA\x00B,pos\n"}, ["a.csv"], "holds a NUL character."),
    "huge field": (
        {"a.csv": b"text,label\n" + b"x" * (11 * 2**20) + b",pos\n"},
        ["a.csv"],
        "a.csv row 1 (line 2) holds a field of more than 10,485,760 characters.",
    ),
    "ragged row": (
        {"a.csv": b"text,label\nx,pos\ny\n"},
        ["a.csv"],
        "a.csv row 2 (line 3): the number of fields is 1, the header's 2.",
    ),
    "empty file": ({"a.csv": b""}, ["a.csv"], "a.csv is empty."),
    "broken JSON": (
        {"a.jsonl": b'{"text": "x"}\n{"text": \n'},
        ["a.jsonl"],
        "a.jsonl line 2 is not valid JSON",
    ),
    "no archive": ({"a.tar.gz": b"not gzip"}, ["a.tar.gz"], "a.tar.gz"),
    "unknown ending": ({"a.docx": b"x"}, ["a.docx"], "a.docx"),
    "exclude list missing": (
        {"a.csv": b"text,label\nx,pos\n"},
        ["a.csv", "--exclude", "no.txt"],
        "cannot read the exclude list no.txt: No such file or directory.",
    ),
    "unknown preset": (
        {},
        ["sample", "--preset", "smal"],
        "unknown preset 'smal' (did you mean 'small'?).",
    ),
    "unknown setting": (
        {},
        ["sample", "--set", "text.max_token=5"],
        "unknown setting text.max_token (did you mean 'text.max_tokens'?).",
    ),
    "setting out of range": (
        {},
        ["sample", "--set", "text.max_tokens=0"],
        "text.max_tokens=0: expected a whole number >= 1.",
    ),
    "setting without value": (
        {},
        ["sample", "--set", "text.max_tokens"],
        "cannot read the setting 'text.max_tokens'. Write it as section.key=value.",
    ),
}


@pytest.mark.parametrize(("files", "arguments", "expected"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_2(cli, tmp_path, monkeypatch, files, arguments, expected):
    monkeypatch.chdir(tmp_path)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    outcome = cli("inspect", *arguments)
    assert outcome.code == 2, outcome.err
    assert outcome.error.startswith("error: ")
    assert expected in outcome.error
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)


def test_several_mistakes_in_settings_are_named_at_once(cli):
    error = cli("inspect", "sample", "--set", "text.max_token=5", "--set", "text.head=fast").error
    assert "text.max_token " in error
    assert "text.head='fast'" in error
