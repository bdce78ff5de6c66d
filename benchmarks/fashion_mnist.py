"""Fashion-MNIST, all 70,000 images, from a given teacher to measured C.

Run it with `python benchmarks/fashion_mnist.py --data FILE.npz --teacher FILE.keras`. Without
`--data` the images come from `keras.datasets`; without `--teacher` one is trained.
"""

from __future__ import annotations

from pathlib import Path

import click

from tinykd import build
from tinykd.cli.console import assemble_config, choose_progress
from tinykd.report import FORMATS

RESULTS = Path(__file__).parent / "results" / "fashion_mnist.json"


@click.command()
@click.option("--data", default=None)
@click.option("--teacher", default=None)
@click.option("--out", default=Path("build"), type=click.Path(path_type=Path))
def main(data: str | None, teacher: str | None, out: Path) -> None:
    """Build, and keep the report."""
    config = assemble_config(
        None, "fashion-mnist", data=data, teachers=[teacher] if teacher else ()
    )
    report = build(config, out=out, progress=choose_progress(quiet=False))
    RESULTS.write_text(FORMATS["json"](report))
    print(FORMATS["terminal"](report))
    print(f"{sum(report.seconds.values()):.0f} s in all")


if __name__ == "__main__":
    main()
