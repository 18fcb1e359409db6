"""``undertone predict``: one text, lines, files, explanations; as lines and as JSON."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import undertone
from undertone.cli import answers
from undertone.cli.commands import predict
from undertone.cli.ticker import Ticker
from undertone.inference import Prediction

PROGRAM = [sys.executable, "-m", "undertone"]
LIKED = "a wonderful film and I loved it"
HATED = "an awful film and I hated it"
LONG = "wonderful " * 15 + "film " * 15 + "loved " * 15


def test_one_text(cli, trained):
    outcome = cli("predict", HATED, "--model", trained.folder)
    assert outcome.code == 0, outcome.err
    expected = undertone.load(trained.folder).predict(HATED)
    assert outcome.out == f"negative  {expected.probability:.2f}  {HATED}\n"
    assert expected.probability > 0.8
    assert outcome.err == ""


def test_one_text_as_json(cli, trained):
    outcome = cli("predict", LIKED, "--model", trained.folder, "--json")
    found = json.loads(outcome.out)
    expected = undertone.load(trained.folder).predict(LIKED)
    assert found == {
        "text": LIKED,
        "label": "positive",
        "probability": expected.probability,
        "probabilities": expected.probabilities,
        "tokens_read": 7,
        "tokens_total": 7,
        "status": "ok",
    }


def test_a_cut_text_is_never_silent(cli, trained):
    outcome = cli("predict", LONG, "--model", trained.folder)
    assert outcome.out.rstrip().endswith("(read 20 of 45 tokens)")
    found = json.loads(cli("predict", LONG, "--model", trained.folder, "--json").out)
    assert (found["tokens_read"], found["tokens_total"]) == (20, 45)


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_text_has_no_label(cli, trained, text):
    assert cli("predict", text, "--model", trained.folder).out == "no text  -\n"
    found = json.loads(cli("predict", text, "--model", trained.folder, "--json").out)
    assert (found["label"], found["probability"], found["status"]) == (None, None, "empty")


def test_lines_of_stdin_keep_their_order_and_blank_ones(cli, trained):
    lines = [LIKED, "", HATED] * 50
    outcome = cli("predict", "--model", trained.folder, stdin="\n".join(lines) + "\n")
    answered = outcome.out.splitlines()
    assert len(answered) == 150
    assert [line.split("  ")[0] for line in answered] == ["positive", "no text", "negative"] * 50
    outcome = cli("predict", "--json", "--model", trained.folder, stdin="\n".join(lines) + "\n")
    found = [json.loads(line) for line in outcome.out.splitlines()]
    assert [each["text"] for each in found] == lines
    assert [each["status"] for each in found] == ["ok", "empty", "ok"] * 50


def test_stdin_in_another_encoding(cli, trained):
    lines = b"fine\ncaf\xe9\n"
    outcome = cli(
        "predict", "--json", "--encoding", "cp1252", "--model", trained.folder, stdin=lines
    )
    assert outcome.code == 0, outcome.err
    assert [json.loads(line)["text"] for line in outcome.out.splitlines()] == ["fine", "caf\u00e9"]


def test_lines_before_a_bad_one_are_answered(cli, trained):
    outcome = cli("predict", "--model", trained.folder, stdin=b"wonderful\ncaf\xe9\n")
    assert outcome.code == 2
    assert "wonderful" in outcome.out


def test_stdin_that_is_not_utf_8_is_named(cli, trained):
    outcome = cli("predict", "--model", trained.folder, stdin=b"fine\ncaf\xe9\n")
    assert outcome.code == 2
    assert "standard input line 2: byte 0xe9 at offset 8 is not valid utf-8." in outcome.err


def test_control_characters_reach_no_terminal(cli, trained):
    outcome = cli("predict", "a \x1b[31mwonderful\x1b[0m film", "--model", trained.folder)
    assert "\x1b" not in outcome.out
    assert r"\x1b[31mwonderful" in outcome.out
    explained = cli("predict", "x\x1b[2J y", "--explain", "--model", trained.folder)
    assert "\x1b" not in explained.out


def test_explain_marks_words_without_colour(cli, trained):
    outcome = cli("predict", "wonderful but awful", "--explain", "--model", trained.folder)
    assert outcome.code == 0, outcome.err
    head, review, rest = outcome.out.split("\n\n")[:3]
    expected = undertone.load(trained.folder).explain("wonderful but awful")
    assert head == f"{expected.prediction.label}  {expected.prediction.probability:.2f}"
    parts = {token.text: token.contribution for token in expected.tokens}
    least = 0.15 * max(map(abs, parts.values()))
    marks = [("+" if part > 0 else "-", word) for word, part in parts.items() if abs(part) >= least]
    assert re.findall(r"\[([+-])[+-]? (\w+)\]", review) == marks != []
    lines = rest.splitlines()
    assert lines[0] == "marks   [++ positive]  [-- negative]"
    total = sum(token.contribution for token in expected.tokens)
    assert lines[1] == (
        f"score   {expected.base:+.2f} at the start {total:+.2f} from the words "
        f"= {expected.logit:+.2f} for positive"
    )
    assert lines[2].startswith("curve   ")
    curve = [point.probability for point in expected.curve]
    assert f"p(positive) word by word, {curve[0]:.2f} to {curve[-1]:.2f}" in lines[2]


def test_explain_as_json_adds_up(cli, trained):
    outcome = cli("predict", LONG, "--explain", "--json", "--model", trained.folder)
    found = json.loads(outcome.out)
    added = found["base"] + sum(token["contribution"] for token in found["tokens"])
    assert added == pytest.approx(found["logit"], abs=1e-4)
    assert found["text"] == LONG
    assert found["prediction"]["tokens_read"] == 20
    assert all(LONG[each["start"] : each["end"]] == each["text"] for each in found["tokens"])
    assert found["curve"][-1]["probability"] == pytest.approx(
        found["prediction"]["probabilities"]["positive"], abs=1e-5
    )


def test_explain_says_which_part_was_not_read(cli, trained):
    outcome = cli("predict", LONG, "--explain", "--model", trained.folder)
    assert "(read 20 of 45 tokens)" in outcome.out.splitlines()[0]
    assert outcome.out.count("[... 25 tokens not read ...]") == 1


def test_explain_of_an_empty_text(cli, trained):
    assert cli("predict", " ", "--explain", "--model", trained.folder).out == "no text  -\n\n"


def test_a_line_fits_the_terminal():
    prediction = Prediction("negative", 0.871, {"negative": 0.871, "positive": 0.129}, 4, 9, "ok")
    line = answers.line("word " * 30, prediction, width=60)
    assert len(line) <= 60
    assert line.startswith("negative  0.87  word word")
    assert line.endswith("…  (read 4 of 9 tokens)")


def test_a_file_keeps_its_rows_and_columns(cli, trained, tmp_path):
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(f"id,review\n1,{LIKED}\n2,\n3,{HATED}\n", encoding="utf-8")
    outcome = cli("predict", "--input", source, "--output", output, "--model", trained.folder)
    assert outcome.code == 0, outcome.err
    with output.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [
        *("id", "review", "label", "probability", "tokens_read", "tokens_total", "status"),
    ]
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert [row["label"] for row in rows] == ["positive", "", "negative"]
    assert [row["status"] for row in rows] == ["ok", "empty", "ok"]
    told = [" ".join(line.split()) for line in outcome.err.splitlines()]
    assert told == [
        f"rows 3 in {output}",
        "empty 1 rows have no text and no label",
        "added label, probability, tokens_read, tokens_total, status",
    ]


def test_parquet_with_nanoseconds_becomes_text_in_text_and_stays_in_parquet(cli, trained, tmp_path):
    source = tmp_path / "in.parquet"
    at = pa.array([1_577_836_800_000_000_001], pa.int64()).cast(pa.timestamp("ns"))
    pq.write_table(pa.table({"review": [HATED], "at": at}), source)
    written = {}
    for ending in ("csv", "jsonl", "parquet"):
        output = tmp_path / f"out.{ending}"
        outcome = cli("predict", "--input", source, "--output", output, "--model", trained.folder)
        assert outcome.code == 0, outcome.err
        written[ending] = output
    with written["csv"].open(encoding="utf-8", newline="") as stream:
        assert next(csv.DictReader(stream))["at"] == "2020-01-01 00:00:00.000000001"
    found = json.loads(written["jsonl"].read_text(encoding="utf-8"))
    assert found["at"] == "2020-01-01 00:00:00.000000001"
    kept = pq.read_table(written["parquet"])
    assert kept["at"].chunk(0).equals(at)
    assert kept["label"].to_pylist() == ["negative"]


def test_rows_on_a_terminal_are_not_mixed_with_progress(trained, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text(f"review\n{HATED}\n", encoding="utf-8")
    ours, theirs = pty.openpty()
    arguments = ["predict", "--input", str(source), "--model", str(trained.folder)]
    done = subprocess.run([*PROGRAM, *arguments], stdout=theirs, stderr=theirs, timeout=60)
    os.close(theirs)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "\x1b" not in shown
    header, row, rows, _added = shown.replace("\r\n", "\n").splitlines()
    assert header == "review,label,probability,tokens_read,tokens_total,status"
    assert row.startswith(f"{HATED},negative,")
    assert rows == "rows   1"


def test_progress_is_told_where_it_stands_in_the_way_of_nothing(monkeypatch):
    class Terminal:
        def isatty(self) -> bool:
            return True

    for output in (None, "-", "scored.csv"):
        assert isinstance(predict._progress(output), Ticker)
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert isinstance(predict._progress("scored.csv"), Ticker)
    assert not isinstance(predict._progress("-"), Ticker)
    assert not isinstance(predict._progress(None), Ticker)


def test_notes_of_a_run_are_shown(cli, trained, tmp_path, monkeypatch):
    monkeypatch.setattr("undertone.inference.scoring._BYTES_WORTH_A_NOTE", 0)
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(f"review\n{HATED}\n", encoding="utf-8")
    outcome = cli("predict", "--input", source, "--output", output, "--model", trained.folder)
    assert outcome.err.splitlines()[0] == (
        "checking the rows of in.csv before the first one is scored."
    )


def test_help_says_what_standard_input_is_taken_for(cli):
    told = " ".join(cli("predict", "--help").out.split())
    assert "- for stdin: one review a line (txt) unless --format says otherwise" in told


def test_a_file_goes_to_stdout_without_output(cli, trained, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"text": LONG}) + "\n", encoding="utf-8")
    outcome = cli("predict", "--input", source, "--model", trained.folder)
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert (found["tokens_read"], found["tokens_total"]) == (20, 45)
    assert "cut 1 rows are longer than the model reads" in " ".join(outcome.err.split())


BAD = {
    "several words": (["I", "loved", "it"], "predict reads one text, but 3 came"),
    "text and file": (["x", "--input", "a.csv"], "--input cannot go with TEXT"),
    "explain a file": (["--input", "a.csv", "--explain"], "--explain cannot go with --input"),
    "JSON of a file": (["--input", "a.csv", "--json"], "--json cannot go with --input"),
    "output alone": (["x", "--output", "o.csv"], "--output needs --input"),
    "column alone": (["x", "--text-column", "a"], "--text-column needs --input"),
    "no name for the output": (
        ["--input", "a.csv", "--output", ""],
        "--output is an empty name: give a file, or - for stdin and stdout.",
    ),
    "no name for the input": (["--input", "", "--output", "o.csv"], "--input is an empty name"),
    "overwrite alone": (["x", "--overwrite"], "--overwrite needs --input"),
    "no such model": (["x", "--model", "nowhere"], "no model folder at nowhere."),
    "no int8": (["x", "--precision", "int8"], "has no model.int8.onnx."),
    "no threads": (["x", "--threads", "0"], "Invalid value for '--threads'"),
    "missing file": (["--input", "no.csv", "--output", "o.csv"], "no.csv"),
    "unknown column": (
        ["--input", "a.csv", "--output", "o.csv", "--text-column", "fil"],
        "no column 'fil' (did you mean 'film'?). Columns: 'film', 'score'.",
    ),
    "no text column": (["--input", "a.csv", "--output", "o.csv"], "no column of reviews among"),
    "unknown format": (["--input", "a.csv", "--format", "cvs"], "'cvs' (did you mean 'csv'?)"),
    "output exists": (
        ["--input", "a.csv", "--text-column", "film", "--output", "there.csv"],
        "there.csv exists. Choose another name, or add --overwrite.",
    ),
    "output is the input": (
        ["--input", "a.csv", "--text-column", "film", "--output", "a.csv", "--overwrite"],
        "a.csv is the input itself.",
    ),
}


@pytest.mark.parametrize(("arguments", "expected"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_writes_nothing(
    cli, trained, tmp_path, monkeypatch, arguments, expected
):
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("film,score\nx,1\n", encoding="utf-8")
    Path("there.csv").write_text("kept", encoding="utf-8")
    model = [] if "--model" in arguments else ["--model", trained.folder]
    outcome = cli("predict", *arguments, *model)
    assert outcome.code == 2, outcome.err
    assert expected in outcome.error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "there.csv"]
    assert Path("there.csv").read_text(encoding="utf-8") == "kept"


def test_an_installation_without_a_model_says_so(cli, monkeypatch):
    monkeypatch.setattr("undertone.cli.loading.packaged", lambda: None)
    assert "there is no model inside this installation" in cli("predict", "x").error


def test_nothing_to_read_on_a_terminal(cli, monkeypatch):
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("undertone.cli.commands.predict.sys.stdin", Terminal())
    with pytest.raises(click.UsageError, match="there is nothing to read: give a TEXT"):
        predict.command.main([], standalone_mode=False)


def test_a_cold_process_answers_and_imports_only_the_bare_install(trained):
    script = (
        "import sys\n"
        "from undertone.cli.entry import run\n"
        f"code = run(['predict', {LIKED!r}, '--model', {str(trained.folder)!r}])\n"
        "extras = ('torch', 'onnx', 'sklearn', 'pandas', 'pyarrow', 'matplotlib', 'rich')\n"
        "print(code, [name for name in extras if name in sys.modules])\n"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
    assert done.stdout.startswith("positive  ")
    assert time.perf_counter() - started < 5.0


def test_a_terminal_without_unicode_gets_digits_and_escapes(trained):
    done = subprocess.run(
        [*PROGRAM, "predict", "a ☃ film", "--explain", "--model", str(trained.folder)],
        env={**os.environ, "PYTHONIOENCODING": "iso-8859-1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "\\u2603" in done.stdout
    curve = next(line for line in done.stdout.splitlines() if line.startswith("curve"))
    assert set(curve.split()[1]) <= set("01234567")


def test_bytes_that_are_no_text_on_the_command_line_are_replaced(trained):
    done = subprocess.run(
        [*PROGRAM, "predict", b"wonderful \xff", "--json", "--model", str(trained.folder)],
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["text"] == "wonderful \ufffd"


def test_a_reader_that_goes_away_ends_it_quietly(trained, tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text(f"{LIKED}\n" * 5000, encoding="utf-8")
    script = (
        f"{sys.executable} -m undertone predict --model {trained.folder} < {lines} | head -n 1; "
        "echo ${PIPESTATUS[0]}"
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.splitlines()[0].startswith("positive")
    assert done.stdout.splitlines()[1] == "141"


def test_abstaining_says_uncertain_and_why(cli, trained):
    model = undertone.load(trained.folder).abstaining(0.999)
    expected = model.predict("a film")
    assert expected.status == "uncertain"
    shown = cli("predict", "a film", "--model", trained.folder, "--abstain", 0.999)
    assert (
        shown.out == f"uncertain  {expected.probability:.2f}  a film  ({model.doubt('a film')})\n"
    )
    found = json.loads(
        cli("predict", "a film", "--model", trained.folder, "--abstain", 0.999, "--json").out
    )
    assert (found["label"], found["status"]) == ("uncertain", "uncertain")
    assert found["doubt"] == model.doubt("a film")


@pytest.mark.parametrize("coverage", ["0.4", "1", "95", "most"])
def test_a_coverage_out_of_range_is_one_line(cli, trained, coverage):
    outcome = cli("predict", "a film", "--model", trained.folder, "--abstain", coverage)
    assert outcome.code == 2
    assert "--abstain" in outcome.error
