"""What a language model is given: training texts and unlabelled ones, no test text."""

from pathlib import Path

import pytest

from undertone.data.examples import SourceOptions
from undertone.data.source import load_training
from undertone.data.texts import load_texts
from undertone.errors import DataError
from undertone.settings import DataConfig

OPTIONS = SourceOptions()
CONFIG = DataConfig()


def write_csv(path: Path, rows: list[tuple[str, ...]], header: str = "text,label,split") -> str:
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
    return str(path)


def labelled(count: int, split: str = "") -> list[tuple[str, ...]]:
    return [(f"{split} review {n}", ("pos", "neg")[n % 2], split) for n in range(count)]


@pytest.mark.parametrize("source", ["folder", "archive"])
def test_validation_is_that_of_training_and_no_test_text_is_read(request, source):
    place = str(request.getfixturevalue(source))
    config = DataConfig(validation=0.3)
    data, training = load_texts(place, OPTIONS, config), load_training(place, OPTIONS, config)
    assert data.validation == tuple(each.text for each in training.validation)
    unlabelled = ("Somebody filmed this.", "It lasts two hours.")
    assert data.train == (*(each.text for each in training.train), *unlabelled)
    assert not {"Great fun.", "No fun."} & {*data.train, *data.validation}


def test_a_source_without_labels_is_cut(tmp_path):
    (tmp_path / "r.txt").write_text("".join(f"text {n}\n" for n in range(50)) + "\n")
    data = load_texts(str(tmp_path / "r.txt"), OPTIONS, CONFIG)
    assert len(data.validation) == 5
    assert sorted([*data.train, *data.validation]) == sorted(f"text {n}" for n in range(50))
    assert "validation: 5 reviews, cut by seed 0." in data.notes
    assert "empty reviews left out: 1, the first is r.txt row 51." in data.notes
    other = load_texts(str(tmp_path / "r.txt"), OPTIONS, DataConfig(split_seed=1))
    assert other.validation != data.validation
    assert other.digest != data.digest


def test_the_own_validation_part_of_a_source_without_labels_is_not_learnt_from(tmp_path):
    rows = [("a", "", "train"), ("b", "", "unsup"), ("c", "", "dev"), ("d", "", "test")]
    data = load_texts(write_csv(tmp_path / "r.csv", rows), OPTIONS, CONFIG)
    assert (data.train, data.validation) == (("a", "b"), ("c",))


@pytest.mark.parametrize("splits", ["given", "random"])
def test_rows_without_label_in_validation_and_test_are_left_alone(tmp_path, splits):
    rows = [*labelled(20, "train"), *labelled(4, "dev"), *labelled(4, "test")]
    rows += [("free", "", "train"), ("of dev", "", "dev"), ("of test", "", "test")]
    config = DataConfig(splits=splits)
    data = load_texts(write_csv(tmp_path / "r.csv", rows), OPTIONS, config)
    assert "free" in data.train
    assert not {"of dev", "of test"} & {*data.train, *data.validation}
    assert not set(data.train) & set(data.validation)
    if splits == "given":
        assert len(data.train) == 21
        assert data.validation == tuple(f"dev review {n}" for n in range(4))


def test_texts_in_both_parts_are_told_of(tmp_path):
    rows = [*labelled(20, "train"), *labelled(2, "dev"), ("dev review 1", "", "unsup")]
    data = load_texts(write_csv(tmp_path / "r.csv", rows), OPTIONS, CONFIG)
    assert "texts that stand in both train and validation: 1." in data.notes


def test_folds_play_no_part(tmp_path):
    source = write_csv(tmp_path / "r.csv", labelled(40, "train"))
    whole = load_texts(source, OPTIONS, CONFIG)
    assert load_texts(source, OPTIONS, DataConfig(folds=4, fold=1)) == whole


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "r.txt"),
        ("one text\n", "too few to cut off a validation part"),
    ],
)
def test_too_little_to_divide(tmp_path, content, expected):
    (tmp_path / "r.txt").write_text(content)
    with pytest.raises(DataError, match=expected):
        load_texts(str(tmp_path / "r.txt"), OPTIONS, CONFIG)
