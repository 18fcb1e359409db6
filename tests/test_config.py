"""The run configuration: what it refuses and how it says so, overrides, and the round trip."""

import inspect
import typing

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undertone import config as configuration
from undertone.config import RunConfig, from_dict, load_preset, to_dict
from undertone.errors import ConfigError
from undertone.settings import TextConfig, TrainConfig

REMEDY = "The help of each command lists its settings."
SECTIONS = {
    name: kind
    for name, kind in typing.get_type_hints(RunConfig).items()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
}


def complaint(values):
    with pytest.raises(ConfigError) as caught:
        from_dict(values)
    return str(caught.value)


def preset(*overrides, seed=None):
    return load_preset("sample", overrides, seed)


def preset_complaint(*overrides):
    with pytest.raises(ConfigError) as caught:
        preset(*overrides)
    return str(caught.value)


def every_setting():
    for struct in (RunConfig, *SECTIONS.values()):
        for name, hint in typing.get_type_hints(struct, include_extras=True).items():
            if hint not in SECTIONS.values():
                yield pytest.param(hint, id=f"{struct.__name__}.{name}")


@pytest.mark.parametrize("hint", list(every_setting()))
def test_every_setting_is_described_where_it_is_defined(hint):
    descriptions = [meta.description for meta in hint.__metadata__ if meta.description]
    assert len(descriptions) == 1
    assert descriptions[0].strip() == descriptions[0]
    assert not descriptions[0].endswith(".")


@pytest.mark.parametrize("struct", [RunConfig, *SECTIONS.values()])
def test_a_configuration_cannot_be_changed_and_its_sections_say_what_they_are(struct):
    with pytest.raises(AttributeError):
        setattr(struct(), struct.__struct_fields__[-1], None)
    assert inspect.getdoc(struct).endswith(".")


@pytest.mark.parametrize("name", configuration.preset_names())
def test_every_preset_survives_the_way_to_plain_values_and_to_json(name):
    config = load_preset(name, seed=7)
    assert config.preset == name
    assert config.seed == 7
    assert from_dict(to_dict(config)) == config
    assert from_dict(msgspec.json.decode(msgspec.json.encode(to_dict(config)))) == config


def test_the_presets_are_those_of_the_package():
    assert set(configuration.preset_names()) >= {"lstm-15m", "lstm-45m", "lstm-148m", "small"}


def test_all_mistakes_come_at_once_each_with_the_nearest_name():
    message = complaint(
        {
            "sed": 1,
            "tex": {},
            "text": {"vocabulry": 5, "head": 1.5, "cleaning": "study_"},
            "train": {"lr": -1.0, "epochs": "many", "batchsize": 3, "zzzz": 0},
            "network": 5,
            "data": {"validation": 0.0},
        }
    )
    assert message == (
        "unknown setting sed (did you mean 'seed'?). "
        "unknown setting tex (did you mean 'text'?). "
        "unknown setting text.vocabulry (did you mean 'text.vocabulary'?). "
        "text.head=1.5: expected a number <= 1.0. "
        "text.cleaning='study_': choose one of plain, study (did you mean 'study'?). "
        "train.lr=-1.0: expected a number > 0.0. "
        "train.epochs='many': expected a whole number, got text. "
        "unknown setting train.batchsize (did you mean 'train.batch_size'?). "
        "unknown setting train.zzzz. "
        "network is a section, not a value: 5. "
        f"data.validation=0.0: expected a number > 0.0. {REMEDY}"
    )
    assert "\n" not in message


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("inf"), "train.checkpoint_seconds=inf: expected a finite number."),
        (float("nan"), "train.checkpoint_seconds=nan: expected a number >= 0.0."),
        (True, "train.checkpoint_seconds=True: expected a number, got true or false."),
        (None, "train.checkpoint_seconds=None: expected a number, got `null`."),
        ("60", "train.checkpoint_seconds='60': expected a number, got text."),
    ],
)
def test_numbers_must_be_numbers_that_json_can_hold(value, said):
    assert complaint({"train": {"checkpoint_seconds": value}}) == f"{said} {REMEDY}"


@pytest.mark.parametrize("setting", ["seed=2147483648", "train.epochs=18446744073709551616"])
def test_integers_are_bounded_so_that_they_can_be_stored(setting):
    name, _, value = setting.partition("=")
    assert (
        preset_complaint(setting)
        == f"{name}={value}: expected a whole number <= 2147483647. {REMEDY}"
    )


def test_contradictions_are_refused_together_in_the_spelling_of_the_user():
    message = preset_complaint("text.cleaning=study", "train.keep=last", "train.patience=3")
    assert message == (
        "text.cleaning=study needs a stop word list: add text.stopwords=FILE, "
        "or use text.cleaning=plain. "
        "train.keep=last contradicts train.patience=3: early stopping exists to keep the best "
        "epoch; add train.patience=0, or use train.keep=best."
    )


def test_a_setting_without_effect_is_refused():
    message = preset_complaint("text.stopwords=stop.txt")
    assert message.startswith("text.stopwords=stop.txt has no effect with text.cleaning=plain:")


@pytest.mark.parametrize(
    "overrides",
    [
        ("text.cleaning=study", "text.stopwords=stop.txt"),
        ("train.keep=last", "train.patience=0"),
    ],
)
def test_the_remedies_of_the_contradictions_work(overrides):
    assert preset(*overrides).preset == "sample"


