"""Reviews as token arrays, so that a machine without the texts and without a network can train.

``python -m tools.tokens pack --data SOURCE --exclude FILE --output tokens.safetensors`` writes
two files: what training may see, and beside it ``tokens-test.safetensors``, which only the
evaluation opens. Stand-ins (digests) take the place of the texts; labels, names, groups and the
division into parts are those that training from the texts would have made.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from undertone import files
from undertone.config import RunConfig, load_preset
from undertone.data.examples import Example, SourceOptions
from undertone.data.source import TrainingData, load_split, load_training, load_unlabelled
from undertone.data.texts import TextData, load_texts
from undertone.errors import DataError, UndertoneError
from undertone.settings import TextConfig
from undertone.text.stored import DIGEST_BYTES, StoredEncoder, stand_in
from undertone.text.tokenizer import TextEncoder

FORMAT = "1"
PARTS = ("train", "validation", "unlabelled", "test")


class About(Struct, frozen=True):
    """What both files say of themselves, in their metadata.

    Attributes:
        source: as it was named when the reviews were packed.
        labels: in the order of the outputs.
        tokenizer: content of ``tokenizer.json``.
        text: the settings that the tokens were made with; limits of length play no part.
        digest: of the labelled training data, as a model folder records it.
        texts_digest: of the texts of a language model, likewise.
        format: of these files.
    """

    source: str
    labels: tuple[str, ...]
    tokenizer: str
    text: TextConfig
    digest: str
    texts_digest: str
    format: str = FORMAT


class _Row(Struct, frozen=True, array_like=True):
    """What is known of a review besides its tokens."""

    name: str
    label: str | None
    group: str | None


class Tokens(Struct, frozen=True, eq=False):
    """A file of token arrays, read."""

    about: About
    parts: dict[str, tuple[Example, ...]]
    ids: dict[str, NDArray[np.integer]]

    def encoder(self, config: TextConfig) -> StoredEncoder:
        """The tokenizer of a run.

        Raises:
            DataError: the run wants other tokens than those that are stored.
        """
        same = ("cleaning", "stopwords", "tokenizer", "vocabulary", "min_frequency")
        for key in same:
            stored, wanted = getattr(self.about.text, key), getattr(config, key)
            if stored != wanted:
                raise DataError(
                    f"the tokens were made with text.{key}={stored}, the run wants {wanted}.",
                    "Pack them again with the run's preset.",
                )
        return StoredEncoder(self.about.tokenizer, config, self.ids)

    def training(self) -> TrainingData:
        """As ``load_training`` gives it, with stand-ins for texts."""
        train, validation = self.parts["train"], self.parts["validation"]
        return TrainingData(train, validation, self.about.labels, self.about.digest, ())

    def texts(self) -> TextData:
        """As ``load_texts`` gives it, with stand-ins for texts."""
        train = [each.text for part in ("train", "unlabelled") for each in self.parts[part]]
        validation = [each.text for each in self.parts["validation"]]
        return TextData(tuple(train), tuple(validation), self.about.texts_digest, ())


def pack(source: str, options: SourceOptions, config: RunConfig, output: Path) -> list[Path]:
    """Write what training may see, and the test part into a file of its own.

    Args:
        source: labelled reviews with unlabelled ones and a test part, such as IMDB.
        options: columns, encoding and excluded members of the source.
        config: ``data`` divides the reviews, ``text`` makes the tokens.
        output: the file for training; the other one's name ends in ``-test``.

    Returns:
        Both paths.
    """
    data = load_training(source, options, config.data)
    texts = load_texts(source, options, config.data)
    unlabelled = [each for each in load_unlabelled(source, options) if each.text.strip()]
    test = load_split(source, options, config.data, "test", data.labels)
    encoder = TextEncoder.train(texts.train, config.text)
    about = About(
        source=Path(source).name,
        labels=data.labels,
        tokenizer=encoder.json(),
        text=config.text,
        digest=data.digest,
        texts_digest=texts.digest,
    )
    seen = {"train": data.train, "validation": data.validation, "unlabelled": unlabelled}
    kept_apart = output.with_name(f"{output.stem}-test{output.suffix}")
    _write(output, about, seen, encoder)
    _write(kept_apart, about, {"test": test}, encoder)
    return [output, kept_apart]


def read(path: Path) -> Tokens:
    """Read one of the two files.

    Raises:
        DataError: it is missing, damaged or something else.
    """
    try:
        with safe_open(path, framework="np") as stream:
            about = msgspec.json.decode((stream.metadata() or {}).get("about", ""), type=About)
            arrays = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
        rows = msgspec.json.decode(arrays["rows"].tobytes(), type=list[_Row])
    except (OSError, KeyError, msgspec.MsgspecError, SafetensorError) as error:
        raise DataError(
            f"cannot read {path}: {error}.", "Make it with: python -m tools.tokens pack"
        ) from error
    return _tokens(about, arrays, rows)


def _tokens(about: About, arrays: dict[str, Any], rows: Sequence[_Row]) -> Tokens:
    texts = [each.tobytes().hex() for each in arrays["digests"]]
    offsets = arrays["offsets"]
    ids = {
        text: arrays["ids"][start:end]
        for text, start, end in zip(texts, offsets[:-1], offsets[1:], strict=True)
    }
    parts: dict[str, list[Example]] = {part: [] for part in PARTS}
    for text, row, part in zip(texts, rows, arrays["parts"].tolist(), strict=True):
        parts[PARTS[part]].append(Example(text, row.label, row.name, row.group))
    return Tokens(about, {part: tuple(found) for part, found in parts.items()}, ids)


def _write(
    path: Path, about: About, parts: Mapping[str, Sequence[Example]], encoder: TextEncoder
) -> None:
    reviews = [(PARTS.index(part), each) for part, found in parts.items() for each in found]
    encoded = encoder.encode([each.text for _, each in reviews], cut=False)
    narrow = np.uint16 if encoder.size <= 2**16 else np.int32
    lengths = [len(each.ids) for each in encoded]
    digests = b"".join(bytes.fromhex(stand_in(each.text)) for _, each in reviews)
    rows = [_Row(each.name, each.label, each.group) for _, each in reviews]
    arrays = {
        "ids": np.concatenate([each.ids for each in encoded]).astype(narrow),
        "offsets": np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        "digests": np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES),
        "parts": np.array([part for part, _ in reviews], dtype=np.uint8),
        "rows": np.frombuffer(msgspec.json.encode(rows), np.uint8),
    }
    with files.replacing(path) as temporary:
        save_file(arrays, temporary, {"about": msgspec.json.encode(about).decode()})


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m tools.tokens", description=__doc__)
    commands = parser.add_subparsers(required=True)
    packing = commands.add_parser("pack", help="write a source as token arrays")
    packing.add_argument("--data", required=True, metavar="SOURCE")
    packing.add_argument("--exclude", type=Path, metavar="FILE")
    packing.add_argument("--preset", default="base-gpu")
    packing.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    packing.add_argument("--output", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    try:
        options = SourceOptions(exclude=chosen.exclude)
        config = load_preset(chosen.preset, chosen.set)
        paths = pack(chosen.data, options, config, chosen.output)
    except UndertoneError as error:
        print(error, file=sys.stderr)
        return 2
    for path in paths:
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
