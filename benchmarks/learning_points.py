"""One point of the learning curve: so many labelled reviews, drawn by a seed, and two systems."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from undertone import config as configuration
from undertone import files, inference, modelfolder, training
from undertone.config import RunConfig
from undertone.data.examples import VALIDATION, Example
from undertone.data.source import TrainingData
from undertone.data.splits import cut
from undertone.errors import DataError
from undertone.evaluation.intervals import mcnemar, wilson
from undertone.evaluation.verdicts import collect_verdicts
from undertone.training import runfolder
from undertone.training.events import Listener

FEWEST = 20  # five folds of two labels need this many
_STRENGTHS = (1.0, 10.0, 100.0)
_FOLDS = 5


class Reviews(Struct, frozen=True):
    """What all points draw from and are measured on.

    Attributes:
        training: all labelled reviews that may be trained on; points cut their own validation.
        test: the reviews that both systems are measured on.
        labels: in the order of the network's outputs.
    """

    training: tuple[Example, ...]
    test: tuple[Example, ...]
    labels: tuple[str, ...]


class Recipe(Struct, frozen=True):
    """How the network of a point is trained.

    Attributes:
        config: settings of the run on all reviews; seed and schedule change from point to point.
        start_from: folder of the language model.
        least_steps: fewer reviews are passed over more often, up to so many steps.
        threads: CPU threads of training and of prediction; 0: all cores.
    """

    config: RunConfig
    start_from: Path
    least_steps: int
    threads: int


class Score(Struct, frozen=True):
    """One system at one point: a share of 1 with its Wilson interval, and seconds of training."""

    accuracy: float
    interval: tuple[float, float]
    seconds: float
    about: dict[str, Any]


class Point(Struct, frozen=True):
    """Two systems that learnt from the same reviews, measured on the same test reviews.

    Attributes:
        labels: reviews with a label, training and validation together.
        seed: of the draw and of the network.
        train: those that the network learns from; the bigrams learn from all ``labels``.
        validation: those that choose the network's epoch.
        network: the recipe.
        bigrams: TF-IDF and logistic regression.
        only_network: test reviews that only the network gets right.
        only_bigrams: test reviews that only the bigrams get right.
        method: of McNemar's test.
        p_value: of McNemar's test, two-sided.
    """

    labels: int
    seed: int
    train: int
    validation: int
    network: Score
    bigrams: Score
    only_network: int
    only_bigrams: int
    method: str
    p_value: float


def draw(
    examples: Sequence[Example], labels: Sequence[str], count: int, seed: int
) -> list[Example]:
    """``count`` reviews with every label equally often, in the order of the source.

    A larger draw with the same seed holds the smaller one. Where ``count`` is no multiple of the
    labels, the first ones have one review more.

    Raises:
        DataError: a label has too few reviews.
    """
    order = np.random.default_rng(seed).permutation(len(examples))
    chosen: set[int] = set()
    for place, label in enumerate(labels):
        wanted = count // len(labels) + (place < count % len(labels))
        mine = [int(each) for each in order if examples[each].label == label]
        if len(mine) < wanted:
            raise DataError(
                f"{count:,} reviews in balance need {wanted:,} with the label {label!r}; there "
                f"are {len(mine):,}.",
                "Ask for fewer with --points, or for `all`.",
            )
        chosen.update(mine[:wanted])
    return [example for place, example in enumerate(examples) if place in chosen]


def divided(
    examples: Sequence[Example], labels: tuple[str, ...], config: RunConfig
) -> TrainingData:
    """Training and validation parts of the drawn reviews, by film where films are known."""
    parts = cut(
        examples,
        config.data.validation,
        seed=config.data.split_seed,
        part=VALIDATION,
        by_group=config.data.group == "auto",
    )
    named = [(each.name, each.label, each.text) for each in (*parts.kept, *parts.held_out)]
    digest = hashlib.sha256(ascii((named, len(parts.kept))).encode()).hexdigest()
    return TrainingData(parts.kept, parts.held_out, labels, digest, ())


def stretched(config: RunConfig, reviews: int, least_steps: int) -> RunConfig:
    """The same schedule over a whole multiple of its epochs, until it has ``least_steps``.

    Two hundred reviews are six steps an epoch: five epochs of them would end before the
    warm-up of the weights' average has. Patience and unfreezing, counted in epochs, grow alike.
    """
    train = config.train
    steps = math.ceil(reviews / train.batch_size) * train.epochs
    times = max(1, math.ceil(least_steps / steps))
    longer = structs.replace(
        train,
        epochs=train.epochs * times,
        patience=train.patience * times,
        unfreeze=train.unfreeze * times,
    )
    return structs.replace(config, train=longer)


def identity(reviews: Reviews, recipe: Recipe) -> str:
    """Digest of all that decides a point but its size and seed: what is stored is found by it.

    Raises:
        ModelFolderError: the start is no language model. A classifier would bring labels along.
    """
    settings = configuration.to_dict(recipe.config)
    start = modelfolder.read(recipe.start_from, modelfolder.LANGUAGE_MODEL)
    digest = hashlib.sha256(msgspec.json.encode(settings, order="sorted"))
    for example in (*reviews.training, *reviews.test):
        digest.update(ascii((example.name, example.label, example.text)).encode())
    weights = start.files[modelfolder.WEIGHTS].sha256
    digest.update(ascii((weights, recipe.least_steps)).encode())
    return digest.hexdigest()[:12]


def measure(
    reviews: Reviews, recipe: Recipe, count: int, seed: int, folder: Path, listen: Listener
) -> Point:
    """Train both systems and compare their verdicts on the test reviews.

    Args:
        reviews: to draw from and to measure on.
        recipe: of the network.
        count: labelled reviews.
        seed: of the draw and of the network.
        folder: of the network; one that was stopped is gone on with.
        listen: called with the events of training.

    Raises:
        DataError: there are not so many reviews.
        RunInterruptedError: Ctrl-C; the network's training goes on with the next call.
    """
    everything = count == len(reviews.training)
    drawn = (
        list(reviews.training)
        if everything
        else draw(reviews.training, reviews.labels, count, seed)
    )
    config = structs.replace(recipe.config, seed=seed)
    data = divided(drawn, reviews.labels, config)
    config = stretched(config, len(data.train), recipe.least_steps)
    network, ours = _network(data, config, recipe, folder, reviews.test, listen)
    bigrams, theirs = _bigrams(drawn, reviews.test)
    test = mcnemar(ours, theirs)
    return Point(
        labels=count,
        seed=seed,
        train=len(data.train),
        validation=len(data.validation),
        network=network,
        bigrams=bigrams,
        only_network=test.only_first,
        only_bigrams=test.only_second,
        method=test.method,
        p_value=test.p_value,
    )


def _network(
    data: TrainingData,
    config: RunConfig,
    recipe: Recipe,
    folder: Path,
    test: Sequence[Example],
    listen: Listener,
) -> tuple[Score, NDArray[np.bool_]]:
    if not (folder / modelfolder.MANIFEST).is_file():
        train = structs.replace(config.train, threads=recipe.threads)
        with runfolder.claimed(folder, resume=True, overwrite=False):
            training.train_examples(
                data,
                config=structs.replace(config, train=train),
                output=folder,
                start_from=recipe.start_from,
                resume=True,
                on_event=listen,
            )
    metrics = json.loads((folder / modelfolder.METRICS).read_text(encoding="utf-8"))
    about = {
        "validation_accuracy": metrics["validation"]["accuracy"],
        "kept_epoch": metrics["kept_epoch"],
        "epochs": metrics["epochs"],
    }
    model = inference.load(folder, threads=recipe.threads or None)
    right = collect_verdicts(model, test).correct
    return _score(right, metrics["training_seconds"], about), right


def _bigrams(
    examples: Sequence[Example], test: Sequence[Example]
) -> tuple[Score, NDArray[np.bool_]]:
    """Sublinear TF-IDF of words and word pairs; cross-validation chooses the penalty."""
    started = time.perf_counter()
    terms = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    matrix = terms.fit_transform([each.text for each in examples])
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": _STRENGTHS}, cv=_FOLDS)
    search.fit(matrix, [each.label for each in examples])
    seconds = time.perf_counter() - started
    verdicts = search.predict(terms.transform([each.text for each in test]))
    right = np.asarray(verdicts) == np.array([each.label for each in test])
    about = {"c": float(search.best_params_["C"]), "terms": matrix.shape[1]}
    return _score(right, seconds, about), right


def _score(right: NDArray[np.bool_], seconds: float, about: dict[str, Any]) -> Score:
    count = int(np.count_nonzero(right))
    low, high = wilson(count, len(right))
    return Score(count / len(right), (low, high), seconds, about)


def store(path: Path, point: Point) -> None:
    """Write a finished point, whole or not at all."""
    files.write_json(path, msgspec.to_builtins(point))


def stored(path: Path) -> Point | None:
    """A point that :func:`store` wrote, or None."""
    return msgspec.json.decode(path.read_bytes(), type=Point) if path.is_file() else None
