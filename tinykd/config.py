"""The configuration of a build: frozen values, every field checked before any work starts.

A configuration is a TOML file (``tinykd init`` writes a commented one) or a recipe from
``tinykd.recipes``. An unknown key is an error that names the nearest valid one.
"""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from firmware_export.errors import BoardError
from firmware_export.target import find_board
from tinykd.errors import ConfigError

Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


ViewName = Literal["shift", "flip", "cutout", "mixup"]
"""Rows of the ``VIEWS`` table."""

SeveralViews = Annotated[tuple[ViewName, ...], Field(strict=False)]
"""TOML has lists only."""

TaskName = Literal["classification", "regression", "multi_label", "anomaly"]
"""Rows of the ``TASKS`` table: what a student can be asked."""

LossName = Literal[
    "kd", "kd_ce", "mse_logits", "ls_kd", "dkd", "dist", "hint", "attention", "rkd",
    "regression", "bounded_regression", "score", "multi_label", "reconstruction",
]  # fmt: skip
"""Rows of the ``LOSSES`` table; each is for one task."""


class Section(BaseModel):
    """Base of all sections: immutable, strictly typed, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DataConfig(Section):
    """Which data, and what is kept for validation.

    Attributes:
        task: What the student is asked: one class of several (``classification``), real values
            (``regression``), which of several labels hold (``multi_label``), or whether a sample
            is like those it was trained on (``anomaly``).
        source: ``digits`` (in scikit-learn, no download), ``fashion-mnist`` (``keras.datasets``),
            or an ``.npz`` file with ``x_train``, ``y_train``, ``x_test``, ``y_test`` and, if you
            like, ``class_names``.
        validation_every: Every n-th training sample is kept for validation, and never trained on;
            of each class, where that would leave one without.
        group_by: Array in the ``.npz`` file that says whom each training sample comes from, such as
            ``speaker_train``: then it is every n-th speaker, with all of their samples, so that
            validation asks what the test asks. Empty: samples have nothing to do with each other.
        max_train_samples: Use only so many training samples; 0 uses all.
        unlabelled: An ``.npz`` file with samples ``x`` that nobody labelled: the teacher answers
            for them. They may also stand in the data's file, as ``x_unlabelled``.
    """

    task: TaskName = "classification"
    source: str = Field(default="digits", min_length=1)
    validation_every: int = Field(default=4, ge=2, le=100)
    group_by: str = Field(default="", pattern=r"^([A-Za-z]\w*)?$")
    max_train_samples: int = Field(default=0, ge=0)
    unlabelled: str = ""


class TeacherConfig(Section):
    """The large network that teaches, or several.

    Attributes:
        path: Your own teacher: ``.keras``, ``.h5``, ``.tflite``, the folder of a SavedModel, or an
            ``.npy`` array of its logits for the training samples. Empty: one is trained here.
        paths: In place of ``path``, several such files, which teach together.
        ensemble: Train so many here, each from another seed, to teach beside the files. 0: one if
            there is no file, else none.
        combine: What several say together: the mean of their probabilities, of their logits, or
            of their probabilities weighted by what each gives the label (``confidence``).
        input_scale: What your teachers' input is multiplied by; 1 gives them the raw values.
        kind: ``larger`` trains a larger network; ``self`` the student's own architecture, which
            then teaches a new one like it.
        width: Channels of the first block of the network that is trained here.
        epochs: At most so many.
        patience: Stop after so many epochs without a better validation loss.
        batch_size: Samples in one step.
        learning_rate: Peak of the schedule.
    """

    path: str = ""
    paths: tuple[str, ...] = Field(default=(), strict=False)
    ensemble: int = Field(default=0, ge=0, le=32)
    combine: Literal["probabilities", "logits", "confidence"] = "probabilities"
    input_scale: Positive = 1.0
    kind: Literal["larger", "self"] = "larger"
    width: int = Field(default=32, ge=4, le=512)
    epochs: int = Field(default=60, ge=1, le=10_000)
    patience: int = Field(default=12, ge=1)
    batch_size: int = Field(default=64, ge=1, le=4096)
    learning_rate: Positive = 2e-3

    @property
    def files(self) -> tuple[str, ...]:
        """The user's teachers, in whichever way they were named."""
        return (self.path,) if self.path else self.paths

    @model_validator(mode="after")
    def _one_way_to_name_files(self) -> Self:
        if self.path and self.paths:
            raise ValueError("paths stands in place of path. Give either.")
        if self.kind == "self" and (self.files or self.ensemble):
            raise ValueError("kind 'self' has one teacher, of the student's own architecture.")
        return self


