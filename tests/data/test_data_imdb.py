"""The standard protocol on the real archive, where it is at hand."""

from __future__ import annotations

from collections import Counter

import pytest

from undertone.data.examples import SourceOptions
from undertone.data.source import load_split, load_training, load_unlabelled
from undertone.settings import DataConfig

pytestmark = pytest.mark.slow


def test_the_standard_protocol(shared_data):
    source = str(shared_data / "aclImdb_v1.tar.gz")
    options = SourceOptions(exclude=shared_data / "imdb_heldout.txt")
    data = load_training(source, options, DataConfig())
    assert len(data.train) + len(data.validation) == 24_260
    assert 2_300 <= len(data.validation) <= 2_550
    assert not {each.group for each in data.train} & {each.group for each in data.validation}
    assert not {each.text for each in data.train} & {each.text for each in data.validation}
    counts = Counter(each.label for each in data.validation)
    assert abs(counts["positive"] / counts.total() - 0.5) < 0.02
    assert data.notes[0] == (
        "reviews left out by imdb_heldout.txt: 753; names in it that the source does not have: 0."
    )
    test = load_split(source, options, DataConfig(), "test", data.labels)
    assert Counter(each.label for each in test) == {"negative": 12_500, "positive": 12_500}
    assert len({each.group for each in test}) == 3_581
    assert sum(1 for _ in load_unlabelled(source, options)) == 49_987
