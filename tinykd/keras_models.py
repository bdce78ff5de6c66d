"""What must be known of a Keras model of either kind before it teaches or learns."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Any

from tinykd.errors import TinykdError
from tinykd.probabilities import Head


def library_of(model: Any) -> ModuleType:
    """``keras`` or ``tf_keras``, whichever a model is made of.

    Raises:
        TinykdError: If it is a model of neither.
    """
    import keras
    import tf_keras

    libraries: tuple[ModuleType, ...] = (tf_keras, keras)
    for library in libraries:
        if isinstance(model, library.Model):
            return library
    raise TinykdError(
        f"a Keras model is needed, got {type(model).__name__}. Build it with keras or tf_keras."
    )


def check_distinct(student: Any, teachers: Iterable[Any]) -> None:
    """No teacher is the student itself: it would be trained.

    Raises:
        TinykdError: If one is.
    """
    if any(teacher is student for teacher in teachers):
        raise TinykdError("teacher and student are the same model. Give the student its own.")


def sample_shape(model: Any) -> tuple[int | None, ...] | None:
    """Shape of one sample that a model takes; None where a subclassed model does not tell."""
    try:
        shape = model.input_shape
    except (AttributeError, ValueError):
        return None
    return tuple(shape[1:]) if isinstance(shape, tuple) else None


def is_graph(model: Any) -> bool:
    """Whether its layers are known, and it takes one array and gives one."""
    try:
        return len(model.inputs) == 1 and len(model.outputs) == 1
    except (AttributeError, TypeError, ValueError):
        return False


def ends_in(model: Any, activation: str) -> bool:
    """Whether the last layer applies ``softmax``, say; False where a model does not tell."""
    layers = getattr(model, "layers", None)
    if not layers:
        return False
    last = layers[-1]
    if getattr(last, "layers", None):
        return ends_in(last, activation)
    function = getattr(last, "activation", None)
    return activation in {getattr(function, "__name__", ""), type(last).__name__.lower()}


def head_of(model: Any) -> Head:
    """What a model does to its logits at the end; a temperature must never be applied behind it."""
    if ends_in(model, "softmax"):
        return "softmax"
    return "sigmoid" if ends_in(model, "sigmoid") else ""
