"""The saved model: one folder, its manifest, and the checks made before anything is used.

``config.json`` is the manifest: format name and version, run configuration, labels in the order
of the network's outputs, a description of the training data, and the size and SHA-256 digest of
every other file of the model. It is written last, so a folder without it is not a model yet.
Nothing in the folder is executable and nothing is a pickle. ``docs/model-folder.md`` specifies it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from undertone import config as configuration
from undertone import files
from undertone.config import RunConfig
from undertone.errors import ConfigError, ModelFolderError

FORMAT = "undertone-model"
LANGUAGE_MODEL = "undertone-language-model"
VERSION = 1

MANIFEST = "config.json"
TOKENIZER = "tokenizer.json"
WEIGHTS = "model.safetensors"
GRAPH = "model.onnx"
GRAPH_INT8 = "model.int8.onnx"
WIDE = "ngrams.safetensors"
CALIBRATION = "calibration.json"
HISTORY = "history.jsonl"
METRICS = "metrics.json"
COMPARISON = "int8.json"
CARD = "README.md"

# Where the model inside the package stands.
PACKAGED = Path(__file__).resolve().parent / "model"
BUILT_IN = "built-in"

_DIGESTED = (TOKENIZER, WEIGHTS, GRAPH, GRAPH_INT8, WIDE, CALIBRATION, HISTORY, METRICS)
_LARGEST_MANIFEST = 4 * 2**20


class FileEntry(Struct, frozen=True):
    """Size in bytes and hex SHA-256 of one file of the folder."""

    size: int
    sha256: str


class Manifest(Struct, frozen=True):
    """What ``config.json`` says."""

    labels: tuple[str, ...]
    config: RunConfig
    data: dict[str, Any] = {}
    created: str = ""
    undertone: str = ""
    files: dict[str, FileEntry] = {}


def write(folder: Path, manifest: Manifest, kind: str = FORMAT) -> Manifest:
    """Digest the files that stand in ``folder`` and write the manifest over them.

    Args:
        folder: where the files stand.
        manifest: without ``files``.
        kind: :data:`FORMAT` or :data:`LANGUAGE_MODEL`.

    Returns:
        The manifest as written, with ``files`` filled in.
    """
    entries = {
        name: FileEntry((folder / name).stat().st_size, files.sha256(folder / name))
        for name in _DIGESTED
        if (folder / name).is_file()
    }
    complete = msgspec.structs.replace(manifest, files=entries)
    content = {"format": kind, "version": VERSION, **msgspec.to_builtins(complete)}
    files.write_json(folder / MANIFEST, content)
    return complete


def read(folder: Path, kind: str = FORMAT) -> Manifest:
    """Read and check the manifest of a model folder.

    Args:
        folder: the folder.
        kind: what it must hold, :data:`FORMAT` or :data:`LANGUAGE_MODEL`.

    Raises:
        ModelFolderError: the folder is missing, not a model, damaged, or of a newer format.
    """
    content = _json_object(folder)
    if content.get("format") != kind:
        raise _other_kind(folder, content.get("format"), kind)
    version = content.get("version")
    if type(version) is not int or version < 1 or version > VERSION:
        raise ModelFolderError(
            f"{folder} has model format version {version!r}; this program reads 1 to {VERSION}.",
            "Update undertone.",
        )
    return _manifest(folder, content, labelled=kind == FORMAT)


def _other_kind(folder: Path, found: object, kind: str) -> ModelFolderError:
    known = {FORMAT: ("model", "train"), LANGUAGE_MODEL: ("language model", "pretrain")}
    thing, command = known[kind]
    remedy = f"Name a folder that `undertone {command}` wrote."
    if found == LANGUAGE_MODEL:
        remedy = "Make a model of it with `undertone train --start-from`."
    return ModelFolderError(
        f"{folder} is not an undertone {thing}: its {MANIFEST} has format {found!r}, not {kind!r}.",
        remedy,
    )


def located(path: str | Path | None) -> Path:
    """The folder of a model: the one named, or that inside the package for None or its name."""
    return PACKAGED if path is None or str(path) == BUILT_IN else Path(path)


def name_of(folder: Path) -> str:
    """What the model in a folder is called; of the one inside the package, ``built-in``."""
    return BUILT_IN if folder == PACKAGED else folder.resolve().name


def kind_of(folder: Path) -> str:
    """:data:`LANGUAGE_MODEL` if the folder's manifest says so, else :data:`FORMAT`."""
    found = _json_object(folder).get("format")
    return LANGUAGE_MODEL if found == LANGUAGE_MODEL else FORMAT


def verified(folder: Path, manifest: Manifest, name: str) -> Path:
    """Path of one file of the model, after its size and digest were compared.

    Raises:
        ModelFolderError: the file is missing, not listed, or not the one that was written.
    """
    entry = manifest.files.get(name)
    path = folder / name
    if entry is None or not path.is_file():
        raise ModelFolderError(f"{folder} has no {name}.", "Copy the whole folder, or train again.")
    if path.stat().st_size != entry.size or files.sha256(path) != entry.sha256:
        raise ModelFolderError(
            f"{path} is damaged: its size or digest differs from what {MANIFEST} records.",
            "Copy the whole folder again, or train again.",
        )
    return path


def verify(folder: Path, manifest: Manifest) -> None:
    """Check every file that the manifest lists; see :func:`verified`."""
    for name in manifest.files:
        verified(folder, manifest, name)


def _json_object(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise ModelFolderError(
            f"no model folder at {folder}.", "`undertone models` lists the models found."
        )
    if not path.is_file():
        raise ModelFolderError(
            f"{folder} is not a finished model: it has no {MANIFEST}.",
            "Finish it with the command that began it and --resume, or name another folder.",
        )
    try:
        if path.stat().st_size > _LARGEST_MANIFEST:
            raise ModelFolderError(f"{path} is too large to be a manifest.", "Copy it again.")
        content = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ModelFolderError(f"cannot read {path}: {error}.", "Copy the folder again.") from error
    if not isinstance(content, dict):
        raise ModelFolderError(f"{path} does not hold a JSON object.", "Copy the folder again.")
    return content


def _manifest(folder: Path, content: dict[str, Any], *, labelled: bool) -> Manifest:
    settings = content.get("config")
    try:
        if not isinstance(settings, dict):
            raise ModelFolderError(f"{folder}/{MANIFEST} has no configuration.", "Copy it again.")
        rest = {key: value for key, value in content.items() if key != "config"}
        manifest = Manifest(
            labels=msgspec.convert(rest.get("labels"), tuple[str, ...]),
            config=configuration.from_dict(settings),
            data=msgspec.convert(rest.get("data", {}), dict[str, Any]),
            created=msgspec.convert(rest.get("created", ""), str),
            undertone=msgspec.convert(rest.get("undertone", ""), str),
            files=msgspec.convert(rest.get("files", {}), dict[str, FileEntry]),
        )
    except (msgspec.ValidationError, ConfigError) as error:
        raise ModelFolderError(
            f"{folder}/{MANIFEST} does not fit the format: {error}", "Copy the folder again."
        ) from error
    if (labelled and len(manifest.labels) < 2) or len(set(manifest.labels)) != len(manifest.labels):
        raise ModelFolderError(
            f"{folder}/{MANIFEST} lists labels {list(manifest.labels)!r}; "
            "two or more different ones are needed.",
            "Copy the folder again.",
        )
    return manifest
