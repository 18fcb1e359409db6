"""Sentences by punctuation."""

from undertone.text.sentences import sentences


def test_markup_and_lines_end_sentences_and_closing_marks_stay_out_of_the_next() -> None:
    text = 'He said "I will not go." Then he went home<br /><br />(It rained all day long.)\nNo.'
    assert sentences(text) == [
        'He said "I will not go."',
        "Then he went home",
        "(It rained all day long.)",
    ]


def test_what_is_too_short_or_too_long_is_left_out() -> None:
    long = " ".join(["word"] * 41)
    assert sentences(f"Too short by one. {long.capitalize()}. " + " ".join(["Word"] * 40)) == [
        "Too short by one.",
        " ".join(["Word"] * 40),
    ]
    assert sentences("") == []
