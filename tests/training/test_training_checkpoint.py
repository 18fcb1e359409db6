"""Checkpoints come back bit for bit, and what is no checkpoint of the run is refused."""

import os
import subprocess
import sys

import pytest
import safetensors.torch
import torch
from torch import nn

from undertone.errors import OutputError, TrainingError
from undertone.training import checkpoint
from undertone.training.checkpoint import Progress

PROGRESS = Progress(
    identity="run",
    step=7,
    epoch=2,
    batch=3,
    reviews=12,
    seconds=1 / 3,
    epoch_seconds=0.1 + 0.2,
    best_epoch=1,
    best_loss=5e-324,
    history=[{"epoch": 1, "loss": 0.1 + 0.7, "best": True, "lr": 1e-300}],
)


def tensors():
    generator = torch.Generator().manual_seed(3)
    special = torch.tensor([float("inf"), -0.0, 1e-45, 3.4e38])
    return {
        "a": torch.randn(5, 7, generator=generator),
        "b": torch.randn(4, 3, generator=generator).T,  # not contiguous
        "special": special,
        "totals": torch.tensor([1 / 3, 2.0], dtype=torch.float64),
        "step": torch.tensor(9.0),
        "half": torch.randn(3, generator=generator).bfloat16(),
        "empty": torch.zeros(0, 4),
    }


def bits(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8).tolist()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / checkpoint.NAME
    checkpoint.save(path, PROGRESS, tensors())
    return path


def test_progress_and_tensors_come_back_bit_for_bit(path):
    progress, found = checkpoint.load(path, "run")
    assert progress == PROGRESS
    assert set(found) == set(tensors())
    for name, tensor in tensors().items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
        assert bits(found[name]) == bits(tensor)


def test_nothing_but_the_checkpoint_is_left_with_the_usual_permissions(path):
    assert [each.name for each in path.parent.iterdir()] == [checkpoint.NAME]
    (path.parent / "plain").touch()
    assert path.stat().st_mode == (path.parent / "plain").stat().st_mode


def test_a_checkpoint_of_another_run_is_refused(path):
    with pytest.raises(TrainingError) as caught:
        checkpoint.load(path, "another run")
    assert str(caught.value).startswith(f"{path} was made with other ")
    assert caught.value.remedy == (
        "Repeat the original command with --resume, or start over with --overwrite."
    )


def damaged(path, kind):
    content = path.read_bytes()
    if kind == "truncated":
        return content[:-1]
    if kind == "header only":
        return content[:100]
    if kind == "empty":
        return b""
    if kind == "pickle":
        return b"\x80\x04\x95" + content
    if kind == "huge header":
        return b"\xff" * 8 + content[8:]
    foreign = {
        "no progress": {"x": "y"},
        "no JSON": {"progress": "{"},
        "no step": {"progress": "{}"},
    }
    safetensors.torch.save_file({"a": torch.zeros(1)}, path, foreign.get(kind))
    return path.read_bytes()


@pytest.mark.parametrize(
    "kind",
    [
        *("truncated", "header only", "empty", "pickle", "huge header"),
        *("no metadata", "no progress", "no JSON", "no step"),
    ],
)
def test_a_damaged_checkpoint_is_refused_in_one_line(path, kind):
    path.write_bytes(damaged(path, kind))
    with pytest.raises(TrainingError) as caught:
        checkpoint.load(path, "run")
    message = str(caught.value)
    assert message.startswith(f"cannot read checkpoint {path}: ")
    assert message.endswith("Start over with --overwrite.")
    assert "\n" not in message


def test_a_full_disk_keeps_the_old_checkpoint(path):
    before = path.read_bytes()
    program = """
import resource, sys
from pathlib import Path
import torch
from undertone import errors
from undertone.training import checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    checkpoint.save(Path(sys.argv[1]), checkpoint.Progress("run"), {"a": torch.zeros(9999)})
except errors.OutputError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, path],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.stdout.startswith(f"cannot write {path}: "), done.stderr
    assert "File too large" in done.stdout
    assert "Free some space; the old file is untouched." in done.stdout
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [checkpoint.NAME]


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        checkpoint.write_tensors(tmp_path / "file" / "x", {"a": torch.zeros(1)})


def trained(steps):
    torch.manual_seed(1)
    network = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, fused=True)
    for _ in range(steps):
        optimizer.zero_grad()
        network(torch.randn(4, 3)).square().sum().backward()
        optimizer.step()
    return network, optimizer


def test_the_state_of_the_optimizer_comes_back_bit_for_bit(tmp_path):
    names = ["weight", "bias"]
    _, optimizer = trained(3)
    state = checkpoint.optimizer_tensors(optimizer, names)
    assert sorted(state) == [
        f"optimizer.{name}.{kind}"
        for name in sorted(names)
        for kind in ("exp_avg", "exp_avg_sq", "step")
    ]
    checkpoint.save(tmp_path / "c", Progress("run"), state)
    _, fresh = trained(0)
    assert checkpoint.optimizer_tensors(fresh, names) == {}
    checkpoint.restore_optimizer(fresh, names, checkpoint.load(tmp_path / "c", "run")[1])
    restored = checkpoint.optimizer_tensors(fresh, names)
    assert set(restored) == set(state)
    assert all(torch.equal(restored[name], state[name]) for name in state)


def test_an_optimizer_without_state_stays_without():
    _, fresh = trained(0)
    checkpoint.restore_optimizer(fresh, ["weight", "bias"], {"network.weight": torch.zeros(1)})
    assert dict(fresh.state) == {}


def test_the_history_has_one_json_line_an_epoch(tmp_path):
    checkpoint.write_history(tmp_path, PROGRESS)
    text = (tmp_path / "history.jsonl").read_text()
    assert text == '{"epoch":1,"loss":0.7999999999999999,"best":true,"lr":1e-300}\n'