class StudentConfig(Section):
    """The small network that will run on the microcontroller.

    Attributes:
        architecture: A row of the ``STUDENTS`` table.
        width: Multiplies the channels of every layer.
    """

    architecture: Literal["mlp", "ds_cnn", "resnet8", "cnn1d", "autoencoder"] = "ds_cnn"
    width: float = Field(default=1.0, ge=0.1, le=16.0)


class DistillConfig(Section):
    """How the student learns from the teacher.

    Attributes:
        loss: A row of the ``LOSSES`` table, or ``auto``: the losses that suit the data and the
            student race one another on validation.
        race_fraction: What the race may cost, as a share of the epochs of one training; 0 takes
            the first choice for such data without a race.
        losses: In place of loss and alpha, a weighted sum such as
            ``{ ls_kd = 0.99, labels = 0.01, attention = 10.0 }``; a table in place of a weight
            sets options too: ``dkd = { weight = 1.0, beta = 4.0, warmup_epochs = 20 }``.
        temperature: Softens both distributions. Left out, each loss has its own.
        alpha: Weight of the teacher's term; the labels have ``1 - alpha``. Left out, the loss's
            own weights are used.
        features: Layers that ``hint``, ``attention`` and ``rkd`` compare, student's layer to
            teacher's layer. Empty: those where both networks have the same resolution.
        epochs: The same for the distilled student and for the one without a teacher.
        batch_size: Samples in one step.
        learning_rate: Peak of the schedule.
        warmup_fraction: Share of the steps in which the learning rate rises; then a cosine to 0.
        weight_decay: Decoupled (AdamW).
        augment: How samples are shown besides, to the teacher too: ``shift`` moves them by up to a
            pixel, ``flip`` mirrors images (not for digits or text), ``cutout`` erases a square,
            ``mixup`` mixes pairs (it hurts students of less than 50,000 parameters). One of these,
            several such as ``["shift", "flip"]``, or ``none``.
        generations: With 2 or 3 the student teaches a new one of the same architecture, and so on;
            the best on validation is kept.
        assistants: Widths of students between teacher and student, each taught by the one before,
            such as ``[4.0, 2.0]``; ``auto`` takes one where the teacher has over 50 times the
            parameters. Kept only where the student is better for it on validation.
        unlabelled_ratio: Samples without labels in a step, for each one with a label.
        unlabelled_confidence: Leave out those of which the teacher is less sure.
    """

    loss: Literal["auto", LossName] = "auto"
    race_fraction: float = Field(default=0.5, ge=0.0, le=1.0)
    losses: dict[str, float | dict[str, float]] | None = None
    temperature: float | None = Field(default=None, ge=0.5, le=100.0)
    alpha: float | None = Field(default=None, ge=0.0, le=1.0)
    features: dict[str, str] = Field(default_factory=dict)
    epochs: int = Field(default=160, ge=1, le=100_000)
    batch_size: int = Field(default=64, ge=1, le=4096)
    learning_rate: Positive = 3e-3
    warmup_fraction: float = Field(default=0.05, ge=0.0, lt=1.0)
    weight_decay: float = Field(default=1e-4, ge=0.0, lt=1.0)
    augment: Literal["none"] | ViewName | SeveralViews = "shift"
    generations: int = Field(default=1, ge=1, le=3)
    assistants: Literal["none", "auto"] | list[float] = "none"
    unlabelled_ratio: float = Field(default=1.0, gt=0.0, le=16.0)
    unlabelled_confidence: float = Field(default=0.0, ge=0.0, lt=1.0)

    @property
    def views(self) -> tuple[str, ...]:
        """Rows of the ``VIEWS`` table that ``augment`` names, in its order."""
        named = (self.augment,) if isinstance(self.augment, str) else self.augment
        return tuple(name for name in get_args(ViewName) if name in named)

    @field_validator("augment", mode="before")
    @classmethod
    def _views_exist(cls, augment: object) -> object:
        known = get_args(ViewName)
        named = augment if isinstance(augment, list | tuple) else [augment]
        if augment != "none" and not all(name in known for name in named):
            raise ValueError(
                f"one or several of {', '.join(known)}, or none; got {augment!r}."
            )  # what pydantic collects
        return augment

    @field_validator("assistants")
    @classmethod
    def _assistants_are_widths(cls, assistants: str | list[float]) -> str | list[float]:
        if isinstance(assistants, list) and not all(0.1 <= width <= 16.0 for width in assistants):
            raise ValueError(f"widths are from 0.1 to 16, got {assistants}.")
        return assistants

    @field_validator("losses", mode="before")
    @classmethod
    def _losses_are_weights(cls, losses: object) -> object:
        if losses is not None:
            _check_losses(losses)
        return losses

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        if self.losses is not None and (self.loss != "auto" or self.alpha is not None):
            raise ValueError(
                "losses stands in place of loss and alpha. Give either."
            )  # what pydantic collects
        return self


