"""All results of a build together."""

from __future__ import annotations

from tinykd.results.base import SCHEMA_VERSION, Result
from tinykd.results.data import DataSummary
from tinykd.results.distillation import DistillResult
from tinykd.results.evaluation import FlipTest, ModelScore, OutputScore
from tinykd.results.firmware import BoardLatency, FootprintResult, LayerCost
from tinykd.results.quantization import QuantizeResult
from tinykd.results.training import StudentSummary, TeacherResult


class Artifact(Result):
    """A file of the build.

    Attributes:
        path: Relative to the build directory, with forward slashes.
        sha256: Of its bytes.
        size_bytes: Its length.
    """

    path: str
    sha256: str
    size_bytes: int


class Report(Result):
    """Everything that one build found out; ``report.json`` is this value.

    Attributes:
        schema_version: See ``SCHEMA_VERSION``.
        name: Name of the build, and prefix of the C names.
        data: Data set and split.
        student: Architecture, parameters and MACs.
        teacher: The teacher.
        distill: Scratch against distilled.
        quantize: PTQ against QAT.
        models: The accuracy table.
        c_equals_tflm: Every output byte of the generated C equals TFLM's on the test split.
        emulated_samples: Test samples that ran on the emulated core too, equal as well.
        compiler: What compiled the C that was measured.
        confusion: Of the shipped int8 model; rows are true classes. Empty where there are none.
        flipped: Test samples that float and int8 decide differently; None: nothing is decided.
        ledger: Forms of the model in pairs, on the same test samples.
        by_output: The shipped int8 model, target by target or label by label.
        threshold: Score above which the device calls a sample anomalous; None for other tasks.
        footprint: On the core of the target board.
        layers: Cost of each layer there.
        latency: Board key to fit and latency.
        board: Key of the target board.
        artifacts: Files of the build.
        seeds: What each random choice started from.
        versions: Package to version.
        seconds: Stage to wall time when it last ran.
        notes: Sentences a person should read, such as that scratch was shipped.
    """

    schema_version: int = SCHEMA_VERSION
    name: str
    data: DataSummary
    student: StudentSummary
    teacher: TeacherResult
    distill: DistillResult
    quantize: QuantizeResult
    models: tuple[ModelScore, ...]
    c_equals_tflm: bool
    emulated_samples: int
    compiler: str
    confusion: tuple[tuple[int, ...], ...]
    flipped: int | None
    ledger: tuple[FlipTest, ...] = ()
    by_output: tuple[OutputScore, ...] = ()
    threshold: float | None = None
    footprint: FootprintResult
    layers: tuple[LayerCost, ...]
    latency: dict[str, BoardLatency]
    board: str
    artifacts: tuple[Artifact, ...]
    seeds: dict[str, int]
    versions: dict[str, str]
    seconds: dict[str, float]
    notes: tuple[str, ...] = ()
