"""Teachers and student: who may judge which review, and what the student learns from."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from undertone import distillation, modelfolder, training
from undertone.config import load_preset
from undertone.data.examples import Example, SourceOptions
from undertone.data.source import TrainingData, load_training
from undertone.errors import ConfigError
from undertone.inference import Model, load
from undertone.lesson import make_lesson

LABELS = ("negative", "positive")


class Oracle:
    """A teacher whose logits are given by text."""

    def __init__(self, digest: str, temperature: float, **logits: float) -> None:
        self.digest, self.name, self.temperature, self.labels = digest, digest, temperature, LABELS
        self.known = logits
        self.asked = 0

    def logits(self, texts: list[str]) -> Any:
        """As ``Model.logits``."""
        self.asked += 1
        return SimpleNamespace(logits=np.array([[self.known[each]] for each in texts], np.float32))


def review(text: str, label: str | None) -> Example:
    return Example(text=text, label=label, name=text)


@pytest.fixture
def data() -> TrainingData:
    train = (review("a", "positive"), review("b", "negative"))
    return TrainingData(train, (review("v", "positive"),), LABELS, "digest", ())


def lesson(
    teachers: list[Oracle], taught: list[set[str]], data: TrainingData, cache: Path, share: float
) -> np.ndarray[Any, Any]:
    made = make_lesson(
        cast("list[Model]", teachers),
        [frozenset(names) for names in taught],
        data,
        (review("u", None),),
        load_preset("sample", [f"distill.label_share={share}"]),
        cache,
    )
    assert [each.name for each in made.reviews] == ["a", "b", "u"]
    return made.targets


def sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def test_a_teacher_is_silent_on_what_it_learnt_from(data: TrainingData, tmp_path: Path) -> None:
    first = Oracle("first", 1.0, a=4.0, b=4.0, u=1.0)
    second = Oracle("second", 2.0, a=-2.0, b=2.0, u=4.0)
    targets = lesson([first, second], [{"a", "b"}, {"b"}], data, tmp_path, share=0.25)
    # a: only the second may speak, at its temperature 2: sigmoid(-1); a quarter is the label.
    assert targets[0, 1] == pytest.approx(0.25 + 0.75 * sigmoid(-1.0), abs=1e-6)
    # b: both learnt from it, so the label alone counts.
    assert targets[1].tolist() == [1.0, 0.0]
    # u: the mean of the calibrated logits 1 and 2.
    assert targets[2, 1] == pytest.approx(sigmoid(1.5), abs=1e-6)
    np.testing.assert_allclose(targets.sum(axis=1), 1.0, atol=1e-6)


def test_a_sentence_is_judged_by_itself_and_by_its_review(
    data: TrainingData, tmp_path: Path
) -> None:
    text = "One two three four. Five six."  # the second sentence is too short
    teacher = Oracle("t", 1.0, **{text: 2.0, "One two three four.": -1.0})
    made = make_lesson(
        [cast("Model", teacher)],
        [frozenset({"a", "b"})],
        data,
        (review(text, None),),
        load_preset("sample", ["distill.sentences=1", "distill.context=0.5"]),
        tmp_path,
        also=(review("more", "negative"), review("more", "negative")),
    )
    assert [each.text for each in made.reviews[3:]] == ["One two three four.", "more", "more"]
    around = 0.5 * sigmoid(2.0) + 0.25
    odds = np.exp(-1.0) * around / (1 - around)
    assert made.targets[3, 1] == pytest.approx(odds / (1 + odds), abs=1e-6)
    assert made.targets[4:].tolist() == [[1.0, 0.0], [1.0, 0.0]]


def test_sentences_can_have_teachers_of_their_own(data: TrainingData, tmp_path: Path) -> None:
    text = "One two three four. Five six."
    teacher, reader = Oracle("t", 1.0, **{text: 2.0}), Oracle("r", 2.0, **{text[:19]: 3.0})
    made = make_lesson(
        [cast("Model", teacher)],
        [frozenset({"a", "b"})],
        data,
        (review(text, None),),
        load_preset("sample", ["distill.sentences=1", "distill.context=0"]),
        tmp_path,
        sentence_teachers=[cast("Model", reader)],
    )
    assert made.targets[2:, 1].tolist() == pytest.approx([sigmoid(2.0), sigmoid(1.5)], abs=1e-6)


def test_teachers_of_no_sentences_are_refused(tmp_path: Path, sample_model: Path) -> None:
    with pytest.raises(ConfigError, match="there are teachers for sentences, but no sentences"):
        distillation.distill(
            [sample_model],
            "sample",
            config=load_preset("sample"),
            output=tmp_path / "x",
            sentence_teachers=[sample_model],
        )


def test_answers_are_kept_for_a_resumed_run(data: TrainingData, tmp_path: Path) -> None:
    teacher = Oracle("t", 1.0, a=0.3, b=0.1, u=-0.7)
    first = lesson([teacher], [set()], data, tmp_path, share=0.0)
    again = lesson([teacher], [set()], data, tmp_path, share=0.0)
    assert teacher.asked == 1
    np.testing.assert_array_equal(first, again)


def test_folds_leave_each_review_to_one_teacher() -> None:
    options = SourceOptions()
    whole = load_training("sample", options, load_preset("sample").data)
    left_out = []
    for fold in range(3):
        config = load_preset("sample", ["data.folds=3", f"data.fold={fold}"]).data
        part = load_training("sample", options, config)
        assert part.validation == whole.validation
        left_out.append({each.name for each in whole.train} - {each.name for each in part.train})
    assert sum(map(len, left_out)) == len(set.union(*left_out)) == len(whole.train)
    assert min(map(len, left_out)) > len(whole.train) // 5


@pytest.mark.parametrize("settings", [["data.folds=1"], ["data.folds=3", "data.fold=3"]])
def test_impossible_folds_are_refused(settings: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"data\.fold"):
        load_preset("sample", settings)


def test_a_student_of_a_fold_teacher(tmp_path: Path) -> None:
    tiny = ["network.embedding_dim=8", "network.hidden_dim=8", "train.threads=1", "train.epochs=2"]
    teacher = tmp_path / "teacher"
    folds = [*tiny, "data.folds=3", "data.fold=1"]
    training.train("sample", config=load_preset("sample", folds), output=teacher)
    heard: list[str] = []
    student = tmp_path / "student"
    distillation.distill(
        [teacher],
        "sample",
        config=load_preset("sample", tiny),
        output=student,
        on_event=lambda event: heard.append(str(event)),
    )
    whole = load_training("sample", SourceOptions(), load_preset("sample").data)
    part = load_training("sample", SourceOptions(), load_preset("sample", folds).data)
    judged = len(whole.train) - len(part.train)
    assert any(f"of {len(whole.train):,} labelled ones {judged:,} by teachers" in h for h in heard)
    assert not list(student.glob(".teacher-*"))
    assert modelfolder.read(student).data["teachers"] == "teacher"
    assert load(student).predict("A fine film.").label in LABELS


def test_no_teacher_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no teacher"):
        distillation.distill([], "sample", config=load_preset("sample"), output=tmp_path / "x")
    assert not (tmp_path / "x").exists()