class QuantizeConfig(Section):
    """How the student becomes int8.

    Attributes:
        calibration_samples: Training samples from which activation ranges are measured.
        epochs: Quantization-aware fine-tuning, with the teacher still teaching.
        learning_rate: Peak of its cosine.
        frozen_fraction: Share of its steps, at the end, in which ranges no longer move.
        self_alpha: Weight of the float student, as a second teacher; the others share the rest.
        self_temperature: Softens what the float student says.
    """

    calibration_samples: int = Field(default=512, ge=1, le=100_000)
    epochs: int = Field(default=24, ge=1, le=10_000)
    learning_rate: Positive = 1e-4
    frozen_fraction: float = Field(default=0.2, ge=0.0, lt=1.0)
    self_alpha: float = Field(default=0.5, ge=0.0, le=1.0)
    self_temperature: float = Field(default=2.0, ge=0.5, le=100.0)


class TargetConfig(Section):
    """Where the student shall run.

    Attributes:
        board: Board whose core is emulated in detail; ``tinykd boards`` lists them.
        compiler: ``zig`` (clang, installed by pip) or ``gcc`` (``arm-none-eabi-gcc``, or
            ``riscv64-unknown-elf-gcc`` for a RISC-V board).
        optimize: Kernels of layers that can run in several ways: ``speed``, ``balanced`` or
            ``size``. One C for all boards.
        level: Optimization level of the compiler.
        emulated_samples: Test samples that run on the emulated core as well as on the host.
    """

    board: str = "nano33ble"
    compiler: Literal["zig", "gcc"] = "zig"
    optimize: Literal["speed", "balanced", "size"] = "balanced"
    level: Literal["O2", "O3", "Os"] = "O3"
    emulated_samples: int = Field(default=64, ge=1, le=100_000)

    @field_validator("board")
    @classmethod
    def _board_exists(cls, board: str) -> str:
        try:
            return find_board(board).key
        except BoardError as error:
            raise ValueError(str(error)) from None  # what pydantic collects, with the key's name


