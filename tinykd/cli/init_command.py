"""``tinykd init``: a configuration file to start from."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("init", epilog="Example: tinykd init --recipe fashion-mnist my_build.toml")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="tinykd.toml")
@click.option("--recipe", default="digits", show_default=True, help="What to start from.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def command(file: Path, recipe: str, force: bool) -> None:
    """Write FILE, a configuration with every setting and what it means."""
    from tinykd.artifacts import write_atomically
    from tinykd.config_file import render_config
    from tinykd.errors import ConfigError
    from tinykd.recipes import find_recipe

    if file.exists() and not force:
        raise ConfigError(f"{file}: is there already. Choose another name, or add --force.")
    write_atomically(file, render_config(find_recipe(recipe)))
    click.echo(f"Wrote {file}. Next: tinykd build {file}")
