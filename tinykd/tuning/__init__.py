"""Search for the settings of distillation, on validation alone and within a time budget."""
