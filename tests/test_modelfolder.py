"""The manifest of a model folder: written, read back, and refused with the reason."""

import hashlib
import json

import pytest

from undertone import modelfolder
from undertone.config import RunConfig
from undertone.errors import ModelFolderError
from undertone.modelfolder import Manifest

LABELS = ("negative", "positive")


@pytest.fixture
def folder(tmp_path):
    """A folder that passes every check, with files of any content."""
    path = tmp_path / "model"
    path.mkdir()
    for name in ("tokenizer.json", "model.safetensors", "model.onnx", "README.md"):
        (path / name).write_text(f"this is {name}")
    modelfolder.write(path, Manifest(LABELS, RunConfig(seed=9), {"train": 3}, "today", "0.1"))
    return path


def content(folder):
    return json.loads((folder / "config.json").read_text())


def rewrite(folder, **changes):
    """Change top-level entries of the manifest; None deletes one."""
    values = content(folder) | changes
    kept = {key: value for key, value in values.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


def complaint(folder):
    with pytest.raises(ModelFolderError) as caught:
        modelfolder.read(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    return message


def test_the_manifest_comes_back_as_it_was_written(folder):
    manifest = modelfolder.read(folder)
    assert manifest.labels == LABELS
    assert manifest.config == RunConfig(seed=9)
    assert manifest.data == {"train": 3}
    assert (manifest.created, manifest.undertone) == ("today", "0.1")


def test_the_manifest_is_plain_json_with_format_version_and_digests(folder):
    values = content(folder)
    assert (values["format"], values["version"]) == ("undertone-model", 1)
    assert values["labels"] == list(LABELS)
    assert values["config"]["network"]["architecture"] == "lstm"
    text = b"this is model.onnx"
    assert values["files"]["model.onnx"] == {
        "size": len(text),
        "sha256": hashlib.sha256(text).hexdigest(),
    }
    assert sorted(values["files"]) == ["model.onnx", "model.safetensors", "tokenizer.json"]


def test_a_file_that_is_what_was_written_is_verified(folder):
    manifest = modelfolder.read(folder)
    assert modelfolder.verified(folder, manifest, "model.onnx") == folder / "model.onnx"


@pytest.mark.parametrize("damage", [b"this is model.onn?", b"", b"this is model.onnx and more"])
def test_a_file_that_is_not_what_was_written_is_refused(folder, damage):
    manifest = modelfolder.read(folder)
    (folder / "model.onnx").write_bytes(damage)
    with pytest.raises(ModelFolderError) as caught:
        modelfolder.verified(folder, manifest, "model.onnx")
    assert str(caught.value) == (
        f"{folder / 'model.onnx'} is damaged: its size or digest differs from what config.json "
        "records. Copy the whole folder again, or train again."
    )


def test_a_file_that_is_missing_or_not_listed_is_refused(folder):
    manifest = modelfolder.read(folder)
    (folder / "model.onnx").unlink()
    (folder / "model.int8.onnx").write_text("slipped in later")
    for name in ("model.onnx", "model.int8.onnx"):
        with pytest.raises(ModelFolderError, match=rf"has no {name}\. Copy the whole folder"):
            modelfolder.verified(folder, manifest, name)


def test_a_folder_in_the_place_of_a_file_is_refused(folder):
    manifest = modelfolder.read(folder)
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").mkdir()
    with pytest.raises(ModelFolderError, match=r"has no model\.onnx"):
        modelfolder.verified(folder, manifest, "model.onnx")


def test_writing_again_records_what_stands_there_now(folder):
    before = modelfolder.read(folder)
    (folder / "model.int8.onnx").write_text("smaller")
    after = modelfolder.write(folder, before)
    assert set(after.files) - set(before.files) == {"model.int8.onnx"}
    assert modelfolder.read(folder) == after


def test_a_folder_that_is_none(tmp_path):
    assert complaint(tmp_path / "none").startswith(f"no model folder at {tmp_path / 'none'}.")
    (tmp_path / "file").write_text("x")
    assert complaint(tmp_path / "file").startswith(f"no model folder at {tmp_path / 'file'}.")


def test_a_folder_without_manifest_is_not_finished(folder):
    (folder / "config.json").unlink()
    assert "is not a finished model: it has no config.json. Finish it with" in complaint(folder)
    (folder / "config.json").mkdir()
    assert "is not a finished model" in complaint(folder)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "cannot read"),
        (b"{", "cannot read"),
        (b'{"format": "undertone-model"', "cannot read"),
        (b"\xff\xfe\x00", "cannot read"),
        (b'{"format": "\xff"}', "cannot read"),
        (b'{"format": "\\ud800"}', "cannot read"),
        (b'{"version": NaN}', "cannot read"),
        (b'{"version": 1e999}', "cannot read"),
        (b"\x80\x04\x95K\x00\x00\x00", "cannot read"),
        (b"[" * 100_000, "cannot read"),
        (b'{"data": ' * 50_000 + b"1" + b"}" * 50_000, "cannot read"),
        (b"[]", "does not hold a JSON object"),
        (b"null", "does not hold a JSON object"),
        (b'"undertone-model"', "does not hold a JSON object"),
        (b"{}", "is not an undertone model: its config.json has format None"),
        (b'{"architectures": ["BertModel"]}', "is not an undertone model"),
        (b'{"format": "other", "version": 1}', "has format 'other', not 'undertone-model'"),
        (b'{"format": ["undertone-model"]}', "is not an undertone model"),
        (b" " * (4 * 2**20 + 1), "is too large to be a manifest"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_anything_but_a_manifest_is_refused(folder, raw, said):
    (folder / "config.json").write_bytes(raw)
    assert said in complaint(folder)


@pytest.mark.parametrize("version", [2, 99, 0, -1, "1", 1.0, True, None, [1]])
def test_another_version_is_refused_before_anything_else_is_read(folder, version):
    rewrite(folder, version=version, labels=7, config={"unheard": "of"})
    message = complaint(folder)
    assert f"has model format version {version!r}; this program reads 1 to 1." in message
    assert message.endswith("Update undertone.")


@pytest.mark.parametrize(
    "labels", [[], ["one"], ["same", "same"], ["a", "b", "a"], None, "negative", 2, [1, 2], [None]]
)
def test_labels_must_be_two_different_strings_or_more(folder, labels):
    rewrite(folder, labels=labels)
    message = complaint(folder)
    assert "two or more different ones are needed" in message or "does not fit" in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"config": None}, "has no configuration"),
        ({"config": []}, "has no configuration"),
        ({"config": {"sed": 3}}, "unknown setting sed (did you mean 'seed'?)"),
        ({"config": {"train": {"lr": -1}}}, "train.lr=-1: expected a number > 0.0"),
        ({"config": {"text": {"cleaning": "study"}}}, "needs a stop word list"),
        ({"config": {"network": "wide"}}, "network is a section, not a value"),
        ({"data": []}, "does not fit the format"),
        ({"created": 5}, "does not fit the format"),
        ({"undertone": {}}, "does not fit the format"),
        ({"files": []}, "does not fit the format"),
        ({"files": {"model.onnx": "abc"}}, "does not fit the format"),
        ({"files": {"model.onnx": {"size": "5", "sha256": "x"}}}, "does not fit the format"),
        ({"files": {"model.onnx": {"size": 5}}}, "does not fit the format"),
    ],
)
def test_entries_of_the_wrong_kind_are_refused(folder, changes, said):
    rewrite(folder, **changes)
    assert said in complaint(folder)


def test_entries_that_a_later_program_may_add_are_ignored(folder):
    before = modelfolder.read(folder)
    rewrite(folder, licence="MIT")
    assert modelfolder.read(folder) == before


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/passwd", "a/../../outside.txt", "\0", ""])
def test_a_name_that_leads_outside_is_data_and_never_opened(folder, name):
    """Files are asked for by the names of the format; what the manifest lists opens nothing."""
    outside = folder.parent / "outside.txt"
    outside.write_text("secret")
    digest = hashlib.sha256(b"secret").hexdigest()
    rewrite(folder, files={name: {"size": 6, "sha256": digest}})
    manifest = modelfolder.read(folder)
    with pytest.raises(ModelFolderError, match=r"has no model\.onnx"):
        modelfolder.verified(folder, manifest, "model.onnx")
    again = modelfolder.write(folder, manifest)
    assert name not in again.files
    assert outside.read_text() == "secret"
