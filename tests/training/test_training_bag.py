"""Fitting a bag, against scikit-learn and against the paper's formula written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from undertone import calibration
from undertone.errors import DataError
from undertone.settings import BagConfig, TextConfig
from undertone.text.tokenizer import TextEncoder
from undertone.training import bag

WORDS = [first + second for first in "bcdfgh" for second in "aeiou"]
ANY = {"token_pattern": r"\S+", "lowercase": False}


def reviews(count: int, labels: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Texts whose words lean towards their label a little."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, labels, count)
    lean = random.dirichlet(np.ones(len(WORDS)), labels)
    texts = [
        " ".join(random.choice(WORDS, random.integers(3, 20), p=0.7 / len(WORDS) + 0.3 * lean[y]))
        for y in targets
    ]
    return texts, targets


def encoded(texts: list[str]) -> tuple[list[np.ndarray], int]:
    encoder = TextEncoder.train(texts, TextConfig(min_frequency=1))
    return [each.ids for each in encoder.encode(texts)], encoder.size


def reference(matrix, targets, c, **more):
    return LogisticRegression(C=c, max_iter=1000).fit(matrix, targets, **more)


@pytest.mark.parametrize("labels", [2, 3])
def test_tfidf_is_what_scikit_learn_makes_of_it(labels):
    texts, targets = reviews(200, labels)
    sequences, vocabulary = encoded(texts)
    config = BagConfig(weighting="tfidf", ngrams=2, min_reviews=2, c=5.0)
    fitted = bag.fit(sequences, targets, config, vocabulary=vocabulary, labels=labels)
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, **ANY)
    matrix = vectorizer.fit_transform(texts)
    expected = reference(matrix, targets, 5.0).decision_function(matrix).reshape(200, -1)
    assert fitted.converged
    assert fitted.bag.ngrams.size == matrix.shape[1]
    np.testing.assert_allclose(fitted.bag.logits(sequences), expected, atol=1e-4)


def naive_bayes(texts, positive, c):
    """Wang and Manning (2012) for one label against the rest: logits of the texts."""
    counts = CountVectorizer(ngram_range=(1, 3), min_df=2, binary=True, **ANY).fit_transform(texts)
    p = 1 + np.asarray(counts[positive].sum(axis=0)).ravel()
    q = 1 + np.asarray(counts[~positive].sum(axis=0)).ravel()
    matrix = counts @ sparse.diags(np.log((p / p.sum()) / (q / q.sum())))
    return reference(matrix, positive, c).decision_function(matrix)


@pytest.mark.parametrize("labels", [2, 3])
def test_naive_bayes_weights_are_those_of_the_paper(labels):
    texts, targets = reviews(200, labels)
    sequences, vocabulary = encoded(texts)
    config = BagConfig(weighting="nb", ngrams=3, min_reviews=2, c=0.5)
    fitted = bag.fit(sequences, targets, config, vocabulary=vocabulary, labels=labels)
    chosen = (1,) if labels == 2 else range(labels)
    expected = np.stack([naive_bayes(texts, targets == each, 0.5) for each in chosen], axis=1)
    np.testing.assert_allclose(fitted.bag.logits(sequences), expected, atol=1e-4)


@pytest.mark.parametrize("weighting", ["nb", "tfidf"])
@pytest.mark.parametrize("labels", [2, 3])
def test_soft_labels_that_are_certain_are_hard_labels(weighting, labels):
    texts, targets = reviews(100, labels)
    sequences, vocabulary = encoded(texts)
    sizes = {"vocabulary": vocabulary, "labels": labels}
    config = BagConfig(weighting=weighting)
    hard = bag.fit(sequences, targets, config, **sizes).bag
    soft = bag.fit(sequences, np.eye(labels)[targets], config, **sizes).bag
    np.testing.assert_array_equal(hard.weight, soft.weight)
    np.testing.assert_array_equal(hard.bias, soft.bias)


def test_soft_labels_are_learnt_as_probabilities():
    """Many copies of two texts: the best answer is the soft label itself."""
    sequences = [np.array([2, 2, 3]), np.array([4])] * 200
    targets = np.array([[0.2, 0.8], [0.65, 0.35]] * 200)
    config = BagConfig(weighting="tfidf", ngrams=1, c=1e6)
    fitted = bag.fit(sequences, targets, config, vocabulary=5, labels=2)
    learnt = calibration.probabilities(fitted.bag.logits(sequences[:2]))
    np.testing.assert_allclose(learnt, targets[:2], atol=1e-3)


def test_a_weight_of_two_is_a_text_that_stands_twice():
    texts, targets = reviews(60, 2)
    sequences, vocabulary = encoded(texts)
    sizes = {"vocabulary": vocabulary, "labels": 2}
    config = BagConfig(weighting="nb", ngrams=1, min_reviews=1)
    double = bag.fit(sequences, targets, config, weights=np.full(60, 2.0), **sizes).bag
    twice = bag.fit(sequences * 2, np.tile(targets, 2), config, **sizes).bag
    np.testing.assert_allclose(double.logits(sequences), twice.logits(sequences), atol=1e-3)


def test_texts_that_share_no_word_are_refused():
    with pytest.raises(DataError, match=r"stands in 2 training reviews.*bag\.min_reviews"):
        bag.fit(
            [np.array([2]), np.array([3])], np.array([0, 1]), BagConfig(), vocabulary=4, labels=2
        )
