"""Data sets: loaded, checked, split, and described, before any training."""

from tinykd.datasets.dataset import Dataset, input_scale_for
from tinykd.datasets.load import fingerprint_source, load_dataset
from tinykd.datasets.pool import check_pool
from tinykd.datasets.sources import SOURCES
from tinykd.datasets.split import HeldOut, hold_out
from tinykd.datasets.target import read_target

__all__ = [
    "SOURCES",
    "Dataset",
    "HeldOut",
    "check_pool",
    "fingerprint_source",
    "hold_out",
    "input_scale_for",
    "load_dataset",
    "read_target",
]
