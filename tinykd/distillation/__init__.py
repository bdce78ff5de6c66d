"""Distillation for tiny students: with a teacher, without one, and the comparison of both."""
