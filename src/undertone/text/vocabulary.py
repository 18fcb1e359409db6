"""Which tokens a model knows: learnt by Hugging Face trainers, equal for equal texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer, models, trainers

from undertone.settings import TextConfig

# As BERT's vocabularies were built; keeps rare scripts from crowding out words.
_MOST_CHARACTERS = 1000
CONTINUES = "##"
"""What stands before a word piece that continues a word."""


def words(
    tokenizer: Any, texts: Sequence[str], config: TextConfig, special: tuple[str, ...]
) -> list[str]:
    """The most frequent words, ties in order of code points, after the special tokens."""
    trainer = trainers.WordLevelTrainer(
        vocab_size=config.vocabulary,
        min_frequency=config.min_frequency,
        special_tokens=list(special),
        show_progress=False,
    )
    return _trained(tokenizer, models.WordLevel(unk_token=special[-1]), texts, trainer)


def pieces(
    tokenizer: Any, texts: Sequence[str], config: TextConfig, special: tuple[str, ...]
) -> list[str]:
    """Word pieces, ``##`` before those that continue a word.

    The trainer numbers continuing characters in the order of a hash map, which changes from run
    to run and decides ties. They are therefore passed in, sorted, before it starts.
    """
    everything = trainers.WordLevelTrainer(
        vocab_size=2**31, min_frequency=1, special_tokens=[], show_progress=False
    )
    seen = _trained(tokenizer, models.WordLevel(unk_token=special[-1]), texts, everything)
    alphabet = _characters(seen, min(_MOST_CHARACTERS, max(1, (config.vocabulary - 2) // 4)))
    continuing = {character for word in seen for character in word[1:]} & set(alphabet)
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.vocabulary,
        min_frequency=config.min_frequency,
        special_tokens=[*special, *(f"{CONTINUES}{character}" for character in sorted(continuing))],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        continuing_subword_prefix=CONTINUES,
        show_progress=False,
    )
    return _trained(tokenizer, models.WordPiece(unk_token=special[-1]), texts, trainer)


def _characters(words_by_frequency: Sequence[str], most: int) -> list[str]:
    """The characters of the most frequent words, sorted."""
    ordered = dict.fromkeys(character for word in words_by_frequency for character in word)
    return sorted(list(ordered)[:most])


def _trained(tokenizer: Any, model: Any, texts: Sequence[str], trainer: Any) -> list[str]:
    """Entries in order of their ids; ``tokenizer`` lends its cleaning and is left as it was."""
    learner = Tokenizer(model)
    learner.normalizer, learner.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    learner.train_from_iterator(texts, trainer=trainer)
    ids: dict[str, int] = learner.get_vocab()
    return sorted(ids, key=ids.__getitem__)
