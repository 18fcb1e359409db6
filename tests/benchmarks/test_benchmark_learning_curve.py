"""The learning curve: its draws, its schedule, its picture, and a small run of it all."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from benchmarks.learning_points import Point, Recipe, Reviews, Score

from benchmarks import learning_curve, learning_plot, learning_points, learning_report
from undertone.config import load_preset
from undertone.data.examples import Example
from undertone.errors import ConfigError, DataError, ModelFolderError
from undertone.evaluation.intervals import wilson

LABELS = ("negative", "positive")
SETTINGS = (
    *("network.embedding_dim=8", "network.hidden_dim=8", "train.epochs=2", "train.threads=1"),
    *("pretrain.epochs=1", "pretrain.streams=8", "pretrain.stretch=16", "pretrain.negatives=32"),
)


def examples(count: int, films: int = 40) -> list[Example]:
    """Two thirds are positive; neighbours share a film."""
    return [
        Example(
            text=f"{'good' if place % 3 else 'bad'} film {place}",
            label=LABELS[bool(place % 3)],
            name=f"row {place}",
            group=f"film {place * films // count}",
        )
        for place in range(count)
    ]


def test_a_draw_has_every_label_equally_often():
    reviews = examples(300)
    drawn = learning_points.draw(reviews, LABELS, 50, seed=0)
    assert Counter(each.label for each in drawn) == {"negative": 25, "positive": 25}
    assert [each.name for each in drawn] == [each.name for each in reviews if each in drawn]
    odd = learning_points.draw(reviews, LABELS, 51, seed=0)
    assert Counter(each.label for each in odd) == {"negative": 26, "positive": 25}


def test_a_larger_draw_holds_the_smaller_and_another_seed_draws_others():
    reviews = examples(300)
    small, large, other = (
        {each.name for each in learning_points.draw(reviews, LABELS, count, seed=seed)}
        for count, seed in ((40, 3), (120, 3), (40, 4))
    )
    assert small < large
    assert small != other


def test_too_few_reviews_of_a_label_are_named():
    with pytest.raises(DataError, match="need 120 with the label 'negative'; there are 100"):
        learning_points.draw(examples(300), LABELS, 240, seed=0)


def test_validation_is_cut_from_the_draw_by_film():
    drawn = learning_points.draw(examples(900, films=120), LABELS, 200, seed=0)
    data = learning_points.divided(drawn, LABELS, load_preset("sample"))
    assert sorted(each.name for each in (*data.train, *data.validation)) == sorted(
        each.name for each in drawn
    )
    assert len(data.validation) == pytest.approx(20, abs=4)
    assert {each.group for each in data.train}.isdisjoint(each.group for each in data.validation)
    other = learning_points.divided(drawn[1:], LABELS, load_preset("sample"))
    assert other.digest != data.digest


def test_few_reviews_are_passed_over_more_often():
    config = load_preset("base", ["train.epochs=5", "train.patience=2", "train.unfreeze=0.3"])
    # Six steps an epoch, thirty in all: twenty times as many.
    few = learning_points.stretched(config, 180, least_steps=600).train
    assert (few.epochs, few.patience) == (100, 40)
    assert few.unfreeze == pytest.approx(6.0)
    assert learning_points.stretched(config, 21_800, least_steps=600) == config


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model of the sample reviews, of no use but the right shape."""
    from undertone.training.pretrain import pretrain

    folder = tmp_path_factory.mktemp("start") / "lm"
    pretrain("sample", config=load_preset("sample", SETTINGS), output=folder)
    return folder


@pytest.fixture
def recipe(language_model: Path) -> Recipe:
    return Recipe(load_preset("sample", SETTINGS), language_model, 1, 1)


def test_stored_points_are_found_by_all_that_decides_them(recipe: Recipe):
    reviews = Reviews(tuple(examples(60)), tuple(examples(20)), LABELS)
    found = learning_points.identity(reviews, recipe)
    assert found == learning_points.identity(reviews, msgspec.structs.replace(recipe, threads=2))
    others = [
        (reviews, msgspec.structs.replace(recipe, least_steps=2)),
        (
            reviews,
            msgspec.structs.replace(
                recipe, config=load_preset("sample", [*SETTINGS, "train.lr=1"])
            ),
        ),
        (msgspec.structs.replace(reviews, test=reviews.test[1:]), recipe),
        (msgspec.structs.replace(reviews, training=reviews.training[1:]), recipe),
    ]
    digests = {learning_points.identity(*each) for each in others}
    assert len(digests | {found}) == 5


def test_a_classifier_is_no_start_because_it_saw_labels(recipe: Recipe, sample_model: Path):
    reviews = Reviews(tuple(examples(60)), (), LABELS)
    with pytest.raises(ModelFolderError, match="is not an undertone language model"):
        learning_points.identity(reviews, msgspec.structs.replace(recipe, start_from=sample_model))


def point(count: int, seed: int, network: float, bigrams: float, p_value: float = 1e-9) -> Point:
    scores = [
        Score(value, tuple(wilson(round(1000 * value), 1000)), 60.0, {})
        for value in (network, bigrams)
    ]
    return Point(count, seed, count, 0, *scores, 90, 40, "exact", p_value)


