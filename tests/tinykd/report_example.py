"""An example report. The numbers are plausible, invented, and used by tests only."""

import math

from tinykd.results import (
    Artifact,
    BoardLatency,
    DataSummary,
    DistillResult,
    FlipTest,
    FootprintResult,
    LayerCost,
    ModelScore,
    QuantizeResult,
    Report,
    StudentSummary,
    TeacherResult,
    TrainingCurve,
)

HOW_FLOAT = "Keras on this computer, float32, test split"
HOW_LITERT = "LiteRT (ai-edge-litert 2.3.0), reference kernels, test split"
HOW_TFLM = "TFLM interpreter (tflite-micro 0.dev20261023182759), test split"
HOW_C = "generated C compiled for this computer, test split; 32 samples on the emulated Cortex-M4"
HOW_M4 = (
    "instructions counted under unicorn 2.1 for Cortex-M4; cycles from the rules of "
    "Arm 100166, times 1.23 for flash waits, ±15 %"
)
HOW_M0 = "instructions counted under unicorn 2.1 for Cortex-M0+; cycles from a simple model, ±30 %"
HOW_M33 = "instructions counted under unicorn 2.1 for Cortex-M33; not calibrated on a board, ±30 %"
HOW_M7 = "instructions counted under unicorn 2.1 for Cortex-M7; not calibrated on a board, ±50 %"

CLASS_NAMES = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "<seven> & co",
    "eight",
    "nine",
)


def curve(name: str, epochs: int, start: float, end: float) -> TrainingCurve:
    """A training that rises from ``start`` to ``end`` with a small ripple."""
    steps = [(1 - math.exp(-5 * n / epochs)) / (1 - math.exp(-5)) for n in range(1, epochs + 1)]
    ripple = [0.004 * math.sin(7 * epoch) * (1 - step) for epoch, step in enumerate(steps)]
    accuracy = [start + (end - start) * s + r for s, r in zip(steps, ripple, strict=True)]
    loss = [2.3 * (1 - s) + 0.05 for s in steps]
    return TrainingCurve(
        name=name,
        loss=tuple(round(value, 4) for value in loss),
        validation_accuracy=tuple(round(value, 4) for value in accuracy),
    )


def wilson(right: int, samples: int) -> tuple[float, float]:
    """Wilson's 95 % interval."""
    z, p = 1.959964, right / samples
    middle = p + z * z / (2 * samples)
    half = z * math.sqrt(p * (1 - p) / samples + z * z / (4 * samples * samples))
    scale = 1 + z * z / samples
    return (middle - half) / scale, min(1.0, (middle + half) / scale)


def score(name: str, right: int, description: str, how: str, **rest: object) -> ModelScore:
    """One row, ``right`` of 360 samples."""
    return ModelScore(
        name=name,
        description=description,
        top1_accuracy=right / 360,
        ci95=wilson(right, 360),
        samples=360,
        how=how,
        **rest,
    )


def flips(name: str, baseline: str, model: str, gained: int, lost: int, p: float) -> FlipTest:
    """One row of the ledger; ``p`` was worked out by hand."""
    return FlipTest(
        name=name,
        baseline=baseline,
        model=model,
        difference=(gained - lost) / 360,
        gained=gained,
        lost=lost,
        samples=360,
        p_value=p,
    )


def board(
    display_name: str,
    core: str,
    mhz: int,
    counted: tuple[int, int],
    code: tuple[int, int],
    limits: tuple[int, int],
    how: str,
) -> BoardLatency:
    """One board: (instructions, cycles), (flash, RAM) needed and (flash, RAM) usable."""
    return BoardLatency(
        display_name=display_name,
        core=core,
        clock_hz=mhz * 1_000_000,
        instructions=counted[0],
        estimated_cycles=counted[1],
        latency_us=counted[1] / mhz,
        flash_bytes=code[0],
        ram_bytes=code[1],
        flash_limit_bytes=limits[0],
        ram_limit_bytes=limits[1],
        fits=code[0] <= limits[0] and code[1] <= limits[1],
        how=how,
    )


