"""``tinykd report``: a finished build, shown again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(
    "report", epilog="Example: tinykd report build/digits --format html --out digits.html"
)
@click.argument("build", type=click.Path(path_type=Path), default=Path("build/digits"))
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["terminal", "json", "html"]),
    default="terminal",
    show_default=True,
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Write to this file instead of the screen.",
)
def command(build: Path, format_name: str, out: Path | None) -> None:
    """Show the report of BUILD, a build's directory or its report.json."""
    from tinykd.artifacts import write_atomically
    from tinykd.report import FORMATS, read_report, render_terminal

    file = build / "report.json" if build.is_dir() else build
    report = read_report(file)
    if out is not None:
        write_atomically(out, FORMATS[format_name](report))
        click.echo(f"Wrote {out}")
    elif format_name == "terminal":
        from rich.console import Console

        render_terminal(report, Console(), directory=str(file.parent))
    else:
        click.echo(FORMATS[format_name](report), nl=False)