def result(points: list[Point], missing: list[str], recipe: Recipe) -> dict[str, Any]:
    reviews = Reviews(tuple(examples(1200)), tuple(examples(1000)), LABELS)
    return learning_report.report(points, missing, recipe, reviews)


def test_the_table_gives_means_over_seeds_and_the_largest_p(recipe: Recipe, tmp_path: Path):
    points = [point(200, 0, 0.80, 0.70), point(1200, 0, 0.92, 0.9), point(200, 1, 0.82, 0.71, 0.02)]
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result(points, ["1200-1"], recipe)))
    assert learning_report.table(path).splitlines()[2:] == [
        "| 200 | 2 | 81.00% | 70.50% | +10.50 | 0.0200 |",
        "| all 1,200 | 1 | 92.00% | 90.00% | +2.00 | < 0.0001 |",
        "",
        (
            "Means over seeds on 1,000 test reviews; p is the largest of all seeds. The network's "
            "own validation part comes out of its labelled reviews."
        ),
        "",
        "**Not complete**: missing are 1200-1.",
    ]


def test_the_picture_shows_means_and_the_seeds_whole_range(recipe: Recipe, tmp_path: Path):
    points = [point(200, 0, 0.80, 0.70), point(200, 1, 0.82, 0.71), point(1200, 0, 0.85, 0.9)]
    listed = result(points, [], recipe)["points"]
    (axes,) = learning_plot.curve(listed, 1200).axes
    network, bigrams = (container.lines[0] for container in axes.containers)
    np.testing.assert_allclose(network.get_xydata(), [[200, 0.81], [1200, 0.85]])
    np.testing.assert_allclose(bigrams.get_xydata()[:, 1], [0.705, 0.9])
    (bars,) = axes.containers[0].lines[2]
    ends = [wilson(800, 1000).low, wilson(820, 1000).high]
    np.testing.assert_allclose(bars.get_segments()[0][:, 1], ends)
    written = {text.get_text(): text.xyann[1] > 0 for text in axes.texts}
    assert written == {"81.0": True, "70.5": False, "85.0": False, "90.0": True}
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks == ["200", "all\n(1,200)"]
    png, svg = learning_plot.save(listed, 1200, tmp_path / "curve.json")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text()


@pytest.mark.parametrize("wrong", ["19", "200,many", ""])
def test_points_are_numbers_or_all(wrong: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        learning_curve.main(["--start-from", "lm", "--points", wrong])
    assert "is neither all nor at least 20" in capsys.readouterr().err


@pytest.mark.slow
def test_a_small_run_stores_every_point_and_goes_on(
    language_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = [part for each in SETTINGS for part in ("--set", each)]
    output, work = tmp_path / "learning-curve.json", tmp_path / "work"
    call = [
        *("--data", "sample", "--start-from", str(language_model), "--preset", "sample"),
        *settings,
        *("--threads", "1", "--least-steps", "10", "--work", str(work), "--output", str(output)),
    ]
    assert learning_curve.main([*call, "--points", "40"]) == 0
    first = json.loads(output.read_text())["points"]

    measure, seen = learning_curve.measure, []

    def broken(reviews, recipe, count, *rest):
        seen.append(count)
        if count > 60:
            raise ConfigError("stopped here.")
        return measure(reviews, recipe, count, *rest)

    monkeypatch.setattr(learning_curve, "measure", broken)
    assert learning_curve.main([*call, "--points", "40,60,all"]) == 2
    found = json.loads(output.read_text())
    assert seen == [60, found["all"]]
    assert found["missing"] == [f"{found['all']}-0"]
    assert found["points"][0] == first[0]
    assert [each["labels"] for each in found["points"]] == [40, 60]
    for each in found["points"]:
        assert each["train"] + each["validation"] == each["labels"]
        gap = (each["only_network"] - each["only_bigrams"]) / found["test_reviews"]
        assert each["network"]["accuracy"] - each["bigrams"]["accuracy"] == pytest.approx(
            gap, abs=1e-4
        )
    assert output.with_suffix(".svg").is_file()
    assert found["start_from"]["folder"] == "lm"


def test_more_reviews_than_there_are_is_one_line(
    language_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    call = ["--data", "sample", "--start-from", str(language_model), "--preset", "sample"]
    assert learning_curve.main([*call, "--points", "9000", "--work", str(tmp_path)]) == 2
    assert "labelled reviews, not 9,000" in capsys.readouterr().err


def test_bigrams_are_scikit_learns_with_the_chosen_penalty():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from undertone.data.examples import SourceOptions
    from undertone.data.source import load_split, load_training
    from undertone.settings import DataConfig

    taught = load_training("sample", SourceOptions(), DataConfig()).train[:200]
    test = load_split("sample", SourceOptions(), DataConfig(), "test")
    score, right = learning_points._bigrams(taught, test)
    reference = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        LogisticRegression(C=score.about["c"], max_iter=1000),
    ).fit([each.text for each in taught], [each.label for each in taught])
    texts, labels = [each.text for each in test], [each.label for each in test]
    assert score.accuracy == pytest.approx(reference.score(texts, labels))
    assert right.sum() == round(score.accuracy * len(test))
    assert score.accuracy > 0.6
