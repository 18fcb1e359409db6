"""The most confident mistakes: which they are, that the sums are exact, and how they are shown."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import undertone
from undertone import training
from undertone.config import load_preset
from undertone.data.examples import Example, SourceOptions
from undertone.data.source import load_split
from undertone.evaluation import (
    as_json,
    collect_verdicts,
    error_pages,
    find_errors,
    report,
    summarise,
    write_report,
)
from undertone.evaluation.errors import STRONGEST, most_confident_mistakes
from undertone.evaluation.excerpts import (
    EXCERPT,
    Marked,
    Passage,
    Word,
    heaviest_passages,
    marked,
    parting,
)


@pytest.fixture(scope="module")
def model():
    return undertone.load(threads=1)


@pytest.fixture(scope="module")
def sample(model):
    examples = load_split("sample", SourceOptions(), model.config.data, "all", model.labels)
    return examples[:200], collect_verdicts(model, examples[:200])


@pytest.fixture(scope="module")
def errors(model, sample):
    return find_errors(model, *sample, 5)


def test_the_surest_wrong_verdicts_are_picked(sample, errors):
    examples, verdicts = sample
    wrong = [at for at in range(200) if verdicts.predicted[at] != verdicts.targets[at]]
    assert errors.wrong == len(wrong) > 5
    surest = sorted(wrong, key=lambda at: -verdicts.probabilities[at].max())[:5]
    assert [each.index for each in errors.mistakes] == surest
    for mistake in errors.mistakes:
        example = examples[mistake.index]
        assert (mistake.name, mistake.label, mistake.text) == (
            example.name,
            example.label,
            example.text,
        )
        assert {mistake.label, mistake.predicted} == {"negative", "positive"}
        assert mistake.probability == verdicts.probabilities[mistake.index].max() > 0.5


def test_contributions_add_up_to_the_logit_that_explain_gives(model, errors):
    for mistake in errors.mistakes:
        explained = model.explain(mistake.text, label=mistake.predicted)
        assert mistake.logit == pytest.approx(explained.logit, abs=1e-6)
        assert mistake.base == pytest.approx(explained.base, abs=1e-6)
        assert mistake.logit > 0
        added = sum(word.contribution for word in mistake.words)
        assert mistake.base + added == pytest.approx(mistake.logit, abs=1e-4)
        sides = mistake.led.total + mistake.opposed.total
        assert sides == pytest.approx(added, abs=1e-9)
        read = [token for token in explained.tokens if token.read]
        assert [(word.text, word.start, word.end) for word in mistake.words] == [
            (token.text, token.start, token.end) for token in read
        ]
        np.testing.assert_allclose(
            [word.contribution for word in mistake.words],
            [token.contribution for token in read],
            atol=1e-6,
        )


def test_the_strongest_words_are_counted_together(errors):
    for mistake in errors.mistakes:
        sums: dict[str, list[float]] = {}
        for word in mistake.words:
            sums.setdefault(word.text.lower(), []).append(word.contribution)
        for side, sign in ((mistake.led, 1), (mistake.opposed, -1)):
            mine = {text: each for text, each in sums.items() if sign * sum(each) > 0}
            assert side.total == pytest.approx(sum(map(sum, mine.values())))
            heaviest = sorted(mine, key=lambda text: -abs(sum(mine[text])))[:STRONGEST]
            assert [tally.text for tally in side.strongest] == heaviest
            assert [tally.count for tally in side.strongest] == [
                len(mine[text]) for text in heaviest
            ]


def test_more_than_there_are_gives_all(model, sample):
    found = find_errors(model, *sample, 10_000)
    assert len(found.mistakes) == found.wrong
    assert np.all(np.diff([each.probability for each in found.mistakes]) <= 0)


def test_no_mistakes(model):
    examples = [Example("A wonderful film.", "positive", "row 1")]
    found = find_errors(model, examples, collect_verdicts(model, examples), 3)
    assert (found.wrong, found.mistakes, found.pairs, found.near_duplicates) == (0, (), 0, ())
    assert "\n\n".join(error_pages.sections(found)) == (
        "## Most confident mistakes\n\nThere are none.\n\n"
        "## Near-duplicates with different labels\n\nThere are none."
    )
    assert error_pages.json_lines(found) == b""


def test_reviews_without_a_verdict_are_no_confident_mistakes(verdicts):
    made = verdicts(
        [0, 0, 1, 0, 1],
        [[0.1, 0.9], [0.5, 0.5], [0.2, 0.8], [0.1, 0.9], [0.99, 0.01]],
        total=[9, 0, 9, 9, 9],
    )
    assert most_confident_mistakes(made).tolist() == [4, 0, 3]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train a bag of n-grams on reviews of three labels, of words or of pieces of words."""
    folder = tmp_path_factory.mktemp("three")
    lines = [
        json.dumps({"text": f"{word} film {number}", "label": label})
        for number in range(40)
        for word, label in (("dreadful", "bad"), ("passable", "middling"), ("superb", "very good"))
    ]
    (folder / "reviews.jsonl").write_text("\n".join(lines), encoding="utf-8")

    def make(*settings: str) -> undertone.Model:
        name = "-".join(["model", *settings])
        config = load_preset("bag", ["text.min_frequency=1", *settings])
        training.train(str(folder / "reviews.jsonl"), config=config, output=folder / name)
        return undertone.load(folder / name, threads=1)

    return make


