"""From a source to train, validation and test, and what is refused on the way."""

from __future__ import annotations

import csv
import hashlib
import json

import pytest

from undertone.data.examples import Example, SourceOptions
from undertone.data.source import (
    load_split,
    load_training,
    load_unlabelled,
    read_examples,
    shared_texts,
)
from undertone.errors import DataError
from undertone.settings import DataConfig

OPTIONS = SourceOptions()
CONFIG = DataConfig()
POLES = ("negative", "positive")


def write_csv(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return str(path)


def labelled(count):
    return [(f"review number {n}", POLES[n % 2]) for n in range(count)]


def names(examples):
    return [each.name for each in examples]


@pytest.fixture
def kaggle(tmp_path):
    return write_csv(tmp_path / "IMDB Dataset.csv", ("review", "sentiment"), labelled(100))


def test_the_kaggle_file_needs_no_flag(kaggle):
    data = load_training(kaggle, OPTIONS, CONFIG)
    assert (len(data.train), len(data.validation)) == (72, 8)
    assert data.labels == ("negative", "positive")
    assert data.notes == (
        "test: 20 reviews, cut by seed 0.",
        "validation: 8 reviews, cut by seed 0.",
    )
    first = data.train[0]
    number = int(first.name.removeprefix("IMDB Dataset.csv row "))
    assert (first.text, first.label) == labelled(100)[number - 1]


def test_the_parts_are_those_of_training_and_cover_the_source(kaggle):
    data = load_training(kaggle, OPTIONS, CONFIG)
    parts = {
        split: load_split(kaggle, OPTIONS, CONFIG, split)
        for split in ("train", "validation", "test", "all")
    }
    assert tuple(parts["train"]) == data.train
    assert tuple(parts["validation"]) == data.validation
    together = names(parts["train"] + parts["validation"] + parts["test"])
    assert sorted(together) == sorted(names(parts["all"]))
    assert len(set(together)) == 100
    assert len(parts["test"]) == 20


def test_the_digest_is_that_of_names_labels_and_texts(tmp_path):
    rows = [("a", "0", "train"), ("b", "1", "train"), ("c", "0", "dev"), ("d", "1", "dev")]
    data = load_training(
        write_csv(tmp_path / "r.csv", ("text", "label", "split"), rows),
        OPTIONS,
        DataConfig(test=0.0),
    )
    expected = (
        b"part\n11:r.csv row 11:01:a11:r.csv row 21:11:b"
        b"part\n11:r.csv row 31:01:c11:r.csv row 41:11:d"
    )
    assert data.digest == hashlib.sha256(expected).hexdigest()
    assert data.notes == ()
    changed = write_csv(
        tmp_path / "r.csv", ("text", "label", "split"), [("A", *rows[0][1:]), *rows[1:]]
    )
    assert load_training(changed, OPTIONS, DataConfig(test=0.0)).digest != data.digest


def test_a_split_column_is_honoured(tmp_path):
    splits = ["train"] * 6 + ["Valid", " dev "] + ["TEST"] * 2
    rows = [(text, label, split) for (text, label), split in zip(labelled(10), splits, strict=True)]
    source = write_csv(tmp_path / "r.csv", ("text", "label", "split"), rows)
    data = load_training(source, OPTIONS, CONFIG)
    assert names(data.train) == [f"r.csv row {n}" for n in range(1, 7)]
    assert names(data.validation) == ["r.csv row 7", "r.csv row 8"]
    assert names(load_split(source, OPTIONS, CONFIG, "test")) == ["r.csv row 9", "r.csv row 10"]
    assert data.notes == ()
    assert {each.split for each in read_examples(source, OPTIONS)} == {
        "train",
        "validation",
        "test",
    }
    only = list(read_examples(source, OPTIONS, frozenset({"validation"})))
    assert names(only) == ["r.csv row 7", "r.csv row 8"]


def test_splits_random_pools_everything(tmp_path):
    rows = [(*row, "test" if n < 50 else "train") for n, row in enumerate(labelled(100))]
    source = write_csv(tmp_path / "r.csv", ("text", "label", "split"), rows)
    config = DataConfig(splits="random", validation=0.125, split_seed=5)
    data = load_training(source, OPTIONS, config)
    test = load_split(source, OPTIONS, config, "test")
    assert (len(data.train), len(data.validation), len(test)) == (70, 10, 20)
    assert len({*names(data.train), *names(data.validation), *names(test)}) == 100
    assert {each.split for each in data.train} == {"train", "test"}
    assert "test: 20 reviews, cut by seed 5." in data.notes


def test_a_test_part_is_cut_off_where_only_train_and_validation_are_given(tmp_path):
    rows = [(*row, "train" if n < 80 else "dev") for n, row in enumerate(labelled(100))]
    source = write_csv(tmp_path / "r.csv", ("text", "label", "split"), rows)
    data = load_training(source, OPTIONS, CONFIG)
    test = load_split(source, OPTIONS, CONFIG, "test")
    assert (len(data.train), len(data.validation), len(test)) == (64, 20, 16)
    assert not set(names(data.train)) & set(names(test))


def test_groups_of_a_table_stay_whole(tmp_path):
    rows = [(*row, f"film {n % 13}") for n, row in enumerate(labelled(260))]
    source = write_csv(tmp_path / "r.csv", ("text", "label", "Film"), rows)
    data = load_training(source, OPTIONS, CONFIG)
    films = [{each.group for each in part} for part in (data.train, data.validation)]
    test = {each.group for each in load_split(source, OPTIONS, CONFIG, "test")}
    assert sorted(map(str, films[0] | films[1] | test)) == sorted(f"film {n}" for n in range(13))
    assert not films[0] & films[1]
    assert not test & (films[0] | films[1])
    assert any("groups kept whole" in note for note in data.notes)
    parted = load_training(source, OPTIONS, DataConfig(group="none"))
    assert {each.group for each in parted.train} & {each.group for each in parted.validation}


def test_equal_texts_are_never_parted_by_the_cut(tmp_path):
    rows = [(f"text {n % 40}", POLES[n % 2]) for n in range(400)]
    source = write_csv(tmp_path / "r.csv", ("text", "label"), rows)
    data = load_training(source, OPTIONS, CONFIG)
    test = load_split(source, OPTIONS, CONFIG, "test")
    assert shared_texts(data.train, data.validation) == 0
    assert shared_texts(data.train, test) == 0


def test_equal_texts_in_given_parts_are_noted(tmp_path):
    rows = [
        *((*row, "train") for row in labelled(10)),
        ("review number 3", "positive", "dev"),
        ("new", "negative", "dev"),
    ]
    source = write_csv(tmp_path / "r.csv", ("text", "label", "split"), rows)
    notes = load_training(source, OPTIONS, DataConfig(test=0.0)).notes
    assert notes == ("texts that stand in both train and validation: 1.",)


def test_empty_reviews_are_left_out_and_counted(tmp_path):
    rows = [("", "positive"), *labelled(20), ("  \n", "")]
    source = write_csv(tmp_path / "r.csv", ("text", "label"), rows)
    data = load_training(source, OPTIONS, CONFIG)
    assert data.notes[0] == "empty reviews left out: 2, the first is r.csv row 1."
    assert len(load_split(source, OPTIONS, CONFIG, "all")) == 20
    assert len(list(read_examples(source, OPTIONS))) == 22


@pytest.mark.parametrize("name", ["r.jsonl", "r.tsv", "r.parquet"])
def test_other_tables(tmp_path, name):
    path = tmp_path / name
    rows = [{"text": text, "label": POLES.index(label)} for text, label in labelled(40)]
    if name.endswith("jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif name.endswith("tsv"):
        path.write_text("text\tlabel\n" + "".join(f"{r['text']}\t{r['label']}\n" for r in rows))
    else:
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        pq.write_table(
            pa.Table.from_pylist([{**r, "label": float(r["label"])} for r in rows]), path
        )
    data = load_training(str(path), OPTIONS, CONFIG)
    assert data.labels == ("0", "1")
    assert (len(data.train), len(data.validation)) == (28, 4)
    assert {each.label for each in data.validation} == {"0", "1"}


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (
            ("review", "x"),
            labelled(4),
            r"^no column of labels among the columns 'review', 'x'\. Name it with --label-column",
        ),
        (("a", "b"), labelled(4), r"^no column of reviews among the columns 'a', 'b'\."),
        (
            ("A fine film, all told", "positive"),
            labelled(4),
            r"columns 'A fine film, all told', 'positive'\..*first row",
        ),
        (
            ("text", "label"),
            [*labelled(4), ("x", ""), ("y", " ")],
            r"^r\.csv row 5 has no label \(2 of 6 reviews have none\)",
        ),
        (("text", "label"), [("a", "1"), ("b", "1")] * 9, "all 18 reviews have the label '1'"),
        (
            ("text", "label"),
            [(f"t{n}", f"label {n}") for n in range(99)],
            "99 different labels in 99 reviews look like a column of text",
        ),
        (("text", "label"), [], "has no train reviews"),
        (
            ("text", "label", "split"),
            [*((*row, "train") for row in labelled(4)), ("x", "neutral", "dev")],
            r"row 5 has the label 'neutral', unknown to .* have negative, positive \(1 in all\)",
        ),
        (
            ("text", "label", "split"),
            [("x", "positive", "test")],
            r"has no train reviews\. Its own splits: test\.",
        ),
        (
            ("text", "label", "split"),
            [("x", "positive", "fold 3")],
            r"^r\.csv row 1: the split column holds 'fold 3', not train",
        ),
        (("text", "label", "split"), [("x", "positive", "")], "the split column holds ''"),
        (
            ("text", "label", "split"),
            [*((*row, "train") for row in labelled(4)), ("", "positive", "dev")],
            r"has no validation reviews\. Its own splits: train, validation\.",
        ),
    ],
)
def test_what_cannot_be_trained_on(tmp_path, header, rows, message):
    source = write_csv(tmp_path / "r.csv", header, rows)
    with pytest.raises(DataError, match=message):
        load_training(source, OPTIONS, DataConfig(test=0.0))


