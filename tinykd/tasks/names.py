"""What the outputs of a student are called."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.errors import DataError


def read_names(arrays: dict[str, NDArray[Any]], kind: str, source: str) -> NDArray[Any]:
    """``class_names`` of the data, or the kind with a number.

    Args:
        arrays: Of the data; ``y_train`` and ``y_test`` are [n, outputs].
        kind: Such as ``target``.
        source: What to call the file in an error.

    Raises:
        DataError: If the splits differ in their outputs, or there are other than so many names.

    Example:
        >>> y = np.zeros((5, 2))
        >>> read_names({"y_train": y, "y_test": y}, "label", "").tolist()
        ['label 0', 'label 1']
    """
    outputs, in_test = arrays["y_train"].shape[1], arrays["y_test"].shape[1]
    if in_test != outputs:
        raise DataError(
            f"{source}: y_train has {outputs} {kind}s, y_test {in_test}. "
            "They must be the same ones."
        )
    names = arrays.get("class_names")
    if names is None:
        return np.array([kind] if outputs == 1 else [f"{kind} {i}" for i in range(outputs)])
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(f"{source}: class_names must be a list of strings.")
    if len(names) != outputs:
        raise DataError(f"{source}: class_names has {len(names)} names for {outputs} {kind}s.")
    return names
