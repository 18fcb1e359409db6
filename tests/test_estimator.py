"""The scikit-learn face, against scikit-learn's own checks and by what it must do with texts.

``check_estimator`` generates matrices of numbers for almost all its checks, so it stops after the
cloning check for an estimator that takes texts. The checks that need no data are run one by one
here; what the others test is repeated below with texts.
"""

from __future__ import annotations

import io
import pickle
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

import undertone
from undertone import SentimentClassifier
from undertone.errors import ConfigError, OutputError

TINY = ("network.hidden_dim=8", "network.embedding_dim=16", "text.min_frequency=1", "train.ema=0.0")

GOOD = [
    "a wonderful film",
    "great fun and a joy",
    "I loved it",
    "warm, funny, great",
    "loved it all",
]
BAD = ["a dreadful film", "dull and a bore", "I hated it", "cold, slow, dull", "hated it all"]
TEXTS = (GOOD + BAD) * 8
LABELS = (["positive"] * len(GOOD) + ["negative"] * len(BAD)) * 8


def tiny(**changes) -> SentimentClassifier:
    parameters = {
        "epochs": 8,
        "batch_size": 8,
        "lr": 0.02,
        "validation": 0.2,
        "settings": TINY,
        "threads": 1,
        "random_state": 0,
    }
    return SentimentClassifier(**(parameters | changes))


@pytest.fixture(scope="module")
def fitted() -> SentimentClassifier:
    return tiny().fit(TEXTS, LABELS)


# Checks of sklearn.utils.estimator_checks that need no matrix of numbers. All others call fit or
# predict with a float array, which is no list of texts; the tests below stand in for them:
#   check_estimators_overwrite_params, check_dont_overwrite_parameters, check_dict_unchanged,
#   check_estimators_fit_returns_self, check_estimators_unfitted, check_fit_check_is_fitted,
#   check_fit_idempotent, check_fit_score_takes_y, check_requires_y_none, check_estimators_pickle,
#   check_classifiers_train, check_classifiers_classes, check_classifiers_one_label,
#   check_methods_sample_order_invariance, check_methods_subset_invariance, check_supervised_y_2d.
# Without meaning for texts: check_n_features_in*, check_fit1d, check_fit2d_*, check_dtype_object,
#   check_complex_data, check_estimators_nan_inf, check_estimator_sparse_*, check_array_api_input*,
#   check_readonly_memmap_input, check_f_contiguous_array_estimator, check_positive_only_tag_*.
WITHOUT_DATA = [
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
]


@pytest.mark.parametrize("name", WITHOUT_DATA)
def test_scikit_learns_own_check(name):
    getattr(estimator_checks, name)("SentimentClassifier", SentimentClassifier())


def test_check_estimator_passes_and_says_that_texts_end_it():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results = estimator_checks.check_estimator(SentimentClassifier())
    assert {each["status"] for each in results} == {"passed"}
    assert [w for w in caught if issubclass(w.category, SkipTestWarning)]


def test_fit_returns_self_and_learns(fitted):
    assert fitted.classes_.tolist() == ["negative", "positive"]
    assert 1 <= fitted.n_iter_ <= 8
    assert fitted.score(TEXTS, LABELS) >= 0.9
    assert fitted.predict(["I loved it", "I hated it"]).tolist() == ["positive", "negative"]


def test_probabilities_are_in_the_order_of_classes(fitted):
    found = fitted.predict_proba(TEXTS[:10])
    assert found.shape == (10, 2)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
    assert (fitted.classes_[found.argmax(axis=1)] == fitted.predict(TEXTS[:10])).all()
    assert found[0, 1] > 0.5 > found[5, 1]


def test_fit_returns_the_estimator_and_leaves_its_parameters_alone():
    estimator = tiny(epochs=1)
    before = estimator.get_params()
    assert estimator.fit(TEXTS, LABELS) is estimator
    assert estimator.get_params() == before
    added = {name for name in vars(estimator) if name not in before}
    assert all(name.endswith("_") or name.startswith("_") for name in added), added


