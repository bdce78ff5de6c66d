"""Distillation for tiny students: the losses, and the comparison with no teacher at all."""
