"""Studies as files: sizes, originals, models that are others with a change, and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from undertone.data.examples import SourceOptions
from undertone.errors import ConfigError
from undertone.study import departures, plan, planfile
from undertone.study.plan import Plan

WORDS = Path("words.txt")
STUDIES = Path(__file__).parents[2] / "studies"
GOOD = """
protocol = "study"
seeds = 2
settings = ["train.epochs=4"]
[sizes]
s = ["network.hidden_dim=8"]
l = ["network.hidden_dim=16"]
[[models]]
name = "{size}-base"
preset = "lstm-15m"
original = true
switches = true
settings = ["train.microbatch=32"]
[[models]]
name = "{size}-decay"
like = "{size}-base"
title = "decay"
mended = ["best"]
settings = ["train.weight_decay=0.5"]
sizes.l = ["train.lr=0.5"]
seeds = 1
[[models]]
name = "{size}-rule"
like = "{size}-decay"
mended = ["threshold"]
[[models]]
name = "{size}-begun"
like = "{size}-base"
start_from = "runs/lm-{size}"
[[models]]
name = "timed"
preset = "lstm-45m"
steps = 3
"""


def read(folder: Path, content: str, sizes: tuple[str, ...] = ()) -> planfile.StudyFile:
    path = folder / "study.toml"
    path.write_text(content)
    return planfile.read(path, WORDS, sizes)


def planned(found: planfile.StudyFile) -> Plan:
    return Plan(
        *("imdb", SourceOptions(), found.protocol, found.settings, found.contenders),
        seeds=tuple(range(found.seeds)),
        output=Path("out"),
        threads=1,
    )


def test_sizes_changes_and_switches(tmp_path: Path):
    found = read(tmp_path, GOOD, ("s",))
    each = {one.name: one for one in found.contenders}
    switches = [f"s-base-{name}" for name in (*departures.SWITCHES, "mended")]
    assert list(each) == [
        *("s-base", *switches, "s-decay", "s-rule", "s-begun", "timed", "tfidf"),
    ]
    assert (found.protocol, found.seeds, found.settings) == ("study", 2, ("train.epochs=4",))
    base, decay, rule = each["s-base"], each["s-decay"], each["s-rule"]
    assert base.threshold == decay.threshold == departures.THRESHOLD
    assert decay.settings == (*base.settings, "train.keep=best", "train.weight_decay=0.5")
    assert base.settings[-2:] == ("network.hidden_dim=8", "train.microbatch=32")
    assert (decay.against, rule.against, base.against) == ("s-base", "s-decay", "")
    assert (rule.weights, rule.threshold, decay.weights) == ("s-decay", 0.0, "")
    assert (each["s-begun"].start_from, each["s-begun"].weights) == ("runs/lm-s", "")
    assert each["timed"].steps == 3


def test_some_models_are_taken_with_those_whose_weights_they_read(tmp_path: Path):
    path = tmp_path / "study.toml"
    path.write_text(GOOD)
    found = planfile.read(path, WORDS, ("s",), ("s-rule", "s-base-threshold"))
    names = [each.name for each in found.contenders]
    assert names == ["s-base", "s-base-threshold", "s-decay", "s-rule", "tfidf"]
    compared = planfile.read(path, WORDS, ("s",), ("s-begun",)).contenders
    assert [each.name for each in compared] == ["s-base", "s-begun", "tfidf"]
    with pytest.raises(ConfigError, match=r"has no model 's-bse' \(did you mean 's-base'\?\)"):
        planfile.read(path, WORDS, ("s",), ("s-bse",))


def test_a_model_has_settings_of_one_size(tmp_path: Path):
    each = {one.name: one for one in read(tmp_path, GOOD).contenders}
    own = ("train.keep=best", "train.weight_decay=0.5")
    assert each["s-decay"].settings == (*each["s-base"].settings, *own)
    assert each["l-decay"].settings == (*each["l-base"].settings, *own, "train.lr=0.5")


def test_all_sizes_are_taken_unless_some_are_named(tmp_path: Path):
    names = [each.name for each in read(tmp_path, GOOD).contenders]
    assert {"s-base", "l-base", "s-rule", "l-rule"} <= set(names)
    assert names.count("timed") == 1


def test_a_model_that_starts_from_another_takes_its_token_vectors(tmp_path: Path):
    content = '[[models]]\nname = "a"\npreset = "small"\n'
    begun = content.replace('"a"', '"b"') + 'start_from = "runs/lm"\n'
    runs = plan.jobs(planned(read(tmp_path, content + begun)))
    vectors = {job.contender.name: job.config.train.vectors for job in runs}
    assert (vectors["a"], vectors["b"]) == ("texts", "random")


def test_seeds_of_one_model_and_where_it_begins_reach_the_runs(tmp_path: Path):
    asked = planned(read(tmp_path, GOOD, ("s",)))
    found = {job.name: job for job in plan.jobs(asked)}
    assert {"s-base-1", "s-begun-1", "s-decay-0"} <= set(found)
    assert not {"s-decay-1", "s-rule-0", "timed-0"} & set(found)
    typed = " ".join(plan.command(asked, found["s-begun-1"]))
    assert " --start-from runs/lm-s " in typed
    assert "--start-from" not in " ".join(plan.command(asked, found["s-base-1"]))


MODEL = '[[models]]\nname = "{}"\n'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("models = 3", "does not fit: Expected `array`"),
        ("[[models]", "does not fit"),
        (MODEL.format("a") + 'presets = "small"', "unknown field `presets`"),
        (MODEL.format("../a") + 'preset = "small"', "does not fit"),
        (MODEL.format("a"), "a: it needs either preset or like"),
        (MODEL.format("a-{width}") + 'preset = "small"', "no size takes this place"),
        (
            "[sizes]\ns = []\n" + MODEL.format("a-{size}")
            + 'preset = "small"\nsizes.t = ["train.lr=1"]',
            "a-{size}: it has settings of 't', a size that it never has",
        ),
        (
            "[sizes]\ns = []\n" + MODEL.format("a") + 'preset = "small"\nsizes.s = []',
            r"a: it has settings of 's', a size that it never has\. Write",
        ),
        (MODEL.format("a") + 'like = "b"', "a: no model 'b' stands before it"),
        (MODEL.format("a") + 'preset = "small"\nmended = ["best"]', "mended changes another"),
        (MODEL.format("a") + 'preset = "small"\nswitches = true', "switches are of an original"),
        ((MODEL.format("a") + 'preset = "small"\n') * 2, "a: it stands twice"),
        (
            MODEL.format("a") + 'preset = "small"\n' + MODEL.format("b")
            + 'like = "a"\nmended = ["bets"]',
            "no departure 'bets' .did you mean 'best'",
        ),
    ],
)  # fmt: skip
def test_mistakes_are_named(tmp_path: Path, content: str, reason: str):
    with pytest.raises(ConfigError, match=reason):
        read(tmp_path, content)


def test_what_is_missing_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match="has no size 'm'"):
        read(tmp_path, GOOD, ("m",))
    with pytest.raises(ConfigError, match="cannot read the study"):
        planfile.read(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="--stopwords FILE"):
        planfile.read(tmp_path / "study.toml")


def test_the_studies_of_the_repository_fit_and_can_share_their_runs():
    seen: dict[str, plan.Job] = {}
    for path in sorted(STUDIES.glob("*.toml")):
        asked = planned(planfile.read(path, WORDS))
        for each in asked.contenders:
            plan.job_of(asked, each, 0)
        for job in plan.jobs(asked):
            # What a GPU trains, with larger batches, is kept in a folder of its own.
            name = f"gpu {job.name}" if path.stem == "gpu" else job.name
            same = seen.setdefault(name, job)
            assert plan.differences(same.config, job.config) == [], job.name
    assert len(seen) > 80
