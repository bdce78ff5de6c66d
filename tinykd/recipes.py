"""Named, complete configurations. A recipe is a function; only what differs is written down."""

from __future__ import annotations

from collections.abc import Callable

from tinykd.config import (
    Config,
    DataConfig,
    DistillConfig,
    QuantizeConfig,
    StudentConfig,
    TeacherConfig,
)
from tinykd.errors import ConfigError


def digits() -> Config:
    """Handwritten digits, 8x8 pixels, bundled with scikit-learn: no download, two minutes."""
    return Config()


def diabetes() -> Config:
    """Progress of a disease from ten measurements, bundled with scikit-learn: a regression."""
    return Config(
        name="diabetes",
        data=DataConfig(task="regression", source="diabetes"),
        teacher=TeacherConfig(ensemble=4, width=4, epochs=100, patience=20, learning_rate=1e-3),
        student=StudentConfig(architecture="mlp", width=0.5),
        distill=DistillConfig(epochs=100),
    )


def fashion_mnist() -> Config:
    """Fashion-MNIST, 70,000 images of 28x28 pixels, for a Cortex-M4 with 32 KiB of RAM."""
    return Config(
        name="fashion_mnist",
        data=DataConfig(source="fashion-mnist", validation_every=12),
        teacher=TeacherConfig(epochs=12, patience=3, batch_size=128),
        student=StudentConfig(architecture="ds_cnn", width=2.0),
        distill=DistillConfig(epochs=20, batch_size=128, augment="none"),
        quantize=QuantizeConfig(epochs=3),
    )


def keywords() -> Config:
    """Spoken keywords as log-mel spectrograms, such as Speech Commands; ``--data FILE.npz``.

    The file says in ``speaker_train`` whose voice each sample is, so that validation is asked of
    voices that were not trained on.
    """
    return Config(
        name="keywords",
        data=DataConfig(source="keywords.npz", group_by="speaker_train", validation_every=6),
        teacher=TeacherConfig(epochs=30, patience=8),
        student=StudentConfig(architecture="ds_cnn", width=1.5),
        distill=DistillConfig(epochs=60),
        quantize=QuantizeConfig(epochs=3),
    )


def gestures() -> Config:
    """Windows of a motion sensor, [length, channels], a hundred are enough; ``--data FILE.npz``."""
    return Config(
        name="gestures",
        data=DataConfig(source="gestures.npz", validation_every=5),
        teacher=TeacherConfig(epochs=100, patience=30, batch_size=16),
        student=StudentConfig(architecture="cnn1d"),
        distill=DistillConfig(batch_size=16),
        quantize=QuantizeConfig(epochs=24),
    )


def segments() -> Config:
    """Which segments of a seven-segment display show a handwritten digit: several labels."""
    return Config(
        name="segments",
        data=DataConfig(task="multi_label", source="segments"),
        student=StudentConfig(width=0.25),
    )


def novelty() -> Config:
    """Digits from 0 to 4 are normal, the others are not: an autoencoder; bundled as well."""
    return Config(
        name="novelty",
        data=DataConfig(task="anomaly", source="novelty"),
        teacher=TeacherConfig(epochs=100, patience=20),
        student=StudentConfig(architecture="autoencoder"),
        distill=DistillConfig(augment="none"),
    )


RECIPES: dict[str, Callable[[], Config]] = {
    "diabetes": diabetes,
    "digits": digits,
    "fashion-mnist": fashion_mnist,
    "gestures": gestures,
    "keywords": keywords,
    "novelty": novelty,
    "segments": segments,
}


def find_recipe(name: str) -> Config:
    """The configuration of a recipe.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in RECIPES:
        raise ConfigError(f"there is no recipe '{name}'. Recipes: {', '.join(sorted(RECIPES))}.")
    return RECIPES[name]()
