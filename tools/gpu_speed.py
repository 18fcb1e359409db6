"""How fast a finished step trained: tokens a second, and share of what the device can do.

Operations are counted from the shape of the network (``benchmarks.flops``): the LSTMs and, of a
language model, the projections above them. The sampled softmax, pooling and all that is done to
padding are left out, so the share is a lower bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec
import torch

from benchmarks import flops
from undertone import modelfolder
from undertone.config import RunConfig

# Dense bfloat16 in TFLOP/s, from the makers' data sheets; the first name that fits counts.
PEAKS = (
    ("B200", 2250.0),
    ("H200", 989.0),
    ("GH200", 989.0),
    ("H100 PCIe", 756.0),
    ("H100 NVL", 835.0),
    ("H100", 989.0),
    ("A100", 312.0),
    ("L40S", 362.0),
    ("L4", 121.0),
    ("RTX 4090", 165.0),
)
_SECONDS = 0.5


class Peak(NamedTuple):
    """TFLOP/s of a device, its name, and where the figure is from."""

    tflops: float
    device: str
    origin: str


def peak(device: torch.device) -> Peak:
    """From the table, or of the fastest bfloat16 product that was measured."""
    if device.type != "cuda":
        return Peak(_product(device, 512), device.type, "measured: bfloat16 product, 512 x 512")
    name = torch.cuda.get_device_name(device)
    listed = known_peak(name)
    if listed is not None:
        return Peak(listed, name, "data sheet: dense bfloat16")
    return Peak(_product(device, 8192), name, "measured: bfloat16 product, 8192 x 8192")


def known_peak(name: str) -> float | None:
    """TFLOP/s of a card in the table, by its name."""
    return next((value for part, value in PEAKS if part in name), None)


def speed(folder: Path, mean_tokens: float, against: Peak) -> dict[str, Any]:
    """Rates of a finished run, from its history: medians over its epochs.

    Args:
        folder: of a language model or of a network.
        mean_tokens: tokens read of a training review; a language model reads all of them.
        against: the device's peak.
    """
    kind = modelfolder.kind_of(folder)
    config = modelfolder.read(folder, kind).config
    lines = (folder / modelfolder.HISTORY).read_text(encoding="utf-8").splitlines()
    epochs = [msgspec.json.decode(line) for line in lines]
    if kind == modelfolder.LANGUAGE_MODEL:
        rate, work = median(each["tokens_per_second"] for each in epochs), _language_token(config)
    else:
        rate = median(each["reviews_per_second"] for each in epochs) * mean_tokens
        work = _classifier_token(config)
    reached = rate * work / 1e12
    return {
        "tokens_per_second": rate,
        "flops_per_token": work,
        "tflops": reached,
        "peak_tflops": against.tflops,
        "peak_from": against.origin,
        "share_of_peak": reached / against.tflops,
        "device": against.device,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
    }


def _language_token(config: RunConfig) -> float:
    width, hidden = config.network.embedding_dim, config.network.hidden_dim
    directions = 2 if config.network.bidirectional else 1
    above = directions * 2 * hidden * width
    return flops.training(flops.lstm_token(width, hidden, 1, directions) + above)


def _classifier_token(config: RunConfig) -> float:
    shape = config.network
    directions = 2 if shape.bidirectional else 1
    return flops.training(
        flops.lstm_token(shape.embedding_dim, shape.hidden_dim, shape.layers, directions)
    )


def _product(device: torch.device, size: int) -> float:
    left, right = torch.randn(2, size, size, device=device).to(torch.bfloat16)
    wait: Callable[[], None] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    _ = left @ right
    wait()
    fastest, end = float("inf"), time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        started = time.perf_counter()
        _ = left @ right
        wait()
        fastest = min(fastest, time.perf_counter() - started)
    return 2 * size**3 / fastest / 1e12
