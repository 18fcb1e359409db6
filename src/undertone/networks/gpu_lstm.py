"""LSTMs on a GPU in the number format that was asked for.

torch's autocast runs every cuDNN LSTM in float16, also where bfloat16 was asked for
(``aten/src/ATen/cudnn/AutocastRNN.cpp``). The gradient of a mean over thousands of positions
is too small for float16 and would be lost on its way through time, so on a GPU the format is
changed here, by hand. A torch whose cuDNN has no bfloat16 LSTM takes its own kernels instead.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

State = tuple[Tensor, Tensor]


def read(
    lstm: nn.LSTM, values: Tensor, state: State | None = None, recurrence: Tensor | None = None
) -> tuple[Tensor, State]:
    """What ``lstm(values, state)`` gives; under autocast on a GPU truly in autocast's format.

    Args:
        lstm: one layer, one direction, ``batch_first``.
        values: (B, T, D).
        state: where to start, two tensors (1, B, H); None: at zero.
        recurrence: (4H, H), factors of the recurrent weights; None: they stay as they are.

    Returns:
        States (B, T, H), and the state at the end.
    """
    changed = {}
    if recurrence is not None:
        changed = {"weight_hh_l0": lstm.get_parameter("weight_hh_l0") * recurrence}
    if values.device.type == "cuda" and torch.is_autocast_enabled("cuda"):
        weights = [changed.get(name, each) for name, each in lstm.named_parameters()]
        dtype = torch.get_autocast_dtype("cuda")
        return read_in(dtype, weights, values, state, train=lstm.training)
    if changed:
        states, end = torch.func.functional_call(lstm, changed, (values, state))
    else:
        states, end = lstm(values, state)
    return states, end


def read_in(
    dtype: torch.dtype,
    weights: Sequence[Tensor],
    values: Tensor,
    state: State | None = None,
    *,
    train: bool,
) -> tuple[Tensor, State]:
    """One LSTM layer with everything in one number format; gradients come back in their own.

    Args:
        dtype: the format.
        weights: (4H, D), (4H, H) and the biases (4H,), (4H,), in the order of ``nn.LSTM``.
        values: (B, T, D).
        state: two tensors (1, B, H); None: zeros.
        train: whether there will be a backward pass.
    """
    if state is None:
        zero = values.new_zeros(1, len(values), weights[1].shape[1])
        state = (zero, zero)
    # cuDNN wants its weights side by side in memory and copies them, with a warning, if they are
    # not: one tensor of them all is cast, and its slices are handed over.
    flat = torch.cat([each.flatten() for each in weights]).to(dtype)
    slices = torch.split(flat, [each.numel() for each in weights])
    shaped = [part.view_as(each) for part, each in zip(slices, weights, strict=True)]
    start = [each.to(dtype) for each in state]
    with torch.autocast(values.device.type, enabled=False):
        states, hidden, cell = torch.lstm(
            values.to(dtype), start, shaped, True, 1, 0.0, train, False, True
        )
    return states, (hidden, cell)