def test_one_label_only(tmp_path):
    rows = [(f"text {n}", "good") for n in range(50)]
    source = write_csv(tmp_path / "r.csv", ("text", "label"), rows)
    with pytest.raises(DataError, match="all 50 reviews have the label 'good'"):
        load_training(source, OPTIONS, CONFIG)


def test_columns_can_be_named(tmp_path):
    rows = [(label, text, "0") for text, label in labelled(40)]
    source = write_csv(tmp_path / "r.csv", ("mood", "said", "label"), rows)
    options = SourceOptions(text_column="said", label_column="mood")
    assert load_training(source, options, CONFIG).labels == ("negative", "positive")
    with pytest.raises(DataError, match=r"no column 'sad' \(did you mean 'said'\?\)"):
        load_training(source, SourceOptions(text_column="sad"), CONFIG)
    with pytest.raises(DataError, match="'said' cannot be text and label at once"):
        load_training(source, SourceOptions(text_column="said", label_column="said"), CONFIG)


def test_labels_of_a_model(tmp_path):
    rows = [("a", "Positive"), ("b", "negative"), ("c", "NEGATIVE")]
    source = write_csv(tmp_path / "r.csv", ("text", "label"), rows)
    matched = load_split(source, OPTIONS, CONFIG, "all", POLES)
    assert [each.label for each in matched] == ["positive", "negative", "negative"]
    with pytest.raises(
        DataError,
        match=r"^r\.csv row 1 has the label 'Positive', unknown to the model, which knows 0, 1 "
        r"\(3 in all\)",
    ):
        load_split(source, OPTIONS, CONFIG, "all", ("0", "1"))


