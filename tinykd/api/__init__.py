"""Distillation from Python: any Keras student, any teacher, data as it is at hand."""

from tinykd.api.adapt import adapt
from tinykd.api.distill import distill

__all__ = ["adapt", "distill"]
