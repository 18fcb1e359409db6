"""Training: the loop, its checkpoints, and the model folder at its end."""

from undertone.training.events import EpochDone, Event, Listener, Note, StepDone
from undertone.training.run import TrainResult, train, train_examples
from undertone.training.runfolder import prepare_folder

__all__ = [
    "EpochDone",
    "Event",
    "Listener",
    "Note",
    "StepDone",
    "TrainResult",
    "prepare_folder",
    "train",
    "train_examples",
]
