"""A teacher is asked about a few samples before it is asked about all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from tinykd.errors import TeacherError

PROBED = 2
"""Samples that show whether a teacher suits the data."""


def probe(ask: Callable[[NDArray[Any]], Any], x: NDArray[Any], *, name: str) -> Any:
    """What a teacher gives for the first samples.

    Args:
        ask: From samples to outputs, in inference mode.
        x: Samples, [n, ...].
        name: What to call it in an error.

    Raises:
        TeacherError: If it does not take them, or gives something else than one array.
    """
    try:
        outputs = ask(x[:PROBED])
    except Exception as error:  # TensorFlow, LiteRT and each Keras raise whatever they raise
        reason = " ".join(str(error).split())[:160]
        raise TeacherError(f"{name}: does not take samples of {x.shape[1:]}: {reason}") from None
    if not hasattr(outputs, "shape"):
        raise TeacherError(
            f"{name}: gives a {type(outputs).__name__} for samples; a teacher gives one array."
        )
    return outputs
