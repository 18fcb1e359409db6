"""A model that may abstain, and why it does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_model import sigmoid

from undertone import modelfolder
from undertone.errors import ConfigError, ModelFolderError
from undertone.inference import load, score_file
from undertone.inference.doubt import between, kind_of_doubt

Build = Callable[..., Path]
# Coverage c has the threshold c: a label is possible from a probability of 1 - c.
THRESHOLDS = [round(0.5 + number / 1000, 3) for number in range(500)]


def calibrated(folder: Path, **more: object) -> Path:
    content = {"temperature": 1.0, "conformal": THRESHOLDS} | more
    (folder / modelfolder.CALIBRATION).write_text(json.dumps(content))
    modelfolder.write(folder, modelfolder.read(folder))
    return folder


def test_a_model_abstains_where_two_labels_stay_possible(build: Build):
    model = load(calibrated(build()))
    sure = "great great good"
    unsure, empty = "film", "   "
    plain = model.predict([sure, unsure, empty])
    found = model.abstaining(0.8).predict([sure, unsure, empty])
    assert found[0] == plain[0]
    assert (found[1].label, found[1].status) == ("uncertain", "uncertain")
    assert found[1].probability == pytest.approx(sigmoid(0.125))
    assert found[1].probabilities == plain[1].probabilities
    assert found[1].likeliest == plain[1].label == "positive"
    assert found[2] == plain[2]
    assert found[2].likeliest is None
    assert model.predict(unsure).status == "ok"


def test_a_higher_coverage_abstains_more(build: Build):
    model = load(calibrated(build()))
    text = "good"  # probability 0.893
    assert model.abstaining(0.88).predict(text).status == "ok"
    assert model.abstaining(0.9).predict(text).status == "uncertain"


def test_a_model_abstains_where_no_label_stays_possible(build: Build):
    model = load(calibrated(build(), conformal=[0.01] * 500))
    assert model.abstaining(0.5).predict("film").status == "uncertain"


def test_the_digest_tells_models_that_abstain_apart(build: Build):
    model = load(calibrated(build()))
    digests = {model.digest, *(model.abstaining(each).digest for each in (0.8, 0.9, 0.9))}
    assert len(digests) == 3


def test_files_are_scored_with_doubt(build: Build, tmp_path: Path):
    (tmp_path / "in.csv").write_text("text\ngreat great good\nfilm\n")
    score_file(load(calibrated(build())).abstaining(0.8), tmp_path / "in.csv", tmp_path / "out.csv")
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert rows[1].endswith(",ok")
    assert rows[2] == "film,uncertain,0.531209,1,1,uncertain"


def test_an_explanation_still_explains(build: Build):
    weights = {"good": (0.0, 0.0, 3.0), "bad": (3.0, 0.0, 0.0), "film": (0.0, 2.0, 0.0)}
    folder = build(
        labels=("bad", "middling", "good"), weights=tuple(weights.items()), bias=(0.0, 0.0, 0.0)
    )
    found = load(calibrated(folder)).abstaining(0.9).explain("good bad bad")
    assert found.prediction.label == "uncertain"
    assert found.label == "bad"


def test_int8_has_thresholds_of_its_own(build: Build):
    folder = calibrated(build(int8_shift=0.0))
    assert load(folder, precision="float32").abstaining(0.9).threshold == 0.9
    with pytest.raises(ModelFolderError, match="no thresholds of doubt for int8"):
        load(folder).abstaining(0.9)
    calibrated(folder, conformal_int8=[0.25] * 500)
    assert load(folder).abstaining(0.9).threshold == 0.25


def test_a_folder_without_thresholds_says_so(build: Build):
    with pytest.raises(ModelFolderError, match="tiny holds no thresholds of doubt for float32"):
        load(build()).abstaining(0.9)


@pytest.mark.parametrize("flaw", [[], [0.5], [2.0] * 500, "x", [True] * 500, {"a": 1}])
def test_thresholds_that_are_none_are_refused(build: Build, flaw):
    folder = calibrated(build(), conformal=flaw)
    with pytest.raises(ModelFolderError, match="holds thresholds of doubt that are none"):
        load(folder)


def test_a_coverage_out_of_range_is_refused(build: Build):
    with pytest.raises(ConfigError, match="a coverage of 95 is out of range"):
        load(calibrated(build())).abstaining(95)


def test_mixed_and_unclear(build: Build):
    model = load(build())
    # Each word adds its weight over the number of words.
    assert model.doubt("great awful") == "mixed"
    assert model.doubt("great awful film film film film film film") == "unclear"
    assert model.doubt("film film") == "unclear"
    assert model.doubt("great great") == "unclear"
    assert model.doubt("") == "unclear"


def test_the_temperature_weakens_contributions(build: Build):
    assert load(build(temperature=4.0)).doubt("great awful") == "unclear"


def test_of_many_labels_the_two_likeliest_count():
    parts = np.array([[0.0, 2.0, 0.0], [5.0, 0.0, 3.0], [-9.0, 0.0, 0.0]])
    added = between(parts, np.array([-4.0, 2.0, 3.0]))
    assert added.tolist() == [-2.0, 3.0, 0.0]
    assert kind_of_doubt(added) == "mixed"