def test_two_fits_with_one_seed_are_equal_and_with_another_are_not():
    first, second, other = (
        tiny(epochs=1, random_state=seed).fit(TEXTS, LABELS).predict_proba(TEXTS[:10])
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 1e-6


def test_a_random_state_object_seeds_the_fit():
    estimators = [tiny(epochs=1, random_state=np.random.RandomState(5)) for _ in range(2)]
    first, second = (each.fit(TEXTS, LABELS).predict_proba(TEXTS[:2]) for each in estimators)
    np.testing.assert_array_equal(first, second)


def test_prediction_leaves_the_estimator_unchanged(fitted):
    before = {name: id(value) for name, value in vars(fitted).items()}
    fitted.predict(TEXTS[:3])
    fitted.predict_proba(TEXTS[:3])
    assert {name: id(value) for name, value in vars(fitted).items()} == before


def test_order_and_company_of_texts_do_not_matter(fitted):
    together = fitted.predict_proba(TEXTS[:10])
    np.testing.assert_allclose(fitted.predict_proba(TEXTS[:10][::-1])[::-1], together, atol=1e-5)
    alone = np.concatenate([fitted.predict_proba([text]) for text in TEXTS[:10]])
    np.testing.assert_allclose(alone, together, atol=1e-5)


@pytest.mark.parametrize("wrap", [list, tuple, np.array, lambda x: np.array(x, dtype=object)])
def test_texts_come_as_any_sequence(fitted, wrap):
    np.testing.assert_array_equal(
        fitted.predict_proba(wrap(TEXTS[:4])), fitted.predict_proba(TEXTS[:4])
    )


@pytest.mark.parametrize("dump", [pickle, joblib])
def test_a_fitted_estimator_survives_pickling(fitted, dump):
    stream = io.BytesIO()
    dump.dump(fitted, stream)
    assert b"undertone.inference" not in stream.getvalue()
    stream.seek(0)
    restored = dump.load(stream)
    np.testing.assert_array_equal(
        restored.predict_proba(TEXTS[:10]), fitted.predict_proba(TEXTS[:10])
    )
    assert restored.get_params() == fitted.get_params()


def test_a_clone_is_unfitted_and_has_the_parameters(fitted):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(["x"])


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_unfitted_is_refused(method):
    with pytest.raises(NotFittedError):
        getattr(SentimentClassifier(), method)(["x"])
    with pytest.raises(NotFittedError):
        SentimentClassifier().save("never")


def test_an_empty_text_tells_nothing(fitted):
    np.testing.assert_array_equal(fitted.predict_proba(["", "  "]), np.full((2, 2), 0.5))


def test_classes_keep_their_type_and_may_be_many():
    stars = np.array([1, 2, 3] * 20)
    words = ["awful", "middling", "superb"] * 20
    texts = [f"{word} film number {place}" for place, word in enumerate(words)]
    estimator = tiny(epochs=12).fit(texts, stars)
    assert estimator.classes_.tolist() == [1, 2, 3]
    assert estimator.predict_proba(texts[:3]).shape == (3, 3)
    predicted = estimator.predict(texts[:6])
    assert predicted.dtype == stars.dtype
    assert estimator.score(texts, stars) > 0.6


def test_it_works_inside_scikit_learn():
    pipeline = make_pipeline(FunctionTransformer(list), tiny(epochs=1))
    search = GridSearchCV(
        pipeline, {"sentimentclassifier__lr": [0.001, 0.02]}, cv=2, error_score="raise"
    )
    search.fit(TEXTS[:40], LABELS[:40])
    assert search.best_params_["sentimentclassifier__lr"] in (0.001, 0.02)
    assert len(cross_val_predict(tiny(epochs=1), TEXTS[:40], LABELS[:40], cv=2)) == 40


def test_save_writes_a_model_folder_with_the_same_answers(fitted, tmp_path):
    folder = fitted.save(tmp_path / "mine")
    model = undertone.load(folder)
    assert model.labels == ("negative", "positive")
    np.testing.assert_array_equal(model.predict_proba(TEXTS[:4]), fitted.predict_proba(TEXTS[:4]))
    with pytest.raises(OutputError, match="exists already"):
        fitted.save(folder)


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        (TEXTS, None, ValueError, "requires y to be passed, but the target y is None"),
        (TEXTS, LABELS[:-1], ValueError, "inconsistent numbers of samples"),
        (TEXTS, ["positive"] * len(TEXTS), ValueError, "needs two classes or more"),
        (TEXTS, np.linspace(0, 1, len(TEXTS)), ValueError, "Unknown label type: continuous"),
        ([*TEXTS[:-1], None], LABELS, TypeError, r"X\[79\] is a NoneType, not a string"),
        (np.zeros((len(TEXTS), 2)), LABELS, TypeError, r"X\[0\] is a ndarray, not a string"),
        ("one text", LABELS, TypeError, "X is one string"),
    ],
)
def test_bad_input_is_named(X, y, error, message):  # noqa: N803
    with pytest.raises(error, match=message):
        tiny().fit(X, y)


def test_mistakes_in_settings_are_named_together():
    with pytest.raises(ConfigError, match=r"train\.lr=-1.*data\.validation=2"):
        tiny(lr=-1, validation=2.0).fit(TEXTS, LABELS)
