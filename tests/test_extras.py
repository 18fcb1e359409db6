"""A missing extra answers with the command that installs it; other failures stay what they are."""

import json
import sys

import pytest

from undertone.errors import MissingExtraError, UndertoneError, nearest
from undertone.extras import require


def test_a_present_module_is_imported():
    assert require("json", "train") is json
    assert require("xml.dom", "train") is sys.modules["xml.dom"]


@pytest.mark.parametrize("module", ["no_such_package", "no_such_package.part"])
def test_a_missing_package_names_its_extra(module):
    with pytest.raises(MissingExtraError) as caught:
        require(module, "plots")
    assert str(caught.value) == (
        "this needs the package 'no_such_package', which is not installed. "
        "Install it with: pip install 'undertone[plots]'"
    )
    assert caught.value.exit_code == 2


def test_a_blocked_package_counts_as_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"'torch.*undertone\[train\]"):
        require("torch.no_such_part", "train")


def test_a_package_that_lacks_something_itself_is_not_reported_as_missing(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import its_missing_dependency\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="its_missing_dependency"):
        require("half_installed", "train")


def test_a_package_that_breaks_on_import_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("raise RuntimeError('wrong processor')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match="wrong processor"):
        require("broken_package", "train")


def test_errors_keep_what_and_remedy_apart_and_print_both():
    error = UndertoneError("it broke: 3.", "Mend it.")
    assert (error.what, error.remedy, str(error)) == (
        "it broke: 3.",
        "Mend it.",
        "it broke: 3. Mend it.",
    )
    assert str(UndertoneError("alone.")) == "alone."


def test_the_nearest_name_is_a_hint_or_nothing():
    assert nearest("traim", ["train", "text"]) == " (did you mean 'train'?)"
    assert nearest("zzz", ["train", "text"]) == ""
    assert nearest("x", []) == ""
