"""Data that has a name: what comes with scikit-learn, and what Keras downloads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinykd.backend import load_tensorflow
from tinykd.datasets.archive import Arrays
from tinykd.errors import DataError
from tinykd.progress import Silent

FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def load_digits() -> Arrays:
    """Scikit-learn's 1,797 digits: 8x8 pixels of 0..16; 1,200 to train and choose, 597 to test.

    The split is stratified and the same for every seed, so that seeds can be compared in pairs.
    """
    from sklearn.datasets import load_digits as bundled_digits
    from sklearn.model_selection import train_test_split

    digits = bundled_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        digits.images.astype(np.uint8)[..., None],
        digits.target,
        test_size=597,
        random_state=0,
        stratify=digits.target,
    )
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def load_diabetes() -> Arrays:
    """Scikit-learn's 442 diabetes patients: ten measurements, and the progress after a year.

    300 to train and choose, 142 to test; the same split for every seed. The measurements are
    centred and of equal spread, as scikit-learn has them: an int8 input has one scale for all.
    """
    from sklearn.datasets import load_diabetes as bundled_diabetes
    from sklearn.model_selection import train_test_split

    patients = bundled_diabetes()
    x_train, x_test, y_train, y_test = train_test_split(
        patients.data.astype(np.float32), patients.target, test_size=142, random_state=0
    )
    names = np.array(["progression"])
    arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    return {**arrays, "class_names": names}


SEGMENTS = ("abcdef", "bc", "abdeg", "abcdg", "bcfg", "acdfg", "acdefg", "abc", "abcdefg", "abcdfg")
"""Which of the seven segments of a display, ``a`` to ``g``, each digit lights up."""


def load_segments() -> Arrays:
    """Scikit-learn's digits, and the segments of a seven-segment display that would show them."""
    digits = load_digits()
    names = "abcdefg"
    lit = np.array([[name in segments for name in names] for segments in SEGMENTS], np.int32)
    labels = {key: lit[digits[key]] for key in ("y_train", "y_test")}
    return {**digits, **labels, "class_names": np.array([f"segment {name}" for name in names])}


NORMAL = (0, 1, 2, 3, 4)
"""The digits that ``novelty`` takes for normal."""


def load_novelty() -> Arrays:
    """Scikit-learn's digits from 0 to 4, to train on; tested beside the others, 5 to 9."""
    digits = load_digits()
    normal = np.isin(digits["y_train"], NORMAL)
    anomalous = ~np.isin(digits["y_test"], NORMAL)
    return {
        "x_train": digits["x_train"][normal],
        "x_test": digits["x_test"],
        "y_test": anomalous.astype(np.int32),
    }


def load_fashion_mnist() -> Arrays:
    """Fashion-MNIST through ``keras.datasets``, which downloads it once.

    Raises:
        DataError: If it cannot be downloaded.
    """
    load_tensorflow(Silent())  # Keras would bring it in, with its messages
    import keras
    from keras.datasets import fashion_mnist

    keras.utils.disable_interactive_logging()  # its download bar would stand in our output
    try:
        (x_train, y_train), (x_test, y_test) = fashion_mnist.load_data()
    except Exception as error:  # the downloader raises whatever the network gave it
        reason = str(error).splitlines()[0]
        raise DataError(
            f"data.source: fashion-mnist could not be downloaded ({reason}). "
            "Give a local copy with --data FILE.npz."
        ) from None
    return {
        "x_train": x_train[..., None],
        "y_train": y_train,
        "x_test": x_test[..., None],
        "y_test": y_test,
        "class_names": np.array(FASHION_MNIST_CLASSES),
    }


SOURCES: dict[str, Callable[[], Arrays]] = {
    "diabetes": load_diabetes,
    "digits": load_digits,
    "fashion-mnist": load_fashion_mnist,
    "novelty": load_novelty,
    "segments": load_segments,
}

BUNDLED = frozenset({"diabetes", "digits", "novelty", "segments"})
"""Sources that come with scikit-learn, and change with its version at most."""
