"""What a build was made of: configuration, data, seeds, versions, and the hash of all it made."""

from __future__ import annotations

from importlib import metadata

from tinykd.config import Config
from tinykd.results import Artifact, Result

PACKAGES = (
    "tinykd",
    "tensorflow",
    "tf-keras",
    "keras",
    "tensorflow-model-optimization",
    "ai-edge-litert",
    "tflite-micro",
    "numpy",
    "scikit-learn",
    "ziglang",
    "unicorn",
)
"""Packages that can change a result; their versions are part of every stage's key."""

NOT_INSTALLED = "not installed"


def package_versions() -> dict[str, str]:
    """Installed version of every package in ``PACKAGES``."""
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            installed[package] = NOT_INSTALLED
    return installed


class Manifest(Result):
    """``manifest.json``: what a build was made of, and the hash of everything it made.

    Attributes:
        config: Complete, defaults included.
        data_sha256: Of the arrays and their split.
        seeds: What each random choice started from.
        versions: Package to version.
        stages: Stage to the hash of all that it depends on.
        artifacts: Every file that was built.
    """

    config: Config
    data_sha256: str
    seeds: dict[str, int]
    versions: dict[str, str]
    stages: dict[str, str]
    artifacts: tuple[Artifact, ...]
