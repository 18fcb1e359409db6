"""``undertone export``: options that would do nothing are refused before anything is read."""

from __future__ import annotations

import pytest

READING = {
    "--text-column": "body",
    "--label-column": "stars",
    "--exclude": "held.txt",
    "--encoding": "cp1252",
}


@pytest.mark.parametrize(("option", "value"), READING.items())
def test_how_to_read_needs_something_to_read(cli, tmp_path, option, value):
    outcome = cli("export", tmp_path, option, value)
    assert outcome.code == 2
    assert f"{option} needs --data: add --data, or drop it." in outcome.error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("option", "value"), [*READING.items(), ("--data", "sample")])
def test_nothing_is_read_without_measuring(cli, tmp_path, option, value):
    outcome = cli("export", tmp_path, "--no-measure", option, value)
    assert outcome.code == 2
    assert f"{option} cannot go with --no-measure: it measures nothing." in outcome.error
    assert list(tmp_path.iterdir()) == []


def test_reading_options_go_with_data(cli, tmp_path):
    folder = tmp_path / "nowhere"
    options = [word for pair in READING.items() for word in pair]
    outcome = cli("export", folder, "--data", "reviews.csv", *options)
    assert outcome.code == 2
    assert "nowhere" in outcome.error
