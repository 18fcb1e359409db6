"""undertone's training step against a plain packed ``nn.LSTM`` of the same shape.

    python -m benchmarks.training_speed --output results/training-speed.json

Forward, loss, backward, clipping and AdamW of the preset ``lstm-15m`` on batches of 64 real IMDB
reviews, cut at 256 word pieces. All candidates run in one process on the same batches in turn, so
whatever else the machine does meets them alike. Only training reviews are read.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks import flops, peak
from benchmarks.spread import summary, write_result
from benchmarks.training_steps import (
    Candidate,
    Task,
    largest_difference,
    plain_candidate,
    undertone_candidates,
)
from undertone.batches import collate, epoch_batches
from undertone.config import RunConfig, load_preset
from undertone.data.examples import SourceOptions
from undertone.data.source import load_training
from undertone.text.tokenizer import TextEncoder
from undertone.training.events import silent
from undertone.training.prepare import encode
from undertone.training.trainer import EncodedReviews

OURS, OURS_FLOAT32, PLAIN = "undertone", "undertone-float32", "plain"
IMDB = "../shared/data/aclImdb_v1.tar.gz"

QUICK = (
    *("text.vocabulary=600", "text.max_tokens=100", "train.batch_size=8"),
    *("network.embedding_dim=8", "network.hidden_dim=8", "network.layers=2"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, write the JSON."""
    options = _parser().parse_args(arguments)
    task = _task(options)
    ours, *others = undertone_candidates(task)
    candidates = {OURS: ours, **dict(zip([OURS_FLOAT32], others, strict=False))}
    candidates[PLAIN] = plain_candidate(task)
    size, seconds = (256, 0.05) if options.quick else (2048, 2.0)
    before = peak.measure(size, seconds)
    difference = largest_difference(candidates[OURS].network, task)
    times = _interleaved(candidates, len(task.batches), options.repetitions)
    peaks = peak.best_of(before, peak.measure(size, seconds))
    result = report(task, candidates, times, peaks, difference)
    write_result(options.output, result, "benchmarks.training_speed", task.config.seed)
    print(table(options.output))


def table(path: Path) -> str:
    """The result file as Markdown."""
    result = json.loads(path.read_text(encoding="utf-8"))
    lines = [
        "| training step | reviews/s | spread | GFLOP/s | share of GEMM peak |",
        "|---|---|---|---|---|",
    ]
    for each in result["candidates"].values():
        rate = each["reviews_per_second"]
        lines.append(
            f"| {each['title']} | {rate['median']:.1f} | {rate['min']:.1f} to {rate['max']:.1f} "
            f"| {each['gflops']:.0f} | {each['gemm_share']:.0%} of {each['precision']} |"
        )
    least, most = result["ratio_range"]
    lines += ["", f"Ratio **{result['ratio']:.1f}** ({least:.1f} to {most:.1f})."]
    return "\n".join(lines)