@pytest.mark.parametrize("settings", [(), ("text.tokenizer=wordpiece", "text.vocabulary=40")])
def test_with_three_labels_the_one_given_is_set_against_the_true_one(trained, settings):
    model = trained(*settings)
    text = "superb superb film"
    examples = [
        Example("dreadful film 1", "bad", "row 1"),
        Example(text, "bad", "row 2"),
        Example("dreadful film 1", "middling", "row 3"),
    ]
    found = find_errors(model, examples, collect_verdicts(model, examples), 9)
    assert found.wrong == 2
    mistake = next(each for each in found.mistakes if each.index == 1)
    assert mistake.label == "bad"
    said, true = (model.explain(text, label=label) for label in (mistake.predicted, "bad"))
    assert mistake.logit > 0
    assert mistake.logit == pytest.approx(said.logit - true.logit, abs=1e-5)
    assert mistake.base == pytest.approx(said.base - true.base, abs=1e-5)
    added = sum(word.contribution for word in mistake.words)
    assert mistake.base + added == pytest.approx(mistake.logit, abs=1e-5)
    assert [word.text for word in mistake.words] == text.split()
    tallies = (*mistake.led.strongest, *mistake.opposed.strongest)
    assert {tally.text: tally.count for tally in tallies} == {"superb": 2, "film": 1}
    (pair,) = found.near_duplicates
    assert (pair.similarity, pair.first.label, pair.second.label) == (1.0, "bad", "middling")


def test_a_short_text_is_shown_whole():
    assert heaviest_passages("Fine.", [Word("Fine", 0, 4, 1.0)]) == (Passage(0, 5),)
    assert heaviest_passages("", []) == (Passage(0, 0),)


def long_text() -> tuple[str, list[Word]]:
    """600 characters of "w1 w2 ..." with one heavy word near either end."""
    text = " ".join(f"word{number:03}" for number in range(75))
    heavy = {"word005": -3.0, "word070": 2.0}
    words = [
        Word(each, text.index(each), text.index(each) + 7, heavy.get(each, 0.01))
        for each in text.split()
    ]
    return text, words


def test_of_a_long_text_the_surroundings_of_the_heaviest_words_are_shown():
    text, words = long_text()
    pieces = [text[place.start : place.end] for place in heaviest_passages(text, words)]
    assert pieces[0].startswith("word000 word001")
    assert "word005 word006" in pieces[0]
    assert pieces[-1].startswith("word065 ")
    assert "word070" in pieces[-1]
    assert sum(map(len, pieces)) <= EXCERPT
    assert all(piece.split()[-1] in text.split() for piece in pieces), "cut inside a word"


def test_a_text_without_spaces_is_cut_all_the_same():
    text = "好" * 2000
    words = [Word("好" * 1000, 0, 1000, 1.0)]
    assert heaviest_passages(text, words) == (Passage(0, EXCERPT),)
    assert heaviest_passages(text, [Word("好", 500, 501, 1.0)]) == (Passage(460, 541),)
    assert heaviest_passages(text, []) == (Passage(0, EXCERPT),)


