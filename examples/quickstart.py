"""The whole build in a few lines: run it with `python examples/quickstart.py`."""

from tinykd import build, find_recipe

report = build(find_recipe("digits"))
for model in report.models:
    print(f"{model.name:8} {model.top1_accuracy:.2%}")
print(f"{report.footprint.flash_bytes} bytes of flash, {report.footprint.ram_bytes} of RAM")
