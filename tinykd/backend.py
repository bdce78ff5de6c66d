"""Loading TensorFlow: late, because it takes seconds, and quietly."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from tinykd.progress import Progress


@cache
def _load() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with without_stderr():
        import tensorflow
        import tf_keras

        tensorflow.get_logger().setLevel("ERROR")
        tf_keras.utils.disable_interactive_logging()


def load_tensorflow(progress: Progress) -> None:
    """Import TensorFlow once, showing that it takes a while, and silence its start-up messages."""
    if "tensorflow" in sys.modules:
        _load()
        return
    with progress.task("starting TensorFlow"):
        _load()


@contextmanager
def without_stderr() -> Iterator[None]:
    """Drop what C++ libraries write to file descriptor 2."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # a descriptor, not a path
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