def test_contradictions_are_found_in_code_too():
    with pytest.raises(ConfigError, match="needs a stop word list"):
        RunConfig(text=TextConfig(cleaning="study"))
    with pytest.raises(ConfigError, match="contradicts"):
        RunConfig(train=TrainConfig(keep="last"))


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("train.lr=1e-3", "train", "lr", 0.001),
        ("train.lr=1", "train", "lr", 1.0),
        (" train.lr = 0.5 ", "train", "lr", 0.5),
        ("train.epochs=1_0", "train", "epochs", 10),
        ("train.tensorboard=true", "train", "tensorboard", True),
        ("network.pooling=mean", "network", "pooling", "mean"),
        ('network.pooling="mean"', "network", "pooling", "mean"),
        ("network.pooling='mean'", "network", "pooling", "mean"),
        ("network.architecture=a=b", "network", "architecture", "a=b"),
        ("network.architecture=", "network", "architecture", ""),
        ('network.architecture="5"', "network", "architecture", "5"),
    ],
)
def test_overrides_are_toml_values_or_plain_text(override, section, key, value):
    found = getattr(getattr(preset(override), section), key)
    assert found == value
    assert type(found) is type(value)


def test_the_last_override_wins():
    assert preset("train.epochs=3", "train.epochs=4").train.epochs == 4
    assert preset("seed=3").seed == 3
    assert preset(seed=5).seed == 5


def test_a_seed_given_twice_is_refused():
    with pytest.raises(ConfigError, match="the seed is given twice: seed=3 and 5"):
        preset("seed=3", seed=5)


def test_the_name_of_the_preset_is_no_setting():
    with pytest.raises(ConfigError, match="'preset=mine' would only change a name"):
        preset("preset=mine")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.lr", "cannot read the setting 'train.lr'. Write it as section.key=value."),
        ("=3", "cannot read the setting '=3'. Write it as section.key=value."),
        ("train..lr=3", "cannot read the setting 'train..lr=3'. Write it as section.key=value."),
        ("train.lr.x=3", "'train.lr.x' is not a section. Write it as section.key=value."),
        ("train=3", f"train is a section, not a value: 3. {REMEDY}"),
        ("trian.lr=3", f"unknown setting trian (did you mean 'train'?). {REMEDY}"),
        ("train.epochs=3.0", f"train.epochs=3.0: expected a whole number, got a number. {REMEDY}"),
        (
            "train.tensorboard=yes",
            f"train.tensorboard='yes': expected true or false, got text. {REMEDY}",
        ),
        (
            "network.architecture=5",
            f"network.architecture=5: expected text, got a whole number. {REMEDY}",
        ),
        ("network.pooling=5", None),
    ],
)
def test_an_override_that_does_not_fit_is_refused(override, said):
    message = preset_complaint(override)
    assert message == said or (
        said is None
        and message.startswith("network.pooling=5: choose one of last, mean, max, concat, att")
    )


def test_a_preset_can_be_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("seed = 3\n[train]\nepochs = 2\n")
    config = load_preset(str(path), ["train.lr=0.25"])
    assert (config.preset, config.seed, config.train.epochs, config.train.lr) == (
        "mine",
        3,
        2,
        0.25,
    )
    assert config.network == RunConfig().network


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = [", "is not valid TOML"),
        (b"\xff\xfe", "is not UTF-8 (byte 0). Save it as UTF-8."),
        (b"train = 3\n[[network]]\nx = 1", "train is a section, not a value: 3. network is a sect"),
        (b"seed = 1979-05-27", "expected a whole number, got `date`"),
    ],
)
def test_a_damaged_preset_file_is_refused(tmp_path, content, said):
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_preset(str(path))
    assert said in str(caught.value)


def test_a_missing_preset_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(ConfigError, match=r"^unknown preset 'smal' \(did you mean 'small'\?\)\. "):
        load_preset("smal")
    with pytest.raises(ConfigError, match=r"none\.toml: No such file or directory\.$"):
        load_preset(str(tmp_path / "none.toml"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match="Is a directory"):
        load_preset(str(tmp_path / "folder.toml"))


@settings(deadline=None)  # the first call imports
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.dictionaries(
            st.sampled_from(["train", "text", "lr", "seed", "x"]), inner, max_size=4
        ),
        max_leaves=10,
    ).filter(lambda values: isinstance(values, dict))
)
def test_any_tree_of_values_is_read_or_refused_in_one_line(values):
    try:
        config = from_dict(values)
    except ConfigError as error:
        message = str(error)
    else:
        message = REMEDY if from_dict(to_dict(config)) == config else "changed on the way"
    assert message.endswith(REMEDY)


def test_a_cut_at_words_needs_pieces_of_words():
    with pytest.raises(ConfigError, match=r"text\.cut=words has no effect with text\.tokenizer"):
        load_preset("small", ["text.cut=words"])
    assert load_preset("lstm-15m", ["text.cut=words"]).text.cut == "words"


def test_young_settings_leave_digests_as_they_were_until_they_are_used():
    """So that a checkpoint of an older version can be gone on with."""
    usual = configuration.deciding(load_preset("lstm-15m"))
    assert "cut" not in usual["text"]
    assert "microbatch" not in usual["train"]
    used = configuration.deciding(load_preset("lstm-15m", ["text.cut=words", "train.microbatch=8"]))
    assert (used["text"]["cut"], used["train"]["microbatch"]) == ("words", 8)
    assert {**used["text"], "cut": None} == {**usual["text"], "cut": None}
