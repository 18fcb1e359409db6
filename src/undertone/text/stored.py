"""Reviews that come as token ids: their texts stay behind, digests stand in for them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from undertone.errors import DataError
from undertone.settings import TextConfig
from undertone.text.tokenizer import TextEncoder

DIGEST_BYTES = 16


class _Stored(NamedTuple):
    """What the tokenizer would have answered."""

    ids: NDArray[np.integer]


class StoredEncoder(TextEncoder):
    """Knows the tokens of some texts by heart and is asked for them by :func:`stand_in`.

    Everything else is that of the tokenizer which made the tokens, so a run that is given the
    stand-ins and this encoder is the run that the texts would have given.

    Args:
        tokenizer: content of its ``tokenizer.json``.
        config: ``max_tokens``, ``head`` and ``cut`` count.
        ids: uncut token ids of each text, by stand-in.
    """

    def __init__(
        self, tokenizer: str, config: TextConfig, ids: Mapping[str, NDArray[np.integer]]
    ) -> None:
        super().__init__(Tokenizer.from_str(tokenizer), config)
        self._ids = ids

    def _encodings(self, texts: Sequence[str], spans: bool) -> Iterator[tuple[str, Any]]:
        if spans:
            raise ValueError("the places of tokens are not stored")
        for text in texts:
            found = self._ids.get(text)
            if found is None:
                raise DataError(
                    f"the tokens of {text[:40]!r} are not stored.",
                    "Use reviews and tokens of the same file.",
                )
            yield text, _Stored(found)


def stand_in(text: str) -> str:
    """What stands for a text: 32 hex digits of its BLAKE2b; equal texts have the same."""
    content = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()
