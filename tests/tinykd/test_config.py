"""The configuration: every field is checked, and an error says where and what would be right."""

import json
import tomllib
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from tinykd.config import (
    Config,
    LossName,
    StudentConfig,
    TaskName,
    load_config,
    parse_config,
    resolve_paths,
)
from tinykd.config_file import render_config
from tinykd.errors import ConfigError
from tinykd.recipes import RECIPES

UNKNOWN_KEYS = {
    "distill.temprature = 2.0": "unknown key 'distill.temprature'. "
    "Did you mean 'distill.temperature'?",
    "[distil]\nepochs = 3": "unknown key 'distil'. Did you mean 'distill'?",
    "sed = 3": "unknown key 'sed'. Did you mean 'seed'?",
    "student.layers = 3": "unknown key 'student.layers'. Valid here: architecture, width.",
}

WRONG_TYPES = {
    'seed = "3"': "seed: input should be a valid integer, got '3'.",
    "seed = 3.5": "seed: input should be a valid integer",
    "seed = true": "seed: input should be a valid integer, got True.",
    "name = 3": "name: input should be a valid string, got 3.",
    "teacher.path = 3": "teacher.path: input should be a valid string, got 3.",
    'student.width = "1"': "student.width: input should be a valid number, got '1'.",
    "distill.epochs = [3]": "distill.epochs: input should be a valid integer, got [3].",
    "distill = 3": "distill: input should be a valid dictionary",
}

IMPOSSIBLE = {
    'name = ""': "name: ",
    'name = "9digits"': "name: ",
    'name = "../digits"': "name: ",
    'name = "digits\\n"': "name: ",
    "seed = -1": "seed: input should be greater than or equal to 0, got -1.",
    'data.source = ""': "data.source: ",
    "data.validation_every = 1": "data.validation_every: ",
    "data.max_train_samples = -1": "data.max_train_samples: ",
    "teacher.epochs = 0": "teacher.epochs: ",
    "teacher.learning_rate = 0.0": "teacher.learning_rate: ",
    "teacher.learning_rate = nan": "teacher.learning_rate: ",
    "teacher.learning_rate = inf": "teacher.learning_rate: ",
    "teacher.input_scale = -1.0": "teacher.input_scale: ",
    'student.architecture = "vgg"': "'resnet8', 'cnn1d' or 'autoencoder', got 'vgg'.",
    "student.width = 0.0": "student.width: ",
    "student.width = nan": "student.width: ",
    "distill.temperature = 0.0": "distill.temperature: ",
    "distill.alpha = 2.0": "distill.alpha: input should be less than or equal to 1, got 2.0.",
    'distill.loss = "mse"': "distill.loss: ",
    "distill.losses = { lskd = 1.0 }": "distill.losses: there is no loss 'lskd'. "
    "Did you mean 'ls_kd'?",
    "distill.losses = { xyz = 1.0 }": "there is no loss 'xyz'. Losses: labels, kd, ",
    "distill.losses = {}": "distill.losses: a weighted sum is a table, such as",
    "distill.losses = 3": "distill.losses: a weighted sum is a table, such as",
    "distill.losses = { kd = -1.0 }": "distill.losses: 'kd' needs numbers that are not negative",
    "distill.losses = { kd = true }": "distill.losses: 'kd' needs numbers that are not negative",
    "distill.losses = { kd = nan }": "distill.losses: 'kd' needs numbers that are not negative",
    "distill.losses = { kd = { temperature = 0 } }": "'kd' needs a temperature from 0.5 to 100",
    "distill = { loss = 'kd', losses = { kd = 1.0 } }": "losses stands in place of loss and alpha",
    "distill = { alpha = 0.5, losses = { kd = 1.0 } }": "losses stands in place of loss and alpha",
    "distill.features = { a = 3 }": "distill.features.a: input should be a valid string, got 3.",
    "distill.warmup_fraction = 1.0": "distill.warmup_fraction: ",
    "distill.race_fraction = 1.5": "distill.race_fraction: input should be less than or equal to 1",
    'distill.augment = "rotate"': "distill.augment: one or several of shift, flip, jitter, cutout, "
    "mixup, or none; got 'rotate'.",
    'distill.augment = ["shift", "none"]': "or none; got ['shift', 'none'].",
    "distill.augment = 3": "distill.augment: one or several of shift, flip, jitter, cutout, mixup",
    "quantize.calibration_samples = 0": "quantize.calibration_samples: ",
    "quantize.frozen_fraction = 1.0": "quantize.frozen_fraction: ",
    'target.board = "nano33bel"': "target.board: unknown board 'nano33bel': did you mean "
    "'nano33ble'?",
    'target.compiler = "icc"': "target.compiler: ",
    'target.optimize = "O9"': "target.optimize: ",
    'target.level = "O9"': "target.level: ",
}


