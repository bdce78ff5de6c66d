"""What the outputs of a student are called."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.errors import DataError


def read_names(
    arrays: dict[str, NDArray[Any]], outputs: int, kind: str, source: str
) -> NDArray[Any]:
    """``class_names`` of the data, or the kind with a number.

    Args:
        arrays: Of the data.
        outputs: How many there are.
        kind: Such as ``target``.
        source: What to call the file in an error.

    Raises:
        DataError: If there are other than so many names.

    Example:
        >>> read_names({}, 1, "target", "").tolist(), read_names({}, 2, "label", "").tolist()
        (['target'], ['label 0', 'label 1'])
    """
    names = arrays.get("class_names")
    if names is None:
        return np.array([kind] if outputs == 1 else [f"{kind} {i}" for i in range(outputs)])
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(f"{source}: class_names must be a list of strings.")
    if len(names) != outputs:
        raise DataError(f"{source}: class_names has {len(names)} names for {outputs} {kind}s.")
    return names