def test_words_are_marked_by_their_share_of_the_heaviest():
    text = "not bad, just dull 👎"
    words = [Word("not", 0, 3, -0.2), Word("bad", 4, 7, 0.6), Word(",", 7, 8, 0.1)]
    words += [Word("just", 9, 13, 0.0), Word("dull", 14, 18, 1.0), Word("👎", 19, 20, -0.5)]
    (pieces,) = marked(text, [Passage(0, len(text))], words)
    assert pieces == (
        Marked("not", -1),
        Marked(" ", 0),
        Marked("bad", 2),
        Marked(", just ", 0),
        Marked("dull", 2),
        Marked(" ", 0),
        Marked("👎", -2),
    )
    assert list(marked(text, [Passage(4, 7)], [])) == [(Marked("bad", 0),)]


def test_a_pair_is_shown_from_where_it_parts():
    same = " ".join(["same"] * 40)
    one, other = f"{same} good end", f"{same} bad end"
    first, second = parting(one, other)
    assert one[first.start : first.end].startswith("same same")
    assert one[first.start : first.end].endswith("same good end")
    assert other[second.start : second.end].endswith("same bad end")
    assert parting("abc", "abc") == (Passage(0, 3), Passage(0, 3))


HOSTILE = (
    "- [x](http://a.b) <script>alert(1)</script> *boring* `awful` \x1b[31mterrible| <br /><br />"
    "# ~waste~ of _time_ &amp; money 👨‍👩‍👧 dreadful\n\n## no heading\n1. no list"
)


def test_nothing_in_a_review_breaks_out_of_its_paragraph(model):
    examples = [
        Example(HOSTILE, "positive", "a|b`c.csv row 1"),
        Example(HOSTILE.upper(), "negative", "row 2"),
    ]
    found = find_errors(model, examples, collect_verdicts(model, examples), 9)
    page = "\n\n".join(error_pages.sections(found))
    assert re.search(r"### 1\. `(a\\\|b'c\.csv row 1|row 2)`", page)  # one of the two is a mistake
    assert "<" not in page
    assert "\x1b" not in page
    assert "](" not in page.replace("\\](", "")
    assert "👨‍👩‍👧" in page
    assert "\n## no" not in page
    assert "\n1. no" not in page
    plain = re.sub(r"(?<!\\)\*", "", page).casefold()  # which words are bold is the model's affair
    assert "\\# \\~waste\\~ of \\_time\\_ \\&amp; " in plain
    assert "1. 100% alike\n   - positive: `a\\|b'c.csv row 1`: " in page


def test_the_report_has_both_and_forgets_them_again(model, sample, errors, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "PLOTS", {})
    found = summarise(sample[1], model, source="sample", split="all", seconds=1.0)
    written = write_report(found, tmp_path, errors)
    assert written.errors == tmp_path / "errors.jsonl"
    lines = [json.loads(line) for line in written.errors.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["mistake"] * 5
    first = lines[0]
    assert first["base"] + sum(word["contribution"] for word in first["words"]) == pytest.approx(
        first["logit"], abs=1e-4
    )
    text = written.markdown.read_text()
    assert f"5 of {errors.wrong}, the surest first." in text
    assert text.index("## By length") < text.index("## Most confident mistakes")
    assert text.index("## Near-duplicates") < text.index("## How this was made")
    assert json.loads(written.metrics.read_bytes()) == json.loads(as_json(found))
    again = write_report(found, tmp_path)
    assert again.errors is None
    assert not (tmp_path / "errors.jsonl").exists()
    assert "Most confident" not in report.markdown(found)


def test_json_has_them_under_their_own_name(model, sample, errors):
    found = summarise(sample[1], model, source="sample", split="all", seconds=1.0)
    plain, more = json.loads(as_json(found)), json.loads(as_json(found, errors))
    listed = more.pop("errors")
    assert more == plain
    assert "errors" not in plain
    assert listed["wrong"] == errors.wrong
    assert [each["name"] for each in listed["mistakes"]] == [e.name for e in errors.mistakes]
