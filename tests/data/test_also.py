"""Further labelled reviews: which are taken, which are left out, how often they count."""

from pathlib import Path

import pytest

from undertone.config import load_preset
from undertone.data.also import joined, load_also
from undertone.data.examples import Example, SourceOptions
from undertone.data.overlap import Versions
from undertone.data.source import TrainingData
from undertone.errors import DataError

LABELS = ("negative", "positive")
ORIGINAL = "This is a long review of a film that I saw last week with my aunt and I loved it."
REVISED = ORIGINAL.replace("loved", "hated")
NO_VERSION = "This is another text about a film that she saw with nobody, and she slept through."


def review(text: str, label: str) -> Example:
    return Example(text=text, label=label, name=text[:5])


@pytest.fixture
def data() -> TrainingData:
    parts = ((review("a", "positive"),), (review(ORIGINAL, "positive"),))
    return TrainingData(*parts, LABELS, "digest", ("first note",))


def written(path: Path, *rows: tuple[str, str]) -> str:
    path.write_text("label\ttext\n" + "".join(f"{label}\t{text}\n" for label, text in rows))
    return str(path)


def test_versions_of_validation_reviews_are_left_out(data: TrainingData, tmp_path: Path) -> None:
    source = written(
        tmp_path / "more.tsv",
        ("Negative", REVISED),
        ("Positive", NO_VERSION),
        ("negative", "Dull."),
    )
    also, notes = load_also([source], data, SourceOptions())
    assert [(each.text, each.label) for each in also] == [
        (NO_VERSION, "positive"),
        ("Dull.", "negative"),
    ]
    (note,) = notes
    assert note.startswith("2 more labelled reviews from 1 further sources; 1 are left out")


def test_they_count_as_often_as_asked(data: TrainingData, tmp_path: Path) -> None:
    also, notes = load_also(
        [written(tmp_path / "more.tsv", ("negative", "Dull."))], data, SourceOptions()
    )
    config = load_preset("sample", ["data.also_passes=3"]).data
    made = joined(data, also, notes, config)
    assert [each.text for each in made.train] == ["a", "Dull.", "Dull.", "Dull."]
    assert made.validation == data.validation
    assert made.digest not in (data.digest, joined(data, also * 2, notes, config).digest)
    assert made.notes == ("first note", *notes)
    assert joined(data, (), (), config) is data


def test_an_unknown_label_is_one_line(data: TrainingData, tmp_path: Path) -> None:
    source = written(tmp_path / "more.tsv", ("neutral", "Well."))
    with pytest.raises(DataError, match="has the label 'neutral', unknown to the training reviews"):
        load_also([source], data, SourceOptions())


def test_short_texts_are_versions_when_all_their_words_agree() -> None:
    versions = Versions(["It was not good.", ORIGINAL])
    assert "it was NOT good" in versions
    assert "It was good." not in versions
    assert ORIGINAL + " " + NO_VERSION in versions  # a good part of its runs
    assert NO_VERSION not in versions
