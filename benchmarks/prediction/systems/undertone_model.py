"""undertone itself, through its public face."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from benchmarks import flops
from benchmarks.prediction.face import Facts, Inputs, Unavailable


class UndertoneInt8:
    """The int8 graph of a model folder."""

    title = "undertone, int8"
    precision: ClassVar[Literal["int8", "float32"]] = "int8"

    def __init__(self, folder: Path, inputs: Inputs) -> None:
        self.folder = folder
        self.inputs = inputs

    def prepare(self) -> None:
        """Nothing to train, the model stands in its folder; see whether it can be used."""
        from undertone.errors import UndertoneError

        try:
            self.load()
        except UndertoneError as error:
            raise Unavailable(str(error)) from error

    def load(self) -> None:
        """Open the model."""
        import undertone

        self.model = undertone.load(
            self.source(), threads=self.inputs.threads, precision=self.precision
        )

    def source(self) -> str | None:
        """The model folder; None for the one inside the package."""
        return self.inputs.model

    def predict(self, texts: list[str]) -> list[float]:
        """Probability of the second label; half for a text without words."""
        positive = self.model.labels[1]
        return [each.probabilities.get(positive, 0.5) for each in self.model.predict(texts)]

    def facts(self, texts: list[str]) -> Facts:
        """From the manifest, and the tokens that were read."""
        from undertone import modelfolder
        from undertone.networks.shapes import count_parameters
        from undertone.text.tokenizer import TextEncoder

        folder, config = Path(self.model.folder), self.model.config
        graph = modelfolder.GRAPH_INT8 if self.precision == "int8" else modelfolder.GRAPH
        needed = [modelfolder.MANIFEST, modelfolder.TOKENIZER, modelfolder.CALIBRATION, graph]
        needed += [modelfolder.WIDE] if config.network.wide else []
        vocabulary = TextEncoder.load(folder / modelfolder.TOKENIZER, config.text).size
        tokens = sum(each.tokens_read for each in self.model.predict(texts)) / len(texts)
        shape = config.network
        parameters = count_parameters(config, vocabulary, len(self.model.labels))
        assert parameters is not None  # noqa: S101 (a bag of n-grams is measured elsewhere)
        directions = 2 if shape.bidirectional else 1
        data = modelfolder.read(folder).data
        return Facts(
            parameters=parameters,
            size_bytes=sum((folder / name).stat().st_size for name in needed),
            tokens_read=tokens,
            flops=tokens
            * flops.lstm_token(shape.embedding_dim, shape.hidden_dim, shape.layers, directions),
            training=f"{data.get('train', 0) + data.get('validation', 0)} reviews, "
            f"{data.get('validation', 0)} of them for validation",
        )


class UndertoneFloat32(UndertoneInt8):
    """The float32 graph of the same model, which may stand in another folder."""

    title = "undertone, float32"
    precision = "float32"

    def source(self) -> str | None:
        """The folder with the float32 graph."""
        return self.inputs.float32_model or self.inputs.model
