"""``tinykd doctor``: is everything there that tinykd needs?"""

from __future__ import annotations

import json
import sys

import click

from tinykd.cli.options import json_option


@click.command("doctor", epilog="Example: tinykd doctor")
@json_option
def command(as_json: bool) -> None:
    """Check the installed packages, compile a line of C, and run it on an emulated core."""
    from tinykd.doctor import examine

    checks = examine()
    if as_json:
        click.echo(json.dumps([check.model_dump() for check in checks], indent=2))
    else:
        for check in checks:
            mark = "ok     " if check.ok else "MISSING" if check.needed else "absent "
            click.echo(f"{mark}  {check.name:<32}{check.detail}")
    if any(check.needed and not check.ok for check in checks):
        sys.exit(1)
