"""Numbers, tables and settings as people read them."""

from __future__ import annotations

import msgspec
import pytest

from undertone.cli.commands import train
from undertone.cli.settings import settings
from undertone.cli.wording import (
    cells,
    duration,
    facts,
    megabytes,
    one_line,
    percent,
    printable,
    shortened,
    table,
)
from undertone.config import RunConfig
from undertone.settings import TrainConfig


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (365, "6 min 05 s"),
        (3600, "1 h 00 min"),
        (7830, "2 h 10 min"),
    ],
)
def test_duration(seconds, words):
    assert duration(seconds) == words


def test_figures():
    assert percent(0.9006) == "90.1%"
    assert percent(1.0) == "100.0%"
    assert percent(None) == "-"
    assert megabytes(3_940_000) == "3.9 MB"


def test_table_aligns_words_left_and_figures_right():
    rows = [("name", "count", "note"), ("a", "12", "x"), ("long one", "3", "")]
    assert table(rows, right=(1,)) == (
        "name      count  note\n"
        "a            12  x\n"
        "long one      3"
    )  # fmt: skip


def test_facts_align_values():
    assert facts([("a", "1"), ("bcd", "2")]) == "a    1\nbcd  2"


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("one\n two\t three", 20, "one two three"),
        ("one two three", 13, "one two three"),
        ("one two three", 8, "one two…"),
        ("one two three", 5, "one…"),
    ],
)
def test_shortened(text, width, expected):
    assert shortened(text, width) == expected


def test_control_characters_are_escaped_and_lines_kept():
    assert printable("a\x1b[31mb\x00c\n\td é…") == "a\\x1b[31mb\\x00c\n\td é…"
    assert printable("a\x9b\x7f\ud800\ue000") == "a\\x9b\\x7f\\ud800\\ue000"
    assert one_line("a\x07\n b") == "a\\x07 b"


def test_white_space_becomes_a_space_and_invisible_marks_go():
    assert printable("a\u00a0b\u3000c\u2028d") == "a b c d"
    assert printable("a\u202eb\u200fc\u2066d\u200be\ufeff\u00adf") == "abcdef"
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f"
    assert printable(family) == family
    assert one_line("a\u00a0 \u200e b") == "a  b"


def test_cells_count_columns_of_a_terminal():
    assert [cells(text) for text in ("film", "電影", "e\u0301", "a\u200d", "", "\u2764\ufe0f")] == [
        *(4, 4, 1, 1, 0, 1),
    ]
    assert shortened("電影電影", 8) == "電影電影"
    assert shortened("電影電影", 7) == "電影電…"
    assert shortened("電影電影", 6) == "電影…"
    assert shortened("e\u0301" * 5, 5) == "e\u0301" * 5
    assert shortened("e\u0301" * 5, 3) == "e\u0301" * 2 + "…"


def test_every_setting_has_a_description_and_its_default():
    found = {each.key: each for each in settings()}
    for section in ("data", "text", "network", "train"):
        struct = type(getattr(RunConfig(), section))
        assert {f"{section}.{name}" for name in struct.__struct_fields__} == {
            key for key in found if key.startswith(f"{section}.")
        }
    assert all(each.description for each in found.values())
    assert found["train.lr"].default == TrainConfig().lr
    assert "learning rate" in found["train.lr"].description


def test_help_of_train_lists_the_settings(cli):
    out = " ".join(cli("train", "--help").out.split())
    used = [each for each in settings() if each.key.partition(".")[0] in train.command.uses]
    assert {each.key.partition(".")[0] for each in used} == set(train.command.uses)
    for each in used:
        assert each.key + "=" in out
        assert each.description in out.replace("- ", "-") or each.description in out
    assert "network.bidirectional=true" in out
    assert msgspec.structs.fields(RunConfig)