def layer(name: str, op: str, macs: int, weights: int, instructions: int) -> LayerCost:
    """One layer at 1.4 cycles per instruction."""
    return LayerCost(
        name=name,
        op=op,
        macs=macs,
        weights_bytes=weights,
        instructions=instructions,
        estimated_cycles=round(1.4 * instructions),
    )


LAYERS = (
    layer("ds_cnn/stem/Relu;ds_cnn/stem/BiasAdd", "CONV_2D", 9_216, 416, 61_213),
    layer("ds_cnn/block_1/depthwise/Relu", "DEPTHWISE_CONV_2D", 9_216, 640, 88_102),
    layer("ds_cnn/block_1/pointwise/Relu", "CONV_2D", 32_768, 1_280, 102_400),
    layer("ds_cnn/block_2/depthwise/Relu", "DEPTHWISE_CONV_2D", 4_608, 640, 47_310),
    layer("ds_cnn/block_2/pointwise/Relu", "CONV_2D", 32_768, 2_816, 98_816),
    layer("ds_cnn/pool/Mean", "MEAN", 0, 0, 4_410),
    layer("StatefulPartitionedCall:0", "FULLY_CONNECTED", 640, 680, 2_950),
)

M4 = (405_201, 567_281)
FLASH_RAM = (18_944, 5_712)
BOARDS = {
    "nano33ble": board(
        "Arduino Nano 33 BLE", "cortex-m4", 64, M4, FLASH_RAM, (983_040, 262_144), HOW_M4
    ),
    "uno_r4": board("Arduino UNO R4", "cortex-m4", 48, M4, FLASH_RAM, (262_144, 32_768), HOW_M4),
    "nano_rp2040": board(
        "Arduino Nano RP2040 Connect",
        "cortex-m0plus",
        133,
        (880_412, 1_232_576),
        (20_480, 5_760),
        (16_777_216, 270_336),
        HOW_M0,
    ),
    "portenta_h7": board(
        "Arduino Portenta H7",
        "cortex-m7",
        480,
        (402_117, 260_300),
        (18_900, 5_700),
        (786_432, 523_624),
        HOW_M7,
    ),
    "nicla_sense_me": board(
        "Arduino Nicla Sense ME", "cortex-m4", 64, M4, FLASH_RAM, (527_616, 64_288), HOW_M4
    ),
    "pico2": board(
        "Raspberry Pi Pico 2",
        "cortex-m33",
        150,
        (404_900, 510_009),
        FLASH_RAM,
        (4_194_304, 524_288),
        HOW_M33,
    ),
    "tiny": board(
        "Example board of 4 KiB",
        "cortex-m0plus",
        48,
        (880_412, 1_232_576),
        (20_480, 5_760),
        (32_768, 4_096),
        HOW_M0,
    ),
}


def confusion() -> tuple[tuple[int, ...], ...]:
    """36 samples a class, seven mistakes."""
    rows = [[36 if true == seen else 0 for seen in range(10)] for true in range(10)]
    for true, seen, count in ((8, 1, 3), (9, 3, 1), (3, 9, 1), (5, 9, 1), (7, 9, 1)):
        rows[true][seen] += count
        rows[true][true] -= count
    return tuple(tuple(row) for row in rows)


