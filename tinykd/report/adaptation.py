"""What a student for another domain came to, as lines."""

from __future__ import annotations

from tinykd.results import AdaptationResult


def adaptation_lines(result: AdaptationResult) -> list[str]:
    """How the teacher was shown the target, what was believed, and what came of it.

    Args:
        result: Its accuracies are those on the target's test samples, where there are any.
    """
    shown = [
        *(["values mirrored"] if result.mirrored else []),
        *(["its batch normalization re-estimated"] if result.renormalized else []),
    ]
    believed = ", ".join(f"{count:,}" for count in result.believed)
    lines = [
        f"The teacher was shown the target {' and '.join(shown) or 'as it is'}.",
        f"{sum(result.believed):,} target samples were believed, by class: {believed}.",
    ]
    if result.adapted_accuracy is None:
        return [*lines, "Nothing tells without labels whether the target came out well."]
    return [
        *lines,
        f"teacher: {result.teacher_accuracy:.2%} on the target, "
        f"{result.teacher_accuracy_before:.2%} as it is",
        f"student, labels of the data alone: {result.source_only_accuracy:.2%} on the target",
        f"student, adapted: {result.adapted_accuracy:.2%} on the target",
    ]
