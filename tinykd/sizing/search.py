"""The widest student of each architecture within a budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from firmware_export.measure.toolchain import compiler_version
from firmware_export.target import CORES, find_board
from tinykd.backend import load_tensorflow
from tinykd.config import Config
from tinykd.datasets import load_dataset
from tinykd.errors import ConfigError, StudentError
from tinykd.progress import Progress, Silent
from tinykd.results import Budget, StudentChoice, StudentCost
from tinykd.results.sizing import Limit
from tinykd.sizing.budget import (
    MEASURABLE_BYTES,
    Needs,
    exceeded,
    make_budget,
    shares,
    with_margin,
)
from tinykd.students.widths import CHANNELS, distinct_widths

if TYPE_CHECKING:
    from tinykd.sizing.candidate import Candidate


def largest_students(
    config: Config,
    *,
    board: str | None = None,
    flash_bytes: int | None = None,
    ram_bytes: int | None = None,
    macs: int | None = None,
    architectures: Sequence[str] = tuple(CHANNELS),
    progress: Progress | None = None,
) -> StudentChoice:
    """Find the widest student of each architecture that stays within a budget.

    Untrained students go through the project's own conversion, compiler and emulator: the figures
    are those of a build, but for what training adds to the code, for which there is a margin.
    Keras starts a new session for each candidate, with random numbers from a fixed seed.

    Args:
        config: Its data, and its target: compiler and kernels, and the core if no board is named.
        board: Whose core is compiled for, and of which three quarters may be filled.
        flash_bytes: For code and constants, in place of the board's.
        ram_bytes: For arena, static data and stack, in place of the board's.
        macs: Multiply-accumulates of one inference.
        architectures: Which to look at.
        progress: Told about each architecture.

    Returns:
        One student of each architecture that suits the samples.

    Raises:
        ConfigError: If a limit is less than 1, there is none, or an architecture is unknown.
        BoardError: If there is no such board.
        StudentError: If no student fits, or none suits the samples; names what is in the way.
            An architecture that is too large to be emulated at any width is left out.

    Source:
        Lin et al., "MCUNet", 2020, section 3.1: of what fits, the networks with most MACs.
    """
    progress = progress or Silent()
    _check_known(architectures)
    budget = make_budget(board=board, flash_bytes=flash_bytes, ram_bytes=ram_bytes, macs=macs)
    target = config.target.model_copy(update={"board": board or config.target.board})
    core = CORES[find_board(target.board).core]
    compiler = compiler_version(core, target.compiler)
    dataset = load_dataset(config.data)
    load_tensorflow(progress)
    from tinykd.sizing.candidate import Candidate
    from tinykd.students.cost import list_students

    suitable = {row.architecture for row in list_students(1.0, dataset)}
    wanted = [name for name in architectures if name in suitable]
    if not wanted:
        raise StudentError(
            f"no student of {', '.join(architectures)} takes samples of {dataset.input_shape}. "
            "`tinykd student` lists those that do."
        )
    found: list[StudentCost] = []
    beyond: list[str] = []
    for architecture in wanted:
        with progress.task(f"students: {architecture}"):
            widths = distinct_widths(architecture)
            candidates = [Candidate(architecture, w, dataset, target) for w in widths]
            if candidates[0].is_measurable:
                found.append(_widest(candidates, budget))
            else:
                beyond.append(architecture)
    if not found:
        raise StudentError(
            f"samples of {dataset.input_shape} are too large: at any width {', '.join(wanted)} "
            f"needs more than the {MEASURABLE_BYTES:,} bytes that can be emulated. Make the "
            "samples smaller."
        )
    fitting = [cost for cost in found if _excess(cost, budget) is None]
    if not fitting:
        raise StudentError(_refusal(found, budget))
    return StudentChoice(
        core=core.name,
        compiler=f"{compiler} -{target.level}",
        budget=budget,
        students=_ranked(fitting),
        too_large=_ranked(cost for cost in found if cost not in fitting),
        not_measurable=tuple(beyond),
    )


def _check_known(architectures: Iterable[str]) -> None:
    for name in architectures:
        if name not in CHANNELS:
            raise ConfigError(f"architectures: there is no '{name}'. Known: {', '.join(CHANNELS)}.")


def _widest(candidates: Sequence[Candidate], budget: Budget) -> StudentCost:
    """The student whose next wider one does not fit; the narrowest, if that does not.

    Args:
        candidates: Of one architecture, the narrowest first.
        budget: What they may take.
    """
    over = exceeded(candidates[0].measured, budget)
    if over is not None:
        return candidates[0].cost(over)
    at = _near_the_widest(candidates, budget)
    for wider in candidates[at + 1 :]:
        over = _first_excess(wider.bounds(), budget)
        if over is not None:
            return candidates[at].cost(over)
        at += 1
    return candidates[at].cost("width")


def _near_the_widest(candidates: Sequence[Candidate], budget: Budget) -> int:
    """One that fits. Code and stack are estimated by those of a student that has been linked."""
    linked, end = candidates[0], len(candidates)
    while True:
        at = _last(candidates[:end], linked.overhead, budget)
        if at == 0 or _first_excess(candidates[at].bounds(), budget) is None:
            return at
        linked, end = candidates[at], at


def _last(candidates: Sequence[Candidate], overhead: Needs, budget: Budget) -> int:
    """The last that fits by estimate, by bisection: the first does, and wider ones need more."""
    low, high = 0, len(candidates)
    while high - low > 1:
        middle = (low + high) // 2
        fits = _first_excess(candidates[middle].estimates(overhead), budget) is None
        low, high = (middle, high) if fits else (low, middle)
    return low


def _first_excess(needs: Iterable[Needs], budget: Budget) -> Limit | None:
    """What is exceeded, found by the cheapest figure that shows it."""
    return next(filter(None, (exceeded(need, budget) for need in needs)), None)


def _excess(cost: StudentCost, budget: Budget) -> Limit | None:
    return exceeded(_needs(cost), budget)


def _needs(cost: StudentCost) -> Needs:
    return Needs(cost.flash_bytes, cost.ram_bytes, cost.macs)


def _ranked(costs: Iterable[StudentCost]) -> tuple[StudentCost, ...]:
    return tuple(sorted(costs, key=lambda cost: (-cost.macs, -cost.parameters)))


def _refusal(costs: Iterable[StudentCost], budget: Budget) -> str:
    """Which student comes nearest to fitting, and what it lacks."""
    nearest = min(costs, key=lambda cost: max(shares(_needs(cost), budget).values()))
    needs = with_margin(_needs(nearest))
    needed, given, unit = {
        "flash": (needs.flash_bytes, budget.flash_bytes, "bytes of flash"),
        "RAM": (needs.ram_bytes, budget.ram_bytes, "bytes of RAM"),
        "MACs": (needs.macs, budget.macs or 0, "MACs"),
    }[nearest.limited_by]
    return (
        f"no student fits: the one that comes nearest, {nearest.architecture} at width "
        f"{nearest.width:g}, needs {needed:,} {unit} and may take {given:,}. Allow more, or make "
        "the samples smaller."
    )
