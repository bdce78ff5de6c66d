"""Who taught whom: assistants and generations as a table, and which student was kept, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinykd.report import wording
from tinykd.results import ChainLink

COLUMNS = ("network", "taught by", "parameters", "validation %")


@dataclass(frozen=True)
class ChainRow:
    """One network of a chain."""

    name: str
    taught_by: str
    parameters: str
    accuracy: str
    is_kept: bool


def chain_rows(chain: Sequence[ChainLink], samples: int) -> tuple[ChainRow, ...]:
    """A row for each network, in the order of their training.

    Args:
        chain: Empty where the student alone was trained.
        samples: Of the validation split.
    """
    return tuple(
        ChainRow(
            name=_words(link.name),
            taught_by=_words(link.taught_by),
            parameters=f"{link.parameters:,}",
            accuracy=wording.percent(link.validation_accuracy, samples),
            is_kept=link.is_kept,
        )
        for link in chain
    )


def chain_reason(chain: Sequence[ChainLink], samples: int) -> str:
    """Which student was kept, and why, in a sentence.

    Args:
        chain: With a student that is kept, the teacher's own first.
        samples: Of the validation split.
    """
    kept = next(link for link in chain if link.is_kept)
    own = next(link for link in chain if link.name == "student")
    reached = wording.percent(kept.validation_accuracy, samples)
    if kept is own:
        return f"The teacher's own student is kept: no longer way beats its {reached} %."
    gain = wording.points(kept.validation_accuracy - own.validation_accuracy, samples)
    return (
        f"{_words(kept.name)} is kept, the best of the student's size: {reached} %, {gain} points "
        "against the teacher's own student."
    )


def chain_lines(chain: Sequence[ChainLink], samples: int) -> tuple[str, ...]:
    """The table and the reason as sentences; nothing where the student alone was trained."""
    if not chain:
        return ()
    rows = chain_rows(chain, samples)
    return (
        *(
            f"{row.name}, taught by {row.taught_by}: {row.parameters} parameters, "
            f"{row.accuracy} % on validation"
            for row in rows
        ),
        chain_reason(chain, samples),
    )


def _words(name: str) -> str:
    """``student_of_assistant`` as people read it; an assistant's number is its width."""
    if name.startswith("assistant_"):
        return f"assistant ×{name.removeprefix('assistant_')}"
    return name.replace("_", " ")