@pytest.mark.parametrize(
    ("text", "message"), [*UNKNOWN_KEYS.items(), *WRONG_TYPES.items(), *IMPOSSIBLE.items()]
)
def test_what_is_wrong_is_refused_by_name(tmp_path, text, message):
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)


def test_a_file_that_cannot_be_read_or_is_not_toml_is_refused(tmp_path):
    (tmp_path / "cut.toml").write_text("[distill\nepochs = 3")
    (tmp_path / "latin.toml").write_bytes(b'name = "d\xe9"')
    for name, message in (
        ("absent.toml", "cannot be read"),
        (".", "cannot be read"),
        ("cut.toml", "is not valid TOML"),
        ("latin.toml", "is not valid TOML"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_config(tmp_path / name)


def test_whole_numbers_stand_for_real_ones_as_people_write_them():
    assert parse_config({"student": {"width": 2}}, source="here").student.width == 2.0


def test_files_are_relative_to_the_configuration_and_names_stay_names(tmp_path):
    file = tmp_path / "a.toml"
    file.write_text('data.source = "sub/d.npz"\nteacher.path = "t.keras"')
    config = load_config(file)
    assert config.data.source == str(tmp_path / "sub/d.npz")
    assert config.teacher.path == str(tmp_path / "t.keras")
    file.write_text('data.source = "digits"\nteacher.path = "/models/t.h5"')
    config = load_config(file)
    assert (config.data.source, config.teacher.path) == ("digits", "/models/t.h5")


def test_a_configuration_never_changes():
    with pytest.raises(ValidationError, match="frozen"):
        Config().seed = 3
    with pytest.raises(ValidationError, match="frozen"):
        Config().student.width = 3.0


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_written_configuration_reads_back_as_the_same(tmp_path, recipe):
    file = tmp_path / "recipe.toml"
    file.write_text(render_config(RECIPES[recipe]()), encoding="utf-8")
    assert load_config(file) == resolve_paths(RECIPES[recipe](), tmp_path)


any_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@given(
    source=any_text,
    width=st.floats(0.1, 16),
    alpha=st.none() | st.floats(0, 1),
    features=st.dictionaries(any_text, any_text, max_size=3),
    seed=st.integers(0, 2**31 - 1),
    rate=st.floats(1e-300, 1e300),
)
@example(source='"\x7f\n\\', width=1.0, alpha=None, features={"a.b": "c"}, seed=0, rate=1e-5)
def test_any_value_survives_being_written(source, width, alpha, features, seed, rate):
    config = parse_config(
        {
            "seed": seed,
            "data": {"source": source},
            "student": {"width": width},
            "distill": {"alpha": alpha, "features": features, "learning_rate": rate},
        },
        source="here",
    )
    text = render_config(config)
    assert parse_config(tomllib.loads(text), source="here") == config


def test_a_weighted_sum_survives_being_written():
    losses = {"ls_kd": 0.99, "labels": 0.01, "dkd": {"weight": 1.0, "beta": 4.0}}
    config = parse_config({"distill": {"losses": losses}}, source="here")
    text = render_config(config)
    assert "losses = { ls_kd = 0.99, labels = 0.01, dkd = { weight = 1.0, beta = 4.0 } }" in text
    assert parse_config(tomllib.loads(text), source="here") == config


def test_every_setting_is_explained_above_its_line():
    lines = render_config(Config()).splitlines()
    table = Config().model_dump()
    keys = [k for k, v in table.items() if not isinstance(v, dict)]
    keys += [k for v in table.values() if isinstance(v, dict) for k in v]
    settings = [i for i, line in enumerate(lines) if line.removeprefix("# ").split(" =")[0] in keys]
    assert len(settings) == len(keys)
    assert all(lines[i - 1].startswith("# ") for i in settings)
    assert (
        "# A row of the STUDENTS table. One of: mlp, ds_cnn, resnet8, cnn1d, autoencoder." in lines
    )


def test_choices_are_those_of_the_tables():
    from tinykd.losses import LOSSES
    from tinykd.students.architectures import STUDENTS
    from tinykd.tasks import TASKS
    from tinykd.views import VIEWS

    schema = json.dumps(StudentConfig.model_json_schema())
    assert all(f'"{name}"' in schema for name in STUDENTS)
    for name in STUDENTS:
        parse_config({"student": {"architecture": name}}, source="here")
    assert set(LOSSES) == set(get_args(LossName))
    assert set(TASKS) == set(get_args(TaskName))
    for name in TASKS:
        parse_config({"data": {"task": name}}, source="here")
    for name in LOSSES:
        parse_config({"distill": {"loss": name}}, source="here")
        parse_config({"distill": {"losses": {name: 1.0}}}, source="here")
    for name in VIEWS:
        config = parse_config({"distill": {"augment": name}}, source="here")
        assert config.distill.views == (name,)
    several = parse_config({"distill": {"augment": [*VIEWS][::-1]}}, source="here")
    assert several.distill.views == tuple(VIEWS)
    assert parse_config({"distill": {"augment": "none"}}, source="here").distill.views == ()
