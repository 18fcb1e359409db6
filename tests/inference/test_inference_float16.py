"""Graphs whose weights are stored in 16 bits: half the size, nearly the same scores."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from tools import package_model

import undertone
from undertone import files, modelfolder
from undertone.config import load_preset
from undertone.data.examples import SourceOptions
from undertone.data.source import load_split
from undertone.errors import ModelFolderError
from undertone.evaluation.export import export_int8
from undertone.inference.quantisation import store_in_float16


@pytest.fixture(scope="module")
def exported(sample_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "m"
    shutil.copytree(sample_model, folder)
    export_int8(folder, source="sample")
    return folder


def texts() -> list[str]:
    found = load_split("sample", SourceOptions(), load_preset("sample").data, "validation")
    return [each.text for each in found]


def test_half_the_size_and_nearly_the_same_scores(exported: Path, tmp_path: Path) -> None:
    target, measured = tmp_path / "copy", tmp_path / "metrics.json"
    figures = json.loads((exported / modelfolder.COMPARISON).read_text())["float32"]
    digest = files.sha256(exported / modelfolder.MANIFEST)
    about = {"reviews": 9, "split": "test", "model": {"digest": digest}, "figures": figures}
    measured.write_text(json.dumps(about))
    words = [str(exported), "--float16", str(target), "--measured", str(measured)]
    assert package_model.main(words) == 0
    sizes = [(folder / modelfolder.GRAPH).stat().st_size for folder in (exported, target)]
    assert 0.5 < sizes[1] / sizes[0] < 0.6
    whole, half = undertone.load(exported, precision="float32"), undertone.load(target)
    assert half.precision == "float32"
    ours, theirs = (model.logits(texts()).logits for model in (half, whole))
    assert 0 < np.abs(ours - theirs).max() < 0.01
    explained = half.explain(texts()[0])
    total = explained.base + sum(token.contribution for token in explained.tokens)
    assert total == pytest.approx(float(ours[0, 0]), abs=1e-5)
    assert (target / modelfolder.CARD).read_text().startswith("# copy\n")
    modelfolder.verify(target, modelfolder.read(target))


def test_what_is_too_large_for_float16_is_refused(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported / modelfolder.GRAPH)
    (table,) = (each for each in model.graph.initializer if each.name == "embedding")
    values = onnx.numpy_helper.to_array(table).copy()
    values[3, 2] = 1e6
    table.CopyFrom(onnx.numpy_helper.from_array(values, table.name))
    onnx.save(model, tmp_path / "large.onnx")
    with pytest.raises(ModelFolderError, match=r"embedding .* holds numbers beyond 65,504"):
        store_in_float16(tmp_path / "large.onnx", tmp_path / "half.onnx")
    assert not (tmp_path / "half.onnx").exists()
