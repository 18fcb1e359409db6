"""undertone: LSTM models that read the sentiment of reviews.

    import undertone

    model = undertone.load()                      # the model inside the package
    model.predict("I didn't hate it.")            # label, probabilities, how much was read
    model.explain("I didn't hate it.")            # what each word contributed

Every public name is imported when it is first used, so ``import undertone`` costs nothing and
loads neither numpy nor onnxruntime nor torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from undertone import plots as plots
    from undertone.config import RunConfig as RunConfig
    from undertone.config import load_preset as load_preset
    from undertone.data.examples import Example as Example
    from undertone.data.examples import SourceOptions as SourceOptions
    from undertone.data.source import load_split as load_split
    from undertone.errors import ConfigError as ConfigError
    from undertone.errors import DataError as DataError
    from undertone.errors import MissingExtraError as MissingExtraError
    from undertone.errors import ModelFolderError as ModelFolderError
    from undertone.errors import OutputError as OutputError
    from undertone.errors import RunInterruptedError as RunInterruptedError
    from undertone.errors import TrainingError as TrainingError
    from undertone.errors import UndertoneError as UndertoneError
    from undertone.estimator import SentimentClassifier as SentimentClassifier
    from undertone.evaluation import Evaluation as Evaluation
    from undertone.evaluation import evaluate as evaluate
    from undertone.evaluation.probes import ProbeResult as ProbeResult
    from undertone.evaluation.probes import load_suites as load_suites
    from undertone.evaluation.probes import probe as probe
    from undertone.inference import CurvePoint as CurvePoint
    from undertone.inference import Explanation as Explanation
    from undertone.inference import Model as Model
    from undertone.inference import Prediction as Prediction
    from undertone.inference import ScoreResult as ScoreResult
    from undertone.inference import TokenContribution as TokenContribution
    from undertone.inference import TurningPoint as TurningPoint
    from undertone.inference import load as load
    from undertone.inference import score_file as score_file
    from undertone.training import TrainResult as TrainResult
    from undertone.training import train as train

    __version__: str

# Where each name lives. A name equal to its module's last part is the module itself.
_HOMES = {
    "ConfigError": "undertone.errors",
    "CurvePoint": "undertone.inference",
    "DataError": "undertone.errors",
    "Evaluation": "undertone.evaluation",
    "Example": "undertone.data.examples",
    "Explanation": "undertone.inference",
    "MissingExtraError": "undertone.errors",
    "Model": "undertone.inference",
    "ModelFolderError": "undertone.errors",
    "OutputError": "undertone.errors",
    "Prediction": "undertone.inference",
    "ProbeResult": "undertone.evaluation.probes",
    "RunConfig": "undertone.config",
    "RunInterruptedError": "undertone.errors",
    "ScoreResult": "undertone.inference",
    "SentimentClassifier": "undertone.estimator",
    "SourceOptions": "undertone.data.examples",
    "TokenContribution": "undertone.inference",
    "TrainResult": "undertone.training",
    "TrainingError": "undertone.errors",
    "TurningPoint": "undertone.inference",
    "UndertoneError": "undertone.errors",
    "evaluate": "undertone.evaluation",
    "load": "undertone.inference",
    "load_preset": "undertone.config",
    "load_split": "undertone.data.source",
    "load_suites": "undertone.evaluation.probes",
    "plots": "undertone.plots",
    "probe": "undertone.evaluation.probes",
    "score_file": "undertone.inference",
    "train": "undertone.training",
}

__all__ = [  # noqa: PLE0604 - the table above is the one list of names
    "__version__",
    *_HOMES,
]


def __getattr__(name: str) -> object:
    """Import a public name on first use and keep it (PEP 562)."""
    value: object
    if name == "__version__":
        value = importlib.import_module("importlib.metadata").version("undertone")
    elif name in _HOMES:
        if _HOMES[name] == "undertone.training":
            importlib.import_module("undertone.extras").require("torch", "train")
        module = importlib.import_module(_HOMES[name])
        value = module if module.__name__ == f"undertone.{name}" else getattr(module, name)
    else:
        raise AttributeError(f"module 'undertone' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
