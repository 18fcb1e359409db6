"""The learning rate at given steps, worked out by hand and by torch's own schedulers."""

import math

import pytest
import torch

from undertone.settings import TrainConfig
from undertone.training.schedule import learning_rate


def rates(steps, **settings):
    config = TrainConfig(lr=0.8, **settings)
    return [learning_rate(config, step, steps) for step in range(steps)]


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_the_warm_up_rises_in_equal_steps_to_the_peak(schedule):
    assert rates(40, warmup=0.1, schedule=schedule)[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])


def test_constant_stays_at_the_peak():
    assert rates(10, warmup=0.2, schedule="constant")[2:] == [0.8] * 8


def test_linear_falls_towards_zero_in_equal_steps():
    assert rates(10, warmup=0.2, schedule="linear")[2:] == pytest.approx(
        [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    )


def test_cosine_is_half_way_down_in_the_middle():
    values = rates(12, warmup=0.0, schedule="cosine")
    assert values[0] == 0.8
    assert values[3] == pytest.approx(0.8 * (1 + math.sqrt(0.5)) / 2)
    assert values[6] == pytest.approx(0.4)
    assert values[9] == pytest.approx(0.8 * (1 - math.sqrt(0.5)) / 2)
    assert 0 < values[11] < 0.02


def test_cosine_is_that_of_torch():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.8)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=30)
    for value in rates(30, warmup=0.0, schedule="cosine"):
        assert value == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.99])
def test_the_shortest_runs_have_a_rate_above_zero(schedule, steps, warmup):
    assert all(0 < value <= 0.8 for value in rates(steps, warmup=warmup, schedule=schedule))
