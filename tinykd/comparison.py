"""Comparison over seeds: the same split and budget, and what is left of a difference.

Every seed is a build of its own, through the pipeline's stage cache: what is finished is reused,
and a build that was stopped goes on. With the seed the student's initial weights and the order of
its samples and their views vary, in float training and in quantization-aware fine-tuning. Data,
split and settings do not; nor does the teacher, which is trained and asked once, unless each seed
shall have a teacher of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tinykd.artifacts import RunDirectory, write_atomically
from tinykd.config import Config
from tinykd.errors import ConfigError
from tinykd.ledger import PAIRS
from tinykd.pipeline import Build
from tinykd.progress import Prefixed, Progress, Silent
from tinykd.report.comparison import COMPARISON_FORMATS
from tinykd.results import FlipTest, PairName, Report
from tinykd.statistics import judge, mcnemar_exact, paired_interval
from tinykd.study_results import Comparison, PairedDifference, SeedScores
from tinykd.tasks import TASKS, Task

LARGEST_SEED = 2**31 - 1


def compare(
    config: Config,
    *,
    seeds: int = 5,
    out: Path = Path("build"),
    new_teacher: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Build once for each seed, and compare scratch, distilled and int8 in pairs.

    Every seed is fine-tuned, whatever ``quantize.qat`` says: each int8 form is compared.

    Args:
        config: What to build; its seed is the first one.
        seeds: How many, at least two.
        out: The comparison goes to ``<config.name>_compare`` in there, a build into ``seed_<n>``.
        new_teacher: Train a teacher for each seed, too. Costs more, and answers for the whole
            pipeline; with one teacher the answer is for that teacher.
        progress: Told about everything that takes longer than a second.

    Returns:
        Paired differences; also written as ``compare.json`` and ``compare.html``.

    Raises:
        ConfigError: If there are fewer than two seeds.
        TinykdError: On the first thing that is wrong; finished stages are kept.
    """
    _check_seeds(config, seeds)
    quantize = config.quantize.model_copy(update={"qat": "always"})
    config = config.model_copy(update={"quantize": quantize})
    root, shown = comparison_folder(config, out), progress or Silent()
    with ExitStack() as stack:
        teacher = None
        if not new_teacher:
            directory = stack.enter_context(RunDirectory(root / "teacher").locked())
            teacher = Build(config, directory, shown)
        reports = [
            _build_seed(config, config.seed + index, root, teacher, shown, f"{index + 1}/{seeds} ")
            for index in range(seeds)
        ]
    comparison = summarize(reports, new_teacher=new_teacher)
    for suffix in ("json", "html"):
        write_atomically(root / f"compare.{suffix}", COMPARISON_FORMATS[suffix](comparison))
    return comparison


def comparison_folder(config: Config, out: Path) -> Path:
    """Where a comparison and its builds are kept."""
    return out / f"{config.name}_compare"


def summarize(reports: Sequence[Report], *, new_teacher: bool) -> Comparison:
    """Compare builds that differ by their seed alone."""
    first = reports[0]
    rows = tuple(_scores(report) for report in reports)
    return Comparison(
        name=first.name,
        source=first.data.source,
        data_sha256=first.data.sha256,
        test_samples=first.data.test_samples,
        student=first.student,
        loss=first.distill.loss,
        new_teacher=new_teacher,
        seeds=rows,
        differences=tuple(
            _difference(
                name,
                [test for row in rows for test in row.ledger if test.name == name],
                TASKS[first.data.task],
                first.data.test_samples,
            )
            for name in PAIRS
        ),
        versions=first.versions,
        task=first.data.task,
    )


def _check_seeds(config: Config, seeds: int) -> None:
    if seeds < 2:
        raise ConfigError(
            f"seeds: an interval needs at least 2, got {seeds}. `tinykd build` does one."
        )
    if config.seed + seeds - 1 > LARGEST_SEED:
        raise ConfigError(
            f"seed: {seeds} seeds from {config.seed} on go beyond {LARGEST_SEED}. "
            "Start from a lower one."
        )


def _build_seed(
    config: Config,
    seed: int,
    root: Path,
    teacher: Build | None,
    progress: Progress,
    prefix: str,
) -> Report:
    with RunDirectory(root / f"seed_{seed}").locked() as directory:
        return Build(
            config.model_copy(update={"seed": seed}),
            directory,
            Prefixed(progress, prefix),
            taught_by=teacher,
        ).run()


def _scores(report: Report) -> SeedScores:
    seed = report.seeds["build"]
    return SeedScores(
        seed=seed,
        teacher_seed=report.seeds.get("teacher", seed),
        top1_accuracy={
            model.name: model.top1_accuracy
            for model in report.models
            if model.top1_accuracy is not None
        },
        headline={
            model.name: model.headline for model in report.models if model.top1_accuracy is None
        },
        reference=report.distill.shipped,
        shipped=report.quantize.shipped,
        ledger=report.ledger,
    )


def _difference(
    name: PairName, tests: Sequence[FlipTest], task: Task, samples: int
) -> PairedDifference:
    differences = tuple(test.difference for test in tests)
    mean, low, high = paired_interval(differences, resolution=task.resolution(samples))
    verdict = judge(low, high) if task.headline.more_is_better else judge(-high, -low)
    gained, lost = sum(test.gained for test in tests), sum(test.lost for test in tests)
    return PairedDifference(
        name=name,
        differences=differences,
        mean=mean,
        ci95=(low, high),
        verdict=verdict,
        gained=gained,
        lost=lost,
        pooled_p_value=mcnemar_exact(gained, lost),
    )