def test_splits_that_are_not_there(kaggle):
    with pytest.raises(DataError, match=r"no split 'tst' \(did you mean 'test'\?\)"):
        load_split(kaggle, OPTIONS, CONFIG, "tst")
    with pytest.raises(DataError, match="has no test reviews"):
        load_split(kaggle, OPTIONS, DataConfig(test=0.0), "test")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.csv", r"^no such source: missing\.csv\. Name a file, a folder, sample, imdb"),
        ("imdb", r"^IMDB is not at .*home/aclImdb_v1\.tar\.gz\. .*undertone download imdb"),
        ("notes.docx", r"cannot tell what kind of source notes\.docx is.*\.parquet"),
    ],
)
def test_sources_that_are_not_there(tmp_path, monkeypatch, source, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNDERTONE_HOME", str(tmp_path / "home"))
    (tmp_path / "notes.docx").touch()
    with pytest.raises(DataError, match=message):
        load_training(source, OPTIONS, CONFIG)


def test_imdb_is_the_downloaded_copy(archive, monkeypatch):
    monkeypatch.setenv("UNDERTONE_HOME", str(archive.parent))
    archive.rename(archive.parent / "aclImdb_v1.tar.gz")
    assert len(load_split("imdb", OPTIONS, CONFIG, "test")) == 2


def test_columns_make_no_sense_for_folders(folder, archive):
    for source in (folder, archive):
        with pytest.raises(DataError, match="laid out in folders and has no column 'x'"):
            list(read_examples(str(source), SourceOptions(text_column="x")))


def test_training_on_the_layout(folder, archive):
    data = load_training(str(folder), OPTIONS, DataConfig(validation=0.3))
    assert {each.split for each in (*data.train, *data.validation)} == {"train"}
    assert len(data.train) + len(data.validation) == 8
    assert not {each.group for each in data.train} & {each.group for each in data.validation}
    assert load_training(str(archive), OPTIONS, DataConfig(validation=0.3)) == data


def test_a_layout_without_test_folder_has_its_test_part_cut(folder):
    (folder / "test").rename(folder / "elsewhere")
    config = DataConfig(test=0.25, validation=0.2, group="none")
    data = load_training(str(folder), OPTIONS, config)
    test = load_split(str(folder), OPTIONS, config, "test")
    assert (len(data.train), len(data.validation), len(test)) == (4, 2, 2)


@pytest.fixture
def exclude(tmp_path):
    def write(content):
        path = tmp_path / "exclude.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return SourceOptions(exclude=path)

    return write


def test_exclude_names_members(folder, archive, exclude):
    options = exclude(
        "# people rewrote these\ntrain/pos/0_9.txt\r\n aclImdb/train/neg/1_1.txt \n\n"
        "train/unsup/1_0.txt\ntest/pos/0_10.txt\ntrain/pos/99_9.txt\n"
    )
    for source in (str(folder), str(archive)):
        data = load_training(source, options, CONFIG)
        left = {*names(data.train), *names(data.validation)}
        assert len(left) == 6
        assert not left & {"train/pos/0_9.txt", "train/neg/1_1.txt"}
        assert data.notes[0] == (
            "reviews left out by exclude.txt: 4; names in it that the source does not have: 1."
        )
        assert names(load_unlabelled(source, options)) == ["train/unsup/0_0.txt"]
        assert names(load_split(source, options, CONFIG, "test")) == ["test/neg/0_1.txt"]


def test_exclude_names_rows(kaggle, exclude):
    options = exclude("IMDB Dataset.csv row 2\nIMDB Dataset.csv row 100\n")
    left = names(read_examples(kaggle, options))
    assert len(left) == 98
    assert "IMDB Dataset.csv row 2" not in left
    assert (
        load_training(kaggle, options, CONFIG)
        .notes[0]
        .startswith("reviews left out by exclude.txt: 2;")
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("train/pos/0_9.txt\n", r"none of the 1 names in .*exclude\.txt stands in .*IMDB Dataset"),
        ("\n# nothing\n", r"exclude list .*exclude\.txt is empty"),
        (b"caf\xe9\n", r"exclude\.txt is not UTF-8 text \(byte 3\)"),
    ],
)
def test_exclude_lists_that_cannot_be_meant(kaggle, exclude, content, message):
    options = exclude(content)
    with pytest.raises(DataError, match=message):
        load_training(kaggle, options, CONFIG)


