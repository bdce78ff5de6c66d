"""Frozen results of every stage, to and from JSON. Units end the names; KiB = 1024 bytes.

``validation_accuracy`` and the like are the score of the task on the validation split: top-1
accuracy, or what takes its place (``Task.score``), of which more is better and 1 is perfect.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 1
"""Version of ``report.json``; raised when a key changes its meaning or goes away."""

ModelName = Literal["teacher", "scratch", "student", "ptq", "qat", "tflm", "c"]
"""Rows of the accuracy table, in the order of the pipeline."""


PairName = Literal["distillation", "ptq", "qat", "fine_tuning", "device"]
"""Rows of the ledger: scratch to distilled, float to PTQ, to QAT, PTQ to QAT, float to the C."""


class Result(BaseModel):
    """Base of all results: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def headline(top1_accuracy: float | None, metrics: dict[str, float]) -> float:
    """Top-1 accuracy, or the first metric of another task."""
    return next(iter(metrics.values())) if top1_accuracy is None else top1_accuracy


class DataSummary(Result):
    """What the data stage prepared.

    Attributes:
        source: ``digits``, ``fashion-mnist`` or the file that was read.
        sha256: Hash of the arrays and the split.
        input_shape: Shape of one sample, without the batch.
        class_names: One name per output: per class, in label order.
        train_samples: Samples that weights are trained on.
        validation_samples: Samples that every choice is made on.
        test_samples: Samples that are looked at once, by ``evaluate``.
        input_scale: Power of two; the student computes on ``raw * input_scale``.
        input_range: Smallest and largest raw value of the training samples.
        unlabelled_samples: Samples without labels, which the teacher answers for.
        unlabelled_in_test: How many of them are test samples too.
        validation_rule: How the validation split was chosen.
        task: Row of the ``TASKS`` table.
        output_scale: Power of two; what a float student gives, times this, has the targets' unit.
    """

    source: str
    sha256: str
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    train_samples: int
    validation_samples: int
    test_samples: int
    input_scale: float
    input_range: tuple[float, float]
    unlabelled_samples: int = 0
    unlabelled_in_test: int = 0
    validation_rule: str = ""
    task: str = "classification"
    output_scale: float = 1.0


class TrainingCurve(Result):
    """How one training went, one entry for each epoch.

    Attributes:
        name: ``teacher``, ``scratch``, ``student`` or ``qat``.
        loss: Mean training loss of the epoch.
        validation_accuracy: Top-1 accuracy on the validation split, in [0, 1].
    """

    name: str
    loss: tuple[float, ...]
    validation_accuracy: tuple[float, ...]


class TeacherResult(Result):
    """A teacher that is ready to be asked.

    Attributes:
        description: Where it comes from, such as ``trained here`` or a file name.
        parameters: Number of weights.
        gives_probabilities: True if it ends in a softmax or a sigmoid: what is distilled are the
            logits before it.
        validation_accuracy: Top-1 in [0, 1].
        curve: Its training, or None for a user's own teacher and for several.
        members: Where several teach together: each by itself. The figures above are those of all.
    """

    description: str
    parameters: int
    gives_probabilities: bool
    validation_accuracy: float
    curve: TrainingCurve | None = None
    members: tuple[TeacherResult, ...] = ()


class SoftTargetsResult(Result):
    """What the teacher said of the training samples.

    Attributes:
        views: Views of each sample that it was asked for.
        train_accuracy: Its top-1 accuracy on the training samples themselves.
    """

    views: int
    train_accuracy: float


class StudentSummary(Result):
    """What is known of a student before training.

    Attributes:
        architecture: Key of the ``STUDENTS`` table.
        width: Width multiplier.
        parameters: Number of weights, batch normalization included.
        macs: Multiply-accumulates of one inference.
    """

    architecture: str
    width: float
    parameters: int
    macs: int


