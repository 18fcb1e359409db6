"""The capacity study on one GPU, from token arrays: what ``make study-gpu`` runs.

Every run of a study's file is trained, measured on the test part and noted in a JSON file of its
own. Finished ones are skipped and a stopped one goes on, so the command is repeated until it has
nothing left to do. Bags of n-grams are left to the machine that has the texts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace

from tools import gpu_speed, tokens
from tools.device_model import DeviceModel
from tools.resumable import add_stop_after, exit_status, tell
from undertone import calibration, files, modelfolder, training
from undertone.config import RunConfig
from undertone.data.examples import SourceOptions
from undertone.errors import ConfigError, DataError
from undertone.settings import BAG
from undertone.study import plan, planfile, tested
from undertone.study.plan import Contender, Job, Plan
from undertone.training import hardware, runfolder
from undertone.training.pretrain import pretrain_texts


class GpuStudy:
    """Runs of a plan, trained from whichever token arrays fit each.

    Args:
        asked: the plan; folders to start from stand in its folder of runs.
        stored: pairs of what training may see and of the test part, one for each cleaning.
    """

    def __init__(self, asked: Plan, stored: Sequence[tuple[tokens.Tokens, Path]]) -> None:
        self.asked, self.stored = asked, stored

    def run(self) -> None:
        """All that is not done yet."""
        for job in plan.jobs(self.asked):
            if job.config.network.architecture == BAG:
                continue
            if not job.finished:
                print(f"\n{job.name}", flush=True)
                self._train(job)
            for contender in self._readers(job.contender):
                self._measure(contender, job)

    def _readers(self, owner: Contender) -> Iterator[Contender]:
        yield owner
        yield from (each for each in self.asked.contenders if each.weights == owner.name)

    def _fitting(self, config: RunConfig) -> tuple[tokens.Tokens, Path]:
        """The arrays whose tokens are those of the run."""
        for stored, test in self.stored:
            try:
                stored.encoder(config.text)
            except DataError:
                continue
            return stored, test
        raise ConfigError(
            f"no token arrays fit text.cleaning={config.text.cleaning}.",
            "Pack them with: make study-tokens",
        )

    def _train(self, job: Job) -> None:
        stored, _ = self._fitting(job.config)
        begin = self._begin(job, stored) if job.contender.start_from else None
        learnt = job.config.train.vectors == "texts"
        with runfolder.claimed(job.folder, resume=True, overwrite=False):
            training.train_examples(
                stored.training(),
                config=job.config,
                output=job.folder,
                unlabelled=[each.text for each in stored.parts["unlabelled"]] if learnt else (),
                described={"source": stored.about.source},
                start_from=begin,
                encoder=stored.encoder(job.config.text),
                resume=True,
                on_event=tell,
            )

    def _begin(self, job: Job, stored: tokens.Tokens) -> Path:
        """The language model that a run starts from, trained if it is not there."""
        folder = self.asked.models / job.contender.start_from
        if not (folder / modelfolder.MANIFEST).exists():
            config = replace(job.config, seed=0)
            with runfolder.claimed(folder, resume=True, overwrite=False):
                pretrain_texts(
                    stored.texts(),
                    config=config,
                    output=folder,
                    described={"source": stored.about.source},
                    encoder=stored.encoder(config.text),
                    resume=True,
                    on_event=tell,
                )
        return folder

    def _measure(self, contender: Contender, job: Job) -> None:
        path = self.asked.output / f"{contender.name}-{job.seed}.json"
        if path.exists():
            return
        stored, test_path = self._fitting(job.config)
        test = tokens.read(test_path)
        model = DeviceModel(job.folder, test.encoder(job.config.text))
        reviews = test.parts["test"]
        found = model.logits([each.text for each in reviews])
        answers = tested.Answers(*found, model.temperature, 0.0)
        verdicts = tested.verdicts(answers, reviews, model.labels, contender.threshold)
        metrics = msgspec.json.decode((job.folder / modelfolder.METRICS).read_bytes())
        lengths = self._lengths(stored, job.config)
        content = {
            "model": contender.name,
            "title": contender.title,
            "seed": job.seed,
            "test": {
                "reviews": len(reviews),
                "accuracy": float(verdicts.correct.mean()),
                "loss": calibration.log_loss(found.logits, verdicts.targets),
            },
            "minutes": metrics["training_seconds"] / 60,
            "speed": gpu_speed.speed(job.folder, float(np.mean(lengths)), self._peak),
            **metrics,
        }
        files.write_json(path, content)
        print(f"{contender.name}-{job.seed}: test accuracy {verdicts.correct.mean():.2%}")

    def _lengths(self, stored: tokens.Tokens, config: RunConfig) -> list[int]:
        texts = [each.text for each in stored.parts["train"]]
        return [len(each.ids) for each in stored.encoder(config.text).encode(texts)]

    @cached_property
    def _peak(self) -> gpu_speed.Peak:
        return gpu_speed.peak(hardware.choose(plan.jobs(self.asked)[0].config.train).device)


def test_part(path: Path) -> Path:
    """The file of the test part that stands beside the one for training."""
    return path.with_name(f"{path.stem}-test{path.suffix}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is left of the study."""
    chosen = _parser().parse_args(arguments)

    def work() -> None:
        found = planfile.read(chosen.plan, Path(chosen.stopwords))
        asked = Plan(
            source="token arrays",
            options=SourceOptions(),
            protocol=found.protocol,
            settings=(*found.settings, *chosen.set),
            contenders=found.contenders,
            seeds=tuple(range(found.seeds)),
            output=chosen.results,
            threads=chosen.threads,
            runs=chosen.runs,
        )
        GpuStudy(asked, [(tokens.read(each), test_part(each)) for each in chosen.tokens]).run()

    return exit_status(work, chosen.stop_after)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.study_gpu", description=__doc__)
    parser.add_argument("--plan", type=Path, default=Path("studies/gpu.toml"))
    parser.add_argument(
        "--stopwords",
        required=True,
        metavar="FILE",
        help="as it was named when the tokens were packed; the file itself is not read",
    )
    parser.add_argument("--tokens", type=Path, nargs="+", required=True)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: all cores")
    parser.add_argument("--runs", type=Path, default=Path("runs/study-gpu"))
    parser.add_argument("--results", type=Path, default=Path("results/study-gpu"))
    add_stop_after(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
