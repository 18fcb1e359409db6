"""The model inside the package and that of the repository: what they hold, and that they read."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import undertone
from undertone import modelfolder

ROOT = Path(__file__).parents[1]
PLAIN = [
    ("I loved it.", "positive"),
    ("A wonderful film, warm and very funny.", "positive"),
    ("Dull, badly acted and far too long. A waste of time.", "negative"),
    ("The worst film of the year, boring from start to finish.", "negative"),
]


@pytest.fixture(scope="module")
def model():
    return undertone.load()


@pytest.fixture(scope="module")
def base():
    return undertone.load(ROOT / "models" / "base")


def test_is_int8_and_at_most_eight_megabytes(model):
    sizes = [path.stat().st_size for path in model.folder.iterdir()]
    assert model.precision == "int8"
    assert sum(sizes) <= 8_000_000
    modelfolder.verify(model.folder, modelfolder.read(model.folder))


def test_the_large_one_is_at_most_forty_megabytes(base):
    assert sum(path.stat().st_size for path in base.folder.iterdir()) <= 40_000_000
    modelfolder.verify(base.folder, modelfolder.read(base.folder))


def test_the_large_one_is_the_one_that_was_measured(base):
    figures = json.loads((ROOT / "results" / "base" / "metrics.json").read_text())["figures"]
    card = " ".join((base.folder / "README.md").read_text().split())
    assert f"an accuracy of {figures['accuracy']:.2%}" in card


@pytest.mark.parametrize("name", ["model", "base"])
def test_says_how_it_was_made_and_names_no_path(request, name):
    folder = request.getfixturevalue(name).folder
    manifest = (folder / "config.json").read_text()
    card = (folder / "README.md").read_text()
    assert modelfolder.read(folder).data["source"] == "imdb"
    for text in (manifest, card):
        assert not re.search(r"\.\./|(?:^|[\s\"`'])/\w", text)
    for words in ("Large Movie Review Dataset", "test reviews", "Do not use it to judge people"):
        assert words in " ".join(card.split())


@pytest.mark.parametrize(("text", "label"), PLAIN)
def test_reads_plain_opinions(model, base, text, label):
    assert model.predict(text).label == label
    assert base.predict(text).label == label


def test_contributions_add_up_on_the_sample_reviews(model):
    from undertone.data.examples import SourceOptions
    from undertone.data.source import read_examples

    texts = [example.text for example in read_examples("sample", SourceOptions())]
    logits = model.logits(texts).logits[:, 0]
    sums = []
    for encoded in model.encoder.encode(texts):
        _, parts, base = model.network.contributions(encoded.ids)
        sums.append(float(parts.sum() + base[0]))
    np.testing.assert_allclose(sums, logits, atol=1e-4, rtol=0)
