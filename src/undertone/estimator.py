"""undertone as a scikit-learn classifier of texts."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from undertone import files, modelfolder
from undertone.config import RunConfig, load_preset
from undertone.data.examples import Example
from undertone.data.source import TrainingData
from undertone.data.splits import cut
from undertone.errors import OutputError
from undertone.extras import require

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator, ClassifierMixin

    from undertone.inference import Model
else:
    _base = require("sklearn.base", "train")
    BaseEstimator, ClassifierMixin = _base.BaseEstimator, _base.ClassifierMixin


class SentimentClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """An LSTM that classifies texts, trained from scratch on what :meth:`fit` is given.

    ``X`` is a sequence of strings: a list, a one-dimensional numpy array, a pandas Series. Labels
    are of any type that scikit-learn takes for classes. A setting of None is the preset's.

    A fitted estimator holds its model as the bytes of a model folder, so pickling and joblib work
    with it; undertone itself never reads a pickle.

    Args:
        preset: name of a preset, or a TOML file; see ``undertone models``.
        epochs: passes over the training texts at most.
        batch_size: texts a step.
        lr: peak learning rate.
        vocabulary: largest number of distinct tokens.
        max_tokens: a longer text keeps its head and its tail.
        validation: share of the texts kept for choosing the best epoch, between 0 and 0.9.
        settings: more settings, each ``"section.key=value"`` as on the command line.
        threads: CPU threads of training and prediction; None: all cores.
        random_state: an int makes two fits equal; None draws a seed from numpy.

    Attributes:
        classes_: distinct labels, sorted, shape (n_classes,).
        n_iter_: epochs trained.
        model_files_: the files of the model folder by name, as bytes.
    """

    def __init__(
        self,
        preset: str = "small",
        *,
        epochs: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        vocabulary: int | None = None,
        max_tokens: int | None = None,
        validation: float = 0.1,
        settings: Sequence[str] = (),
        threads: int | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.preset = preset
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.vocabulary = vocabulary
        self.max_tokens = max_tokens
        self.validation = validation
        self.settings = settings
        self.threads = threads
        self.random_state = random_state

    def fit(self, X: Sequence[str], y: Sequence[Any]) -> SentimentClassifier:  # noqa: N803
        """Train a model.

        Args:
            X: n texts.
            y: n labels of two classes or more.

        Returns:
            The estimator itself.

        Raises:
            ConfigError: a setting that does not fit; all of them are named.
            MissingExtraError: torch is not installed.
            TypeError: something in ``X`` is not a string.
            ValueError: no labels, only one class, or not as many as texts.
        """
        require("torch", "train")
        from undertone.training import prepare_folder, train_examples

        config = self._configuration()
        texts = _texts(X)
        self.classes_, names = _classes(texts, y)
        data = _divided(texts, names, tuple(str(label) for label in self.classes_), config)
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "model"
            prepare_folder(folder, resume=False, overwrite=False)
            result = train_examples(data, config=config, output=folder)
            self.model_files_ = {
                path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()
            }
        self.n_iter_ = result.epochs
        self._model = self._load()
        return self

    def predict(self, X: Sequence[str]) -> NDArray[Any]:  # noqa: N803
        """The likeliest class of each text, shape (n,), of the type of ``classes_``."""
        best = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[best]
        return labels

    def predict_proba(self, X: Sequence[str]) -> NDArray[np.float64]:  # noqa: N803
        """Probabilities, float64 (n, n_classes), columns in the order of ``classes_``.

        A text without any token tells nothing: all its classes are equally likely.

        Raises:
            TypeError: something in ``X`` is not a string.
            sklearn.exceptions.NotFittedError: :meth:`fit` was not called.
        """
        require("sklearn.utils.validation", "train").check_is_fitted(self)
        return self._loaded().predict_proba(_texts(X))

    def save(self, path: str | Path) -> Path:
        """Write the model folder, for ``undertone.load`` and the command line.

        Raises:
            OutputError: something stands there already, or it cannot be written.
            sklearn.exceptions.NotFittedError: :meth:`fit` was not called.
        """
        require("sklearn.utils.validation", "train").check_is_fitted(self)
        folder = Path(path)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(f"{folder} exists already.", "Name another folder.")
        self._write(folder)
        return folder

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the running model, which is loaded from ``model_files_`` when needed."""
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_model"}

    def __sklearn_tags__(self) -> Any:
        """Texts in, not matrices of numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags

    def _configuration(self) -> RunConfig:
        named = {
            "train.epochs": self.epochs,
            "train.batch_size": self.batch_size,
            "train.lr": self.lr,
            "train.threads": self.threads,
            "text.vocabulary": self.vocabulary,
            "text.max_tokens": self.max_tokens,
            "data.validation": self.validation,
        }
        overrides = [f"{key}={value}" for key, value in named.items() if value is not None]
        return load_preset(self.preset, [*overrides, *self.settings], _seed(self.random_state))

    def _loaded(self) -> Model:
        if getattr(self, "_model", None) is None:
            self._model = self._load()
        return self._model

    def _load(self) -> Model:
        from undertone.inference import load

        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "model"
            self._write(folder)
            return load(folder, threads=self.threads)

    def _write(self, folder: Path) -> None:
        """The manifest comes last and makes the folder a model."""
        for name in sorted(self.model_files_, key=lambda name: name == modelfolder.MANIFEST):
            files.write_bytes(folder / name, self.model_files_[name])


def _texts(values: Sequence[str]) -> list[str]:
    if isinstance(values, str):
        raise TypeError("X is one string; give a list of texts.")
    texts = list(values)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"X[{place}] is a {type(text).__name__}, not a string.")
    return [str(text) for text in texts]


def _classes(texts: Sequence[str], y: Sequence[Any]) -> tuple[NDArray[Any], list[str]]:
    """Distinct classes, sorted, and the class of each text as the name of a label."""
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None.")
    validation = require("sklearn.utils.validation", "train")
    labels = validation.column_or_1d(y)
    validation.check_consistent_length(texts, labels)
    require("sklearn.utils.multiclass", "train").check_classification_targets(labels)
    classes, places = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"the classifier needs two classes or more; y holds {list(classes)}.")
    return classes, [str(classes[place]) for place in places]


def _divided(
    texts: Sequence[str], names: Sequence[str], labels: tuple[str, ...], config: RunConfig
) -> TrainingData:
    examples = [
        Example(text, label, f"X[{place}]")
        for place, (text, label) in enumerate(zip(texts, names, strict=True))
    ]
    parts = cut(
        examples,
        config.data.validation,
        seed=config.data.split_seed,
        part="validation",
        by_group=False,
    )
    digest = hashlib.sha256(ascii((texts, names)).encode()).hexdigest()
    return TrainingData(parts.kept, parts.held_out, labels, digest, ())


def _seed(state: int | np.random.RandomState | None) -> int:
    if isinstance(state, int | np.integer):
        return int(state)
    drawn = require("sklearn.utils", "train").check_random_state(state)
    return int(drawn.randint(2**31 - 1))
