"""Reports and their plots."""

from __future__ import annotations

import sys
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from undertone import extras, plots
from undertone.data.examples import Example
from undertone.errors import MissingExtraError, OutputError
from undertone.evaluation import Evaluation, evaluate, figure_rows, report, write_report

NAMES = ["accuracy_by_length", "confusion", "reliability", "risk_coverage", "roc"]


@pytest.fixture
def two(scripted):
    """Eight reviews of two labels, six of them read rightly, one empty."""
    logits = [-3, -2, 1, -0.5, 3, 2, 0.5, 0]
    tokens = [10, 30, 60, 120, 250, 500, 900, 0]
    labels = ["negative"] * 4 + ["positive"] * 4
    reviews = [
        Example(f"{logit}|{count}", label, f"row {number}")
        for number, (logit, count, label) in enumerate(zip(logits, tokens, labels, strict=True))
    ]
    return evaluate(scripted(), reviews, source="my|reviews.csv", split="test")


@pytest.fixture
def many(scripted):
    """One review of each of 13 labels, all right."""
    labels = tuple(f"label number {number} $x_{number}$" for number in range(13))
    reviews = [
        Example(" ".join("4" if at == number else "0" for at in range(13)) + "|9", label, label)
        for number, label in enumerate(labels)
    ]
    return evaluate(scripted(labels), reviews)


def test_a_report_is_json_markdown_and_plots(two, tmp_path):
    written = write_report(two, tmp_path / "deep" / "report")
    folder = tmp_path / "deep" / "report"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["metrics.json", "report.md"]
        + [f"{name}.{kind}" for name in NAMES for kind in ("png", "svg")]
    )
    assert set(folder.iterdir()) == {written.metrics, written.markdown, *written.plots}
    assert written.note == ""
    assert msgspec.json.decode(written.metrics.read_bytes(), type=Evaluation) == two
    for path in written.plots:
        start = path.read_bytes()[:8]
        assert start == (b"\x89PNG\r\n\x1a\n" if path.suffix == ".png" else b"<?xml ve")


def test_the_markdown_says_what_was_found(two, tmp_path):
    text = write_report(two, tmp_path / "r").markdown.read_text()
    for line in (
        "# `tiny` on `my\\|reviews.csv`, test split",
        "**75.00% of 8 reviews right** (95% interval 40.93% to 92.85%), read at ",
        "Reviews without a token to read: 1. Each has no verdict and counts as wrong",
        "Of 1,870 tokens, 500 were read",
        "| Accuracy | 75.00% (95% interval 40.93% to 92.85%) |",
        "| Recall | 75.00% |",
        "| positive | 4 | 75.00% | 75.00% | 75.00% |",
        "| True label | negative | positive |",
        "| negative | 3 | 1 |",
        "| positive | 0 | 3 |",
        "| over 800 | 1 | 100.00% | 20.65% to 100.00% | 11.11% |",
        "![Confusion matrix](confusion.png)",
        "![Accuracy by length](accuracy_by_length.png)",
        "- Model: int8, temperature 2.000",
    ):
        assert line in text
    assert two.provenance["date"] in text
    assert "None" not in text


def test_undefined_figures_are_left_out(many):
    titles = [title for title, _ in figure_rows(many)]
    assert "Recall" not in titles
    assert "Recall, macro" in titles
    text = report.markdown(many)
    assert "Precision, recall and F1 are those of" not in text
    assert text.startswith("# `tiny` on test split\n")


