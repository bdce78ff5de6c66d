"""One trial: the student with its teacher in one setting, stored so that it runs once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinykd.artifacts import RunDirectory, Stage, fingerprint
from tinykd.pipeline import Build
from tinykd.progress import Prefixed
from tinykd.results import Result
from tinykd.tuning.space import Setting

if TYPE_CHECKING:
    from tinykd.training import Watch


class TrialResult(Result):
    """What one setting reached.

    Attributes:
        validation_accuracy: Of the distilled student, in [0, 1].
    """

    validation_accuracy: float


@dataclass(frozen=True)
class Trials:
    """Everything that the trials of a search share.

    Attributes:
        build: Its data, teacher and soft targets are used; they are there already.
        folder: A trial has a directory in it.
    """

    build: Build
    folder: Path

    def run(
        self, setting: Setting, *, seed: int, watch: Watch, prefix: str, wait: bool = False
    ) -> Stage[TrialResult]:
        """Train in one setting, go on where that was stopped, or give what it had reached.

        Args:
            setting: What is tried.
            seed: Of the student's initial weights and of the order of its samples.
            watch: Told the validation accuracy after each epoch; what it raises ends the training.
            prefix: Said before the training where progress is shown.
            wait: For another process that is at it, and take what it reached.

        Raises:
            DirectoryInUseError: If another process is at it, and shall not be waited for.
        """
        build = self.build
        distill = setting.apply(build.config.distill)
        depends_on = {
            "soft_targets": build.soft_targets.key,
            "student": build.config.student,
            "distill": distill,
            "seed": seed,
            "versions": build.versions,
        }

        def compute(folder: Path) -> TrialResult:
            from tinykd.distillation.stage import try_student
            from tinykd.teachers.soft_targets import SOFT_TARGETS_FILE

            reached = try_student(
                distill,
                build.config.student,
                build.dataset,
                np.load(build.soft_targets.file(SOFT_TARGETS_FILE)),
                seed=seed,
                folder=folder,
                progress=Prefixed(build.progress, prefix),
                watch=watch,
            )
            return TrialResult(validation_accuracy=reached)

        with RunDirectory(self.folder / fingerprint(depends_on)[:16]).locked(
            wait=wait
        ) as directory:
            return directory.stage("trial", TrialResult, compute, depends_on=depends_on)
