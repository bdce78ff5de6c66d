"""UNIDIRECTIONAL_SEQUENCE_LSTM: the standard long short-term memory cell over a sequence.

Activations and weights are int8, gates and cell state int16. A gate is the sum of two products,
input times weights and hidden state times recurrent weights, each requantized to Q3.12 and
saturated; the bias belongs to the first. Logistic function and tanh are straight lines between 256
values of a table. Cell state and hidden state are products of two int16, requantized.

Hidden and cell state stay in the arena from one run to the next, as in TFLM, until
``<name>_reset`` sets them to zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from firmware_export.ir import Array, Node, Shape, Tensor
from firmware_export.numerics import INT32_MAX, quantize_multiplier, quantize_multipliers
from firmware_export.ops.definition import KernelCall, OpDef, Struct
from firmware_export.ops.limits import ACTIVATION_NAMES, INT8_TENSORS, quantization_fault

GATES = ("input", "forget", "cell", "output")
INPUT_WEIGHTS, RECURRENT_WEIGHTS, BIASES = range(1, 5), range(5, 9), range(12, 16)
HIDDEN_STATE, CELL_STATE = 18, 19
VARIANTS = {
    "peephole weights": range(9, 12),
    "a projection": range(16, 18),
    "layer normalization": range(20, 24),
}
"""What the operator can have besides the standard cell, and the inputs that say so."""
GATE_SCALE = 2.0**-12
ACTIVATED_SCALE = 2.0**-15
LANES = 4
"""Weights that lie side by side, so that one word holds those of a gate."""


def standard_cell(node: Node) -> str | None:
    """It must be the standard cell with four gates, without peephole, projection or normalization.

    Use keras.layers.LSTM as it is.
    """
    for variant, inputs in VARIANTS.items():
        if any(node.optional_input(index) is not None for index in inputs):
            return variant
    for index in (*INPUT_WEIGHTS, *RECURRENT_WEIGHTS, *BIASES):
        if node.optional_input(index) is None:
            return f"input {index} missing"
    return "a diagonal matrix" if node.option("diagonal_recurrent_tensors") else None


def tanh_activation(node: Node) -> str | None:
    """The activation must be TANH, with the logistic function in the other gates.

    Use keras.layers.LSTM with its default activations.
    """
    code = node.option("fused_activation_function")
    name = ACTIVATION_NAMES.get(code, f"code {code}")
    return None if name == "TANH" else name


def ordinary_clip(node: Node) -> str | None:
    """The limit of the cell state must be finite, and 0 (none) or above.

    Convert the model again.
    """
    clip = node.real_option("cell_clip")
    return None if math.isfinite(clip) and clip >= 0 else str(clip)


def sequence(node: Node) -> str | None:
    """The input must have three dimensions: batch, time and features, or time, batch and features.

    Give the layer one sequence of feature vectors.
    """
    shape = node.input(0).shape
    return None if len(shape) == 3 else str(list(shape))


def states_of_the_cell(node: Node) -> str | None:
    """The hidden state must be int8 and the cell state int16, both [batch, units].

    Quantize the model to full integers, with int8 activations.
    """
    expected = (_batches(node), _units(node))
    for index, dtype in ((HIDDEN_STATE, "int8"), (CELL_STATE, "int16")):
        state = node.input(index)
        if (state.dtype, state.shape) != (dtype, expected) or state.data is not None:
            return f"{state.dtype} {list(state.shape)} in '{state.name}'"
    return None


def state_scales(node: Node) -> str | None:
    """The hidden state needs a scale of at least 2^-29, the cell state a power of 2 in [2^-15, 1].

    Convert the model again: the converter chooses them so.
    """
    hidden, cell = node.input(HIDDEN_STATE), node.input(CELL_STATE)
    if fault := quantization_fault(hidden) or quantization_fault(cell):
        return fault
    mantissa, _ = math.frexp(cell.scale)
    if mantissa != 0.5 or not 2.0**-15 <= cell.scale <= 1 or cell.zero_point != 0:
        return f"({cell.scale}, {cell.zero_point}) in '{cell.name}'"
    return None if hidden.scale >= 2.0**-29 else f"{hidden.scale:.3g} in '{hidden.name}'"


def gate_weights(node: Node) -> str | None:
    """Weights must be constant int8 [units, features] and [units, units], with zero point 0.

    Quantize the model to full integers; each matrix has one scale.
    """
    units, features = node.input(INPUT_WEIGHTS[0]).shape[:1], node.input(0).shape[2:]
    for inputs, columns in ((INPUT_WEIGHTS, features), (RECURRENT_WEIGHTS, units)):
        for index in inputs:
            tensor = node.input(index)
            expected = ("int8", units + columns)
            if tensor.data is None or (tensor.dtype, tensor.shape) != expected:
                return f"{tensor.dtype} {list(tensor.shape)} in '{tensor.name}'"
            if fault := quantization_fault(tensor):
                return fault
            if tensor.zero_point != 0:
                return f"zero point {tensor.zero_point} in '{tensor.name}'"
    return None


def gate_biases(node: Node) -> str | None:
    """Each gate must have a constant int32 bias with one value for each unit.

    Quantize the model to full integers.
    """
    for index in BIASES:
        tensor = node.input(index)
        expected = ("int32", (_units(node),))
        if tensor.data is None or (tensor.dtype, tensor.shape) != expected:
            return f"{tensor.dtype} {list(tensor.shape)} in '{tensor.name}'"
    return None


def bounded_gates(node: Node) -> str | None:
    """No sum of a gate, nor its left-shifted value, may leave the int32 range for any input.

    Check the biases and the scales of the layer: they are far from what training gives.
    """
    for x, inputs in _products(node):
        for index, real in zip(inputs, _real_scales(node, x, inputs), strict=True):
            sums = 256 * np.abs(node.input(index).values.astype(np.int64)).sum(axis=1)
            if inputs is INPUT_WEIGHTS:
                sums = sums + np.abs(node.input(index + 11).values.astype(np.int64))
            largest = int(sums.max()) * 2 ** max(0, math.frexp(real)[1])
            if largest > INT32_MAX:
                return f"2^{math.log2(largest):.1f} at '{node.input(index).name}'"
    return None


def _batches(node: Node) -> int:
    return node.input(0).shape[1 if node.option("time_major") else 0]


def _units(node: Node) -> int:
    return node.input(INPUT_WEIGHTS[0]).shape[0]


def _output_shape(node: Node) -> Shape:
    return (*node.input(0).shape[:2], _units(node))


def _macs(node: Node) -> int:
    batch, steps, features = node.input(0).shape
    units = _units(node)
    return batch * steps * len(GATES) * units * (features + units)


def _products(node: Node) -> tuple[tuple[Tensor, range], tuple[Tensor, range]]:
    """What the gates multiply, with the weights of the four gates."""
    return (node.input(0), INPUT_WEIGHTS), (node.input(HIDDEN_STATE), RECURRENT_WEIGHTS)


def _real_scales(node: Node, x: Tensor, inputs: Sequence[int]) -> list[float]:
    """From sums of products to Q3.12, for each gate."""
    return [x.scale * node.input(index).scale / GATE_SCALE for index in inputs]


def _interleaved(node: Node, inputs: Sequence[int]) -> Array:
    """The weights of four gates as int8 [units, columns / 4 rounded up, gates, 4]."""
    matrices = np.stack([node.input(index).values for index in inputs], axis=1)
    padded = np.pad(matrices, ((0, 0), (0, 0), (0, -matrices.shape[2] % LANES)))
    units, gates, columns = padded.shape
    blocks = padded.reshape(units, gates, columns // LANES, LANES)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3), np.int8)


def _biases(node: Node) -> Array:
    """Biases with what the zero points add to every sum: int32 [units, 2, gates]."""
    columns = [
        -x.zero_point * node.input(index).values.astype(np.int64).sum(axis=1)
        for x, inputs in _products(node)
        for index in inputs
    ]
    folded = np.stack(columns, axis=1)
    folded[:, : len(GATES)] += np.stack([node.input(index).values for index in BIASES], axis=1)
    return folded.reshape(-1, 2, len(GATES)).astype(np.int32)


def _scale(node: Node, name: str, x: Tensor, inputs: Sequence[int]) -> Struct:
    multipliers, shifts = quantize_multipliers(_real_scales(node, x, inputs))
    return Struct(
        "tkd_lstm_scale",
        name,
        {"multiplier": tuple(multipliers), "right_shift": tuple(-shift for shift in shifts)},
    )


def _shape(node: Node) -> Struct:
    hidden, cell = node.input(HIDDEN_STATE), node.input(CELL_STATE)
    time_major = bool(node.option("time_major"))
    cell_bits = round(math.log2(cell.scale))
    _, cell_shift = quantize_multiplier(ACTIVATED_SCALE**2 / cell.scale)
    multiplier, shift = quantize_multiplier(ACTIVATED_SCALE**2 / hidden.scale)
    return Struct(
        "tkd_lstm_shape",
        "shape",
        {
            "batches": _batches(node),
            "steps": node.input(0).shape[0 if time_major else 1],
            "features": node.input(0).shape[2],
            "units": _units(node),
            "time_major": int(time_major),
            "cell_limit": _cell_limit(node),
            "cell_tanh_right": -12 - cell_bits,
            "cell_right_shift": -cell_shift,
            "hidden_multiplier": multiplier,
            "hidden_right_shift": -shift,
            "hidden_zero_point": hidden.zero_point,
        },
    )


def _cell_limit(node: Node) -> int:
    """Largest magnitude of the cell state; 2^15 where nothing limits it.

    Source: ``CreateLstmCellStateInfo``, tensorflow/lite/micro/kernels/lstm_eval_common.cc.
    """
    clip = node.real_option("cell_clip")
    return int(min(clip / node.input(CELL_STATE).scale, 32767.0)) if clip > 0 else 2**15


def emit(node: Node) -> KernelCall:
    """The C call of a node."""
    (x, _), (hidden, _) = _products(node)
    return KernelCall(
        kernel="tkd_lstm_s8",
        structs=(
            _shape(node),
            _scale(node, "from_input", x, INPUT_WEIGHTS),
            _scale(node, "from_hidden", hidden, RECURRENT_WEIGHTS),
        ),
        arguments=(
            *("input_weights", "recurrent_weights", "biases", "input_0"),
            *(f"state_{HIDDEN_STATE}", f"state_{CELL_STATE}", "output"),
        ),
        constants={
            "input_weights": _interleaved(node, INPUT_WEIGHTS),
            "recurrent_weights": _interleaved(node, RECURRENT_WEIGHTS),
            "biases": _biases(node),
        },
        types={f"state_{CELL_STATE}": "int16_t"},
    )


UNIDIRECTIONAL_SEQUENCE_LSTM = OpDef(
    name="UNIDIRECTIONAL_SEQUENCE_LSTM",
    max_version=4,
    operands=range(24, 25),
    constraints=(
        standard_cell,
        tanh_activation,
        ordinary_clip,
        *INT8_TENSORS,
        sequence,
        gate_weights,
        states_of_the_cell,
        state_scales,
        gate_biases,
    ),
    output_shape=_output_shape,
    macs=_macs,
    emit=emit,
    numeric_constraints=(bounded_gates,),
    states=(HIDDEN_STATE, CELL_STATE),
)
