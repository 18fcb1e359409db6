"""A run that was stopped or killed ends, once resumed, exactly as one that never was."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from traininghelpers import history, prepared, result, run, tiny_config, tiny_data

from undertone.errors import OutputError, RunInterruptedError, TrainingError
from undertone.training import Note, checkpoint, loop, prepare_folder

STEPS = 15
RICH = {
    "word_dropout": 0.2,
    "layer_dropout": 0.4,
    "label_smoothing": 0.1,
    "class_weights": "balanced",
    "embedding_decay": 0.01,
    "dropout_mask": "element",
}
DEEP = {"layers": 2, "pooling": "attention", "layer_norm": True}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return result(run(prepared(tmp_path_factory.mktemp("unbroken") / "m")).folder)


def press_ctrl_c(monkeypatch, *steps):
    """Ctrl-C during each of these steps, counted over the whole run from 1."""
    step = loop._step

    def pressed(trainer, *rest):
        step(trainer, *rest)
        if trainer.progress.step + 1 in steps:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(loop, "_step", pressed)


def resume(folder, config=None, **more):
    prepare_folder(folder, resume=True, overwrite=False)
    return run(folder, config, resume=True, **more)


@pytest.mark.parametrize("step", [1, 7, STEPS - 1, STEPS, STEPS + 1, 3 * STEPS - 1, 3 * STEPS])
def test_a_run_stopped_after_any_step_ends_as_one_that_was_not(
    tmp_path, monkeypatch, unbroken, step
):
    folder = prepared(tmp_path / "m")
    press_ctrl_c(monkeypatch, step)
    with pytest.raises(RunInterruptedError) as caught:
        run(folder)
    epoch = (step - 1) // STEPS + 1
    assert str(caught.value) == (
        f"stopped at step {step} in epoch {epoch}; all is saved. "
        "Go on with the same command and --resume."
    )
    assert caught.value.exit_code == 130
    assert not (folder / "config.json").exists()
    monkeypatch.undo()
    events = []
    resume(folder, on_event=events.append)
    assert Note(f"Resumed at step {step}, epoch {epoch}.") in events
    assert result(folder) == unbroken
    assert not (folder / "checkpoint.safetensors").exists()


@pytest.mark.parametrize(
    ("network", "settings"),
    [(DEEP, RICH), ({"pooling": "last"}, {"ema": 0.0, "schedule": "linear", "warmup": 0.5})],
)
def test_every_kind_of_state_is_saved(tmp_path, monkeypatch, network, settings):
    config = tiny_config(3, network, **settings)
    whole = run(prepared(tmp_path / "whole"), config).folder
    broken = prepared(tmp_path / "broken")
    press_ctrl_c(monkeypatch, 4, 21, 22, 40)
    for _ in range(4):
        with pytest.raises(RunInterruptedError):
            resume(broken, config)
    resume(broken, config)
    assert result(broken) == result(whole)


def test_two_threads_and_the_machines_own_number_format_repeat_themselves_too(
    tmp_path, monkeypatch
):
    config = tiny_config(threads=2, precision="auto")
    try:
        whole = run(prepared(tmp_path / "whole"), config).folder
        broken = prepared(tmp_path / "broken")
        press_ctrl_c(monkeypatch, 20)
        with pytest.raises(RunInterruptedError):
            run(broken, config)
        monkeypatch.undo()
        resume(broken, config)
    finally:
        torch.set_num_threads(1)
    assert result(broken) == result(whole)


def test_early_stopping_counts_on_over_a_stop(tmp_path, monkeypatch):
    config = tiny_config(epochs=9, patience=2, ema=0.0)
    data = tiny_data(lying_validation=True)
    whole = run(prepared(tmp_path / "whole"), config, data=data)
    press_ctrl_c(monkeypatch, 2 * STEPS + 3)
    broken = prepared(tmp_path / "broken")
    with pytest.raises(RunInterruptedError):
        run(broken, config, data=data)
    monkeypatch.undo()
    again = resume(broken, config, data=data)
    assert (again.best_epoch, again.epochs) == (whole.best_epoch, whole.epochs) == (1, 3)
    assert result(again.folder) == result(whole.folder)


def test_the_history_stands_there_after_every_epoch(tmp_path, monkeypatch, unbroken):
    folder = prepared(tmp_path / "m")
    press_ctrl_c(monkeypatch, 2 * STEPS + 1)
    with pytest.raises(RunInterruptedError):
        run(folder)
    assert history(folder) == unbroken[-1][:2]


def test_a_second_ctrl_c_stops_at_once_and_the_last_checkpoint_still_holds(
    tmp_path, monkeypatch, unbroken
):
    folder = prepared(tmp_path / "m")
    step = loop._step

    def pressed_twice(trainer, *rest):
        if trainer.progress.step + 1 == STEPS + 5:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        step(trainer, *rest)

    monkeypatch.setattr(loop, "_step", pressed_twice)
    with pytest.raises(KeyboardInterrupt):
        run(folder)
    monkeypatch.undo()
    events = []
    resume(folder, on_event=events.append)
    assert Note(f"Resumed at step {STEPS}, epoch 2.") in events
    assert result(folder) == unbroken


def test_resuming_before_the_first_checkpoint_starts_from_the_beginning(tmp_path, unbroken):
    folder = prepared(tmp_path / "m")
    events = []
    resume(folder, on_event=events.append)
    assert Note("No checkpoint yet; starting from the beginning.") in events
    assert result(folder) == unbroken


@pytest.mark.parametrize(
    "change",
    [
        {"config": tiny_config(seed=1)},
        {"config": tiny_config(lr=0.02)},
        {"config": tiny_config(epochs=4)},
        {"config": tiny_config(network={"hidden_dim": 7})},
        {"data": replace(tiny_data(), digest="of other reviews")},
        {"data": tiny_data(58)},
    ],
    ids=["seed", "rate", "epochs", "shape", "digest", "reviews"],
)
def test_other_settings_or_reviews_are_refused_and_the_run_can_still_go_on(
    tmp_path, monkeypatch, unbroken, change
):
    folder = prepared(tmp_path / "m")
    press_ctrl_c(monkeypatch, 3)
    with pytest.raises(RunInterruptedError):
        run(folder)
    with pytest.raises(TrainingError, match="was made with other "):
        resume(folder, **change)
    monkeypatch.undo()
    resume(folder)
    assert result(folder) == unbroken


def test_settings_that_change_no_weight_may_change(tmp_path, monkeypatch):
    folder = prepared(tmp_path / "m")
    press_ctrl_c(monkeypatch, 3)
    with pytest.raises(RunInterruptedError):
        run(folder)
    monkeypatch.undo()
    assert resume(folder, tiny_config(checkpoint_seconds=0.0)).epochs == 3


def test_checkpoints_come_when_their_time_has_passed_and_not_more_often_than_they_cost(
    tmp_path, monkeypatch
):
    saved = []
    save = checkpoint.save

    def noted(path, progress, tensors):
        saved.append(progress.step)
        save(path, progress, tensors)

    monkeypatch.setattr(checkpoint, "save", noted)
    run(prepared(tmp_path / "rare"), tiny_config(checkpoint_seconds=1e6))
    assert saved == [STEPS, 2 * STEPS, 3 * STEPS]
    saved.clear()
    monkeypatch.setattr("undertone.training.upkeep._SAVING_SHARE", 1e9)
    run(prepared(tmp_path / "often"), tiny_config(checkpoint_seconds=0.0))
    assert set(saved) == set(range(1, 3 * STEPS + 1))


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from traininghelpers import run, tiny_config
    from undertone import files
    from undertone.training import prepare_folder, upkeep

    folder, last = Path(sys.argv[1]), int(sys.argv[2])
    upkeep._SAVING_SHARE = 1e9  # a checkpoint after every step
    make_durable, count = files._make_durable, 0

    def kill_in_the_middle(temporary, path):
        global count
        count += path.name == "checkpoint.safetensors"
        if count == last:
            os.kill(os.getpid(), signal.SIGKILL)
        make_durable(temporary, path)

    files._make_durable = kill_in_the_middle
    prepare_folder(folder, resume=True, overwrite=False)
    run(folder, tiny_config(checkpoint_seconds=0.0), resume=True)
"""


