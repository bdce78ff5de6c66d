"""Distillation and int8 from Python: a Keras student, any teacher, data as it is at hand."""

from tinykd.api.adapt import adapt
from tinykd.api.distill import distill
from tinykd.api.quantize import quantize

__all__ = ["adapt", "distill", "quantize"]
