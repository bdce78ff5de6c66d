"""Where data comes from, and the checks that every data set passes before any work starts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinykd.backend import load_tensorflow
from tinykd.config import DataConfig
from tinykd.datasets.archive import Arrays, check_samples, read_archive, training_dtype
from tinykd.datasets.dataset import Dataset
from tinykd.datasets.pool import POOL_KEY, find_pool, hash_pool
from tinykd.datasets.split import hold_out
from tinykd.errors import DataError
from tinykd.progress import Silent

REQUIRED_KEYS = ("x_train", "y_train", "x_test", "y_test")
"""What an ``.npz`` file must hold; ``class_names`` and ``x_unlabelled`` may stand beside them."""

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
    "digits": load_digits,
    "fashion-mnist": load_fashion_mnist,
}


def fingerprint_source(config: DataConfig) -> str:
    """What the data depends on, without loading it: the file's hash, or the library's version.

    Raises:
        DataError: If the file cannot be read.
    """
    return _fingerprint_labelled(config) + hash_pool(config)


def _fingerprint_labelled(config: DataConfig) -> str:
    if config.source == "digits":
        return f"scikit-learn {metadata.version('scikit-learn')}"
    if config.source in SOURCES:
        return config.source
    path = _existing_file(config.source)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _existing_file(source: str) -> Path:
    path = Path(source)
    if not path.is_file():
        known = ", ".join(sorted(SOURCES))
        raise DataError(
            f"data.source: there is no file '{source}'. Give an .npz file (--data FILE), or "
            f"one of: {known}."
        )
    return path


def load_dataset(config: DataConfig) -> Dataset:
    """Load, check and split a data set.

    Args:
        config: The ``data`` section of a configuration.

    Raises:
        DataError: If the file is missing or damaged, or the arrays do not make a classification
            task: wrong shapes, not-a-number, labels out of range, a single class.
    """
    if config.source in SOURCES:
        arrays = SOURCES[config.source]()
    else:
        path = _existing_file(config.source)
        arrays = read_archive(path, REQUIRED_KEYS, ("class_names", POOL_KEY, config.group_by))
    return _split(_check(arrays, config.source), config)


def _check(arrays: Arrays, source: str) -> Arrays:
    """Refuse arrays that are not a classification task; labels become int32."""
    for split in ("train", "test"):
        check_samples(arrays[f"x_{split}"], f"{source}: x_{split}")
        _check_labels(arrays[f"y_{split}"], len(arrays[f"x_{split}"]), f"{source}: y_{split}")
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        raise DataError(
            f"{source}: x_train has samples of {arrays['x_train'].shape[1:]}, "
            f"x_test of {arrays['x_test'].shape[1:]}. They must be equal."
        )
    classes = _class_count(arrays, source)
    for split in ("train", "test"):
        labels = arrays[f"y_{split}"]
        if labels.min() < 0 or labels.max() >= classes:
            raise DataError(
                f"{source}: y_{split} has labels {labels.min()}..{labels.max()}; "
                f"{classes} classes allow 0..{classes - 1}."
            )
    present = np.unique(arrays["y_train"]).tolist()
    if len(present) < 2:
        raise DataError(f"{source}: y_train has one class only. There is nothing to tell apart.")
    if len(present) < classes:
        absent = next(label for label, found in enumerate([*present, None]) if label != found)
        raise DataError(
            f"{source}: y_train has no sample of class {absent}, of {classes} classes "
            f"(0..{classes - 1}). Every class needs samples, without gaps in the labels."
        )
    labels_as_int32 = {key: arrays[key].astype(np.int32) for key in ("y_train", "y_test")}
    names = arrays.get("class_names", np.array([str(i) for i in range(classes)]))
    return {**arrays, **labels_as_int32, "class_names": names}


def _check_labels(labels: NDArray[Any], samples: int, where: str) -> None:
    if labels.dtype.kind not in "iu":
        raise DataError(f"{where} is {labels.dtype}; integer labels are needed.")
    if labels.shape != (samples,):
        raise DataError(f"{where} has shape {labels.shape}; needed: ({samples},), one per sample.")


def _class_count(arrays: Arrays, source: str) -> int:
    """Number of classes: as many as names, or up to the largest training label."""
    names = arrays.get("class_names")
    if names is None:
        return int(arrays["y_train"].max()) + 1
    if names.ndim != 1 or names.dtype.kind != "U":
        raise DataError(f"{source}: class_names must be a list of strings.")
    return len(names)


def _split(arrays: Arrays, config: DataConfig) -> Dataset:
    """Keep one training sample in n for validation, or one group of them."""
    x_train, y_train = _limit(arrays["x_train"], arrays["y_train"], config.max_train_samples)
    groups = _groups(arrays, config)
    held_out = hold_out(
        y_train, config.validation_every, groups=None if groups is None else groups[: len(y_train)]
    )
    kept = held_out.mask
    pool = find_pool(config, arrays)
    return Dataset(
        source=Path(config.source).name,
        class_names=tuple(str(name) for name in arrays["class_names"]),
        x_train=training_dtype(x_train[~kept]),
        y_train=y_train[~kept],
        x_validation=training_dtype(x_train[kept]),
        y_validation=y_train[kept],
        x_test=training_dtype(arrays["x_test"]),
        y_test=arrays["y_test"],
        held_out=held_out,
        x_unlabelled=pool,
    )


def _groups(arrays: Arrays, config: DataConfig) -> NDArray[np.int64] | None:
    """Number of the group of each training sample, [n]; None where nothing groups them.

    Raises:
        DataError: If there is no such array, or it does not say one thing of each sample.
    """
    samples, key = len(arrays["x_train"]), config.group_by
    if not key:
        return None
    if key not in arrays:
        raise DataError(
            f"data.group_by: {config.source} has no array '{key}'. Name one with an entry for each "
            "sample of x_train, or leave the key out."
        )
    groups = arrays[key]
    if groups.shape != (samples,) or groups.dtype.kind not in "iuU":
        raise DataError(
            f"data.group_by: '{key}' in {config.source} is {groups.dtype} {groups.shape}; needed: "
            f"an integer or a name for each of {samples} samples."
        )
    return np.unique(groups, return_inverse=True)[1]


def _limit(
    samples: NDArray[Any], labels: NDArray[Any], limit: int
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The first ``limit`` samples, or all."""
    return (samples[:limit], labels[:limit]) if limit else (samples, labels)