EXAMPLE = Report(
    name="digits",
    data=DataSummary(
        source="digits",
        sha256="5e" * 32,
        input_shape=(8, 8, 1),
        class_names=CLASS_NAMES,
        train_samples=1149,
        validation_samples=288,
        test_samples=360,
        input_scale=1 / 16,
        input_range=(0.0, 16.0),
    ),
    student=StudentSummary(architecture="ds_cnn", width=0.5, parameters=6_210, macs=89_216),
    teacher=TeacherResult(
        description="convolutional network trained here",
        parameters=231_466,
        gives_probabilities=False,
        validation_accuracy=0.9931,
        curve=curve("teacher", 34, 0.62, 0.9931),
    ),
    distill=DistillResult(
        student=StudentSummary(architecture="ds_cnn", width=0.5, parameters=6_210, macs=89_216),
        loss="ls_kd",
        temperature=2.0,
        alpha=1.0,
        scratch_validation_accuracy=0.9757,
        student_validation_accuracy=0.9861,
        shipped="student",
        curves=(curve("scratch", 60, 0.31, 0.9757), curve("student", 60, 0.35, 0.9861)),
    ),
    quantize=QuantizeResult(
        float_validation_accuracy=0.9861,
        ptq_validation_accuracy=0.9792,
        qat_validation_accuracy=0.9861,
        shipped="qat",
        curves=(curve("qat", 12, 0.97, 0.9861),),
    ),
    c_equals_tflm=True,
    emulated_samples=32,
    compiler="zig cc 0.17.0 -O3",
    models=(
        score(
            "teacher",
            357,
            "convolutional network trained here",
            HOW_FLOAT,
            size_bytes=925_864,
            parameters=231_466,
        ),
        score(
            "scratch",
            350,
            "ds_cnn ×0.5 without the teacher",
            HOW_FLOAT,
            size_bytes=24_840,
            parameters=6_210,
        ),
        score(
            "student",
            354,
            "ds_cnn ×0.5 taught by the teacher",
            HOW_FLOAT,
            size_bytes=24_840,
            parameters=6_210,
        ),
        score(
            "ptq",
            352,
            "post-training quantization",
            HOW_LITERT,
            agreement=356 / 360,
            size_bytes=12_264,
        ),
        score(
            "qat",
            353,
            "quantization-aware fine-tuning",
            HOW_LITERT,
            agreement=358 / 360,
            size_bytes=12_312,
        ),
        score(
            "tflm",
            353,
            "the shipped file in the microcontroller's interpreter",
            HOW_TFLM,
            agreement=358 / 360,
            size_bytes=12_312,
        ),
        score("c", 353, "the shipped file as C", HOW_C, agreement=358 / 360, size_bytes=18_944),
    ),
    confusion=confusion(),
    flipped=2,
    ledger=(
        flips("distillation", "scratch", "student", 10, 6, 0.454498),
        flips("ptq", "student", "ptq", 1, 3, 0.625),
        flips("qat", "student", "qat", 0, 1, 1.0),
        flips("fine_tuning", "ptq", "qat", 2, 1, 1.0),
        flips("device", "student", "c", 0, 1, 1.0),
    ),
    footprint=FootprintResult(
        core="cortex-m4",
        flash_bytes=18_944,
        weights_bytes=6_472,
        code_bytes=12_472,
        ram_bytes=5_712,
        arena_bytes=5_136,
        arena_lower_bound_bytes=4_608,
        stack_bytes=504,
        how="symbols of the ELF linked by zig cc 0.15 at -O3 for Cortex-M4; "
        "stack painted and read back under unicorn 2.1",
    ),
    layers=LAYERS,
    latency=BOARDS,
    board="nano33ble",
    artifacts=(
        Artifact(path="digits.tflite", sha256="01" * 32, size_bytes=12_312),
        Artifact(path="digits.h", sha256="23" * 32, size_bytes=3_904),
        Artifact(path="digits.c", sha256="45" * 32, size_bytes=48_211),
        Artifact(path="firmware/library.properties", sha256="67" * 32, size_bytes=214),
    ),
    seeds={"data": 0, "training": 1},
    versions={"tinykd": "0.1.0", "tensorflow": "2.21.0", "python": "3.11.9"},
    seconds={"data": 0.4, "teacher": 31.2, "distill": 44.9, "quantize": 28.7, "evaluate": 6.02},
    notes=("Every output byte of the generated C equals that of TFLM on 360 test samples.",),
)
