"""Device, number format and threads are chosen as asked, or refused with the reason."""

import os

import pytest
import torch

from undertone.errors import ConfigError
from undertone.settings import TrainConfig
from undertone.training import hardware
from undertone.training.hardware import Hardware


@pytest.fixture(autouse=True)
def _same_threads_afterwards():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def no_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)


def choose(**settings):
    return hardware.choose(TrainConfig(**{"device": "cpu", "threads": 1} | settings))


def test_float32_is_never_bfloat16():
    assert choose(precision="float32") == Hardware(torch.device("cpu"), False, 1)


def test_auto_takes_bfloat16_where_its_instructions_are_and_it_works(monkeypatch):
    supported = torch.cpu._is_avx512_bf16_supported()
    assert choose(precision="auto").bfloat16 == supported
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)

    def missing_primitive(*_arguments, **_options):
        raise RuntimeError("could not create a primitive")

    monkeypatch.setattr(torch.nn.LSTM, "forward", missing_primitive)
    assert not choose(precision="auto").bfloat16


def test_bfloat16_is_refused_where_it_does_not_run(no_bfloat16):
    assert not choose(precision="auto").bfloat16
    with pytest.raises(ConfigError) as caught:
        choose(precision="bfloat16")
    assert str(caught.value) == (
        "train.precision=bfloat16 does not run on this cpu device. "
        "Use train.precision=auto or float32."
    )


def test_cuda_is_refused_where_there_is_none(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="torch finds no CUDA device"):
        choose(device="cuda")
    assert choose(device="auto", precision="float32").device == torch.device("cpu")


def test_threads_are_set_and_zero_means_all_cores(monkeypatch):
    assert choose(threads=2).threads == torch.get_num_threads() == 2
    assert choose(threads=0).threads == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert choose(threads=0).threads == torch.get_num_threads() == 3


def test_the_choice_is_told_in_a_line():
    cpu = torch.device("cpu")
    assert Hardware(cpu, False, 2).describe() == "Training on 2 CPU threads, float32."
    assert Hardware(cpu, True, 4).describe() == (
        "Training on 4 CPU threads, bfloat16 LSTMs, float32 elsewhere."
    )
