"""A trained network that reads stored tokens on the device that trained it.

A large LSTM reads IMDB's 75,000 training reviews in seconds on a GPU and in half an hour on the
CPU beside it, where its ONNX graph runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from undertone import modelfolder, networks
from undertone.batches import bucket_by_length
from undertone.inference.results import LogitResult
from undertone.text.tokenizer import TextEncoder
from undertone.training import hardware
from undertone.training.trainer import batch_tensors

_BATCH = 256


class DeviceModel:
    """Teacher and classifier; in float32, which for a GPU means without TF32 too.

    Attributes:
        folder: the model folder.
        name: its name.
        labels: in the order of the outputs.
        temperature: divisor of the logits.
        thresholds: of doubt, by coverage.
        digest: hex SHA-256 of its weights.
        precision: ``"float32"``.
    """

    precision = "float32"

    def __init__(self, folder: Path, encoder: TextEncoder) -> None:
        manifest = modelfolder.read(folder)
        weights = modelfolder.verified(folder, manifest, modelfolder.WEIGHTS)
        self.folder, self.name, self.labels = folder, folder.name, manifest.labels
        self.digest = manifest.files[modelfolder.WEIGHTS].sha256
        path = modelfolder.verified(folder, manifest, modelfolder.CALIBRATION)
        fitted = msgspec.json.decode(path.read_bytes())
        self.temperature, self.thresholds = float(fitted["temperature"]), fitted["conformal"]
        self._encoder = encoder
        self._device = hardware.choose(manifest.config.train).device
        network = networks.build_network(manifest.config, encoder.size, len(self.labels))
        network.load_state_dict(load_file(weights))
        self._network = network.to(self._device).eval()
        self._outputs = networks.outputs(len(self.labels))

    def logits(self, texts: Sequence[str], /) -> LogitResult:
        """Logits float32 (N, K), zeros for a review without tokens, and how much was read."""
        encoded = self._encoder.encode(list(texts))
        read = np.array([len(each.ids) for each in encoded], dtype=np.int32)
        logits = np.zeros((len(encoded), self._outputs), dtype=np.float32)
        filled = np.flatnonzero(read)
        for bucket in bucket_by_length(read[filled].astype(np.int64), _BATCH):
            places = filled[bucket]
            logits[places] = self._read([encoded[place].ids for place in places])
        total = np.array([each.total for each in encoded], dtype=np.int32)
        return LogitResult(logits, read, total)

    @torch.no_grad()
    def _read(self, sequences: list[NDArray[np.int32]]) -> NDArray[np.float32]:
        ids, lengths = batch_tensors(sequences, self._device)
        with torch.backends.cudnn.flags(allow_tf32=False):
            found: NDArray[np.float32] = self._network(ids, lengths).float().cpu().numpy()
        return found
