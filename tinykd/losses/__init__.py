"""What a student is told: pure loss functions, their table, and weighted sums of them."""

from tinykd.losses.candidates import CANDIDATES, Candidate, find_candidates, settle
from tinykd.losses.objective import LABELS, Objective, Term, choose_objective
from tinykd.losses.table import LOSSES, Loss, find_loss

__all__ = [
    "CANDIDATES",
    "LABELS",
    "LOSSES",
    "Candidate",
    "Loss",
    "Objective",
    "Term",
    "choose_objective",
    "find_candidates",
    "find_loss",
    "settle",
]
