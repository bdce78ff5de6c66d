"""The other sections, and the configuration that they make together."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from firmware_export.errors import BoardError
from firmware_export.target import find_board
from tinykd.config.distill import DistillConfig
from tinykd.config.section import Positive, Section, TaskName

WIDTHS = (0.1, 16.0)
"""Narrowest and widest student."""


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
        input_scales: In place of ``input_scale``, one for each of `paths`. A student of an
            earlier build that gives classes or labels wants the ``data.input_scale`` of its report.
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
    input_scales: tuple[Positive, ...] = Field(default=(), strict=False)
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

    @property
    def given(self) -> tuple[tuple[str, float], ...]:
        """The same, each with what its input is multiplied by."""
        scales = self.input_scales or len(self.files) * (self.input_scale,)
        return tuple(zip(self.files, scales, strict=True))

    @model_validator(mode="after")
    def _files_go_together(self) -> Self:
        if self.path and self.paths:
            raise ValueError("paths stands in place of path. Give either.")
        if self.input_scales and len(self.input_scales) != len(self.files):
            raise ValueError(
                f"input_scales has {len(self.input_scales)} values for {len(self.files)} files. "
                "Give one for each of paths, or input_scale for all."
            )
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
    width: float = Field(default=1.0, ge=WIDTHS[0], le=WIDTHS[1])


class QuantizeConfig(Section):
    """How the student becomes int8.

    Attributes:
        calibration_samples: Training samples from which activation ranges are measured.
        qat: Fine-tune quantization-aware ``always``, so that both int8 forms are compared, or only
            ``if_needed``: where post-training quantization loses more than `ptq_may_lose`.
        ptq_may_lose: Points (hundredths of the task's score on validation: accuracy, R²) that are
            not worth a fine-tuning.
        epochs: Quantization-aware fine-tuning, with the teacher still teaching.
        learning_rate: Peak of its cosine.
        frozen_fraction: Share of its steps, at the end, in which ranges no longer move.
        self_alpha: Weight of the float student, as a second teacher; the others share the rest.
        self_temperature: Softens what the float student says.
    """

    calibration_samples: int = Field(default=512, ge=1, le=100_000)
    qat: Literal["always", "if_needed"] = "always"
    ptq_may_lose: float = Field(default=0.2, ge=0.0, le=100.0)
    epochs: int = Field(default=24, ge=1, le=10_000)
    learning_rate: Positive = 1e-4
    frozen_fraction: float = Field(default=0.2, ge=0.0, lt=1.0)
    self_alpha: float = Field(default=0.5, ge=0.0, le=1.0)
    self_temperature: float = Field(default=2.0, ge=0.5, le=100.0)

    def calls_for_qat(self, lost: float) -> bool:
        """Whether to fine-tune where post-training quantization lost so much of the score."""
        return self.qat == "always" or round(100 * lost, 6) > self.ptq_may_lose


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