class Config(Section):
    """One build, complete.

    Attributes:
        name: Name of the build directory and prefix of every C name.
        seed: Every random choice starts here; the same configuration gives the same bytes.
    """

    name: str = Field(default="digits", pattern=r"^[a-z][a-z0-9_]{0,39}$")
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    data: DataConfig = DataConfig()
    teacher: TeacherConfig = TeacherConfig()
    student: StudentConfig = StudentConfig()
    distill: DistillConfig = DistillConfig()
    quantize: QuantizeConfig = QuantizeConfig()
    target: TargetConfig = TargetConfig()


def parse_config(table: Mapping[str, Any], *, source: str) -> Config:
    """Check a nested table of settings.

    Args:
        table: As read from TOML.
        source: What to call it in an error, such as a file name.

    Raises:
        ConfigError: On the first unknown key, wrong type or impossible value.
    """
    try:
        return Config.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{source}: {_explain(first)}") from None


def load_config(path: Path) -> Config:
    """Read and check a TOML file. Paths inside it are relative to the file.

    Raises:
        ConfigError: If it cannot be read, is not TOML, or breaks a rule.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}). `tinykd init` writes a new one."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}.") from None
    return resolve_paths(parse_config(table, source=str(path)), path.parent)


def resolve_paths(config: Config, folder: Path) -> Config:
    """Make the files that a configuration names relative to ``folder``."""

    def resolve(name: str) -> str:
        return str(folder / name) if name and not Path(name).is_absolute() else name

    source, teacher = config.data.source, config.teacher
    paths = tuple(resolve(name) for name in teacher.paths)
    return config.model_copy(
        update={
            "data": config.data.model_copy(
                update={
                    "source": resolve(source) if source.endswith(".npz") else source,
                    "unlabelled": resolve(config.data.unlabelled),
                }
            ),
            "teacher": teacher.model_copy(update={"path": resolve(teacher.path), "paths": paths}),
        }
    )


def _check_losses(losses: object) -> None:
    """A table from losses and ``labels`` to weights, or to tables of numbers.

    Raises:
        ValueError: What pydantic collects, with the key's name.
    """
    example = "such as { ls_kd = 0.99, labels = 0.01 }"
    if not isinstance(losses, Mapping) or not losses:
        raise ValueError(f"a weighted sum is a table, {example}.")
    names = ("labels", *get_args(LossName))
    for name, value in losses.items():
        if name not in names:
            close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
            hint = f"Did you mean '{close[0]}'?" if close else f"Losses: {', '.join(names)}."
            raise ValueError(f"there is no loss '{name}'. {hint}")
        numbers = value.values() if isinstance(value, Mapping) else [value]
        if not all(_is_weight(number) for number in numbers):
            raise ValueError(f"'{name}' needs numbers that are not negative, got {value!r}.")
        if isinstance(value, Mapping) and not 0.5 <= value.get("temperature", 1.0) <= 100.0:
            raise ValueError(f"'{name}' needs a temperature from 0.5 to 100, got {value!r}.")


def _is_weight(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and value >= 0.0


def _explain(error: Any) -> str:
    """One sentence for one pydantic error: where, what, and what would be right."""
    location = [str(part) for part in error["loc"]]
    where = ".".join(location)
    if error["type"] == "extra_forbidden":
        return f"unknown key '{where}'.{_nearest(location)}"
    if error["type"] == "value_error":
        return f"{where}: {error['ctx']['error']}"
    message = error["msg"][0].lower() + error["msg"][1:]
    return f"{where}: {message}, got {error['input']!r}."


def _nearest(location: list[str]) -> str:
    """Name the valid key that is closest to an unknown one."""
    section: Any = Config
    for part in location[:-1]:
        section = section.model_fields[part].annotation
    keys = sorted(section.model_fields)
    close = difflib.get_close_matches(location[-1], keys, n=1, cutoff=0.5)
    prefix = ".".join(location[:-1])
    if close:
        return f" Did you mean '{'.'.join(filter(None, (prefix, close[0])))}'?"
    return f" Valid here: {', '.join(keys)}."
