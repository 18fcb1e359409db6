"""The counts of :mod:`undertone.study.flops`, which a study and the benchmarks share."""

from undertone.study.flops import lstm_token, training, transformer

__all__ = ["lstm_token", "training", "transformer"]
