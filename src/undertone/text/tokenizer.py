"""Texts to token ids, with the place of every token in the original text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from msgspec import structs
from numpy.typing import NDArray
from tokenizers import Tokenizer, models

from undertone import files
from undertone.errors import DataError, ModelFolderError
from undertone.settings import TextConfig
from undertone.text import cleaning, vocabulary

PAD, UNK = 0, 1
PAD_TOKEN, UNK_TOKEN = "[PAD]", "[UNK]"

# Texts handed to `tokenizers` at once: bounds the memory of its Encoding objects.
_CHUNK = 512
_SURROGATES = re.compile("[\ud800-\udfff]")


class Encoded(NamedTuple):
    """One text as tokens.

    Attributes:
        ids: int32 (n,), of the tokens that are read.
        total: tokens before the cut; ``n < total`` means that the middle was left out.
        spans: int32 (n, 2), start and end of each token as character offsets in the original
            text (of a decoded sign: of its whole entity), or None where they were not asked for.
    """

    ids: NDArray[np.int32]
    total: int
    spans: NDArray[np.int32] | None


class TextEncoder:
    """A trained tokenizer and the limit on the tokens of one review. Safe to share by threads."""

    PAD = PAD
    UNK = UNK

    def __init__(self, tokenizer: Any, config: TextConfig) -> None:
        self._tokenizer = tokenizer
        self._config = config

    @classmethod
    def train(cls, texts: Iterable[str], config: TextConfig) -> TextEncoder:
        """Build a vocabulary from training texts; equal texts give an equal vocabulary.

        Args:
            texts: reviews of the training split alone.
            config: cleaning, kind of tokenizer, size and limits.

        Raises:
            ConfigError: the file of stop words cannot be used.
            DataError: no word is frequent enough.
        """
        tokenizer = Tokenizer(models.WordLevel({UNK_TOKEN: 0}, unk_token=UNK_TOKEN))
        tokenizer.normalizer = cleaning.normalizer(config)
        tokenizer.pre_tokenizer = cleaning.pre_tokenizer(config)
        clean = [_encodable(text) for text in texts]
        learn = vocabulary.pieces if config.tokenizer == "wordpiece" else vocabulary.words
        entries = learn(tokenizer, clean, config, (PAD_TOKEN, UNK_TOKEN))
        if len(entries) == 2:
            raise DataError(
                f"no word stands {config.min_frequency} times or more in the training reviews.",
                "Give more reviews, or lower text.min_frequency.",
            )
        tokenizer.model = _model(entries, config)
        return cls(tokenizer, config)

    def limited(self, max_tokens: int) -> TextEncoder:
        """The same tokenizer, which reads so many tokens of a review at most."""
        return TextEncoder(self._tokenizer, structs.replace(self._config, max_tokens=max_tokens))

    @classmethod
    def load(cls, path: Path, config: TextConfig) -> TextEncoder:
        """Read a ``tokenizer.json`` that :meth:`save` wrote.

        Args:
            path: the file.
            config: ``max_tokens``, ``head`` and ``cut`` count; the rest is inside the file.

        Raises:
            ModelFolderError: the file is missing, damaged, or not from undertone.
        """
        try:
            tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelFolderError(
                f"cannot read {path}: {error.strerror}.", "Copy the whole folder again."
            ) from error
        except Exception as error:
            raise ModelFolderError(
                f"{path} is damaged: {str(error).partition(chr(10))[0][:200]}.",
                "Copy the whole folder again, or train again.",
            ) from error
        _check(path, tokenizer)
        return cls(tokenizer, config)

    def save(self, path: Path) -> None:
        """Write the tokenizer as one JSON file, whole or not at all.

        Raises:
            OutputError: the disk is full or the folder cannot be written.
        """
        files.write_text(path, self.json())

    def json(self) -> str:
        """Content of the file that :meth:`save` writes."""
        content: str = self._tokenizer.to_str(pretty=True)
        return content

    @property
    def size(self) -> int:
        """Number of ids, the two special ones included."""
        size: int = self._tokenizer.get_vocab_size()
        return size

    def encode(
        self, texts: Sequence[str], *, spans: bool = False, cut: bool = True
    ) -> list[Encoded]:
        """Tokenize texts on all cores; the lock of the interpreter is free meanwhile.

        A text of more tokens than the limit keeps its head and its tail, see :meth:`kept`. A text
        without tokens has no ids. Half characters (lone surrogates) count
        as U+FFFD.

        Args:
            texts: any number of texts.
            spans: also say where each token stands; slower by a third.
            cut: False keeps every token.

        Raises:
            TypeError: something is not a string; its index is named.
        """
        if isinstance(texts, str):
            raise TypeError("encode() takes a list of texts, not one text")
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"text {index} is a {type(text).__name__}, not a string")
        return [
            self._cut(encoding, text if spans else None, cut)
            for start in range(0, len(texts), _CHUNK)
            for text, encoding in self._encodings(texts[start : start + _CHUNK], spans)
        ]

    def kept(self, ids: NDArray[np.int32]) -> tuple[int, int]:
        """How many tokens of a text are read from its start and from its end.

        >>> TextEncoder(None, TextConfig(max_tokens=10, head=0.7)).kept(np.zeros(25, np.int32))
        (7, 3)

        Args:
            ids: int32 (n,), all tokens of the text.
        """
        total, limit = len(ids), self._config.max_tokens
        if self._config.cut == "words":
            limit = min(limit, int(np.count_nonzero(~self._continuing[ids])))
        if total <= limit:
            return total, 0
        head = round(limit * self._config.head)
        return head, limit - head

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """The token of each id."""
        return [self._tokenizer.id_to_token(int(each)) for each in ids]

    @cached_property
    def _continuing(self) -> NDArray[np.bool_]:
        """Bool (vocabulary,): whether a token is a piece that continues a word."""
        tokens = self.tokens(range(self.size))
        return np.array([each.startswith(vocabulary.CONTINUES) for each in tokens])

    def _encodings(self, texts: Sequence[str], spans: bool) -> Iterator[tuple[str, Any]]:
        """Each text beside what the library makes of it."""
        tokenizer = self._tokenizer
        encode = tokenizer.encode_batch if spans else tokenizer.encode_batch_fast
        try:
            encodings = encode(list(texts), add_special_tokens=False)
        except TypeError:  # what half a character gives: too rare to look for in every text
            encodings = encode([_encodable(text) for text in texts], add_special_tokens=False)
        return zip(texts, encodings, strict=True)

    def _cut(self, encoding: Any, text: str | None, cut: bool) -> Encoded:
        """Ids, and with ``text`` the spans in it."""
        ids = np.array(encoding.ids, dtype=np.int32)
        places = None if text is None else _spans(encoding, text)
        total = len(ids)
        head, tail = self.kept(ids) if cut else (total, 0)
        if head + tail < total:
            ids = _ends(ids, head, tail)
            places = None if places is None else _ends(places, head, tail)
        return Encoded(ids, total, places)


def _spans(encoding: Any, text: str) -> NDArray[np.int32]:
    spans = np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2)
    cleaning.widen_to_entities(text, spans)
    return spans


def _ends(values: NDArray[np.int32], head: int, tail: int) -> NDArray[np.int32]:
    return np.concatenate([values[:head], values[len(values) - tail :]])


def _encodable(text: str) -> str:
    """The text with half characters replaced one for one, so that offsets stay."""
    return _SURROGATES.sub("\ufffd", text)


def _model(entries: list[str], config: TextConfig) -> Any:
    ids = {token: index for index, token in enumerate(entries)}
    if config.tokenizer == "wordpiece":
        return models.WordPiece(ids, unk_token=UNK_TOKEN, max_input_chars_per_word=100)
    return models.WordLevel(ids, unk_token=UNK_TOKEN)


def _check(path: Path, tokenizer: Any) -> None:
    """Refuse a tokenizer whose ids are not those that the network was trained with."""
    size = tokenizer.get_vocab_size(with_added_tokens=False)
    fits = (
        tokenizer.token_to_id(PAD_TOKEN) == PAD
        and tokenizer.token_to_id(UNK_TOKEN) == UNK
        and tokenizer.id_to_token(size - 1) is not None
        and not tokenizer.get_added_tokens_decoder()
        and tokenizer.padding is None
        and tokenizer.truncation is None
    )
    if not fits:
        raise ModelFolderError(
            f"{path} is not a tokenizer of undertone.",
            "Copy the whole folder again, or train again.",
        )
