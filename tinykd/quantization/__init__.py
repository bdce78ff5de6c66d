"""Quantization-aware fine-tuning, built on ``tensorflow_model_optimization``.

``qat.py`` is the entrance. Nothing is imported here, so that this package costs nothing
until TensorFlow is really needed.
"""
