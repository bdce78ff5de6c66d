"""Evaluation: one table, one test split, every form of the model."""
