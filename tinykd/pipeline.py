"""The stages in order. This is the only file that knows it.

Every stage is a function from frozen configuration and results to a frozen result; what it depends
on is written beside it, and a stored output is reused as long as none of that has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import BaseModel

from firmware_export.measure.toolchain import compiler_version
from firmware_export.target import CORES, find_board
from tinykd.artifacts import RunDirectory, Stage
from tinykd.backend import load_tensorflow
from tinykd.config import Config
from tinykd.datasets import Dataset, fingerprint_source, load_dataset
from tinykd.errors import TinykdError
from tinykd.ledger import PREDICTIONS_FILE, save_predictions
from tinykd.manifest import NOT_INSTALLED, package_versions
from tinykd.progress import Progress, Silent
from tinykd.publish import publish
from tinykd.results import (
    DataSummary,
    DistillResult,
    EmulateResult,
    EvaluateResult,
    ExportResult,
    QuantizeResult,
    Report,
    SoftTargetsResult,
    StudentSummary,
    TeacherResult,
)
from tinykd.tasks import TASKS
from tinykd.teachers.files import check_teacher_source, hash_file

if TYPE_CHECKING:
    from tinykd.teachers.ensemble import Ensemble

R = TypeVar("R", bound=BaseModel)


def build(config: Config, *, out: Path = Path("build"), progress: Progress | None = None) -> Report:
    """Run the whole pipeline into ``out/<config.name>``.

    Args:
        config: What to build; see ``tinykd.recipes`` for complete ones.
        out: Folder of all builds. What an earlier run finished is reused.
        progress: Told about everything that takes longer than a second.

    Returns:
        Every figure that was found out; also written as ``report.json`` and ``report.html``.

    Raises:
        TinykdError: On the first thing that is wrong; finished stages are kept.
    """
    with RunDirectory(out / config.name).locked() as directory:
        return Build(config, directory, progress or Silent()).run()


class Build:
    """One run of the pipeline. A stage runs when it is first asked for, and once.

    Args:
        config: What to build.
        directory: Where the stages are stored.
        progress: Told about everything that takes longer than a second.
        taught_by: A run whose data, teacher and soft targets are used, where only what comes after
            them differs, such as the seed.
    """

    def __init__(
        self,
        config: Config,
        directory: RunDirectory,
        progress: Progress,
        *,
        taught_by: Build | None = None,
    ) -> None:
        self.config = config
        self.directory = directory
        self.progress = progress
        self.taught_by = taught_by
        self.versions = package_versions()

    def run(self) -> Report:
        """All stages, in order."""
        self._check_tools()
        stages: tuple[Stage[Any], ...] = (
            self.data,
            self.student,
            self.teacher,
            self.soft_targets,
            self.distill,
            self.quantize,
            self.export,
            self.emulate,
            self.evaluate,
        )
        return publish(self, stages)

    @cached_property
    def data(self) -> Stage[DataSummary]:
        """Load, check and describe the data."""
        if self.taught_by is not None:
            return self.taught_by.data
        return self._stage(
            "data",
            DataSummary,
            lambda _folder: self.dataset.summary(),
            data=self.config.data,
            source=fingerprint_source(self.config.data),
        )

    @cached_property
    def student(self) -> Stage[StudentSummary]:
        """Parameters and MACs before any training, and whether the student suits the data."""

        def compute(_folder: Path) -> StudentSummary:
            load_tensorflow(self.progress)
            from tinykd.students.architectures import build_student
            from tinykd.students.cost import summarize_student

            data = self.data.result
            outputs = TASKS[data.task].width(data.class_names, data.input_shape)
            model = build_student(
                self.config.student, data.input_shape, outputs, seed=self.config.seed
            )
            return summarize_student(model, self.config.student)

        return self._stage(
            "student", StudentSummary, compute, self.data, student=self.config.student
        )

    @cached_property
    def teacher(self) -> Stage[TeacherResult]:
        """Train teachers, or check the user's."""
        if self.taught_by is not None:
            return self.taught_by.teacher
        config = self.config.teacher
        files = [check_teacher_source(path) for path in config.files]

        def compute(folder: Path) -> TeacherResult:
            load_tensorflow(self.progress)
            from tinykd.teachers.ensemble import prepare_teachers
            from tinykd.teachers.self_taught import train_self_teacher

            self._check_lesson()
            if config.kind == "self":
                return train_self_teacher(
                    self.config, self.dataset, folder=folder, progress=self.progress
                )
            return prepare_teachers(
                config,
                self.dataset,
                seed=self.config.seed,
                folder=folder,
                progress=self.progress,
            )

        return self._stage(
            "teacher",
            TeacherResult,
            compute,
            self.data,
            teacher=config.model_copy(update={"path": "", "paths": ()}),
            files=[hash_file(file) for file in files],
            **self._like_the_student,
        )

    @cached_property
    def soft_targets(self) -> Stage[SoftTargetsResult]:
        """Ask each teacher once for every view of the training samples, and keep the answers."""
        if self.taught_by is not None:
            return self.taught_by.soft_targets

        def compute(folder: Path) -> SoftTargetsResult:
            load_tensorflow(self.progress)
            from tinykd.teachers.cache import user_cache
            from tinykd.teachers.soft_targets import SOFT_TARGETS_FILE, compute_soft_targets

            logits = compute_soft_targets(
                self._open_teacher(),
                self.dataset,
                augment=self.config.distill.views,
                view_targets=self.config.distill.view_targets,
                progress=self.progress,
                cache=user_cache(),
            )
            np.save(folder / SOFT_TARGETS_FILE, logits)
            samples = len(self.dataset.y_train)
            return SoftTargetsResult(
                views=self._count_views(),
                train_accuracy=self.dataset.task.score(logits[:samples], self.dataset.y_train),
            )

        return self._stage(
            "soft_targets",
            SoftTargetsResult,
            compute,
            self.teacher,
            augment=self.config.distill.views,
            view_targets=self.config.distill.view_targets,
        )

    @cached_property
    def distill(self) -> Stage[DistillResult]:
        """Train the student with its teacher and without; the better of the two goes on."""

        def compute(folder: Path) -> DistillResult:
            load_tensorflow(self.progress)
            from tinykd.distillation.stage import distill_student
            from tinykd.teachers.soft_targets import SOFT_TARGETS_FILE

            return distill_student(
                self.config.distill,
                self.config.student,
                self.dataset,
                np.load(self.soft_targets.file(SOFT_TARGETS_FILE)),
                open_teacher=lambda: self._open_teacher().trainee,
                seed=self.config.seed,
                folder=folder,
                progress=self.progress,
            )

        return self._stage(
            "distill",
            DistillResult,
            compute,
            self.soft_targets,
            student=self.config.student,
            distill=self.config.distill,
        )

    @cached_property
    def quantize(self) -> Stage[QuantizeResult]:
        """Make it int8, after training and quantization-aware; the better of the two goes on."""

        def compute(folder: Path) -> QuantizeResult:
            load_tensorflow(self.progress)
            from tinykd.distillation.rows import training_rows
            from tinykd.losses import choose_objective, settle
            from tinykd.quantization.finetune import quantize_student
            from tinykd.students.files import load_student
            from tinykd.teachers.soft_targets import SOFT_TARGETS_FILE

            soft_targets = np.load(self.soft_targets.file(SOFT_TARGETS_FILE))
            race = self.distill.result.race
            config = settle(self.config.distill, None if race is None else race.chosen)
            return quantize_student(
                self.config.quantize,
                load_student(self.distill.file(f"{self.distill.result.shipped}.h5")),
                choose_objective(config, self.dataset.classes, self.dataset.task.name).on_logits(),
                training_rows(self.dataset, self.config.distill, soft_targets),
                self.dataset,
                batch_size=self.config.distill.batch_size,
                seed=self.config.seed,
                folder=folder,
                progress=self.progress,
            )

        return self._stage(
            "quantize", QuantizeResult, compute, self.distill, quantize=self.config.quantize
        )

    @cached_property
    def export(self) -> Stage[ExportResult]:
        """Compile the int8 model to C, and package it for TFLM and for Arduino."""
        optimize = self.config.target.optimize

        def compute(folder: Path) -> ExportResult:
            from tinykd.deploy import export_model
            from tinykd.inference import answer_int8

            tflite = self.quantize.file(f"{self.quantize.result.shipped}.tflite").read_bytes()
            with self.progress.task("C: compiling the model"):
                return export_model(
                    tflite,
                    self.config.name,
                    optimize,
                    class_names=self.dataset.labels,
                    samples=self.dataset.x_validation,
                    folder=folder,
                    threshold=self.dataset.threshold(
                        lambda x: answer_int8(tflite, x, self.dataset.output_scale)
                    ),
                )

        return self._stage(
            "export",
            ExportResult,
            compute,
            self.quantize,
            name=self.config.name,
            optimize=optimize,
        )

    @cached_property
    def emulate(self) -> Stage[EmulateResult]:
        """Run the C on every core of the board table, and compare it with TFLM."""

        def compute(_folder: Path) -> EmulateResult:
            from tinykd.deploy import emulate_boards

            return emulate_boards(
                self._shipped_model(),
                self.config.name,
                self.config.target,
                samples=self.dataset.x_test,
                progress=self.progress,
            )

        return self._stage(
            "emulate", EmulateResult, compute, self.export, target=self.config.target
        )

    @cached_property
    def evaluate(self) -> Stage[EvaluateResult]:
        """Look at the test split, once, with every form of the model."""

        def compute(folder: Path) -> EvaluateResult:
            load_tensorflow(self.progress)
            from tinykd.distillation.stage import STUDENT_FILES
            from tinykd.evaluate.ask import ask_float_models, ask_int8_models
            from tinykd.evaluate.table import decisions, evaluate
            from tinykd.students.files import load_student

            answers = [
                *ask_float_models(
                    self._open_teacher(),
                    {k: load_student(self.distill.file(f)) for k, f in STUDENT_FILES.items()},
                    self.dataset,
                    progress=self.progress,
                ),
                *ask_int8_models(
                    self.quantize.folder,
                    self.config.name,
                    shipped=self.quantize.result.shipped,
                    reference=self.distill.result.shipped,
                    emulated=self.emulate.result,
                    optimize=self.config.target.optimize,
                    dataset=self.dataset,
                    progress=self.progress,
                ),
            ]
            save_predictions(
                folder / PREDICTIONS_FILE,
                decisions(answers, self.dataset.task),
                self.dataset.y_test,
                classes=len(self.dataset.class_names),
                output_scale=self.dataset.output_scale,
            )
            return evaluate(
                answers,
                self.dataset.y_test,
                classes=len(self.dataset.class_names),
                shipped=self.quantize.result.shipped,
                task=self.dataset.task,
                output_scale=self.dataset.output_scale,
                names=self.dataset.class_names,
            )

        return self._stage("evaluate", EvaluateResult, compute, self.emulate)

    @property
    def seeds(self) -> dict[str, int]:
        """What each random choice starts from."""
        seeds = {"build": self.config.seed}
        if self.taught_by is not None:
            seeds["teacher"] = self.taught_by.config.seed
        return seeds

    def _stage(
        self,
        name: str,
        result_type: type[R],
        compute: Callable[[Path], R],
        /,
        *inputs: Stage[Any],
        **settings: object,
    ) -> Stage[R]:
        """A stage that depends on other stages, on settings, on the seed and on versions."""
        return self.directory.stage(
            name,
            result_type,
            compute,
            depends_on={
                "inputs": [stage.key for stage in inputs],
                "settings": settings,
                "seed": self.config.seed,
                "versions": self.versions,
            },
        )

    def _check_tools(self) -> None:
        """Refuse at once what would otherwise fail after the training.

        Raises:
            TinykdError: If the teacher's file is not there, or a tool is not installed.
        """
        for path in self.config.teacher.files:
            check_teacher_source(path)
        target = self.config.target
        compiler_version(CORES[find_board(target.board).core], target.compiler)
        if self.versions["tflite-micro"] == NOT_INSTALLED:
            raise TinykdError(
                "tflite-micro is not installed: without it nobody can tell whether the C is right. "
                "There are wheels for Linux and macOS; on Windows use WSL."
            )

    def _check_lesson(self) -> None:
        """Refuse a loss that does not suit data or teachers before a teacher is trained for it.

        Raises:
            TinykdError: If the loss, the views and the teachers do not go together.
        """
        from tinykd.losses import choose_objective
        from tinykd.teachers.ensemble import check_arrays, check_features, count_teachers

        config, teacher = self.config.distill, self.config.teacher
        objective = choose_objective(config, self.dataset.classes, self.dataset.task.name)
        if objective.compares_features:
            check_features(count_teachers(teacher))
        check_arrays(teacher, views=self._count_views())

    def _count_views(self) -> int:
        """How many times a sample is seen in an epoch."""
        from tinykd.views import make_views

        return len(make_views(self.dataset.x_train[:1], self.config.distill.views).x)

    @cached_property
    def dataset(self) -> Dataset:
        """The arrays, loaded when the first stage that runs needs them."""
        if self.taught_by is not None:
            return self.taught_by.dataset
        with self.progress.task("data: loading"):
            return load_dataset(self.config.data)

    @property
    def _like_the_student(self) -> dict[str, object]:
        """What a teacher of the student's own kind depends on besides."""
        if self.config.teacher.kind != "self":
            return {}
        return {"student": self.config.student, "distill": self.config.distill}

    def _open_teacher(self) -> Ensemble:
        """The user's own teachers, and those that were trained here."""
        from tinykd.teachers.ensemble import open_teachers

        return open_teachers(
            self.config.teacher,
            self.dataset,
            trained=self.teacher.folder,
        )

    def _shipped_model(self) -> bytes:
        return self.export.file(f"{self.config.name}.tflite").read_bytes()