class RaceScore(Result):
    """One candidate at the end of a rung.

    Attributes:
        candidate: Its name, or ``scratch``.
        validation_accuracy: Mean over the last quarter of the rung's epochs, in [0, 1].
        behind: What it is behind the best candidate of the rung.
        standard_error: Of ``behind``, paired by validation sample.
        stays: It goes on to the next rung; in the last rung, it is chosen.
    """

    candidate: str
    validation_accuracy: float
    behind: float
    standard_error: float
    stays: bool


class RaceRung(Result):
    """One round: every candidate that is left, after equally many epochs.

    Attributes:
        epochs: Since the start of the training.
        scores: The candidates, the first choice first; scratch last, where it was trained.
    """

    epochs: int
    scores: tuple[RaceScore, ...]


class Race(Result):
    """How ``auto`` chose a loss.

    Attributes:
        candidates: All that suit the task, the first choice first.
        rungs: None where the budget is too small for a race.
        chosen: Name of the winner.
        reason: Why it was chosen, for people.
        budget_epochs: What the race was allowed to cost.
        extra_epochs: What it did cost: epochs that are not part of a training that was finished.
    """

    candidates: tuple[str, ...]
    rungs: tuple[RaceRung, ...]
    chosen: str
    reason: str
    budget_epochs: int
    extra_epochs: int


class ChainLink(Result):
    """A network between the teacher and the student, the student itself, or one after it.

    Attributes:
        name: ``student`` is the teacher's own; ``assistant_2`` has twice its width;
            ``generation_2`` was taught by a student.
        taught_by: ``teacher``, or the name of another link.
        parameters: Number of weights.
        validation_accuracy: Top-1 in [0, 1].
        is_kept: It is the best of the student's size, and is compared with scratch.
    """

    name: str
    taught_by: str
    parameters: int
    validation_accuracy: float
    is_kept: bool


class DistillResult(Result):
    """Scratch and distilled student, trained alike, and which of the two goes on.

    Attributes:
        student: The architecture.
        loss: Key of the ``LOSSES`` table; several are joined by `` + ``.
        temperature: Softmax temperature; of the first loss that has one, 1 where none has.
        alpha: Weight of the distillation terms as a share of all weights, in [0, 1].
        weights: Weight of every part of the sum, ``labels`` among them.
        scratch_validation_accuracy: Without the teacher.
        student_validation_accuracy: With the teacher.
        shipped: The better of the two on validation; the student if they are level.
        curves: Both trainings.
        race: How the loss was chosen; None where the configuration names it.
        chain: The student, assistants and generations, in the order of their training; empty where
            the student alone was trained.
        augment: Views besides the samples themselves, for student and teacher alike.
    """

    student: StudentSummary
    loss: str
    temperature: float
    alpha: float
    weights: dict[str, float] = {}
    scratch_validation_accuracy: float
    student_validation_accuracy: float
    shipped: Literal["student", "scratch"]
    curves: tuple[TrainingCurve, ...]
    race: Race | None = None
    chain: tuple[ChainLink, ...] = ()
    augment: tuple[str, ...] = ()


class DistillComparison(Result):
    """What ``tinykd.distill`` found: the same student with its teacher and without.

    Attributes:
        loss: Keys of the ``LOSSES`` table, joined by `` + ``.
        weights: Weight of every part of the sum, ``labels`` among them.
        student_validation_accuracy: With the teacher, in [0, 1].
        scratch_validation_accuracy: Without; None where that was not asked for.
        shipped: The better of the two on validation; the student if they are level.
        curves: Each training.
        race: How the loss was chosen; None where a loss was named.
        chain: The student and the generations after it; empty where there is one generation.
        notes: What a person should read beside the figures.
    """

    loss: str
    weights: dict[str, float]
    student_validation_accuracy: float
    scratch_validation_accuracy: float | None
    shipped: Literal["student", "scratch"]
    curves: tuple[TrainingCurve, ...]
    race: Race | None = None
    chain: tuple[ChainLink, ...] = ()
    notes: tuple[str, ...] = ()


