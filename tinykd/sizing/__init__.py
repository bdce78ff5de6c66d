"""Students by what they may cost: the widest of each architecture within flash, RAM and MACs."""
