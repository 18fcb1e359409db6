"""The order of the layers, read from the imports of every module with ``ast``.

Rules: a module imports only layers that stand before its own; neighbouring files in a folder of
plug-ins do not import each other; no import cycles; prediction never touches torch or training;
heavy packages are never imported where a bare install would miss them; only ``cli`` prints,
exits or knows click and rich.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "undertone"

LAYERS = (
    *("errors", "extras", "files", "provenance", "settings", "config"),
    *("data", "text", "batches", "calibration", "modelfolder", "networks", "training"),
    *(
        "inference",
        "lesson",
        "distillation",
        "widening",
        "evaluation",
        "plots",
        "study",
        "serving",
        "estimator",
        "cli",
    ),
)
# The face of the package reaches everywhere, lazily; test_public_surface.py watches it.
FACE = {"__init__", "__main__"}
WITHOUT_TORCH = {"inference", "evaluation", "plots", "serving"}
# Folders with one file a thing: the files know nothing of each other, save shared helpers (_x.py).
PLUGINS = ("undertone.data.readers", "undertone.cli.commands")
# Packages that come with extras, and the layers that may import them when they are imported.
HEAVY = {
    "torch": {"networks", "training"},
    "onnx": set[str](),
    "optuna": set[str](),
    "safetensors": set[str](),
    "sklearn": {"estimator"},
    "matplotlib": set[str](),
    "pandas": set[str](),
    "pyarrow": set[str](),
    "datasets": set[str](),
    "tensorboard": set[str](),
}
ONLY_CLI = {"click", "rich"}


@dataclass(frozen=True)
class Import:
    """One import statement, or ``require("x", ...)`` / ``import_module("x")`` with a literal."""

    target: str
    line: int
    eager: bool  # runs when the module is imported


@dataclass(frozen=True)
class Module:
    name: str
    path: Path
    tree: ast.Module
    imports: tuple[Import, ...]

    @property
    def layer(self) -> str:
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else "__init__"


def read_modules(package: Path) -> list[Module]:
    modules = []
    for path in sorted(package.rglob("*.py")):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        base = name if path.name == "__init__.py" else name.rpartition(".")[0]
        modules.append(Module(name, path, tree, tuple(_imports(tree, base, eager=True))))
    return modules


def _imports(node: ast.AST, base: str, *, eager: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, eager)
        elif isinstance(child, ast.ImportFrom):
            yield from _from_import(child, base, eager)
        elif isinstance(child, ast.Call) and _callee(child) in ("require", "import_module"):
            names = [each.value for each in child.args[:1] if isinstance(each, ast.Constant)]
            yield from (Import(str(name), child.lineno, eager) for name in names)
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        checking = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        yield from _imports(child, base, eager=eager and not inside and not checking)


def _from_import(node: ast.ImportFrom, base: str, eager: bool) -> Iterator[Import]:
    root = base.split(".")[: len(base.split(".")) - (node.level - 1)] if node.level else []
    origin = ".".join([*root, *([node.module] if node.module else [])])
    for alias in node.names:
        yield Import(f"{origin}.{alias.name}", node.lineno, eager)


def _callee(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def violations(package: Path) -> list[str]:
    """Every broken rule, as ``file:line: what``."""
    modules = read_modules(package)
    found = []
    for module in modules:
        if module.layer in FACE:
            continue
        where = module.path.relative_to(package)
        if module.layer not in LAYERS:
            found.append(f"{where}:1: {module.layer} is not in the list of layers")
            continue
        found += [f"{where}:{line}: {what}" for line, what in _broken(module, modules)]
    return found + _cycles(modules)


def _broken(module: Module, modules: list[Module]) -> Iterator[tuple[int, str]]:
    for each in module.imports:
        yield from _broken_order(module, each)
        yield from _broken_weight(module, each)
        yield from _broken_plugin(module, each, modules)
    if module.layer != "cli":
        yield from _prints_or_exits(module.tree)


def _broken_order(module: Module, each: Import) -> Iterator[tuple[int, str]]:
    parts = each.target.split(".")
    if parts[0] != "undertone":
        return
    target = parts[1] if len(parts) > 1 else ""
    if target not in LAYERS:
        yield each.line, f"imports {each.target}: name the module it comes from"
    elif LAYERS.index(target) > LAYERS.index(module.layer):
        yield each.line, f"{module.layer} imports {target}, which stands after it"
    elif module.layer in WITHOUT_TORCH and target in ("networks", "training"):
        yield each.line, f"{module.layer} imports {target}"


def _broken_weight(module: Module, each: Import) -> Iterator[tuple[int, str]]:
    root = each.target.partition(".")[0]
    if root == "torch" and module.layer in WITHOUT_TORCH:
        yield each.line, f"{module.layer} imports torch"
    elif root in HEAVY and each.eager and module.layer not in HEAVY[root]:
        yield each.line, f"imports {root} at module level"
    elif root in ONLY_CLI and module.layer != "cli":
        yield each.line, f"imports {root} outside cli"


def _broken_plugin(
    module: Module, each: Import, modules: list[Module]
) -> Iterator[tuple[int, str]]:
    folder, _, own = module.name.rpartition(".")
    if folder not in PLUGINS:
        return
    for other in modules:
        stands_beside = other.name.rpartition(".")[0] == folder and other.name != module.name
        name = other.name.rpartition(".")[2]
        if stands_beside and not name.startswith("_") and _reaches(each.target, other.name):
            yield each.line, f"{own} imports its sibling {name}"


def _reaches(target: str, module: str) -> bool:
    return target == module or target.startswith(f"{module}.")


def _prints_or_exits(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("print", "exit", "quit", "sys.exit", "os._exit", "input"):
                yield node.lineno, f"calls {called} outside cli"
            if called in ("sys.stdout.write", "sys.stderr.write"):
                yield node.lineno, f"calls {called} outside cli"
        elif isinstance(node, ast.Raise) and "SystemExit" in ast.unparse(node):
            yield node.lineno, "raises SystemExit outside cli"


def _cycles(modules: list[Module]) -> list[str]:
    """Modules that, through eager imports, import themselves."""
    names = {module.name for module in modules}
    graph = {
        module.name: {
            name
            for each in module.imports
            if each.eager
            for name in (each.target, each.target.rpartition(".")[0])
            if name in names and name != module.name
        }
        for module in modules
    }
    # An __init__ that lists its own files is imported by them only through the import system.
    for name, targets in graph.items():
        targets -= {other for other in targets if name.startswith(f"{other}.")}
    return [f"{name} imports itself in a circle" for name in graph if _returns(graph, name)]


def _returns(graph: dict[str, set[str]], start: str) -> bool:
    seen: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name == start:
            return True
        if name not in seen:
            seen.add(name)
            waiting.extend(graph[name])
    return False


def test_every_module_keeps_the_order():
    assert violations(PACKAGE) == []


def test_every_file_is_read():
    names = {module.name for module in read_modules(PACKAGE)}
    assert {"undertone", "undertone.errors", "undertone.config", "undertone.cli.entry"} <= names


WRONG = {
    "later layer": ("config.py", "from undertone.data import source\n", "config imports data"),
    "later, relative": ("text/a.py", "from ..cli import main\n", "text imports cli"),
    "later, in a function": (
        "data/a.py",
        "def f():\n    import undertone.training.loop\n",
        "a.py:2: data imports training",
    ),
    "later, for types only": (
        "data/a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import undertone.text\n",
        "data imports text",
    ),
    "later, by name": (
        "data/a.py",
        "import importlib\nimportlib.import_module('undertone.cli')\n",
        "data imports cli",
    ),
    "the face": ("data/a.py", "from undertone import load\n", "name the module it comes from"),
    "unknown layer": ("helpers.py", "", "helpers is not in the list of layers"),
    "torch in inference": (
        "inference/a.py",
        "def f():\n    import torch.nn\n",
        "inference imports torch",
    ),
    "torch by require": (
        "evaluation/a.py",
        "from undertone.extras import require\ndef f():\n    require('torch', 'train')\n",
        "a.py:3: evaluation imports torch",
    ),
    "training in inference": (
        "inference/a.py",
        "def f():\n    from undertone.training import train\n",
        "inference imports training",
    ),
    "networks in plots": ("plots.py", "from undertone.networks import shapes\n", "plots imports"),
    "heavy, eager": ("data/a.py", "import pyarrow.parquet\n", "imports pyarrow at module level"),
    "rich below cli": ("training/a.py", "def f():\n    import rich\n", "imports rich outside cli"),
    "click below cli": ("data/a.py", "import click\n", "imports click outside cli"),
    "print": ("data/a.py", "def f():\n    print('x')\n", "a.py:2: calls print outside cli"),
    "exit": ("data/a.py", "import sys\nsys.exit(2)\n", "calls sys.exit outside cli"),
    "SystemExit": ("data/a.py", "raise SystemExit(2)\n", "raises SystemExit outside cli"),
    "circle": (
        "data/a.py",
        "from undertone.data import b\n",
        "undertone.data.a imports itself in a circle",
    ),
    "sibling": (
        "data/readers/one.py",
        "from undertone.data.readers.two import x\n",
        "one imports its sibling two",
    ),
}


@pytest.mark.parametrize(("file", "content", "expected"), WRONG.values(), ids=WRONG)
def test_a_wrong_module_is_caught(tmp_path: Path, file: str, content: str, expected: str):
    package = _tree(tmp_path)
    assert violations(package) == []
    (package / file).write_text(content)
    found = violations(package)
    assert found, "nothing was caught"
    assert expected in " | ".join(found)


def _tree(tmp_path: Path) -> Path:
    """A tiny package in which nothing is wrong."""
    package = tmp_path / "undertone"
    right = {
        "__init__.py": "from undertone.cli import main\n",
        "errors.py": "import json\n",
        "extras.py": "",
        "config.py": "from undertone.errors import E\n",
        "plots.py": "def f():\n    import matplotlib\n",
        "data/__init__.py": "from undertone.data.b import x\n",
        "data/b.py": "from undertone.data import a\nfrom undertone import config, files\n",
        "data/readers/__init__.py": "from undertone.data.readers import one, two\n",
        "data/readers/two.py": "from undertone.data.readers._shared import y\n",
        "data/readers/_shared.py": "def f():\n    import pyarrow\n",
        "text/__init__.py": "from undertone.data import b\n",
        "training/__init__.py": "import torch\nfrom ..text import z\n",
        "inference/__init__.py": "import numpy\n",
        "evaluation/__init__.py": "import undertone.inference\n",
        "cli/main.py": "import click\nprint('x')\n",
        "cli/__init__.py": "from undertone.cli.main import main\n",
    }
    for name, content in right.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return package
