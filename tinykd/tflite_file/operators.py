"""What an operator of a file is, and what its inputs are for."""

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tinykd.tflite_file.objects import Model

_OPERATOR_NAMES = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}

WEIGHTED_OPERATORS = frozenset(
    {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}
)
"""Their kernel is the second input."""

VIEW_OPERATORS = frozenset({"RESHAPE", "TRANSPOSE"})
"""The same values in another shape or order."""

# By position.
_WEIGHTED_ROLES = ("input", "kernel", "bias")
_ROLES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(WEIGHTED_OPERATORS, _WEIGHTED_ROLES),
    "TRANSPOSE_CONV": ("shape", "kernel", "input", "bias"),
    "RESHAPE": ("input", "shape"),
    "TRANSPOSE": ("input", "order"),
    "MEAN": ("input", "axes"),
}


def operator_name(model: Model, operator: Any) -> str:
    """What an operator is, such as ``CONV_2D``."""
    code = model.operatorCodes[operator.opcodeIndex]
    # Files made before 2020 have the code in the older, 8-bit field only.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return str(_OPERATOR_NAMES.get(number, f"operator {number}"))


def input_role(kind: str, position: int) -> str:
    """What an input is for, such as ``kernel``; its position, where that is not known.

    Args:
        kind: Of ``operator_name``.
        position: Of the input, from 0.
    """
    return _ROLES[kind][position] if kind in _ROLES else str(position)


def weights_of(model: Model, operator: Any) -> list[int]:
    """The tensors that are the kernel and the bias of an operator, as far as it has them."""
    kind = operator_name(model, operator)
    return [
        index
        for position, index in enumerate(operator.inputs)
        if index >= 0 and input_role(kind, position) in {"kernel", "bias"}
    ]
