"""Options that mean the same in every command, and the configuration that they make."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinykd.cli.console import choose_progress

if TYPE_CHECKING:
    from tinykd.config import Config

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

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
progress_option = click.option(
    "--quiet",
    "progress",
    is_flag=True,
    callback=lambda _context, _option, quiet: choose_progress(quiet=quiet),
    help="Show no progress.",
)
board_option = click.option(
    "--board", default=None, metavar="KEY", help="Target board; see `tinykd boards`."
)
longer_option = click.option(
    "--longer",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    metavar="N",
    help="Train the student N times as many epochs; the smallest gain most from it.",
)
seed_option = click.option("--seed", type=int, default=None, help="Start all random choices here.")


def teachers_option(otherwise: str) -> Decorator:
    """``--teacher FILE``, again for each of several; ``otherwise`` is what happens without."""
    return click.option(
        "--teacher",
        "teachers",
        multiple=True,
        metavar="FILE",
        help="Your own teacher: .keras, .h5, .tflite, a SavedModel's folder, or an .npy of its "
        f"logits. Again for each of several; otherwise {otherwise}.",
    )


def out_option(default: str, what: str) -> Decorator:
    """``--out``, a folder that need not be there."""
    return click.option(
        "--out",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(default),
        show_default=True,
        help=what,
    )


def configured(*, file: Decorator = config_argument, **options: Decorator) -> Decorator:
    """Give a command its configuration, in place of what the command line says of it.

    Args:
        file: Parameter ``config_file``.
        options: Keyword of ``assemble_config`` to the option that says it, besides ``--recipe`` and
            ``--data``, which every such command has.

    Returns:
        A decorator. The command has a parameter ``config``, its own options, and of those that made
        the configuration what it has a parameter for.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        makes = {"config_file", "recipe", "data", *options}
        unwanted = makes - inspect.signature(command).parameters.keys()

        @functools.wraps(command)
        def run(**given: Any) -> None:
            config = assemble_config(**{name: given[name] for name in makes})
            for name in unwanted:
                del given[name]
            command(config=config, **given)

        common: tuple[Decorator, ...] = (file, recipe_option, data_option)
        decorated: Callable[..., None] = run
        for option in reversed((*common, *options.values())):
            decorated = option(decorated)
        return decorated

    return decorate


def assemble_config(
    config_file: Path | None,
    recipe: str | None,
    *,
    data: str | None = None,
    teachers: Sequence[str] = (),
    seed: int | None = None,
    board: str | None = None,
    width: float | None = None,
    longer: int = 1,
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
    table["distill"]["epochs"] *= longer
    if teachers:
        table["teacher"] |= {"path": "", "paths": tuple(teachers), "input_scales": ()}
    if seed is not None:
        table["seed"] = seed
    return parse_config(table, source="command line")
