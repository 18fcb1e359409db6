"""A small study end to end: figures, caches, what is missing, the report's files."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest

import undertone
from undertone import evaluation
from undertone.data.source import load_split
from undertone.errors import ConfigError, DataError, OutputError
from undertone.study import charts, plan, svg, tables, tested, tricky, work
from undertone.study.gather import Gathered, gather
from undertone.study.plan import Contender
from undertone.study.summary import StudyResult


def gathered(asked: plan.Plan) -> StudyResult:
    """The result alone: nothing is trained and the shared report stays as it is."""
    finished = tuple(each for each in plan.jobs(asked) if each.finished)
    return gather(Gathered(asked, finished, (), {}, lambda _line: None), ())


def job(small, name: str) -> plan.Job:
    return next(each for each in plan.jobs(small.plan) if each.name == name)


def test_figures_are_those_of_an_evaluation(small):
    wide = small.done.result.models[1]
    found = [
        evaluation.evaluate(
            undertone.load(job(small, f"wide-{seed}").folder),
            load_split(
                small.plan.source, small.plan.options, job(small, "wide-0").config.data, "test"
            ),
        )
        for seed in (0, 1)
    ]
    values = [each.accuracy for each in found]
    accuracy = wide.figures["test_accuracy"]
    assert accuracy.values == tuple(values)
    assert accuracy.interval == evaluation.student_t(values)
    assert wide.figures["test_loss_calibrated"].values == pytest.approx(
        [each.loss for each in found]
    )
    assert wide.figures["test_ece"].values == pytest.approx([each.ece for each in found])
    assert wide.confusion == tuple(
        tuple(sum(cells) for cells in zip(*rows, strict=True))
        for rows in zip(*(each.confusion for each in found), strict=True)
    )


def test_training_figures_are_those_of_the_folder(small):
    folder = job(small, "wide-0").folder
    metrics = json.loads((folder / "metrics.json").read_text())
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    wide = small.done.result.models[1]
    run = wide.runs[0]
    assert run.kept == metrics["kept_epoch"]
    assert wide.figures["validation_loss"].values[0] == pytest.approx(
        metrics["validation"]["loss"], rel=1e-4
    )
    assert wide.figures["train_loss"].values[0] == history[run.kept - 1]["train_loss"]
    assert wide.figures["last_epoch"].values == (3.0, 3.0)
    assert wide.figures["minutes"].values[0] == metrics["training_seconds"] / 60
    assert wide.parameters == metrics["parameters"]
    assert wide.bytes == (folder / "model.onnx").stat().st_size
    assert [each.seeds for each in wide.history] == [2, 2, 2]
    assert wide.figures["flops"].mean > 0
    assert "flops" not in small.done.result.models[2].figures


def test_what_is_not_there_is_named(small):
    result = small.done.result
    assert result.missing == {"narrow-1": "not trained yet"}
    assert [len(each.runs) for each in result.models] == [1, 2, 1]
    assert "Not complete. narrow-1: not trained yet" in list(tables.summary(result))
    assert (result.train, result.validation, result.test) == (140, 20, 40)


def test_texts_are_read_once(small, monkeypatch):
    kept = small.plan.output / "verdicts" / "wide-0.npz"
    before = kept.stat().st_mtime_ns
    monkeypatch.setattr(tested, "load", None)
    again = gathered(small.plan)
    assert kept.stat().st_mtime_ns == before
    assert again.models == small.done.result.models


def test_answers_of_another_model_are_not_taken(small, tmp_path: Path):
    kept = tmp_path / "kept.npz"
    one = tested.answers(job(small, "wide-0").folder, ["film was great"], kept)
    other = tested.answers(job(small, "wide-1").folder, ["film was great"], kept)
    assert not np.array_equal(one.logits, other.logits)
    kept.write_bytes(b"damaged")
    again = tested.answers(job(small, "wide-1").folder, ["film was great"], kept)
    assert np.array_equal(again.logits, other.logits)
    assert again.temperature == other.temperature


def test_a_threshold_moves_verdicts_and_nothing_else(small):
    examples = load_split(
        small.plan.source, small.plan.options, job(small, "wide-0").config.data, "test"
    )
    texts = [each.text for each in examples]
    found = tested.answers(job(small, "wide-0").folder, texts, small.plan.output / "x.npz")
    usual, moved = (
        tested.verdicts(found, examples, ("negative", "positive"), threshold)
        for threshold in (0.0, 0.5)
    )
    assert usual.predicted.tolist() == usual.probabilities.argmax(axis=1).tolist()
    assert moved.predicted.tolist() == (found.logits[:, 0] > 0.5).astype(int).tolist()
    assert np.array_equal(usual.probabilities, moved.probabilities)
    empty = msgspec.structs.replace(found, tokens_read=np.zeros(len(texts), dtype=np.int32))
    assert set(tested.chosen(empty, 0.5).tolist()) == {-1}


def test_a_contender_can_read_the_runs_of_another(small):
    wide = small.plan.contenders[1]
    moved = Contender(
        "moved", wide.preset, title="rule", weights="wide", threshold=50.0, against="wide"
    )
    asked = msgspec.structs.replace(small.plan, contenders=(wide, moved))
    result = gathered(asked)
    usual, changed = (np.array(each.confusion) for each in result.models)
    assert usual[:, 1].all()
    assert changed[:, 1].tolist() == [0, 0]
    assert changed.sum(axis=1).tolist() == usual.sum(axis=1).tolist()
    found = tables.changes(result)
    assert found is not None
    assert [row[:3] for row in found.rows] == [("wide", "–", "–"), ("moved", "rule", "wide")]
    (pair,) = result.comparisons
    assert found.rows[1][4].startswith(f"{-100 * pair.difference:+.2f} (")
    assert tables.changes(small.done.result) is None


def test_runs_may_stand_elsewhere_and_must_have_begun_alike(small, tmp_path: Path):
    elsewhere = msgspec.structs.replace(
        small.plan, output=tmp_path / "report", runs=small.plan.output / "runs"
    )
    assert [each.confusion for each in gathered(elsewhere).models] == [
        each.confusion for each in small.done.result.models
    ]
    begun = msgspec.structs.replace(small.plan.contenders[1], start_from="runs/lm")
    with pytest.raises(ConfigError, match="other settings: --start-from"):
        gathered(msgspec.structs.replace(elsewhere, contenders=(begun,)))


def test_runs_with_other_settings_are_refused(small):
    asked = msgspec.structs.replace(small.plan, settings=("train.lr=0.5",))
    with pytest.raises(ConfigError, match=r"narrow-0 was trained with other settings: train\.lr"):
        work.study(asked, train=False)


def test_nothing_finished_is_said(small, tmp_path: Path):
    asked = msgspec.structs.replace(small.plan, output=tmp_path / "new")
    with pytest.raises(DataError, match=r"no run in .* is finished: not trained yet"):
        work.study(asked, train=False)
    inside = msgspec.structs.replace(small.plan, output=job(small, "wide-0").folder)
    with pytest.raises(OutputError, match="is a model folder"):
        work.study(inside, train=False)


def test_the_data_file_holds_all_that_is_shown(small):
    data = json.loads(small.done.report.data.read_text())
    assert [each["contender"]["name"] for each in data["models"]] == ["narrow", "wide", "tfidf"]
    assert data["protocol"] == "study"
    assert set(data["provenance"]) >= {"command", "commit", "date", "machine", "versions"}
    assert len(data["comparisons"]) == 3
    assert data["tricky"][0]["review"]["note"] == "plain"
    readings = data["tricky"][0]["readings"]
    assert [len(each["probabilities"]) for each in readings] == [1, 2, 1]
    assert readings[1]["verdicts"] == ["positive", "positive"]


class _Page(HTMLParser):
    """Checks that tags are closed in order; collects tags and text."""

    VOID = ("meta", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_whole_and_needs_nothing_else(small):
    content = small.done.report.page.read_text(encoding="utf-8")
    page = _Page()
    page.feed(content)
    assert page.open == []
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in page.tags}
    assert not any(name in attributes for _, attributes in page.tags for name in ("src", "href"))
    assert "url(" not in content
    assert "://" not in content.replace(small.plan.source, "")
    assert "prefers-color-scheme: dark" in content
    assert sum(tag == "svg" for tag, _ in page.tags) == 8 + 3
    assert "film 2 was dreadful | but <b>odd</b>" in page.text
    assert "<b>odd" not in content


def test_markdown_has_a_table_of_every_kind_and_its_pictures(small):
    text = small.done.report.markdown.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| wide |")]
    assert len(rows) == 2
    assert "± " in rows[0]
    for name in ("loss_epoch_plot", "accuracy_parameters", "calibration", "roc"):
        assert f"({name}.png)" in text
        assert (small.plan.output / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (small.plan.output / f"{name}.svg").is_file()
    assert "film 2 was dreadful \\| but <b>odd</b>" in text
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines() if "film" in line}
    assert widths == {6}


def test_charts_show_what_the_result_holds(small):
    found = {each.name: each for each in charts.charts(small.done.result)}
    loss = found["loss_epoch_plot"]
    wide = next(line for line in loss.lines if line.name == "wide" and not line.dashed)
    assert [point.x for point in wide.points] == [1, 2, 3]
    assert wide.points[0].y == small.done.result.models[1].history[0].validation_loss
    assert [line.name for line in found["accuracy_flops"].lines] == ["narrow", "wide"]
    lengths = found["accuracy_by_length"]
    assert lengths.bands == ("0–25",)
    (low, high), _ = charts.limits(lengths)
    assert all(low < point.x < high for line in lengths.lines for point in line.points)


def test_ticks_are_round():
    assert svg.ticks(0.812, 0.934) == [0.825, 0.85, 0.875, 0.9, 0.925]
    assert svg.log_ticks(3e6, 2e8) == [5e6, 1e7, 2e7, 5e7, 1e8, 2e8]
    assert svg.log_ticks(1e3, 1e9) == [1e3, 1e5, 1e7, 1e9]
    assert [svg.si(each) for each in (15_175_681, 200_000, 5e15, 12.34)] == [
        *("15.2M", "200k", "5P", "12.3"),
    ]


def test_tricky_reviews_are_read_from_json_lines(tmp_path: Path, shared_data: Path):
    path = tmp_path / "tricky.jsonl"
    path.write_text('{"text": "a", "label": "mixed", "other": 1}\n\n{"text": "b"}\n')
    first, second = tricky.read(path)
    assert (first.text, first.label, second.label) == ("a", "mixed", "")
    for content, message in (
        ('{"label": "a"}\n', "line 1: .*`text`"),
        ('{"text": "a"}\n[1\n', "line 2"),
        ("\n", "holds no review"),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=message):
            tricky.read(path)
    with pytest.raises(DataError, match="No such file"):
        tricky.read(tmp_path / "none.jsonl")
    assert len(tricky.read(shared_data / "seed" / "tricky_reviews.jsonl")) == 23


def test_some_steps_tell_the_speed(small, tmp_path: Path):
    from undertone.data.source import load_training
    from undertone.study import steps

    contender = msgspec.structs.replace(small.plan.contenders[1], steps=2)
    timed = plan.job_of(small.plan, contender, 0)
    data = load_training(small.plan.source, small.plan.options, timed.config.data)
    path = tmp_path / "steps.json"
    assert steps.kept(timed, data.digest, path) is None
    speed = steps.measure(timed, data, path)
    assert (speed.steps, speed.epochs) == (2, 3)
    assert speed.minutes == pytest.approx(140 * 3 / speed.reviews_per_second / 60)
    assert speed.parameters == small.done.result.models[1].parameters
    assert steps.kept(timed, data.digest, path) == speed
    assert steps.kept(timed, "another", path) is None
    more = plan.job_of(small.plan, msgspec.structs.replace(contender, steps=3), 0)
    assert steps.kept(more, data.digest, path) is None
