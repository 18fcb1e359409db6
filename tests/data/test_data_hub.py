"""Hugging Face data sets, with the package replaced by one of the same face."""

from __future__ import annotations

import sys
import types

import pytest

from undertone.data.examples import SourceOptions
from undertone.data.source import load_split, load_training, load_unlabelled, read_examples
from undertone.errors import DataError, MissingExtraError
from undertone.settings import DataConfig

OPTIONS = SourceOptions()
CONFIG = DataConfig()


class Labels:
    """Like ``datasets.ClassLabel``."""

    names = ("neg", "pos")


class Table:
    """Like ``datasets.Dataset``: sized, iterable, with typed columns."""

    def __init__(self, rows, label_type):
        self.rows = rows
        self.features = {"text": None, "label": label_type}
        self.column_names = ["text", "label"]
        self.read = 0

    def __len__(self):
        return len(self.rows)

    def __iter__(self):
        for text, label in self.rows:
            self.read += 1
            yield {"text": text, "label": label}


@pytest.fixture
def hub(monkeypatch):
    sets = {
        "imdb": {
            "train": Table([(f"train {n}", n % 2) for n in range(40)], Labels()),
            "test": Table([(f"test {n}", n % 2) for n in range(10)], Labels()),
            "unsupervised": Table([(f"unsup {n}", -1) for n in range(5)], Labels()),
        },
        "plain": {"train": Table([("a", "x"), ("b", "y"), ("c", None)], None)},
        "odd": {"part one": Table([("a", 0)], Labels())},
    }
    asked = []

    def load_dataset(path, configuration=None):
        asked.append((path, configuration))
        if path not in sets:
            raise FileNotFoundError(f"Dataset '{path}' doesn't exist.\nA second line.")
        return sets[path]

    module = types.ModuleType("datasets")
    module.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)
    return types.SimpleNamespace(sets=sets, asked=asked)


def test_splits_and_names_of_labels(hub):
    data = load_training("hf:imdb", OPTIONS, CONFIG)
    assert data.labels == ("neg", "pos")
    assert (len(data.train), len(data.validation)) == (36, 4)
    test = load_split("hf:imdb", OPTIONS, CONFIG, "test", data.labels)
    assert [(each.name, each.text, each.label) for each in test[:2]] == [
        ("imdb/test row 1", "test 0", "neg"),
        ("imdb/test row 2", "test 1", "pos"),
    ]


def test_rows_of_other_splits_are_not_read(hub):
    load_training("hf:imdb", OPTIONS, CONFIG)
    assert hub.sets["imdb"]["test"].read == 0
    assert hub.sets["imdb"]["unsupervised"].read == 0
    assert hub.sets["imdb"]["train"].read == 40


def test_unlabelled(hub):
    assert [each.text for each in load_unlabelled("hf:imdb", OPTIONS)] == [
        f"unsup {n}" for n in range(5)
    ]


def test_labels_as_text_and_a_configuration(hub):
    examples = list(read_examples("hf:plain:small", OPTIONS))
    assert hub.asked == [("plain", "small")]
    assert [each.label for each in examples] == ["x", "y", None]


def test_exclude(hub, tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("imdb/test row 2\n")
    test = load_split("hf:imdb", SourceOptions(exclude=path), CONFIG, "test")
    assert "imdb/test row 2" not in [each.name for each in test]
    assert len(test) == 9


def test_refusals(hub):
    with pytest.raises(DataError, match=r"^cannot load hf:none: Dataset 'none' doesn't exist\. Ch"):
        list(read_examples("hf:none", OPTIONS))
    with pytest.raises(DataError, match=r"^hf:odd: the split column holds 'part one'"):
        list(read_examples("hf:odd", OPTIONS))
    with pytest.raises(DataError, match="has no encoding latin-1"):
        list(read_examples("hf:imdb", SourceOptions(encoding="latin-1")))


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"undertone\[datasets\]"):
        list(read_examples("hf:imdb", OPTIONS))