class AdaptationResult(Result):
    """What ``tinykd.adapt`` found; accuracies are top-1 on ``target_test``, None without one.

    Attributes:
        mirrored: The teacher was shown target samples with mirrored values.
        renormalized: Its batch normalization was re-estimated on them.
        information: Mutual information of target samples and its answers, from 0 to 1.
        believed: Target samples that were learned from, by the class the teacher gave them.
        teacher_accuracy_before: Of the teacher as it is.
        teacher_accuracy: Of the teacher, shown the target in that way.
        source_only_accuracy: Of the student that learned the source's labels alone.
        adapted_accuracy: Of the student that comes back.
        curves: Both trainings; their validation split is the source's.
    """

    mirrored: bool
    renormalized: bool
    information: float
    believed: tuple[int, ...]
    teacher_accuracy_before: float | None
    teacher_accuracy: float | None
    source_only_accuracy: float | None
    adapted_accuracy: float | None
    curves: tuple[TrainingCurve, ...]


class ConvertResult(Result):
    """What plain conversion to int8 cost.

    Attributes:
        float_validation_accuracy: Before.
        validation_accuracy: After.
        size_bytes: Of the ``.tflite``.
    """

    float_validation_accuracy: float
    validation_accuracy: float
    size_bytes: int


class QuantizeResult(Result):
    """Both int8 models, and which of the two goes on.

    Attributes:
        float_validation_accuracy: The float model they both come from.
        ptq_validation_accuracy: Post-training quantization.
        qat_validation_accuracy: Quantization-aware fine-tuning.
        shipped: The better of the two on validation; PTQ if they are level.
        curves: The fine-tuning.
    """

    float_validation_accuracy: float
    ptq_validation_accuracy: float
    qat_validation_accuracy: float
    shipped: Literal["ptq", "qat"]
    curves: tuple[TrainingCurve, ...]


class ExportResult(Result):
    """What was packaged.

    Attributes:
        files: Paths below the build directory, in the order in which a person wants them.
        operators: TFLite operators of the model, each once.
        threshold: Of an autoencoder: mean squared error, in the squared unit of the raw values,
            above which the device calls a sample anomalous. None for other tasks.
    """

    files: tuple[str, ...]
    operators: tuple[str, ...]
    threshold: float | None = None


class ModelScore(Result):
    """One row of the accuracy table, all on the same test split.

    Attributes:
        name: Which model.
        description: What it is, for people.
        top1_accuracy: In [0, 1]; None where the task is another.
        metrics: Those of another task by their keys, in the targets' unit; the headline first.
        ci95: 95 % interval of top-1 (Wilson) or of the headline (bootstrap).
        samples: Test samples.
        agreement: Share of samples on which it decides as the float model that it comes from.
        size_bytes: Size where the model has one: float weights, ``.tflite``, or flash of the C.
        parameters: Number of weights where it is known.
        how: What ran, such as ``TFLM interpreter (tflite-micro 0.dev...)``.
    """

    name: ModelName
    description: str
    top1_accuracy: float | None = None
    metrics: dict[str, float] = {}
    ci95: tuple[float, float]
    samples: int
    agreement: float | None = None
    size_bytes: int | None = None
    parameters: int | None = None
    how: str

    @property
    def headline(self) -> float:
        """The metric that heads the table."""
        return headline(self.top1_accuracy, self.metrics)


class FlipTest(Result):
    """Two models on the same test samples, and whether one of them is more often right.

    Attributes:
        name: Which pair of the ledger.
        baseline: What it is compared with.
        model: What is asked about.
        difference: Top-1 accuracy, or the headline, of the model less that of the baseline.
        gained: Cases that only the model gets right, or nearer to the truth.
        lost: Cases that only the baseline does.
        samples: All cases: test samples, or their labels one by one.
        p_value: Of McNemar's exact test, two-sided.
    """

    name: PairName
    baseline: ModelName
    model: ModelName
    difference: float
    gained: int
    lost: int
    samples: int
    p_value: float


