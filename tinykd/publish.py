"""From finished stages to what the user finds: the files, the report, the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinykd.artifacts import Stage, describe_files, write_atomically
from tinykd.config import Config
from tinykd.ledger import PREDICTIONS_FILE
from tinykd.manifest import Manifest
from tinykd.notes import write_notes
from tinykd.report import FORMATS
from tinykd.results import Artifact, Report

if TYPE_CHECKING:
    from tinykd.pipeline import Build


def publish(build: Build, stages: tuple[Stage[Any], ...]) -> Report:
    """Copy what was built to where the user looks, and write the report beside it."""
    root, files = build.directory.path, _files(build)
    for name, stored in files.items():
        write_atomically(root / name, stored.read_bytes())
    report = _report(
        build,
        describe_files(root, list(files)),
        seconds={stage.name: round(stage.seconds, 3) for stage in stages},
    )
    write_atomically(root / "report.json", FORMATS["json"](report))
    write_atomically(root / "report.html", FORMATS["html"](report))
    write_atomically(root / "manifest.json", _manifest(build.config, report, stages))
    build.directory.discard_partial_stages()
    build.directory.discard_old_stages()
    return report


def _files(build: Build) -> dict[str, Path]:
    """What the user gets, by name, and where the stages have it."""
    student = build.distill.file(f"{build.distill.result.shipped}.h5")
    return {
        **{file: build.export.file(file) for file in build.export.result.files},
        f"{build.config.name}_student.h5": student,
        PREDICTIONS_FILE: build.evaluate.file(PREDICTIONS_FILE),
    }


def _report(build: Build, artifacts: tuple[Artifact, ...], seconds: dict[str, float]) -> Report:
    """All that the stages found out, with the notes on it."""
    evaluated, emulated = build.evaluate.result, build.emulate.result
    report = Report(
        name=build.config.name,
        data=build.data.result,
        student=build.student.result,
        teacher=build.teacher.result,
        distill=build.distill.result,
        quantize=build.quantize.result,
        models=evaluated.models,
        c_equals_tflm=evaluated.c_equals_tflm,
        emulated_samples=emulated.emulated_samples,
        compiler=emulated.compiler,
        confusion=evaluated.confusion,
        flipped=evaluated.flipped,
        ledger=evaluated.ledger,
        by_output=evaluated.by_output,
        threshold=build.export.result.threshold,
        footprint=emulated.footprint,
        layers=emulated.layers,
        latency=emulated.latency,
        board=build.config.target.board,
        artifacts=artifacts,
        seeds=build.seeds,
        versions=build.versions,
        seconds=seconds,
    )
    return report.model_copy(update={"notes": write_notes(report)})


def _manifest(config: Config, report: Report, stages: tuple[Stage[Any], ...]) -> str:
    """How this build came about: configuration, data, versions, and the hash of every file."""
    manifest = Manifest(
        config=config,
        data_sha256=report.data.sha256,
        seeds=report.seeds,
        versions=report.versions,
        stages={stage.name: stage.key for stage in stages},
        artifacts=report.artifacts,
    )
    return manifest.model_dump_json(indent=2) + "\n"
