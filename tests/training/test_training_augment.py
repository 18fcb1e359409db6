"""Sentences left out, in another order, alone: what is kept, and that it follows from the step."""

import numpy as np
import pytest

from undertone.config import from_dict
from undertone.errors import ConfigError, DataError
from undertone.settings import TextConfig, TrainConfig
from undertone.text.tokenizer import TextEncoder
from undertone.training import augment
from undertone.training.augment import Augmentation, sentences

STOP = 2
ENDS = np.arange(200) == STOP
# Eight sentences of two words each, all words different: 10 11 . 12 13 . ...
REVIEW = np.array(
    [each for place in range(8) for each in (10 + 2 * place, 11 + 2 * place, STOP)], dtype=np.int32
)


def changed(drop=0.0, shuffle=0.0, crop=0.0, reviews=(REVIEW,), seed=0, step=0):
    return Augmentation(drop, shuffle, crop, ENDS)(reviews, seed=seed, step=step)


def numbers(ids):
    """Which sentences of REVIEW stand there, in order; fails where one is not whole."""
    parts = sentences(ids, ENDS)
    places = [(int(part[0]) - 10) // 2 for part in parts]
    np.testing.assert_array_equal(
        ids, np.concatenate([REVIEW[3 * place : 3 * place + 3] for place in places])
    )
    return places


@pytest.mark.parametrize(
    ("ids", "pieces"),
    [
        ([7], [[7]]),
        ([STOP], [[STOP]]),
        ([7, 8, STOP], [[7, 8, STOP]]),
        ([7, STOP, STOP, 8, STOP, 9], [[7, STOP, STOP], [8, STOP], [9]]),
        ([STOP, 7, STOP], [[STOP], [7, STOP]]),
    ],
)
def test_a_review_is_cut_behind_every_run_of_sentence_ends(ids, pieces):
    found = sentences(np.array(ids, dtype=np.int32), ENDS)
    assert [piece.tolist() for piece in found] == pieces


def test_sentence_ends_come_from_the_vocabulary():
    texts = ["it was good . really ?! no ... yes ! a-b , i"] * 2
    encoder = TextEncoder.train(texts, TextConfig(vocabulary=100))
    augmentation = augment.build(TrainConfig(crop=0.5), encoder)
    ending = encoder.tokens(np.flatnonzero(augmentation.ends))
    assert sorted(ending) == ["!", ".", "...", "?!"]
    assert len(augmentation.ends) == encoder.size
    assert (augmentation.drop, augmentation.shuffle, augmentation.crop) == (0.0, 0.0, 0.5)


def test_without_settings_there_is_none_and_without_sentences_it_is_refused():
    encoder = TextEncoder.train(["good film"] * 2, TextConfig(vocabulary=100))
    assert augment.build(TrainConfig(), encoder) is None
    with pytest.raises(DataError, match="the training reviews have no sentences"):
        augment.build(TrainConfig(sentence_shuffle=0.1), encoder)


def test_study_cleaning_leaves_no_sentences_to_change():
    values = {"text": {"cleaning": "study", "stopwords": "x"}, "train": {"sentence_drop": 0.1}}
    with pytest.raises(ConfigError, match=r"text\.cleaning=study deletes the full stops"):
        from_dict(values)


def test_dropping_leaves_out_the_given_share_and_never_all():
    kept = [numbers(ids) for ids in changed(drop=0.25, reviews=[REVIEW] * 1000)]
    assert all(places == sorted(set(places)) for places in kept)
    share = np.mean([len(places) / 8 for places in kept])
    assert share == pytest.approx(0.75, abs=4 * (0.25 * 0.75 / 8000) ** 0.5)
    last = [numbers(ids) for ids in changed(drop=0.999, reviews=[REVIEW] * 100)]
    assert {len(places) for places in last} == {1}
    assert len({places[0] for places in last}) == 8  # any sentence may be the one that stays


def test_shuffling_keeps_every_sentence_and_touches_the_given_share_of_reviews():
    orders = [numbers(ids) for ids in changed(shuffle=0.3, reviews=[REVIEW] * 1000)]
    assert all(sorted(places) == list(range(8)) for places in orders)
    share = np.mean([places != list(range(8)) for places in orders])
    assert share == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 1000) ** 0.5)


def test_cropping_keeps_a_shorter_stretch_of_any_length():
    stretches = [numbers(ids) for ids in changed(crop=1.0, reviews=[REVIEW] * 1000)]
    assert all(places == list(range(places[0], places[-1] + 1)) for places in stretches)
    counts = np.bincount([len(places) for places in stretches], minlength=9)
    assert counts[0] == counts[8] == 0
    np.testing.assert_allclose(counts[1:8], 1000 / 7, atol=4 * (1000 / 7) ** 0.5)
    untouched = [len(ids) == len(REVIEW) for ids in changed(crop=0.4, reviews=[REVIEW] * 1000)]
    assert np.mean(untouched) == pytest.approx(0.6, abs=4 * (0.4 * 0.6 / 1000) ** 0.5)


def test_all_at_once_still_leaves_whole_sentences_of_the_review():
    for ids in changed(drop=0.5, shuffle=1.0, crop=1.0, reviews=[REVIEW] * 200):
        places = numbers(ids)
        assert ids.dtype == np.int32
        assert 1 <= len(places) == len(set(places)) <= 7


def test_a_review_of_one_sentence_stays_and_the_reviews_themselves_are_not_touched():
    before = REVIEW.copy()
    one = np.array([5, 6, 7], dtype=np.int32)
    found = changed(drop=0.9, shuffle=1.0, crop=1.0, reviews=[one, REVIEW])
    assert found[0].tolist() == [5, 6, 7]
    np.testing.assert_array_equal(REVIEW, before)


def test_changes_follow_from_seed_and_step():
    def result(seed, step):
        reviews = changed(0.3, 0.5, 0.5, [REVIEW] * 20, seed=seed, step=step)
        return [ids.tolist() for ids in reviews]

    assert result(1, 2) == result(1, 2)
    assert result(1, 2) != result(1, 3)
    assert result(1, 2) != result(2, 2)
