"""The names that users import, and what importing them costs."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import undertone

SURFACE = [
    "ConfigError",
    "CurvePoint",
    "DataError",
    "Evaluation",
    "Example",
    "Explanation",
    "MissingExtraError",
    "Model",
    "ModelFolderError",
    "OutputError",
    "Prediction",
    "ProbeResult",
    "RunConfig",
    "RunInterruptedError",
    "ScoreResult",
    "SentimentClassifier",
    "SourceOptions",
    "TokenContribution",
    "TrainResult",
    "TrainingError",
    "TurningPoint",
    "UndertoneError",
    "__version__",
    "evaluate",
    "load",
    "load_preset",
    "load_split",
    "load_suites",
    "plots",
    "probe",
    "score_file",
    "train",
]
EXTRAS = ["torch", "onnx", "safetensors", "sklearn", "scipy", "pyarrow", "matplotlib", "datasets"]
HEAVY = [*EXTRAS, "numpy", "onnxruntime", "tokenizers", "rich", "click", "msgspec"]


def test_the_surface_is_pinned():
    assert sorted(undertone.__all__) == SURFACE
    assert dir(undertone) == SURFACE


@pytest.mark.parametrize("name", SURFACE)
def test_every_name_is_what_it_says(name):
    value = getattr(undertone, name)
    if name == "__version__":
        assert value == metadata.version("undertone")
    elif inspect.ismodule(value):
        assert value.__name__ == f"undertone.{name}"
    else:
        assert value.__name__ == name
        assert value.__doc__
    assert getattr(undertone, name) is value


def test_type_checkers_see_the_same_names():
    """The imports under TYPE_CHECKING bind every public name, from the home it really has."""
    tree = ast.parse(Path(undertone.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert sorted([*imported, "__version__"]) == SURFACE
    del imported["plots"]
    for name, home in imported.items():
        assert undertone._HOMES[name] == home


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'undertone' has no attribute 'lod'"):
        undertone.lod  # noqa: B018


def test_every_error_is_an_undertone_error():
    names = [name for name in SURFACE if name.endswith("Error")]
    for name in names:
        assert issubclass(getattr(undertone, name), undertone.UndertoneError)
    assert undertone.UndertoneError.exit_code == 2
    assert undertone.RunInterruptedError.exit_code == 130


def _python(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_undertone_loads_nothing_heavy():
    script = (
        "import sys, undertone, undertone.errors\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert _python(script) == "[]"


def test_importing_undertone_takes_at_most_50_ms():
    script = (
        "import time\n"
        "start = time.perf_counter()\n"
        "import undertone\n"
        "print(time.perf_counter() - start)"
    )
    # The machine may be busy with other work: the fastest of a few tries is the program's own.
    assert min(float(_python(script)) for _ in range(5)) <= 0.050


def test_predicting_loads_only_what_the_bare_install_brings():
    script = (
        "import sys\n"
        "import undertone.cli.commands.predict, undertone.inference\n"
        "undertone.load, undertone.Prediction\n"
        f"print([m for m in {[*EXTRAS, 'rich']!r} if m in sys.modules])"
    )
    assert _python(script) == "[]"
