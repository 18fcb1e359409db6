"""Contributions that add up, spans of the original text, and the running verdict by hand."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tiny_model import WEIGHTS, logit, sigmoid

from undertone.errors import ConfigError
from undertone.inference import (
    CurvePoint,
    Explanation,
    Model,
    TokenContribution,
    TurningPoint,
    load,
)

Build = Callable[..., Path]


def adds_up(explanation: Explanation) -> bool:
    total = explanation.base + sum(token.contribution for token in explanation.tokens)
    return abs(total - explanation.logit) <= 1e-4


def test_contributions_by_hand(model: Model):
    text = "GOOD film,<br />but AWFUL!"
    found = model.explain(text)
    assert found.tokens == (
        TokenContribution("GOOD", 0, 4, pytest.approx(2.0 / 6), True),
        TokenContribution("film", 5, 9, 0.0, True),
        TokenContribution(",", 9, 10, 0.0, True),
        TokenContribution("but", 16, 19, pytest.approx(0.5 / 6), True),
        TokenContribution("AWFUL", 20, 25, pytest.approx(-4.0 / 6), True),
        TokenContribution("!", 25, 26, pytest.approx(0.25 / 6), True),
    )
    assert found.base == 0.125
    assert found.logit == pytest.approx(-1.25 / 6 + 0.125)
    assert adds_up(found)
    assert (found.text, found.label) == (text, "positive")
    assert found.prediction == model.predict(text)
    assert found.prediction.label == "negative"


def test_the_first_of_two_labels_turns_all_signs(model: Model):
    other = model.explain("good bad great", label="negative")
    usual = model.explain("good bad great", label="positive")
    assert other.label == "negative"
    assert (other.logit, other.base) == (-usual.logit, -usual.base)
    assert [token.contribution for token in other.tokens] == [
        -token.contribution for token in usual.tokens
    ]
    assert [point.probability for point in other.curve] == pytest.approx(
        [1 - point.probability for point in usual.curve]
    )
    assert adds_up(other)


def test_many_labels_explain_the_predicted_or_the_chosen_one(many_labels: Model):
    found = many_labels.explain("good good film")
    assert found.label == "positive"
    assert [token.contribution for token in found.tokens] == pytest.approx([1.0, 1.0, 0.0])
    assert (found.logit, found.base) == pytest.approx((2.0, 0.0))
    neutral = many_labels.explain("good good film", label="neutral")
    assert [token.contribution for token in neutral.tokens] == pytest.approx([0, 0, 2 / 3])
    assert (neutral.logit, neutral.base) == pytest.approx((2 / 3 + 0.5, 0.5))
    assert neutral.curve[-1].probability == pytest.approx(
        neutral.prediction.probabilities["neutral"]
    )
    powers = np.exp(np.array([0.0, 0.5, 3.0]) / 2)  # after the first word, temperature 2
    assert found.curve[0].probability == pytest.approx(powers[2] / powers.sum(), abs=1e-6)


@pytest.mark.parametrize("label", ["postive", "", "Negative"])
def test_an_unknown_label(model: Model, label: str):
    with pytest.raises(ConfigError, match=f"no label '{label}'.*Labels: negative, positive"):
        model.explain("good", label=label)


@pytest.mark.parametrize("wrong", [None, b"good", ["good"], 1])
def test_something_else_than_a_text(model: Model, wrong: object):
    with pytest.raises(TypeError, match=f"one text, not a {type(wrong).__name__}"):
        model.explain(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "<br />", "\x00"])
def test_a_text_without_tokens(model: Model, many_labels: Model, text: str):
    for each, label in ((model, "positive"), (many_labels, "negative")):
        found = each.explain(text)
        assert found.prediction.status == "empty"
        assert (found.tokens, found.curve, found.turning_points) == ((), (), ())
        assert (found.logit, found.base, found.label) == (0.0, 0.0, label)


def test_the_middle_of_a_long_text_is_marked_unread(build: Build):
    model = load(build(max_tokens=4, head=0.75))
    text = "good great bad awful awful film not but"
    found = model.explain(text)
    assert [token.text for token in found.tokens] == text.split()
    assert [token.read for token in found.tokens] == [True] * 3 + [False] * 4 + [True]
    weights = [2.0, 4.0, -2.0, 0, 0, 0, 0, 0.5]
    assert [token.contribution for token in found.tokens] == pytest.approx(
        [weight / 4 for weight in weights]
    )
    assert adds_up(found)
    assert (found.prediction.tokens_read, found.prediction.tokens_total) == (4, 8)
    assert [(point.token, point.end) for point in found.curve] == [
        (0, 4),
        (1, 10),
        (2, 14),
        (7, 39),
    ]


def test_the_curve_is_the_verdict_on_every_prefix(build: Build):
    model = load(build(temperature=0.5))
    words = ["good", "film", "but", "awful", "awful", "awful", "but", "great"]
    found = model.explain(" ".join(words))
    expected = [sigmoid(logit(" ".join(words[: count + 1])) / 0.5) for count in range(len(words))]
    assert [point.probability for point in found.curve] == pytest.approx(expected, abs=1e-6)
    assert found.curve[1] == CurvePoint(1, 9, found.curve[1].probability)
    assert not found.curve_is_sampled
    assert found.curve[-1].probability == found.prediction.probabilities["positive"]


def test_turning_points_by_hand(model: Model):
    #       0.89 0.75 0.68      0.28  0.13  0.22  0.39  0.51
    text = "good film film . awful awful great great great"
    found = model.explain(text)
    values = [point.probability for point in found.curve]
    lowest = int(np.argmin(values))
    assert lowest == 5
    assert found.turning_points == (
        TurningPoint(
            token=6,
            start=text.index("great"),
            end=len(text),
            before=values[5],
            after=values[8],
            crosses=True,
        ),
    )
    assert text[found.turning_points[0].start : found.turning_points[0].end] == "great great great"
    assert values[5] == pytest.approx(sigmoid(logit("good film film . awful awful")), abs=1e-6)


def test_a_turn_that_leaves_the_verdict_alone(model: Model):
    found = model.explain("film great great film film film film film bad")
    assert [point.crosses for point in found.turning_points] == [False]
    assert found.turning_points[0].token == 3


def test_behind_the_unread_middle_the_curve_reads_the_head_and_the_tail_so_far(build: Build):
    model = load(build(max_tokens=4, head=0.5))
    words = ["film", "great", "bad", "bad", "bad", "awful", "but"]
    found = model.explain(" ".join(words))
    read = ["film", "great", "awful", "but"]
    expected = [sigmoid(logit(" ".join(read[: count + 1]))) for count in range(4)]
    assert [point.token for point in found.curve] == [0, 1, 5, 6]
    assert [point.probability for point in found.curve] == pytest.approx(expected, abs=1e-6)
    ended_there = model.predict(" ".join(words[:6])).probabilities["positive"]
    assert ended_there == pytest.approx(sigmoid(logit("film great bad awful")), abs=1e-6)
    assert abs(ended_there - found.curve[2].probability) > 0.1


def test_a_curve_takes_127_readings_at_most(model: Model, monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []
    real = model.network.logits

    def count(sequences: list[np.ndarray]) -> np.ndarray:
        asked.append(len(sequences))
        return real(sequences)

    monkeypatch.setattr(model.network, "logits", count)
    found = model.explain("film . " * 126 + "film")
    assert asked == [len(found.curve) - 1] == [127]


def test_a_decoded_sign_shows_its_whole_entity(model: Model):
    found = model.explain("&quot;good&quot; &amp; bad&#39;")
    assert [(token.text, token.start, token.end) for token in found.tokens] == [
        ("&quot;", 0, 6),
        ("good", 6, 10),
        ("&quot;", 10, 16),
        ("&amp;", 17, 22),
        ("bad", 23, 26),
        ("&#39;", 26, 31),
    ]


def test_a_turn_over_the_unread_middle_starts_behind_it(build: Build):
    model = load(build(max_tokens=4, head=0.5))
    text = "film great bad bad bad awful awful"
    found = model.explain(text)
    assert [point.token for point in found.curve] == [0, 1, 5, 6]
    assert [(point.token, point.start, point.end) for point in found.turning_points] == [
        (5, text.index("awful"), len(text))
    ]


def test_a_long_text_has_a_sampled_curve_with_its_sentence_ends(model: Model):
    words = ["film"] * 300
    words[100] = words[207] = "."
    words[150] = "..."
    found = model.explain(" ".join(words))
    points = [point.token for point in found.curve]
    assert found.curve_is_sampled
    assert {0, 100, 150, 207, 299} <= set(points)
    assert len(points) <= 67
    assert points == sorted(points)


def test_an_explanation_is_json(model: Model):
    content = msgspec.json.decode(msgspec.json.encode(model.explain("not bad!")))
    assert list(content) == [
        *("text", "prediction", "label", "logit", "base", "tokens", "curve"),
        *("curve_is_sampled", "turning_points"),
    ]
    assert content["tokens"][0] == {
        "text": "not",
        "start": 0,
        "end": 3,
        "contribution": pytest.approx(WEIGHTS["not"] / 3),
        "read": True,
    }
    assert content["prediction"]["probabilities"].keys() == {"negative", "positive"}


def test_spans_hold_for_odd_text(model: Model):
    text = "\ud83d İGOOD 😀 good\u0301 Great<br/>👩\u200d🚀 &amp; bad\u2019s"
    found = model.explain(text)
    assert adds_up(found)
    for token in found.tokens:
        assert text[token.start : token.end] == token.text
    assert [token.text for token in found.tokens if token.contribution] == ["Great"]


def test_an_lstm_adds_up_and_reads_prefixes_honestly(lstm: Path):
    model = load(lstm)
    words = ["good", "bad", "film", "awful", "great", "not", "but", "."]
    random = np.random.default_rng(0)
    for length in (1, 2, 7, 64, 65, 300):
        text = " ".join(random.choice(words, length))
        found = model.explain(text)
        assert adds_up(found)
        assert found.logit == pytest.approx(model.logits([text]).logits[0, 0], abs=1e-6)
        for point in found.curve[:: max(1, length // 8)]:
            alone = model.predict(text[: point.end]).probabilities["positive"]
            assert point.probability == pytest.approx(alone, abs=1e-5)


def test_real_reviews_add_up(model: Model, lstm: Path, shared_data: Path):
    reader = load(lstm)
    count = 0
    with tarfile.open(shared_data / "aclImdb_v1.tar.gz") as archive:
        for member in archive:
            if "/train/pos/" in member.name and member.isfile():
                stream = archive.extractfile(member)
                assert stream is not None
                text = stream.read().decode()
                found = reader.explain(text)
                assert adds_up(found)
                assert all(text[each.start : each.end] == each.text for each in found.tokens)
                count += 1
            if count == 20:
                break
    assert count == 20
