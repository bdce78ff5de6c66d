"""What the commands share: progress bars, and options that mean the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinykd.progress import Advance, Progress, Silent

if TYPE_CHECKING:
    from tinykd.config import Config

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")

optimize_option = click.option(
    "--optimize",
    type=click.Choice(["speed", "balanced", "size"]),
    default="balanced",
    show_default=True,
    help="Kernels of layers that can run in several ways: the fastest that fit, those that cost "
    "next to nothing, or the smallest.",
)

config_argument = click.argument(
    "config_file",
    metavar="[CONFIG]",
    required=False,
    type=click.Path(dir_okay=False, path_type=Path),
)

recipe_option = click.option(
    "--recipe",
    default=None,
    metavar="NAME",
    help=(
        "Start from a recipe: diabetes, digits, fashion-mnist, gestures, keywords, novelty, "
        "segments."
    ),
)
data_option = click.option(
    "--data", default=None, metavar="FILE.npz", help="Your data, in place of the configured one."
)
quiet_option = click.option("--quiet", is_flag=True, help="Show no progress.")
seed_option = click.option("--seed", type=int, default=None, help="Start all random choices here.")


def teachers_option(
    *, required: bool, otherwise: str = "otherwise one is trained"
) -> Callable[[Any], Any]:
    """``--teacher FILE``, again for each of several; ``otherwise`` is what happens without."""
    return click.option(
        "--teacher",
        "teachers",
        required=required,
        multiple=True,
        metavar="FILE",
        help="Your own teacher: .keras, .h5, .tflite, a SavedModel's folder, or an .npy of its "
        "logits. Again for each of several" + ("." if required else f"; {otherwise}."),
    )


def out_option(default: str, what: str) -> Callable[[Any], Any]:
    """``--out``, a folder that need not be there."""
    return click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(default),
        show_default=True,
        help=what,
    )


class Bars:
    """Progress bars on standard error, each with the time left; a finished one stays."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._console = Console(stderr=True)
        self._columns = (
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Show a bar until the task ends."""
        from rich.progress import Progress as RichProgress

        bars = RichProgress(*self._columns, console=self._console)
        bar = bars.add_task(description, total=total)
        bars.start()
        try:
            yield lambda done: bars.update(bar, completed=done)
        except BaseException:  # what failed is said by its error alone: the bar goes without a line
            bars.live.transient = True
            bars.live.stop()
            raise
        bars.update(bar, total=total or 1, completed=total or 1)
        bars.stop()


def choose_progress(*, quiet: bool) -> Progress:
    """Bars, unless the user wants none."""
    return Silent() if quiet else Bars()


def assemble_config(
    config_file: Path | None,
    recipe: str | None,
    *,
    data: str | None = None,
    teachers: Sequence[str] = (),
    seed: int | None = None,
    board: str | None = None,
    width: float | None = None,
) -> Config:
    """A configuration from a file or a recipe, and from what the command line says besides.

    Raises:
        ConfigError: If both are given, or something in them is wrong.
    """
    from tinykd.config import load_config, parse_config
    from tinykd.errors import ConfigError
    from tinykd.recipes import find_recipe

    if config_file is not None and recipe is not None:
        raise ConfigError(f"give either {config_file} or --recipe {recipe}, not both.")
    base = load_config(config_file) if config_file else find_recipe(recipe or "digits")
    table = base.model_dump()
    for section, key, value in (
        ("data", "source", data),
        ("target", "board", board),
        ("student", "width", width),
    ):
        if value is not None:
            table[section][key] = value
    if teachers:
        table["teacher"] |= {"path": "", "paths": tuple(teachers)}
    if seed is not None:
        table["seed"] = seed
    return parse_config(table, source="command line")
