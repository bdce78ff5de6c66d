"""Asking every form of the model about the test split."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from firmware_export import compile_tflite
from firmware_export.choose import Goal
from firmware_export.measure.toolchain import run_on_host
from firmware_export.tflm import run_tflm
from tinykd.datasets import Dataset
from tinykd.evaluate.table import Answers
from tinykd.inference import answer_int8, classify_int8, dequantize, quantize_samples
from tinykd.litert import describe_runtime
from tinykd.progress import Progress
from tinykd.results import EmulateResult, ModelName
from tinykd.training import Trainee, predict

if TYPE_CHECKING:
    from tinykd.teachers.ensemble import Ensemble

FLOAT_BYTES = 4
"""Size of a float32 weight."""

STUDENT_DESCRIPTIONS = {
    "scratch": "student without a teacher, float",
    "student": "student distilled, float",
}

CHUNK = 250

INT8_ROWS: tuple[tuple[Literal["ptq", "qat"], str], ...] = (
    ("ptq", "int8, PTQ"),
    ("qat", "int8, QAT with the teacher"),
)


def ask_float_models(
    teacher: Ensemble,
    students: Mapping[Literal["scratch", "student"], Any],
    dataset: Dataset,
    *,
    progress: Progress,
) -> list[Answers]:
    """What the teacher and both students say of the test split.

    Args:
        teacher: The teacher, or several; an array of logits has nothing to say of new samples,
            and then there is no such row.
        students: Both of them, ``tf_keras`` models.
        dataset: With the test split.
        progress: Shows the work.
    """
    answers = []
    if teacher.knows_all:
        members = len(teacher.members)

        def ask(x: NDArray[Any]) -> NDArray[np.float32]:
            return teacher.logits(x, progress=progress, why="test split")

        outputs = ask(dataset.x_test)
        answers.append(
            Answers(
                name="teacher",
                description="teacher, float" if members == 1 else f"{members} teachers together",
                outputs=outputs,
                values=dataset.understand(outputs, ask),
                how="Keras, float32" if members == 1 else "each as it is, float32",
                parameters=teacher.parameters,
                size_bytes=FLOAT_BYTES * teacher.parameters,
            )
        )
    for name, model in students.items():
        ask_student = partial(predict, Trainee(name, model, dataset.input_scale))
        outputs = ask_student(dataset.x_test)
        answers.append(
            Answers(
                name=name,
                description=STUDENT_DESCRIPTIONS[name],
                outputs=outputs,
                values=dataset.understand(outputs, ask_student),
                how="Keras, float32",
                parameters=(parameters := int(model.count_params())),
                size_bytes=FLOAT_BYTES * parameters,
            )
        )
    return answers


def ask_int8_models(
    folder: Path,
    name: str,
    *,
    shipped: Literal["ptq", "qat"],
    reference: Literal["student", "scratch"],
    emulated: EmulateResult,
    optimize: Goal,
    dataset: Dataset,
    progress: Progress,
) -> list[Answers]:
    """What every int8 form says of raw samples: the files, then TFLM and the generated C.

    Args:
        folder: Where ``quantize_student`` left them.
        name: Of the build.
        shipped: The file that TFLM and the generated C run.
        reference: The float model that they come from.
        emulated: For the size of the C, and for how much of it ran on the emulated core.
        optimize: What the C was optimized for.
        dataset: With the test split.
        progress: Shows the work.
    """
    found = [(key, what, folder / f"{key}.tflite") for key, what in INT8_ROWS]
    files = {key: (what, file.read_bytes()) for key, what, file in found if file.exists()}
    (_, model), samples = files[shipped], dataset.x_test
    inputs = quantize_samples(model, samples)
    forms = (
        *(_on_host(key, what, file, samples, progress) for key, (what, file) in files.items()),
        _Form(
            name="tflm",
            description=f"int8, {shipped.upper()}, in TFLM",
            tflite=model,
            run=partial(run_tflm_in_chunks, model, inputs, progress=progress),
            how=f"TFLM interpreter, tflite-micro {metadata.version('tflite-micro')}",
            size_bytes=len(model),
        ),
        _Form(
            name="c",
            description=f"int8, {shipped.upper()}, as generated C",
            tflite=model,
            run=partial(_run_c, model, name, optimize, inputs, progress),
            how=(
                f"generated C built for the host, every byte equal to TFLM; the first "
                f"{emulated.emulated_samples} samples also on an emulated "
                f"{emulated.footprint.core}, equal as well"
            ),
            size_bytes=emulated.footprint.flash_bytes,
        ),
    )
    return [form.answers(dataset, reference) for form in forms]


@dataclass(frozen=True)
class _Form:
    """An int8 form of the model.

    Attributes:
        name: Row of the report.
        description: For a person.
        tflite: What it computes.
        run: Gives its outputs on the test split, int8 [n, ...].
        how: How they are obtained, one sentence.
        size_bytes: Of the file, or of the program.
    """

    name: ModelName
    description: str
    tflite: bytes
    run: Callable[[], NDArray[np.int8]]
    how: str
    size_bytes: int

    def answers(self, dataset: Dataset, reference: Literal["student", "scratch"]) -> Answers:
        """Run it on the test split."""
        outputs = self.run()
        return Answers(
            name=self.name,
            description=self.description,
            outputs=outputs,
            values=understand_int8(self.tflite, outputs, dataset),
            how=self.how,
            reference=reference,
            size_bytes=self.size_bytes,
        )


def _on_host(
    key: ModelName, description: str, tflite: bytes, samples: NDArray[Any], progress: Progress
) -> _Form:
    """A file as the host's interpreter runs it."""
    task = f"evaluate: {description}"
    return _Form(
        name=key,
        description=description,
        tflite=tflite,
        run=partial(_in_chunks, partial(classify_int8, tflite), samples, task, progress),
        how=describe_runtime(tflite),
        size_bytes=len(tflite),
    )


def _run_c(
    tflite: bytes, name: str, optimize: Goal, inputs: NDArray[np.int8], progress: Progress
) -> NDArray[np.int8]:
    with progress.task("evaluate: generated C"):
        return run_on_host(compile_tflite(tflite, name=name, optimize=optimize), inputs)


def understand_int8(
    tflite: bytes, outputs: NDArray[np.int8], dataset: Dataset
) -> NDArray[np.float32]:
    """What int8 outputs on the test split say, as the task measures it.

    Args:
        tflite: The model, which the host's interpreter asks again where that is needed.
        outputs: Int8 [n, ...], of any runtime.
        dataset: With the test split.
    """
    scale = dataset.output_scale
    ask = partial(answer_int8, tflite, output_scale=scale)
    return dataset.understand(dequantize(tflite, outputs, scale), ask)


def run_tflm_in_chunks(
    model: bytes, inputs: NDArray[np.int8], *, progress: Progress
) -> NDArray[np.int8]:
    """``run_tflm`` with progress: it takes samples one by one, milliseconds each."""
    return _in_chunks(lambda chunk: run_tflm(model, chunk), inputs, "evaluate: TFLM", progress)


def _in_chunks(
    run: Callable[[NDArray[Any]], NDArray[np.int8]],
    samples: NDArray[Any],
    task: str,
    progress: Progress,
) -> NDArray[np.int8]:
    """Run samples through a model a chunk at a time, and say how far it is."""
    outputs: list[NDArray[np.int8]] = []
    with progress.task(task, len(samples)) as advance:
        for start in range(0, len(samples), CHUNK):
            outputs.append(run(samples[start : start + CHUNK]))
            advance(min(start + CHUNK, len(samples)))
    return np.concatenate(outputs)
