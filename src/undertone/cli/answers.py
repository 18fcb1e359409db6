"""A prediction as a line for people and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from undertone.cli.wording import one_line, shortened

if TYPE_CHECKING:
    from undertone.inference import Prediction

_SHORTEST = 20


def line(
    text: str, prediction: Prediction, width: int | None = None, doubt: str | None = None
) -> str:
    """``negative  0.87  I didn't hate it, ...``, and how much was read if not all of it.

    Args:
        text: the review.
        prediction: of that review.
        width: columns of a terminal's line; None: the text is shown whole.
        doubt: why the model abstains, if it does.
    """
    note = ", ".join(filter(None, [doubt, cut_note(prediction)]))
    head = f"{verdict(prediction)}  "
    tail = f"  ({note})" if note else ""
    room = None if width is None else max(_SHORTEST, width - len(head) - len(tail))
    shown = shortened(text, room) if room is not None else one_line(text)
    return f"{head}{shown}{tail}".rstrip()


def verdict(prediction: Prediction) -> str:
    """The label and its probability; a text without tokens has neither."""
    if prediction.label is None or prediction.probability is None:
        return "no text  -   "
    width = max(len(label) for label in (prediction.label, *prediction.probabilities))
    return f"{prediction.label:<{width}}  {prediction.probability:.2f}"


def cut_note(prediction: Prediction) -> str:
    """``"read 400 of 812 tokens"`` where a text was cut, else nothing."""
    if prediction.tokens_read == prediction.tokens_total:
        return ""
    return f"read {prediction.tokens_read:,} of {prediction.tokens_total:,} tokens"


def document(text: str, prediction: Prediction, doubt: str | None = None) -> bytes:
    """Everything about one prediction as one JSON object; ``doubt`` where the model abstains."""
    fields: dict[str, Any] = msgspec.to_builtins(prediction)
    why = {} if doubt is None else {"doubt": doubt}
    return msgspec.json.encode({"text": text, **fields, **why})