def test_a_missing_exclude_list(kaggle, tmp_path):
    options = SourceOptions(exclude=tmp_path / "nowhere.txt")
    with pytest.raises(
        DataError, match=r"cannot read the exclude list .*nowhere\.txt: No such file"
    ):
        load_training(kaggle, options, CONFIG)


def test_unlabelled_rows_never_come_from_test(tmp_path):
    rows = [
        ("a", "", "train"),
        ("b", "positive", "train"),
        ("c", "", "test"),
        ("d", "", "unlabelled"),
        ("e", "", "dev"),
    ]
    source = write_csv(tmp_path / "r.csv", ("text", "label", "split"), rows)
    assert [each.text for each in load_unlabelled(source, OPTIONS)] == ["a", "d"]


def test_a_table_without_labels_is_unlabelled(tmp_path):
    (tmp_path / "r.txt").write_text("one\ntwo\n")
    examples = list(load_unlabelled(str(tmp_path / "r.txt"), OPTIONS))
    assert examples == [
        Example("one", None, "r.txt row 1"),
        Example("two", None, "r.txt row 2"),
    ]
    with pytest.raises(DataError, match="no column of labels among the columns 'text'"):
        load_training(str(tmp_path / "r.txt"), OPTIONS, CONFIG)


def test_the_sample():
    data = load_training("sample", OPTIONS, CONFIG)
    test = load_split("sample", OPTIONS, CONFIG, "test", data.labels)
    together = (*data.train, *data.validation, *test)
    assert data.labels == ("negative", "positive")
    assert len(together) >= 600
    assert len({each.text for each in together}) == len(together)
    for part in (data.train, data.validation, test):
        share = sum(each.label == "positive" for each in part) / len(part)
        assert 0.4 <= share <= 0.6
    films = [{each.group for each in part} for part in (data.train, data.validation, test)]
    assert None not in films[0] | films[1] | films[2]
    assert not films[0] & films[1]
    assert not films[2] & (films[0] | films[1])
    words = [len(each.text.split()) for each in together]
    assert min(words) >= 2
    assert max(words) <= 120
