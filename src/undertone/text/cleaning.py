"""What is taken out of a review before it becomes tokens.

Cleaning is expressed as Hugging Face `tokenizers` normalizers and pre-tokenizers alone. They are
saved inside ``tokenizer.json``, so a model cleans a review everywhere as it did in training, and
every token keeps its place in the original text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, normalizers, pre_tokenizers

from undertone.errors import ConfigError
from undertone.settings import TextConfig

# A tag starts with a letter, so that "I <3 it" and "1 < 2 > 0" stay.
_MARKUP = r"</?[A-Za-z][^<>]{0,200}>|&(?:nbsp|lt|gt|#160);"
# U+0092 is the apostrophe of Windows-1252 read as Latin-1, common in scraped reviews.
_APOSTROPHE_NAMES = "rsquo|apos|#0?39|#x27|#8217"
_APOSTROPHE = f"[\u2019\u0092]|&(?:{_APOSTROPHE_NAMES});"
# Group 1: decoded to a sign that the library places on the semicolon; "&amp;" stands on its "&".
_SIGN_ENTITY = re.compile(f"&(?:({_APOSTROPHE_NAMES}|quot)|amp);")
# Words with inner apostrophes (don't), numbers, runs of sentence ends, and any other sign alone.
_WORD = r"[\p{L}\p{M}]+(?:'\p{L}+)*|\p{N}+|[!?.]+|[^\s\p{Cc}\p{Cf}]"
_NOT_LETTERS = r"[^\p{L}\p{M}]+"
_LETTER = r"[\p{L}\p{M}]"


def normalizer(config: TextConfig) -> Any:
    """The normalizer of ``config.cleaning``.

    ``plain`` takes out markup, decodes the usual entities, makes every apostrophe an ASCII one
    and folds case. ``study`` turns everything but letters into spaces and deletes stop words, as
    the study's training code does ("didn't" becomes "didn t", of which both are stop words).

    Raises:
        ConfigError: the file of stop words is missing, unreadable or empty.
    """
    if config.cleaning == "plain":
        return normalizers.Sequence(
            [
                normalizers.Replace(Regex(_MARKUP), " "),
                normalizers.Replace(Regex(_APOSTROPHE), "'"),
                normalizers.Replace("&quot;", '"'),
                normalizers.Replace(Regex("(?<=&)amp;"), ""),
                normalizers.Lowercase(),
            ]
        )
    return normalizers.Sequence(
        [
            normalizers.Replace(Regex(_MARKUP), " "),
            *_letters_only(),
            normalizers.Replace(Regex(_stop_pattern(read_stopwords(config.stopwords))), " "),
        ]
    )


def pre_tokenizer(config: TextConfig) -> Any:
    """What cuts cleaned text into words: see ``_WORD``, or BERT's rules for word pieces."""
    if config.tokenizer == "wordpiece":
        return pre_tokenizers.BertPreTokenizer()
    return pre_tokenizers.Split(Regex(_WORD), behavior="removed", invert=True)


def read_stopwords(file: str) -> tuple[str, ...]:
    """The words of a file with one word a line, each once, as study cleaning leaves them.

    "Can't" becomes "can t", which is how it looks by the time that stop words are deleted.

    Raises:
        ConfigError: the file is missing, not UTF-8, or holds no words.
    """
    try:
        content = Path(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"text.stopwords={file}: {error.strerror or error}.",
            "Name a file with one stop word a line.",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"text.stopwords={file} is not UTF-8 (byte {error.start}).", "Save it as UTF-8."
        ) from error
    letters = normalizers.Sequence(_letters_only())
    words = (letters.normalize_str(line).strip() for line in content.splitlines())
    unique = tuple(dict.fromkeys(word for word in words if word))
    if not unique:
        raise ConfigError(
            f"text.stopwords={file} holds no words.", "Name a file with one stop word a line."
        )
    return unique


def widen_to_entities(text: str, spans: NDArray[np.int32]) -> None:
    """Let tokens that were entities stand on the whole of them, in place.

    A sign that ``plain`` cleaning decodes is placed on one character of its entity. ``study``
    cleaning leaves no token on those characters, so nothing happens to its spans.

    Args:
        text: the original text.
        spans: int32 (n, 2), start and end of every token of the text, in order.
    """
    entities = list(_SIGN_ENTITY.finditer(text))
    if not entities or not len(spans):
        return
    on = np.array([each.end() - 1 if each[1] else each.start() for each in entities])
    rows = np.searchsorted(spans[:, 0], on).clip(max=len(spans) - 1)
    alone = (spans[rows, 0] == on) & (spans[rows, 1] == on + 1)
    spans[rows[alone]] = np.array([each.span() for each in entities])[alone]


def _letters_only() -> list[Any]:
    return [normalizers.Lowercase(), normalizers.Replace(Regex(_NOT_LETTERS), " ")]


def _stop_pattern(words: Iterable[str]) -> str:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    return f"(?<!{_LETTER})(?:{'|'.join(longest_first)})(?!{_LETTER})"
