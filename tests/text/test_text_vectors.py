import numpy as np
import pytest

from undertone.text.vectors import word_vectors


def sequences(*rows):
    return [np.array(row, dtype=np.int32) for row in rows]


def test_words_with_the_same_neighbours_get_the_same_vector():
    # 2 and 3 stand beside 4 and 5; 6 and 7 stand beside 8.
    texts = sequences(*[[4, 2, 5], [4, 3, 5], [8, 6, 8], [8, 7, 8]] * 20)
    vectors = word_vectors(texts, vocabulary=10, width=4, seed=0)
    similar = vectors @ vectors.T
    assert vectors.shape == (10, 4)
    assert vectors.dtype == np.float32
    assert similar[2, 3] == pytest.approx(1.0, abs=1e-4)
    assert similar[6, 7] == pytest.approx(1.0, abs=1e-4)
    assert abs(similar[2, 6]) < 0.05


def test_vectors_have_unit_length_or_none():
    texts = sequences([2, 3, 4, 1], [3, 2, 4, 0], [4, 3])
    lengths = np.linalg.norm(word_vectors(texts, vocabulary=8, width=3, seed=0), axis=1)
    np.testing.assert_allclose(lengths[2:5], 1.0, atol=1e-5)
    assert lengths[[0, 1, 5, 6, 7]].tolist() == [0.0] * 5


def test_a_window_never_spans_two_texts():
    apart = word_vectors(sequences([2], [3]), vocabulary=4, width=2, seed=0)
    assert not apart.any()


def test_more_dimensions_than_words_are_left_at_zero():
    vectors = word_vectors(sequences([2, 3, 2, 3]), vocabulary=4, width=6, seed=0)
    assert vectors.shape == (4, 6)
    assert not vectors[:, 3:].any()


def test_equal_texts_give_equal_vectors():
    random = np.random.default_rng(0)
    texts = [random.integers(0, 50, 30).astype(np.int32) for _ in range(40)]
    first = word_vectors(texts, vocabulary=50, width=8, seed=1)
    assert np.array_equal(first, word_vectors(texts, vocabulary=50, width=8, seed=1))


def test_counts_equal_a_plain_double_loop():
    from undertone.text import vectors

    random = np.random.default_rng(3)
    texts = [random.integers(0, 9, size).astype(np.int32) for size in (1, 4, 12, 30)]
    expected = np.zeros((9, 9))
    for text in texts:
        for place, left in enumerate(text):
            for distance in range(1, 6):
                if place + distance < len(text):
                    right = text[place + distance]
                    if left >= 2 and right >= 2:
                        expected[left, right] += 1 / distance
                        expected[right, left] += 1 / distance
    counted = vectors._counts(vectors._line_up(texts), 9).toarray()
    np.testing.assert_allclose(counted, expected, rtol=1e-5)
