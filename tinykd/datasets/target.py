"""A domain that nobody has labelled, as a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tinykd.datasets.archive import read_archive
from tinykd.errors import DataError

Pair = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Target:
    """Samples of another domain than the data's; ``tinykd.adapt`` checks them.

    Attributes:
        x: Without labels, [n, ...].
        labelled: A few samples and their labels; None without them.
        test: Samples and labels to report on; None without them.
    """

    x: NDArray[Any]
    labelled: Pair | None
    test: Pair | None


def read_target(name: str) -> Target:
    """Read ``x`` and, where they are there, ``x_labelled``, ``y_labelled``, ``x_test``, ``y_test``.

    Raises:
        DataError: If the file is not there or damaged, lacks ``x``, or has samples without labels.
    """
    path = Path(name)
    if not path.is_file():
        raise DataError(f"there is no file '{name}'. Write one with numpy.savez(file, x=x).")
    pairs = ("x_labelled", "y_labelled", "x_test", "y_test")
    arrays = read_archive(path, ("x",), pairs)

    def pair(which: str) -> Pair | None:
        given = [key for key in (f"x_{which}", f"y_{which}") if key in arrays]
        if len(given) == 1:
            raise DataError(f"{name}: has {given[0]} alone; x_{which} and y_{which} go together.")
        return (arrays[given[0]], arrays[given[1]]) if given else None

    return Target(arrays["x"], pair("labelled"), pair("test"))
