"""Reports of probes and their plot."""

from __future__ import annotations

import sys

import msgspec
import pytest

from undertone import extras
from undertone.errors import OutputError
from undertone.evaluation.probes import Probe, ProbeReport, Suite, probe, report_on, write_report
from undertone.evaluation.probes import figure as pictures
from undertone.evaluation.probes.report import lines, model_names, shown

PROBES = (
    Probe("2|5", "positive", "double_negation", "1"),
    Probe("-1|5", "negative", "double_negation", "1"),
    Probe("2|5", "positive", "robustness", "2", "typo"),
    Probe("-1|5", "positive", "robustness", "2", "typo"),
    Probe("1|5", "positive", "irony", "3"),
    Probe("1|5", "negative", "irony", "3"),
)


@pytest.fixture
def report(scripted) -> ProbeReport:
    suites = [Suite("mine", PROBES)]
    result = probe(scripted(), suites)
    return report_on(suites, [result, result])


def test_a_report_is_json_markdown_and_a_plot(report, tmp_path):
    written = write_report(report, tmp_path / "r")
    names = ["metrics.json", "phenomena.png", "phenomena.svg", "report.md"]
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == names
    assert written.note == ""
    assert msgspec.json.decode(written.metrics.read_bytes(), type=ProbeReport) == report
    content = msgspec.json.decode(written.metrics.read_bytes())
    accuracy = content["results"][0]["overall"]["accuracy"]
    assert accuracy["count"] == 4
    assert accuracy["of"] == 6
    assert accuracy["share"] == pytest.approx(2 / 3)
    assert len(accuracy["interval"]) == 2
    text = written.markdown.read_text()
    for each in (
        "# Probes: mine\n",
        "6 texts in 3 pairs. ",
        "## `tiny (1)`",
        "## `tiny (2)`",
        "| Phenomenon | Texts | Accuracy | Both of a pair | Direction | Steady |",
        "| all texts | 6 | 66.7% (30.0 to 90.3) | 33.3% (6.1 to 79.2) | 75.0% (",
        "| mean of phenomena |  | 66.7% | 33.3% | 75.0% | 0.0% |",
        "| double negation | 2 | 100.0% (34.2 to 100.0) |",
        "| – typo | 2 | 50.0% (",
        "Ties, each counted one half in the direction: tiny (1): 1 of 2",
        "![Figures by phenomenon](phenomena.png)",
        "- Model `tiny (1)`: int8, manifest (SHA-256) `",
    ):
        assert each in text
    assert "None" not in text


def test_lines_and_names(report):
    assert [(line.title, line.level) for line in lines(report)] == [
        ("all texts", 0),
        ("double negation", 1),
        ("robustness", 1),
        ("typo", 2),
        ("irony", 1),
    ]
    assert model_names(report) == ["tiny (1)", "tiny (2)"]
    assert shown(None) == "–"


def test_a_model_folder_is_not_overwritten(report, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(OutputError, match="is a model folder"):
        write_report(report, tmp_path)


def test_without_matplotlib_the_report_has_no_plot(report, tmp_path, monkeypatch):
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for module in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(extras.importlib, "import_module", missing)
    written = write_report(report, tmp_path / "r")
    assert written.plots == ()
    assert "No plots: " in written.markdown.read_text()
    assert "![" not in written.markdown.read_text()


def test_the_plot_has_a_panel_a_figure_and_a_point_a_phenomenon(report):
    made = pictures.phenomena(report, ["one", "other"])
    titles = [axes.get_title(loc="left") for axes in made.axes]
    assert titles == ["Accuracy", "Both of a pair", "Direction"]
    labels = [label.get_text() for label in made.axes[0].get_yticklabels()]
    assert labels == ["all texts", "double negation", "robustness", "irony"]
    first = made.axes[0].containers[0].lines[0]
    assert first.get_xdata().tolist() == pytest.approx([4 / 6, 1.0, 0.5, 0.5])
    assert [text.get_text() for text in made.legends[0].get_texts()] == ["one", "other"]
    points = made.axes[2].containers[0].lines[0].get_xdata().tolist()
    assert points == [0.75, 1.0, 0.5]
