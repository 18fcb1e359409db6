"""``undertone distill`` from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from undertone import modelfolder
from undertone.cli.entry import run

TINY = ("network.embedding_dim=8", "network.hidden_dim=8", "train.threads=1", "train.epochs=1")


def settings() -> list[str]:
    return [word for each in TINY for word in ("--set", each)]


def test_a_student_from_the_command_line(
    sample_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["distill", "--teachers", str(sample_model), "--data", "sample", "--preset", "sample"]
    assert run([*words, *settings()]) == 0
    folder = tmp_path / "runs" / "sample-distilled-sample"
    told = capfd.readouterr()
    assert "undertone evaluate runs/sample-distilled-sample --data sample" in told.out
    assert f"{sample_model.name} reads" in told.err
    assert modelfolder.read(folder).data["teachers"] == sample_model.name


@pytest.mark.parametrize(
    ("teachers", "said"),
    [(",", "there is no teacher"), ("nowhere", "no model folder at nowhere")],
)
def test_bad_teachers_are_refused_in_one_line(
    teachers: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["distill", "--teachers", teachers, "--data", "sample"]) == 2
    error = capfd.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_teachers_of_other_labels_are_refused(
    sample_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "stars.csv"
    rows = "".join(f"a film of {i} words,{'123'[i % 3]}\n" for i in range(60))
    source.write_text(f"text,label\n{rows}", encoding="utf-8")
    words = ["distill", "--teachers", str(sample_model), "--data", str(source)]
    assert run([*words, "--output", str(tmp_path / "student")]) == 2
    error = capfd.readouterr().err
    assert "the source has the labels 1, 2, 3, the teacher " in error
    assert " negative, positive. Name teachers" in error
    assert not (tmp_path / "student").exists()
