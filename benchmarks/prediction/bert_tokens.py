"""BERT's tokenizer from its vocabulary file, as Hugging Face `tokenizers` builds it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

_UNKNOWN = "[UNK]"
Arrays = tuple[NDArray[np.int64], NDArray[np.int64]]


def tokenizer(vocabulary: str, limit: int, *, special: bool) -> Tokenizer:
    """Lower-cased word pieces, cut at ``limit``, with [CLS] and [SEP] if ``special``."""
    pieces = Path(vocabulary).read_text(encoding="utf-8").splitlines()
    ids = {piece: number for number, piece in enumerate(pieces)}
    made = Tokenizer(models.WordPiece(ids, unk_token=_UNKNOWN))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if special:
        marks = [(mark, ids[mark]) for mark in ("[CLS]", "[SEP]")]
        made.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, marks)
    made.enable_truncation(limit)
    return made


def encode(made: Tokenizer, texts: list[str]) -> list[list[int]]:
    """Ids of each text; a text without pieces becomes one unknown piece."""
    unknown = made.get_vocab()[_UNKNOWN]
    return [each.ids or [unknown] for each in made.encode_batch_fast(texts)]


def padded(sequences: list[list[int]]) -> Arrays:
    """Ids int64 (B, T), zeros on the right, and lengths int64 (B,)."""
    lengths = np.array([len(each) for each in sequences], dtype=np.int64)
    ids = np.zeros((len(sequences), int(lengths.max())), dtype=np.int64)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = sequence
    return ids, lengths