def report(
    task: Task,
    candidates: dict[str, Candidate],
    times: dict[str, list[float]],
    peaks: dict[str, float],
    difference: float,
) -> dict[str, Any]:
    """The result, ratio first; ``times`` are seconds of each repetition over all batches."""
    medians = {name: summary(values)["median"] for name, values in times.items()}
    pairs = [plain / ours for plain, ours in zip(times[PLAIN], times[OURS], strict=True)]
    work = _work(task)
    return {
        "ratio": medians[PLAIN] / medians[OURS],
        "ratio_range": [min(pairs), max(pairs)],
        "ratios_to_plain": {name: medians[PLAIN] / each for name, each in medians.items()},
        "parameters": {name: _parameters(each.network) for name, each in candidates.items()},
        "largest_logit_difference": difference,
        "batches": _described(task),
        "threads": torch.get_num_threads(),
        "flops_per_review": work,
        "gemm_peak_gflops": peaks,
        "candidates": {
            name: _figures(each, times[name], _count(task), work, peaks)
            for name, each in candidates.items()
        },
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.training_speed", description=__doc__)
    parser.add_argument("--data", default="", help=f"labelled reviews (default: {IMDB})")
    parser.add_argument("--output", type=Path, default=Path("results/training-speed.json"))
    parser.add_argument("--batches", type=int, default=4, help="different batches")
    parser.add_argument("--repetitions", type=int, default=5, help="passes over the batches")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    parser.add_argument(
        "--order",
        choices=("training", "shuffled"),
        default="training",
        help="training: batches as training makes them, of similar length; shuffled: any lengths",
    )
    parser.add_argument("--quick", action="store_true", help="tiny shapes on the sample reviews")
    return parser


def _task(options: argparse.Namespace) -> Task:
    """Read, tokenize and batch the training reviews as `undertone train` does."""
    settings = ["train.device=cpu", f"train.threads={options.threads}"]
    config = load_preset("lstm-15m", [*settings, *(QUICK if options.quick else ())])
    source = options.data or ("sample" if options.quick else IMDB)
    data = load_training(source, SourceOptions(), config.data)
    encoder = TextEncoder.train((each.text for each in data.train), config.text)
    reviews = encode(encoder, data.train, data.labels, silent)
    batches = _batches(reviews, config, options.order)[: options.batches]
    return Task(config, encoder.size, reviews, batches, options.order)


def _batches(reviews: EncodedReviews, config: RunConfig, order: str) -> list[NDArray[np.integer]]:
    """Full batches of the first epoch, or of a plain shuffle."""
    size, lengths = config.train.batch_size, reviews.lengths
    if order == "training":
        batches = epoch_batches(lengths, size, seed=config.seed, epoch=1)
    else:
        mixed = np.random.default_rng(config.seed).permutation(len(lengths))
        batches = [mixed[start : start + size] for start in range(0, len(mixed), size)]
    return [batch for batch in batches if len(batch) == size]


def _interleaved(
    candidates: dict[str, Candidate], batches: int, repetitions: int
) -> dict[str, list[float]]:
    """Seconds of each candidate over all batches, once per repetition.

    On every batch all candidates take their turn, and who goes first rotates. A pass without the
    clock comes before: the first call at each new shape builds its oneDNN primitive.
    """
    names = list(candidates)
    for name in names:
        for batch in range(batches if name != PLAIN else 1):
            candidates[name].step(batch)
    times: dict[str, list[float]] = {name: [0.0] * repetitions for name in names}
    for repetition in range(repetitions):
        for batch in range(batches):
            first = (repetition + batch) % len(names)
            for name in names[first:] + names[:first]:
                started = time.perf_counter()
                candidates[name].step(batch)
                times[name][repetition] += time.perf_counter() - started
    return times


def _figures(
    candidate: Candidate, times: list[float], reviews: int, work: float, peaks: dict[str, float]
) -> dict[str, Any]:
    rates = summary([reviews / seconds for seconds in times])
    gflops = work * reviews / summary(times)["median"] / 1e9
    return {
        "title": candidate.title,
        "precision": candidate.precision,
        "seconds": summary(times),
        "reviews_per_second": rates,
        "gflops": gflops,
        "gemm_share": gflops / peaks[candidate.precision],
    }


def _work(task: Task) -> float:
    """Operations of a training step per review: its true tokens, forward and backward."""
    shape = task.config.network
    token = flops.lstm_token(shape.embedding_dim, shape.hidden_dim, shape.layers)
    return flops.training(token * float(np.mean(_lengths(task))))


def _described(task: Task) -> dict[str, Any]:
    sequences = task.reviews.sequences
    widths = [collate([sequences[each] for each in batch]).ids.shape[1] for batch in task.batches]
    return {
        "count": len(task.batches),
        "size": task.config.train.batch_size,
        "order": task.order,
        "cut_at_tokens": task.config.text.max_tokens,
        "mean_tokens": float(np.mean(_lengths(task))),
        "padded_tokens": widths,
    }


def _lengths(task: Task) -> NDArray[np.int64]:
    return task.reviews.lengths[np.concatenate(task.batches)]


def _count(task: Task) -> int:
    return sum(len(batch) for batch in task.batches)


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


if __name__ == "__main__":
    main()
