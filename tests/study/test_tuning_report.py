"""What a search leaves to be read: ranking, the best preset, pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from undertone.config import from_dict, load_preset, to_dict
from undertone.study import tuning_plots, tuning_report, tuning_space
from undertone.study.tuning_report import Row


def row(number: int, state: str, loss: float | None, **settings: Any) -> Row:
    return Row(number, state, loss, None, 3, None, None, 0, 1, settings, "")


def test_ranking_and_best():
    rows = [row(0, "pruned", 0.2), row(1, "complete", 0.5), row(2, "failed", None),
            row(3, "complete", 0.4), row(4, "pruned", None)]  # fmt: skip
    assert [each.number for each in tuning_report.ranked(rows)] == [3, 1, 0, 4, 2]
    assert tuning_report.best_of(rows) == rows[3]
    assert tuning_report.best_of(rows[:1]) is None


def test_a_preset_holds_every_kind_of_setting(tmp_path: Path):
    config = from_dict(
        {
            **to_dict(load_preset("sample")),
            "text": {"cleaning": "study", "stopwords": 'stop "words"\\\tü.txt'},
            "network": {"layer_norm": True, "layers": 3},
            "train": {"lr": 1.25e-05, "threads": 3, "keep": "last", "patience": 0},
        }
    )
    path = tmp_path / "best.toml"
    best = row(7, "complete", 0.25, **{"train.clip": 0.1 + 0.2, "train.epochs": 9})
    path.write_text(tuning_report.preset_text(config, best, "mine"), encoding="utf-8")
    expected = to_dict(tuning_space.changed(config, best.settings))
    expected["preset"], expected["train"]["threads"] = "mine-best", 0
    assert to_dict(load_preset(str(path))) == expected


def test_history_shows_the_best_so_far():
    rows = [row(0, "complete", 0.5), row(1, "pruned", 9.0), row(2, "complete", 0.6),
            row(3, "failed", None), row(4, "complete", 0.3)]  # fmt: skip
    axes = tuning_plots.history(rows).axes[0]
    complete, pruned, best = axes.lines
    assert list(best.get_xdata()) == [0, 2, 4]
    assert list(best.get_ydata()) == [0.5, 0.5, 0.3]
    assert list(complete.get_ydata()) == [0.5, 0.6, 0.3]
    # Far above the others, it stands at the edge instead of squeezing them.
    assert list(pruned.get_ydata()) == pytest.approx([0.63])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "complete", "pruned, its last epoch", "best so far"]  # fmt: skip
    assert not tuning_plots.history([]).axes[0].lines


def test_importance_is_sorted_with_its_figures():
    axes = tuning_plots.importance({"train.lr": 0.75, "train.clip": 0.25}).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.25, 0.75]
    assert [text.get_text() for text in axes.texts] == ["25%", "75%"]
