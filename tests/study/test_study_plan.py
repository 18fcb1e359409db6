"""Which runs a study takes, and the commands that train them."""

from __future__ import annotations

from pathlib import Path

import pytest
from study_presets import preset

from undertone.config import RunConfig, load_preset
from undertone.data.examples import SourceOptions
from undertone.errors import ConfigError
from undertone.study import plan
from undertone.study.departures import THRESHOLD, departures
from undertone.study.plan import Contender, Plan


def asked(*contenders: Contender, settings: tuple[str, ...] = (), protocol: str = "standard"):
    options = SourceOptions(exclude=Path("held.txt"))
    return Plan("imdb", options, protocol, settings, contenders, (0, 1), Path("out"), 1)


def test_the_baseline_is_always_there_and_never_twice():
    assert [each.name for each in plan.contenders(["small"], {})] == ["small", "tfidf"]
    assert [each.name for each in plan.contenders(["tfidf", "bag"], {})] == ["tfidf", "bag"]


def test_names_and_steps_are_checked():
    with pytest.raises(ConfigError, match="'small' stands twice"):
        plan.contenders(["small", "presets/small.toml"], {})
    with pytest.raises(ConfigError, match="no preset 'large'"):
        plan.contenders(["small"], {"large": 3})
    found = plan.contenders(["small", "lstm-15m"], {"lstm-15m": 3})
    assert [each.steps for each in found] == [0, 3, 0]
    with pytest.raises(ConfigError, match="a bag of n-grams, which has no steps"):
        plan.job_of(asked(), Contender("bag", "bag", steps=2), 0)


def test_every_contender_comes_once_before_any_comes_twice_and_a_bag_once():
    found = plan.jobs(asked(*plan.contenders(["small", "sample"], {})))
    assert [each.name for each in found] == [
        "small-0",
        "sample-0",
        "tfidf-0",
        "small-1",
        "sample-1",
    ]
    assert [each.config.seed for each in found] == [0, 0, 0, 1, 1]
    assert found[0].folder == Path("out/runs/small-0")


def test_the_studys_protocol_is_seventy_ten_twenty():
    (job,) = plan.jobs(asked(Contender("tfidf", "tfidf"), protocol="study"))[:1]
    data = job.config.data
    assert (data.splits, data.group) == ("random", "none")
    assert data.test == pytest.approx(0.2)
    assert (1 - data.test) * data.validation == pytest.approx(0.1)


def test_commands_are_those_that_one_would_type():
    both = (Contender("small", "small"), Contender("tfidf", "tfidf"))
    study = asked(*both, settings=("train.lr=1e-3",))
    network, bag = plan.jobs(study)[:2]
    assert " ".join(plan.command(study, network)) == (
        "-m undertone train --data imdb --preset small --seed 0 --exclude held.txt "
        "--set train.lr=1e-3 --set train.threads=1 --output out/runs/small-0 --resume"
    )
    typed = plan.command(study, bag)
    assert typed[-1] == "--overwrite"
    assert "train.lr=1e-3" not in typed


def test_a_setting_goes_to_the_models_that_read_it():
    both = (Contender("small", "small"), Contender("tfidf", "tfidf"))
    settings = ("network.hidden_dim=8", "bag.c=2.0", "text.max_tokens=50")
    network, bag = plan.jobs(asked(*both, settings=settings))[:2]
    assert (network.config.network.hidden_dim, network.config.text.max_tokens) == (8, 50)
    assert (bag.config.bag.c, bag.config.text.max_tokens) == (2.0, 50)
    with pytest.raises(ConfigError, match="means nothing to any model"):
        plan.jobs(asked(both[0], settings=("bag.c=2.0",)))


def test_contenders_must_share_their_reviews(tmp_path: Path):
    other = preset(tmp_path, "other", "[data]\nvalidation = 0.3\n")
    with pytest.raises(ConfigError, match="other divides the reviews differently from tfidf"):
        plan.jobs(asked(Contender("tfidf", "tfidf"), Contender("other", str(other))))


def test_mistakes_name_the_contender():
    with pytest.raises(ConfigError, match=r"small: unknown setting train\.lrr"):
        plan.jobs(asked(Contender("small", "small"), settings=("train.lrr=1",)))


def test_differences_leave_out_what_changes_no_weight():
    one = load_preset("small", ["train.threads=1", "train.lr=0.1"])
    other = load_preset("small", ["train.threads=2", "train.lr=0.2"])
    assert plan.differences(one, other) == ["train.lr"]
    assert plan.differences(RunConfig(), RunConfig()) == []


@pytest.fixture
def switches(tmp_path: Path) -> dict[str, plan.Job]:
    words = tmp_path / "words.txt"
    words.write_text("not\nthe\n")
    found = departures("lstm-15m", words)
    return {
        job.contender.name.removeprefix("lstm-15m-original"): job
        for job in (plan.job_of(asked(*found), each, 0) for each in found)
    }


def test_the_original_has_the_studys_settings(switches: dict[str, plan.Job]):
    config = switches[""].config
    text = config.text
    assert (text.cleaning, text.tokenizer, text.vocabulary) == ("study", "wordpiece", 30522)
    assert (text.max_tokens, text.head, text.cut) == (256, 1.0, "words")
    assert (config.train.schedule, config.train.warmup) == ("constant", 0.0)
    assert (config.train.weight_decay, config.train.beta2, config.train.ema) == (0.0, 0.999, 0.0)
    assert config.network.layer_norm
    network, train = config.network, config.train
    assert (network.layers, network.bidirectional, network.pooling) == (5, True, "last")
    assert (train.lr, train.batch_size, train.epochs, train.keep) == (5e-4, 1024, 10, "last")
    assert (train.layer_dropout, train.output_dropout, train.clip) == (0.5, 0.5, 0.0)


def test_every_switch_changes_one_thing(switches: dict[str, plan.Job]):
    original = switches.pop("").config
    changed = {name: plan.differences(original, job.config) for name, job in switches.items()}
    every = set(changed.pop("-mended"))
    assert every == {name for each in changed.values() for name in each}
    assert changed["-threshold"] == []
    assert changed["-best"] == ["train.keep"]
    assert changed["-cut"] == ["text.cut"]
    assert changed["-pooled"] == ["network.pooling"]
    assert changed["-negations"] == ["text.cleaning", "text.stopwords"]
    thresholds = {name: job.contender.threshold for name, job in switches.items()}
    assert [name for name, value in thresholds.items() if value == 0.0] == ["-threshold", "-mended"]
    assert thresholds["-best"] == THRESHOLD


def test_the_threshold_is_read_off_the_runs_of_the_original(switches: dict[str, plan.Job]):
    assert switches["-threshold"].folder == switches[""].folder
    contenders = [job.contender for job in switches.values()]
    names = [job.name for job in plan.jobs(asked(*contenders))]
    assert "lstm-15m-original-threshold-0" not in names
    assert "lstm-15m-original-0" in names
