"""TF-IDF of words and word pairs with logistic regression, scikit-learn's."""

from __future__ import annotations

from pathlib import Path

import joblib  # type: ignore[import-untyped]
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks.prediction.face import TRAIN, Facts, Inputs, folder_size, read_reviews

_FILE = "pipeline.joblib"


class TfidfLogistic:
    """Sublinear term counts, terms that stand in two reviews or more, C = 10."""

    title = "TF-IDF (1, 2) + logistic regression"
    precision = "float32"

    def __init__(self, folder: Path, inputs: Inputs) -> None:
        self.folder = folder
        self.inputs = inputs

    def prepare(self) -> None:
        """Fit on the training reviews."""
        rows = list(read_reviews(self.folder.parent / TRAIN))
        pipeline = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
            LogisticRegression(C=10.0, max_iter=1000),
        )
        pipeline.fit([row["text"] for row in rows], [row["label"] for row in rows])
        joblib.dump(pipeline, self.folder / _FILE)

    def load(self) -> None:
        """Read what :meth:`prepare` wrote a moment ago."""
        self.pipeline: Pipeline = joblib.load(self.folder / _FILE)

    def predict(self, texts: list[str]) -> list[float]:
        """One sparse product."""
        found: list[float] = self.pipeline.predict_proba(texts)[:, 1].tolist()
        return found

    def facts(self, texts: list[str]) -> Facts:
        """Two operations for each term of a review; the n-grams are its tokens."""
        terms = self.pipeline[0].transform(texts).nnz / len(texts)
        weights = self.pipeline[-1].coef_.size + self.pipeline[-1].intercept_.size
        return Facts(
            parameters=weights,
            size_bytes=folder_size(self.folder),
            tokens_read=terms,
            flops=2 * terms,
            training=f"{sum(1 for _ in read_reviews(self.folder.parent / TRAIN))} reviews",
        )
