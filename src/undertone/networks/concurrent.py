"""Both directions of an LSTM layer at the same time, each on its own half of the cores.

An LSTM is a long chain of small products, and cores that share each of them wait for each other
at every token. Two directions share nothing, so on a CPU they run side by side, forward and
backward, and wait once. Values and gradients are those of two calls one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from undertone.networks import gpu_lstm


def run_both(
    first: nn.LSTM, second: nn.LSTM, inputs: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Outputs (B, T, H) of two LSTMs on two inputs (B, T, D).

    On a CPU with two threads or more they run concurrently; elsewhere one after the other. The
    graph of a concurrent call can be walked back once, like any graph that is not retained.
    """
    threads = torch.get_num_threads()
    if inputs[0].device.type != "cpu" or threads < 2:
        return gpu_lstm.read(first, inputs[0])[0], gpu_lstm.read(second, inputs[1])[0]
    tensors = [*inputs, *first.parameters(), *second.parameters()]
    # Inside an autograd function gradients are always off, so whether they are on is asked here.
    grad = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return _Both.apply(first, second, threads // 2, grad, *tensors)  # type: ignore[no-any-return, no-untyped-call]


class _Both(torch.autograd.Function):
    """Each direction keeps a graph of its own, which its own thread walks back."""

    @staticmethod
    def forward(
        ctx: Any, first: nn.LSTM, second: nn.LSTM, threads: int, grad: bool, *tensors: Tensor
    ) -> tuple[Tensor, Tensor]:
        half = torch.is_autocast_enabled("cpu")
        dtype = torch.get_autocast_dtype("cpu")

        def read(lstm: nn.LSTM, values: Tensor) -> tuple[Tensor, Tensor]:
            leaf = values.detach().requires_grad_(grad)
            with torch.set_grad_enabled(grad), torch.autocast("cpu", dtype, enabled=half):
                return leaf, lstm(leaf)[0]

        ctx.threads, ctx.lstms = threads, (first, second)
        ctx.graphs = together(
            threads, lambda: read(first, tensors[0]), lambda: read(second, tensors[1])
        )
        return ctx.graphs[0][1].detach(), ctx.graphs[1][1].detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        def back(place: int) -> list[Tensor | None]:
            leaf, output = ctx.graphs[place]
            tensors = [leaf, *ctx.lstms[place].parameters()]
            wanted = [each for each in tensors if each.requires_grad]  # a layer may be frozen
            found = iter(torch.autograd.grad(output, wanted, gradients[place]))
            return [next(found) if each.requires_grad else None for each in tensors]

        first, second = together(ctx.threads, lambda: back(0), lambda: back(1))
        return None, None, None, None, first[0], second[0], *first[1:], *second[1:]


def together(threads: int, *tasks: Callable[[], Any]) -> list[Any]:
    """Results of tasks that run side by side, two at a time, each on ``threads`` threads."""
    waiting = [_pool(threads).submit(task) for task in tasks]
    return [each.result() for each in waiting]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Two workers; each uses ``threads`` threads inside its products."""
    return ThreadPoolExecutor(
        2, thread_name_prefix="direction", initializer=torch.set_num_threads, initargs=(threads,)
    )
