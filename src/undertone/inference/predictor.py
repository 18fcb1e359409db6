"""A trained model in use."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from undertone import calibration, modelfolder
from undertone.config import RunConfig, deciding
from undertone.errors import ConfigError, ModelFolderError, nearest
from undertone.inference.bag import BagOfNGrams
from undertone.inference.doubt import Doubt, between, kind_of_doubt
from undertone.inference.explanation import Explanation, explain
from undertone.inference.network import Network
from undertone.inference.prefetch import ahead
from undertone.inference.results import LogitResult, Prediction, prediction
from undertone.inference.wide import Wide
from undertone.modelfolder import Manifest
from undertone.settings import BAG
from undertone.text.tokenizer import Encoded, TextEncoder

Precision = Literal["float32", "int8"]

# int8 LSTMs round all texts of a batch on one common scale, so a text would score differently in
# other company (by a tenth of the logits' spread, measured): they read one text at a time, which
# costs them a fifth of their speed. In float32 8 texts a batch are fastest on two cores.
_BATCH: Mapping[Precision, int] = {"float32": 8, "int8": 1}
# Texts tokenized at once; the network reads one chunk while the next is tokenized.
_CHUNK = 2048


class Model:
    """A trained model, ready to read texts. Made by :func:`load`; safe to share by threads.

    Attributes:
        folder: where it was loaded from.
        labels: the labels in the order of the outputs.
        config: the configuration it was trained with.
        precision: ``"float32"`` or ``"int8"``.
        temperature: divisor of the logits that makes the probabilities honest.
        thresholds: of doubt, for every coverage; empty where the folder has none.
        threshold: of doubt, of a model that abstains; else None.
        encoder: its tokenizer.
        network: what turns token ids into logits: its graph, its bag of n-grams, or both.
        digest: hex SHA-256 of all that decides its verdicts.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        precision: Precision,
        *,
        encoder: TextEncoder,
        network: Network | BagOfNGrams | Wide,
        temperature: float,
        thresholds: tuple[float, ...] = (),
    ) -> None:
        self.folder = folder
        self.labels: tuple[str, ...] = manifest.labels
        self.config: RunConfig = manifest.config
        self.precision: Precision = precision
        self.encoder = encoder
        self.network = network
        self.temperature = temperature
        self.thresholds = thresholds
        self.threshold: float | None = None
        self.digest = _digest(manifest, precision)

    def __repr__(self) -> str:
        return f"<undertone.Model {self.name!r}, labels {self.labels}, {self.precision}>"

    @property
    def name(self) -> str:
        """Name of the model's folder; of the model inside the package, ``"built-in"``."""
        return modelfolder.name_of(self.folder)

    @overload  # one text is an Iterable[str] too; the first match counts
    def predict(self, texts: str) -> Prediction: ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, texts: Iterable[str]) -> list[Prediction]: ...

    def predict(self, texts: str | Iterable[str]) -> Prediction | list[Prediction]:
        """Read one text or many.

        Args:
            texts: a text, or any number of texts (a list, an array, a column of a table).

        Returns:
            A prediction, or a list of them in the order of the texts.

        Raises:
            TypeError: something is not a string; its index is named.
        """
        if isinstance(texts, str):
            return self._predictions([texts])[0]
        return self._predictions(_texts(texts))

    def predict_proba(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Calibrated probabilities, float64 (N, C), in the order of texts and of ``labels``.

        A text without tokens gets the same probability for every label.

        Raises:
            TypeError: something is not a string; its index is named.
        """
        return calibration.probabilities(self.logits(texts).logits, self.temperature)

    def logits(self, texts: Iterable[str]) -> LogitResult:
        """What the network puts out, and how much it read.

        Raises:
            TypeError: something is not a string; its index is named.
        """
        listed = _texts(texts)
        if len(listed) <= _CHUNK:
            return self.read(self.encoder.encode(listed))
        parts = [self.read(encoded) for encoded in ahead(self._encoded(listed))]
        return LogitResult(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def read(self, encoded: Sequence[Encoded]) -> LogitResult:
        """The same as :meth:`logits` for texts that ``encoder`` has tokenized."""
        return LogitResult(
            self.network.logits([each.ids for each in encoded]),
            np.array([len(each.ids) for each in encoded], dtype=np.int32),
            np.array([each.total for each in encoded], dtype=np.int32),
        )

    def predictions(self, result: LogitResult) -> list[Prediction]:
        """Verdicts from logits of this model."""
        rows = calibration.probabilities(result.logits, self.temperature)
        sets: NDArray[np.bool_] = np.zeros((len(rows), 0), dtype=np.bool_)
        if self.threshold is not None:
            sets = calibration.prediction_sets(rows, self.threshold)
        counts = zip(result.tokens_read.tolist(), result.tokens_total.tolist(), strict=True)
        return [
            prediction(self.labels, row, read, total, possible)
            for row, possible, (read, total) in zip(rows, sets.tolist(), counts, strict=True)
        ]

    def abstaining(self, coverage: float) -> Model:
        """The same model, but it answers ``"uncertain"`` instead of guessing.

        Every text gets the set of labels that stay possible (split conformal prediction on the
        validation reviews). The set holds the true label with a probability of at least
        ``coverage`` for texts of the same kind as those; where it is not a single label, the model
        abstains. So it says a wrong label on at most ``1 - coverage`` of all texts.

        Args:
            coverage: 0.5 to 0.999, rounded up to thousandths; above the model's accuracy to be of
                use.

        Raises:
            ConfigError: another coverage.
            ModelFolderError: the folder was written before models could abstain.
        """
        if not self.thresholds:
            raise ModelFolderError(
                f"{self.name} holds no thresholds of doubt for {self.precision}.",
                "Train it again, or write its int8 model again with undertone export.",
            )
        other = copy.copy(self)
        other.threshold = calibration.threshold_for(coverage, self.thresholds)
        other.digest = hashlib.sha256(f"{self.digest} {other.threshold!r}".encode()).hexdigest()
        return other

    def doubt(self, text: str) -> Doubt:
        """Why a text may leave the model in doubt, from what its tokens contribute.

        Returns:
            ``"mixed"`` where they speak strongly for both of the two likeliest labels, else
            ``"unclear"``.
        """
        (encoded,) = self.encoder.encode([text])
        if not len(encoded.ids):
            return "unclear"
        logits, parts, _ = self.network.contributions(encoded.ids)
        return kind_of_doubt(between(parts, logits) / self.temperature)

    def explain(self, text: str, *, label: str | None = None) -> Explanation:
        """What each token of a text contributed, and how the verdict formed word by word.

        Args:
            text: one text.
            label: the label to explain. None: with two labels the second (contributions below
                zero then speak for the first); with more labels the predicted one.

        Raises:
            ConfigError: the model has no such label.
            TypeError: not a string.
        """
        if not isinstance(text, str):
            raise TypeError(f"explain() takes one text, not a {type(text).__name__}")
        if label is not None and label not in self.labels:
            raise ConfigError(
                f"the model has no label {label!r}{nearest(label, self.labels)}.",
                f"Labels: {', '.join(self.labels)}.",
            )
        return explain(self, text, label)

    def _predictions(self, texts: list[str]) -> list[Prediction]:
        return self.predictions(self.logits(texts))

    def _encoded(self, texts: list[str]) -> Iterator[list[Encoded]]:
        for start in range(0, len(texts), _CHUNK):
            yield self.encoder.encode(texts[start : start + _CHUNK])


def load(
    path: str | Path | None = None,
    *,
    threads: int | None = None,
    precision: Literal["auto", "float32", "int8"] = "auto",
) -> Model:
    """Load a trained model. Everything is read and checked now; the folder may go afterwards.

    Args:
        path: a model folder; None: the model inside the package.
        threads: texts of a list are read in this many batches at once; None: one a core.
        precision: which graph to use; auto: int8 where the folder has it.

    Raises:
        ConfigError: an unknown precision, or not a number of threads.
        ModelFolderError: the folder is missing, damaged, foreign, newer than this program, or
            has no graph of that precision.
    """
    folder = modelfolder.located(path)
    manifest = modelfolder.read(folder)
    chosen = _precision(precision, folder, manifest)
    encoder = TextEncoder.load(
        modelfolder.verified(folder, manifest, modelfolder.TOKENIZER), manifest.config.text
    )
    network = _network(folder, manifest, chosen, vocabulary=encoder.size, threads=threads)
    outputs = 1 if len(manifest.labels) == 2 else len(manifest.labels)
    if network.outputs != outputs:
        raise ModelFolderError(
            f"{folder / _weights(manifest, chosen)} has {network.outputs} outputs, but its labels "
            f"need {outputs}.",
            "Copy the whole folder again, or train again.",
        )
    temperature, thresholds = _calibration(folder, manifest, chosen)
    return Model(
        folder,
        manifest,
        chosen,
        encoder=encoder,
        network=network,
        temperature=temperature,
        thresholds=thresholds,
    )


def _network(
    folder: Path,
    manifest: Manifest,
    precision: Precision,
    *,
    vocabulary: int,
    threads: int | None,
) -> Network | BagOfNGrams | Wide:
    path = modelfolder.verified(folder, manifest, _weights(manifest, precision))
    settings = manifest.config
    if settings.network.architecture == BAG:
        return BagOfNGrams(path, settings.bag, vocabulary=vocabulary, threads=threads)
    network = Network(path, vocabulary=vocabulary, batch=_BATCH[precision], threads=threads)
    if not settings.network.wide:
        return network
    beside = modelfolder.verified(folder, manifest, modelfolder.WIDE)
    bag = BagOfNGrams(beside, settings.bag, vocabulary=vocabulary, threads=threads)
    if bag.outputs != network.outputs:
        raise ModelFolderError(
            f"{beside} has {bag.outputs} outputs, the network beside it {network.outputs}.",
            "Copy the whole folder again, or train again.",
        )
    return Wide(network, bag)


def _weights(manifest: Manifest, precision: Precision) -> str:
    """Name of the file that turns token ids into logits."""
    if manifest.config.network.architecture == BAG:
        return modelfolder.WEIGHTS
    return modelfolder.GRAPH_INT8 if precision == "int8" else modelfolder.GRAPH


def _digest(manifest: Manifest, precision: Precision) -> str:
    names = [modelfolder.TOKENIZER, _weights(manifest, precision), modelfolder.CALIBRATION]
    names += [modelfolder.WIDE] if manifest.config.network.wide else []
    used = [manifest.files[name] for name in names]
    content = [manifest.labels, deciding(manifest.config)["text"], [entry.sha256 for entry in used]]
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()


def _precision(wanted: str, folder: Path, manifest: Manifest) -> Precision:
    choices = ("auto", "float32", "int8")
    if wanted not in choices:
        raise ConfigError(
            f"unknown precision {wanted!r}{nearest(str(wanted), choices)}.",
            f"Choose one of {', '.join(choices)}.",
        )
    has_int8 = modelfolder.GRAPH_INT8 in manifest.files
    if wanted == "int8" and manifest.config.network.architecture == BAG:
        raise ModelFolderError(
            f"{folder} is a bag of n-grams, which has no int8 form.", "Use --precision auto."
        )
    if wanted == "int8" and not has_int8:
        raise ModelFolderError(
            f"{folder} has no {modelfolder.GRAPH_INT8}.",
            f"Make it with: undertone export {folder}",
        )
    return "int8" if has_int8 and wanted != "float32" else "float32"


def _calibration(
    folder: Path, manifest: Manifest, precision: Precision
) -> tuple[float, tuple[float, ...]]:
    """Temperature and thresholds of doubt, the latter empty where the folder has none.

    Rounding to int8 moves the logits, so that graph may have a temperature of its own; without
    thresholds of its own it has none, because those of float32 promise nothing for it.
    """
    path = modelfolder.verified(folder, manifest, modelfolder.CALIBRATION)
    try:
        content = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelFolderError(f"{path} is damaged: {error}.", "Copy the folder again.") from error
    value = content.get("temperature")
    if precision == "int8":
        value = content.get("temperature_int8", value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ModelFolderError(
            f"{path} holds the temperature {value!r}, which is no positive number.",
            "Copy the folder again.",
        )
    return float(value), _doubts(path, content, precision)


def _doubts(path: Path, content: dict[str, object], precision: Precision) -> tuple[float, ...]:
    thresholds = content.get("conformal_int8" if precision == "int8" else "conformal")
    if thresholds is None:
        return ()
    try:
        return msgspec.convert(thresholds, calibration.Thresholds)
    except msgspec.ValidationError as error:
        raise ModelFolderError(
            f"{path} holds thresholds of doubt that are none: {error}.", "Copy the folder again."
        ) from error


def _texts(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, str | bytes | bytearray | Mapping) or not isinstance(texts, Iterable):
        raise TypeError(f"a list of texts is needed, not a {type(texts).__name__}")
    listed = list(texts)
    for index, text in enumerate(listed):
        if not isinstance(text, str):
            raise TypeError(f"text {index} is a {type(text).__name__}, not a string")
    return listed
