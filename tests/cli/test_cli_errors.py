"""``undertone evaluate --errors``: as text, as JSON, in the report."""

from __future__ import annotations

import json
import re

import pytest

LONG = " ".join(["The plot, the cast, the score and the sets are what they are."] * 6)
ROWS = [
    ("A wonderful film, loved it.", "negative"),
    ("A wonderful film.", "positive"),
    (f"{LONG} A dreadful, boring waste of time.", "positive"),
    (f"{LONG} A dreadful, boring waste of money.", "negative"),
    ("Awful\x1b[31m and <br /><br />boring.", "negative"),
]


@pytest.fixture
def odd(tmp_path):
    lines = [json.dumps({"text": text, "label": label}) for text, label in ROWS]
    (tmp_path / "odd.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return ["--data", tmp_path / "odd.jsonl", "--split", "all", "--threads", "1"]


def test_as_text_with_a_report(cli, odd, tmp_path, monkeypatch):
    monkeypatch.setattr("undertone.evaluation.report.PLOTS", {})
    done = cli("evaluate", *odd, "--errors", "7", "--output", tmp_path / "report")
    assert done.code == 0, done.err
    blocks = done.out.split("\n\n")
    start = next(at for at, block in enumerate(blocks) if block.startswith("most confident"))
    head, surest, other, near, pair = blocks[start : start + 5]
    assert head == (
        "most confident mistakes, 2 of 2\n"
        "marks  [++ word] led to the verdict, [-- word] spoke against it"
    )
    assert {block.splitlines()[0].partition(" with ")[0][3:] for block in (surest, other)} == {
        "odd.jsonl row 1: negative, said positive",
        "odd.jsonl row 3: positive, said negative",
    }
    short = surest if "row 1" in surest else other
    assert re.search(r"\[\+\+ [a-z]+\]", short)  # which words, is the model's affair
    assert "\n   for positive  " in short
    assert near == "near-duplicates with different labels, 1 of 1 pair"
    assert pair.splitlines()[0].endswith("% alike")
    assert pair.splitlines()[1] == "   positive: odd.jsonl row 3"
    assert pair.splitlines()[2].startswith("      … ")
    assert "waste of time." in pair
    assert "waste of money." in pair
    assert max(map(len, "\n".join(blocks[start : start + 5]).splitlines())) <= 100
    assert f"errors   {tmp_path}/report/errors.jsonl" in done.out
    kinds = [
        json.loads(line)["kind"]
        for line in (tmp_path / "report" / "errors.jsonl").read_text().splitlines()
    ]
    assert kinds == ["mistake", "mistake", "near_duplicate"]


def test_as_json(cli, odd):
    plain = json.loads(cli("evaluate", *odd, "--json").out)
    assert "errors" not in plain
    more = json.loads(cli("evaluate", *odd, "--json", "--errors", "1").out)
    assert set(more) - set(plain) == {"errors"}
    assert more["figures"] == plain["figures"]
    assert more["errors"]["wrong"] == 2
    assert len(more["errors"]["mistakes"]) == 1
    assert len(more["errors"]["near_duplicates"]) == 1


def test_without_errors(cli, tmp_path):
    (tmp_path / "one.csv").write_text("text,label\nA wonderful film.,positive\n", encoding="utf-8")
    done = cli("evaluate", "--data", tmp_path / "one.csv", "--split", "all", "--errors", "3")
    assert done.code == 0, done.err
    assert done.out.endswith(
        "most confident mistakes: there are none\n\n"
        "near-duplicates with different labels: there are none\n"
    )


@pytest.mark.parametrize("most", ["0", "-1", "x"])
def test_a_wrong_number_is_one_line(cli, odd, most):
    done = cli("evaluate", *odd, "--errors", most)
    assert done.code == 2
    assert "--errors" in done.error
