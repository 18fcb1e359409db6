"""``undertone models`` and ``undertone download``."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from undertone import modelfolder
from undertone.config import load_preset
from undertone.errors import DataError

STUDY = {"lstm-15m": 15_175_681, "lstm-45m": 45_031_425, "lstm-148m": 148_783_105}


def make_folder(path: Path) -> None:
    path.mkdir(parents=True)
    metrics = {"parameters": 1234, "validation": {"accuracy": 0.875, "loss": 0.3}}
    (path / "metrics.json").write_bytes(msgspec.json.encode(metrics))
    (path / "model.onnx").write_bytes(b"x" * 1_999_000)
    manifest = modelfolder.Manifest(labels=("bad", "good"), config=load_preset("small"))
    modelfolder.write(path, manifest)


def test_presets_with_exact_parameters(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = json.loads(cli("models", "--json").out)
    presets = {each["name"]: each for each in found["presets"]}
    assert {name: presets[name]["parameters"] for name in STUDY} == STUDY
    assert presets["lstm-15m"]["network"]["layers"] == 5
    assert presets["small"]["max_tokens"] == load_preset("small").text.max_tokens


def test_models_found_under_runs(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "runs" / "mine")
    (tmp_path / "runs" / "unfinished").mkdir()
    found = json.loads(cli("models", "--json").out)
    mine = next(each for each in found["models"] if each["path"] == "runs/mine")
    assert mine["labels"] == ["bad", "good"]
    assert mine["preset"] == "small"
    assert mine["parameters"] == 1234
    assert mine["validation_accuracy"] == 0.875
    assert mine["bytes"] == 1_999_000 + (tmp_path / "runs/mine/metrics.json").stat().st_size
    assert not any("unfinished" in each["path"] for each in found["models"])


def test_a_damaged_model_is_listed_with_its_fault(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "runs" / "mine")
    (tmp_path / "runs" / "mine" / "metrics.json").write_text("{")
    (tmp_path / "runs" / "other").mkdir()
    (tmp_path / "runs" / "other" / "config.json").write_text('{"format": "else"}')
    outcome = cli("models")
    assert outcome.code == 0
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert "runs/mine small - 2.0 MB - bad, good" in lines
    assert any("runs/other is not an undertone model" in line for line in lines)


def test_as_text(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "runs" / "mine")
    lines = [" ".join(line.split()) for line in cli("models").out.splitlines()]
    assert (
        "lstm-15m 15,175,681 256 tokens lstm, 5 layers of 256, both directions, "
        "embedding 256, pooling last"
    ) in lines
    assert "runs/mine small 1,234 2.0 MB 87.5% bad, good" in lines


def test_download_says_where_the_file_is_and_what_to_do_next(cli, tmp_path, monkeypatch):
    def download(target, *, progress):
        progress(84, 84)
        return target or tmp_path / "aclImdb_v1.tar.gz"

    monkeypatch.setattr("undertone.data.download.download_imdb", download)
    outcome = cli("download", "imdb")
    assert outcome.code == 0
    assert outcome.out == f"imdb: {tmp_path}/aclImdb_v1.tar.gz\nnext: undertone inspect imdb\n"
    assert outcome.err == ""
    assert cli("download", "imdb", "--output", "x.tar.gz").out == (
        "imdb: x.tar.gz\nnext: undertone inspect x.tar.gz\n"
    )


def test_a_failed_download_is_one_line(cli, monkeypatch):
    def download(target, *, progress):
        raise DataError("cannot fetch it.", "Check the connection.")

    monkeypatch.setattr("undertone.data.download.download_imdb", download)
    outcome = cli("download", "imdb")
    assert (outcome.code, outcome.error) == (2, "error: cannot fetch it. Check the connection.")


def test_an_unknown_data_set_lists_those_there_are(cli):
    outcome = cli("download", "imbd")
    assert outcome.code == 2
    assert "'imbd'" in outcome.error
    assert "imdb" in outcome.error.replace("imbd", "")