def killed_while_saving(folder, checkpoints):
    """Train in a process that dies while it writes its n-th checkpoint."""
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), folder, str(checkpoints)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr


def test_a_run_killed_in_the_middle_of_an_epoch_ends_as_one_that_was_not(tmp_path, unbroken):
    folder = tmp_path / "m"
    killed_while_saving(folder, 22)
    assert len(list(folder.glob(".checkpoint.safetensors.*.tmp"))) == 1
    events = []
    resume(folder, on_event=events.append)
    # 21 checkpoints hold: one a step, and a second one at the end of the first epoch.
    assert Note("Resumed at step 20, epoch 2.") in events
    assert result(folder) == unbroken
    assert list(folder.glob(".*")) == []


@pytest.mark.slow
@pytest.mark.parametrize("checkpoints", [(1,), (STEPS,), (STEPS + 1, 1, 20)])
def test_a_run_killed_again_and_again_ends_as_one_that_was_not(tmp_path, unbroken, checkpoints):
    folder = tmp_path / "m"
    for number in checkpoints:
        killed_while_saving(folder, number)
    resume(folder)
    assert result(folder) == unbroken


def test_a_finished_run_is_not_resumed(tmp_path):
    folder = run(prepared(tmp_path / "m")).folder
    with pytest.raises(OutputError, match="there is nothing to resume"):
        resume(folder)


def test_a_run_killed_between_its_last_checkpoint_and_its_model_is_finished(
    tmp_path, monkeypatch, unbroken
):
    folder = prepared(tmp_path / "m")

    def fail(*_arguments):
        raise MemoryError

    monkeypatch.setattr("undertone.training.publish.publish", fail)
    with pytest.raises(MemoryError):
        run(folder)
    monkeypatch.undo()
    resume(folder)
    assert result(folder) == unbroken