def test_equal_evaluations_give_equal_plots(two, tmp_path):
    one = plots.save(plots.reliability(two), tmp_path / "a")
    other = plots.save(plots.reliability(two), tmp_path / "b")
    assert [path.name for path in one] == ["a.png", "a.svg"]
    for first, second in zip(one, other, strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name
    assert "<dc:date>" not in one[1].read_text()


def test_a_model_folder_is_not_overwritten(two, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "metrics.json").write_text("training")
    with pytest.raises(OutputError, match="is a model folder"):
        write_report(two, tmp_path)
    assert (tmp_path / "metrics.json").read_text() == "training"


def test_without_matplotlib_the_report_has_no_plots(two, tmp_path, monkeypatch):
    for module in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr(extras.importlib, "import_module", _no_matplotlib)
    written = write_report(two, tmp_path / "r")
    assert written.plots == ()
    assert "pip install 'undertone[plots]'" in written.note
    text = written.markdown.read_text()
    assert "![" not in text
    assert text.endswith(f"No plots: {written.note}\n")
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["metrics.json", "report.md"]
    with pytest.raises(MissingExtraError):
        plots.confusion(two)


def _no_matplotlib(name: str) -> None:
    raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_the_confusion_matrix_shows_counts_and_shares(two):
    (axes,) = plots.confusion(two).axes
    cells = [text.get_text() for text in axes.texts]
    assert cells == ["3\n75.0%", "1\n25.0%", "0\n0.0%", "3\n75.0%"]
    assert axes.images[0].get_array().tolist() == [[0.75, 0.25], [0.0, 0.75]]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["negative", "positive"]


def test_many_labels_are_drawn_without_counts_and_legible(many, tmp_path):
    figure = plots.confusion(many)
    axes, bar = figure.axes
    assert [text.get_text() for text in axes.texts] == []
    assert bar.get_ylabel() == "Share of the true label"
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names[0] == "label number 0 $x…"
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.get_xticklabels()]
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))
    roc = plots.roc(many).axes[0]
    assert len(roc.lines) == 1 + 13
    assert roc.get_legend() is None


def test_the_reliability_diagram_plots_confidence_against_accuracy(two):
    axes, strip = plots.reliability(two).axes
    points = axes.lines[1].get_xydata()
    expected = [(each.confidence, each.accuracy) for each in two.confidence_bins]
    assert points == pytest.approx(np.array(expected))
    heights = [bar.get_height() for bar in strip.patches]
    assert heights == [each.reviews / 8 for each in two.confidence_bins]
    assert axes.get_title(loc="left").startswith("Reliability (calibration error ")


def test_the_roc_plot_names_its_area(two):
    axes = plots.roc(two).axes[0]
    assert axes.get_title(loc="left") == f"ROC (area {two.roc_auc:.4f})"
    assert axes.lines[1].get_xdata().tolist() == list(two.roc[0].false_positive_rate)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["positive"]


def test_the_risk_curve_ends_at_the_share_of_wrong_verdicts(two):
    axes = plots.risk_coverage(two).axes[0]
    assert axes.lines[1].get_xydata()[-1].tolist() == [1.0, 0.25]
    assert "## Doubt" in report.markdown(two)
    assert "| 100.00% | 25.00% |" in report.markdown(two)


def test_accuracy_by_length_shows_every_band(two):
    axes = plots.by_length(two).axes[0]
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels[0] == "0–25\nn=2"
    assert labels[-1] == "over 800\nn=1"
    assert axes.lines[1].get_ydata().tolist() == [band.accuracy for band in two.by_length]


def test_a_source_with_one_label_only_can_be_reported(scripted):
    found = evaluate(scripted(), [Example("2|5", "positive", "row 1")])
    text = report.markdown(found)
    assert "ROC-AUC" not in text
    assert "| negative | 0 | 0.00% | 0.00% | 0.00% |" in text
    assert all(draw(found).axes for draw in report.PLOTS.values())
    assert plots.roc(found).axes[0].get_title(loc="left") == "ROC (area –)"


def test_the_users_settings_are_left_alone(two):
    import matplotlib

    with matplotlib.rc_context({"font.size": 31.0, "axes.grid": False}):
        figure = plots.roc(two)
        assert matplotlib.rcParams["font.size"] == 31.0
        assert matplotlib.rcParams["axes.grid"] is False
    assert figure.axes[0].xaxis.label.get_fontsize() == 11
    assert "matplotlib.pyplot" not in sys.modules
