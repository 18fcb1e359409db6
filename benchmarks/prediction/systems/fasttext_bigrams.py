"""fastText with word pairs."""

from __future__ import annotations

import random
import re
from pathlib import Path

import fasttext
import numpy as np

from benchmarks.prediction.face import TRAIN, Facts, Inputs, folder_size, read_reviews

_FILE = "model.bin"
_EPOCHS = 10
_RATE = 0.5
_WIDTH = 10  # what its authors use for sentiment, classification-results.sh
_WORD = re.compile(r"\w+|[^\w\s]")


class FastTextBigrams:
    """Lower-cased words and punctuation marks, pairs of them, 10 epochs."""

    title = "fastText, word pairs"
    precision = "float32"

    def __init__(self, folder: Path, inputs: Inputs) -> None:
        self.folder = folder
        self.inputs = inputs

    def prepare(self) -> None:
        """Train on the training reviews."""
        lines = self.folder / "train.txt"
        rows = list(read_reviews(self.folder.parent / TRAIN))
        random.Random(0).shuffle(rows)  # it reads in order, and the archive is sorted by label
        with lines.open("w", encoding="utf-8") as stream:
            for row in rows:
                stream.write(f"__label__{row['label']} {_line(row['text'])}\n")
        model = fasttext.train_supervised(
            str(lines),
            epoch=_EPOCHS,
            lr=_RATE,
            dim=_WIDTH,
            wordNgrams=2,
            bucket=2000 if self.inputs.quick else 2_000_000,
            thread=1,  # more would end differently every time
            verbose=0,
        )
        model.save_model(str(self.folder / _FILE))
        lines.unlink()

    def load(self) -> None:
        """Read the model."""
        self.model = fasttext.load_model(str(self.folder / _FILE))

    def predict(self, texts: list[str]) -> list[float]:
        """One thread: fastText predicts with no more."""
        labels, shares = self.model.predict([_line(text) for text in texts], k=2)
        return [
            float(np.asarray(share)[list(names).index("__label__1")])
            for names, share in zip(labels, shares, strict=True)
        ]

    def facts(self, texts: list[str]) -> Facts:
        """One addition per feature and width for words and pairs, two products per label."""
        tokens = sum(len(_line(text).split()) for text in texts) / len(texts)
        matrices = self.model.get_input_matrix(), self.model.get_output_matrix()
        return Facts(
            parameters=sum(matrix.size for matrix in matrices),
            size_bytes=folder_size(self.folder),
            tokens_read=tokens,
            flops=_WIDTH * 2 * tokens + 2 * _WIDTH * 2,
            training=f"{sum(1 for _ in read_reviews(self.folder.parent / TRAIN))} reviews",
        )


def _line(text: str) -> str:
    """One line, words apart from punctuation, as fastText wants its text."""
    return " ".join(_WORD.findall(text.replace("<br />", " ").lower()))
