"""The strongest models on one GPU, from token arrays: what ``make best-gpu`` runs.

Language model, bag of n-grams, teachers, distilled base, distilled small model, from reviews alone:
the short texts of ``make base`` and ``make small`` are not in the arrays. A finished step is
skipped and a stopped one goes on where it was, so the command is repeated until it has nothing left
to do. Epochs are chosen on validation; the test part is opened once, at the end, by whoever gives
its file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from tools import gpu_speed, tokens
from tools.device_model import DeviceModel
from tools.resumable import add_stop_after, exit_status, tell
from undertone import distillation, evaluation, files, inference, lesson, modelfolder, training
from undertone.config import RunConfig, load_preset
from undertone.training import hardware, runfolder
from undertone.training.pretrain import pretrain_texts

# What a student of the chain takes from its preset but the epochs.
BASE_EPOCHS, SMALL_EPOCHS = 2, 4


class Chain:
    """The steps, each of which leaves a folder behind and its figures in ``results``.

    Args:
        stored: the reviews to learn from.
        presets: names or files, for ``base``, ``small`` and ``bag``.
        teachers: how many, told apart by their seeds.
        runs: where the folders of models go.
        results: where the figures go.
    """

    def __init__(
        self,
        stored: tokens.Tokens,
        presets: dict[str, str],
        *,
        teachers: int,
        runs: Path,
        results: Path,
    ) -> None:
        self.stored, self.runs, self.results = stored, runs, results
        self.presets = presets
        self.teachers = [f"teacher-{number}" for number in range(teachers)]
        self.data = stored.training()

    def run(self) -> None:
        """All that is not done yet."""
        self._step("lm", self._language_model)
        self._step("bag", self._bag)
        for seed, name in enumerate(self.teachers):
            self._step(name, partial(self._teacher, seed=seed))
        self._step("base", self._base)
        self._step("small", self._small)

    def measure(self, test: tokens.Tokens) -> None:
        """Base and small on the test part, unless that was done before."""
        for name in ("base", "small"):
            path = self.results / f"{name}-test.json"
            folder = self.runs / name
            if path.exists():
                continue
            model = DeviceModel(folder, test.encoder(modelfolder.read(folder).config.text))
            found = evaluation.evaluate(model, test.parts["test"], source=test.about.source)
            files.write_json(path, msgspec.to_builtins(found))
            print(f"{name}: accuracy {found.accuracy:.2%} on {found.reviews:,} test reviews")

    def _step(self, name: str, work: Callable[[Path], Any]) -> None:
        folder = self.runs / name
        if not (folder / modelfolder.MANIFEST).exists():
            print(f"\n{name}", flush=True)
            with runfolder.claimed(folder, resume=name != "bag", overwrite=name == "bag"):
                work(folder)
        path = self.results / f"{name}.json"
        if not path.exists():
            files.write_json(path, self._figures(folder))

    def _language_model(self, folder: Path) -> None:
        config = self._config("base")
        pretrain_texts(
            self.stored.texts(),
            config=config,
            output=folder,
            described=self._described,
            encoder=self.stored.encoder(config.text),
            resume=True,
            on_event=tell,
        )

    def _bag(self, folder: Path) -> None:
        """Its own preset, but the words of the others: only their ids are here."""
        config = self._config("bag")
        text = replace(self.stored.about.text, max_tokens=config.text.max_tokens)
        self._train(folder, replace(config, text=text))

    def _teacher(self, folder: Path, seed: int) -> None:
        self._train(folder, self._config("base", seed=seed), start=self.runs / "lm")

    def _train(self, folder: Path, config: RunConfig, start: Path | None = None) -> None:
        training.train_examples(
            self.data,
            config=config,
            output=folder,
            described=self._described,
            start_from=start,
            encoder=self.stored.encoder(config.text),
            resume=folder.name != "bag",
            on_event=tell,
        )

    def _base(self, folder: Path) -> None:
        config = self._config("base", f"train.epochs={BASE_EPOCHS}")
        self._distil(folder, config, ["bag", *self.teachers], start=self.runs / "lm")

    def _small(self, folder: Path) -> None:
        self._distil(folder, self._config("small", f"train.epochs={SMALL_EPOCHS}"), ["base", "bag"])

    def _distil(
        self, folder: Path, config: RunConfig, teachers: Sequence[str], start: Path | None = None
    ) -> None:
        distillation.distill_examples(
            [self._ask(name) for name in teachers],
            [frozenset(each.name for each in self.data.train)] * len(teachers),
            self.data,
            self.stored.parts["unlabelled"],
            config=config,
            output=folder,
            described=self._described,
            start_from=start,
            encoder=self.stored.encoder(config.text),
            resume=True,
            on_event=tell,
        )

    def _ask(self, name: str) -> lesson.Teacher:
        folder = self.runs / name
        encoder = self.stored.encoder(modelfolder.read(folder).config.text)
        if name != "bag":
            return DeviceModel(folder, encoder)
        bag = inference.load(folder)
        bag.encoder = encoder
        return bag

    def _config(self, which: str, *overrides: str, seed: int = 0) -> RunConfig:
        return load_preset(self.presets[which], overrides, seed)

    @property
    def _described(self) -> dict[str, str]:
        return {"source": self.stored.about.source}

    @cached_property
    def _peak(self) -> gpu_speed.Peak:
        return gpu_speed.peak(hardware.choose(self._config("base").train).device)

    def _figures(self, folder: Path) -> dict[str, Any]:
        metrics = msgspec.json.decode((folder / modelfolder.METRICS).read_bytes())
        config = modelfolder.read(folder, modelfolder.kind_of(folder)).config
        speed = {}
        if config.network.architecture != "bag":
            lengths = self._lengths(folder.name, config)
            speed = gpu_speed.speed(folder, float(np.mean(lengths)), self._peak)
            print(
                f"{folder.name}: {speed['tokens_per_second']:,.0f} tokens/s, "
                f"{speed['share_of_peak']:.2%} of the peak of {self._peak.device}"
            )
        return {"step": folder.name, "speed": speed, **metrics}

    def _lengths(self, name: str, config: RunConfig) -> list[int]:
        """Tokens read of each review that the step learnt from."""
        parts = ("train",) if name in self.teachers else ("train", "unlabelled")
        texts = [each.text for part in parts for each in self.stored.parts[part]]
        return [len(each.ids) for each in self.stored.encoder(config.text).encode(texts)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is left of the chain."""
    chosen = _parser().parse_args(arguments)

    def work() -> None:
        chain = Chain(
            tokens.read(chosen.tokens),
            {"base": chosen.base, "small": chosen.small, "bag": chosen.bag},
            teachers=chosen.teachers,
            runs=chosen.runs,
            results=chosen.results,
        )
        chain.run()
        if chosen.test is not None:
            chain.measure(tokens.read(chosen.test))

    return exit_status(work, chosen.stop_after)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.best_gpu", description=__doc__)
    parser.add_argument("--tokens", type=Path, required=True, help="from python -m tools.tokens")
    parser.add_argument("--test", type=Path, help="its test part; measured on once, at the end")
    parser.add_argument("--base", default="base-gpu", metavar="PRESET")
    parser.add_argument("--small", default="small", metavar="PRESET")
    parser.add_argument("--bag", default="bag", metavar="PRESET")
    parser.add_argument("--teachers", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs/gpu"))
    parser.add_argument("--results", type=Path, default=Path("results/gpu"))
    add_stop_after(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
