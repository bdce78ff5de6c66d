"""What `--optimize size`, `balanced` and `speed` make of the models of MLPerf Tiny.

Run it with `python benchmarks/optimize_goals.py FOLDER`, where the folder has the models. It needs
`arm-none-eabi-gcc`; the board is the reference board of MLPerf Tiny, a Cortex-M4.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from firmware_export.choose import GOALS
from firmware_export.profile import Profile, profile_tflite

RESULTS = Path(__file__).parent / "results" / "optimize_goals.json"
BOARD = "nucleol4r5zi"

# TFLM with CMSIS-NN, arm-none-eabi-gcc 12.2 -O3, on an emulated Cortex-M4: instructions, RAM and
# flash, counted with the same rules.
REFERENCE = {
    "kws_ref_model": {"instructions": 7_844_233, "ram_bytes": 24_380, "flash_bytes": 113_220},
    "pretrainedResnet_quant": {
        "instructions": 29_874_859,
        "ram_bytes": 56_556,
        "flash_bytes": 157_056,
    },
}


def facts(profile: Profile, model: str) -> dict[str, object]:
    """The figures of one row, and each as a part of the reference's."""
    keys = ("instructions", "ram_bytes", "flash_bytes")
    return {
        **{key: getattr(profile, key) for key in keys},
        "estimated_cycles": profile.estimated_cycles,
        "of_reference": {
            key: round(getattr(profile, key) / REFERENCE[model][key], 3) for key in keys
        },
        "variants": {layer.name: layer.variant for layer in profile.layers if layer.variant},
        "how": profile.how,
        "command": f"tinykd profile {model}.tflite --board {BOARD} --cc gcc "
        f"--optimize {profile.optimize}",
    }


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Profile every model in FOLDER for every goal."""
    rows: dict[str, dict[str, dict[str, object]]] = {}
    print("| model | for | instructions | RAM | flash |\n|---|---|---|---|---|")
    for model in REFERENCE:
        tflite = (folder / f"{model}.tflite").read_bytes()
        rows[model] = {}
        for goal in reversed(GOALS):
            profile = profile_tflite(tflite, BOARD, cc="gcc", optimize=goal)
            rows[model][goal] = facts(profile, model)
            print(
                f"| `{model}` | {goal} | {profile.instructions:,} | {profile.ram_bytes:,} "
                f"| {profile.flash_bytes:,} |"
            )
    RESULTS.write_text(json.dumps({"reference": REFERENCE, "measured": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
