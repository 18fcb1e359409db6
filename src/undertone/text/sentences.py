"""The sentences of a text, by punctuation: good enough to draw examples from."""

from __future__ import annotations

import re

from undertone.data.overlap import MARKUP

# Behind a full stop, and what closes with it, before a capital, a digit or what opens a sentence.
# Abbreviations are cut too, which costs an example, not a verdict.
_BETWEEN = re.compile(r"(?:(?<=[.!?…])|(?<=[.!?…][\"'”’)\]]))\s+(?=[\"'“‘(\[]?[A-Z0-9])|\s*\n\s*")
LEAST_WORDS = 4
MOST_WORDS = 40


def sentences(text: str) -> list[str]:
    """Sentences of 4 to 40 words, in order, without markup; others are left out.

    >>> sentences("I waited. Then it began, and I wished it had not.<br />Avoid!")
    ['Then it began, and I wished it had not.']
    """
    parts = _BETWEEN.split(MARKUP.sub("\n", text))
    return [part.strip() for part in parts if LEAST_WORDS <= len(part.split()) <= MOST_WORDS]