class FileScore(Result):
    """One model file on a test split.

    Attributes:
        file: As it was given.
        top1_accuracy: In [0, 1]; None where the task is another.
        metrics: Those of another task by their keys, in the targets' unit; the headline first.
        ci95: 95 % interval of top-1 (Wilson) or of the headline (bootstrap).
        samples: Test samples.
        size_bytes: Of the file.
        how: What ran.
    """

    file: str
    top1_accuracy: float | None = None
    metrics: dict[str, float] = {}
    ci95: tuple[float, float]
    samples: int
    size_bytes: int
    how: str

    @property
    def headline(self) -> float:
        """The metric that heads the table."""
        return headline(self.top1_accuracy, self.metrics)


class LayerCost(Result):
    """What one layer of the generated C costs, counted on the emulated core.

    Attributes:
        name: Output tensor in the ``.tflite``.
        op: TFLite operator.
        macs: Multiply-accumulates.
        weights_bytes: Constants that only this layer reads.
        instructions: Executed instructions of one inference.
        estimated_cycles: From the cycle model.
    """

    name: str
    op: str
    macs: int
    weights_bytes: int
    instructions: int
    estimated_cycles: int


class FootprintResult(Result):
    """Flash and RAM of the generated C on one core, from the linked ELF and the emulator.

    Attributes:
        core: Such as ``cortex-m4``.
        flash_bytes: Code and constants of the model.
        weights_bytes: Constants alone.
        code_bytes: Code alone.
        ram_bytes: Arena, static data and stack together.
        arena_bytes: ``<NAME>_ARENA_BYTES``.
        arena_lower_bound_bytes: Largest sum of activations that must be alive together, were none
            written over another; ``arena_bytes`` may be smaller.
        stack_bytes: High-water mark of the stack during an inference.
        how: What was measured, and with what.
    """

    core: str
    flash_bytes: int
    weights_bytes: int
    code_bytes: int
    ram_bytes: int
    arena_bytes: int
    arena_lower_bound_bytes: int
    stack_bytes: int
    how: str


class BoardLatency(Result):
    """Does it fit one board, and how long does it take there.

    Attributes:
        display_name: The board's name for people.
        core: Core that was emulated.
        clock_hz: Clock of the board.
        instructions: Counted on that core.
        estimated_cycles: From the cycle model of that core.
        latency_us: Estimated time of one inference in microseconds.
        flash_bytes: Needed by the model on that core.
        flash_limit_bytes: Usable on the board.
        ram_bytes: Needed by the model on that core.
        ram_limit_bytes: Usable on the board.
        fits: Both fit.
        how: How the latency was obtained.
    """

    display_name: str
    core: str
    clock_hz: int
    instructions: int
    estimated_cycles: int
    latency_us: float
    flash_bytes: int
    flash_limit_bytes: int
    ram_bytes: int
    ram_limit_bytes: int
    fits: bool
    how: str


class EmulateResult(Result):
    """The generated C on every core of the board table.

    Attributes:
        footprint: On the core of the target board.
        layers: Cost of each layer on that core.
        latency: Board key to fit and latency.
        emulated_samples: Test samples that ran on the emulated core, every byte compared.
        compiler: What compiled the C.
    """

    footprint: FootprintResult
    layers: tuple[LayerCost, ...]
    latency: dict[str, BoardLatency]
    emulated_samples: int
    compiler: str


class OutputScore(Result):
    """One target or label of several, on the test split.

    Attributes:
        name: Of the output.
        metrics: By their keys, in the targets' unit.
    """

    name: str
    metrics: dict[str, float]


class EvaluateResult(Result):
    """The accuracy table.

    Attributes:
        models: One row for each model.
        c_equals_tflm: Every output byte of the generated C equals that of TFLM.
        confusion: Rows are true classes, columns predicted ones; the shipped int8 model. Empty
            where there are no classes.
        flipped: Test samples that the float and the shipped int8 model decide differently; None
            where nothing is decided.
        ledger: Forms of the model in pairs, on the same samples.
        by_output: The shipped int8 model, output by output, where there are several targets or
            labels.
    """

    models: tuple[ModelScore, ...]
    c_equals_tflm: bool
    confusion: tuple[tuple[int, ...], ...]
    flipped: int | None
    ledger: tuple[FlipTest, ...]
    by_output: tuple[OutputScore, ...] = ()


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
