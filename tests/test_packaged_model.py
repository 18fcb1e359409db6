"""The model inside the package: what it holds, and that it reads."""

import re

import numpy as np
import pytest

import undertone
from undertone import modelfolder


@pytest.fixture(scope="module")
def model():
    return undertone.load()


def test_is_int8_and_at_most_eight_megabytes(model):
    sizes = [path.stat().st_size for path in model.folder.iterdir()]
    assert model.precision == "int8"
    assert sum(sizes) <= 8_000_000
    modelfolder.verify(model.folder, modelfolder.read(model.folder))


def test_says_how_it_was_made_and_names_no_path(model):
    manifest = (model.folder / "config.json").read_text()
    card = (model.folder / "README.md").read_text()
    assert modelfolder.read(model.folder).data["source"] == "imdb"
    for text in (manifest, card):
        assert not re.search(r"\.\./|(?:^|[\s\"`'])/\w", text)
    for words in ("Large Movie Review Dataset", "test reviews", "Do not use it to judge people"):
        assert words in " ".join(card.split())


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I loved it.", "positive"),
        ("A wonderful film, warm and very funny.", "positive"),
        ("Dull, badly acted and far too long. A waste of time.", "negative"),
        ("The worst film of the year, boring from start to finish.", "negative"),
    ],
)
def test_reads_plain_opinions(model, text, label):
    assert model.predict(text).label == label


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
