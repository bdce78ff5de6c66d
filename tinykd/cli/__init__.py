"""The command line. A command's module is imported when the command is called, not before."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import click

from firmware_export.errors import TinykdError
from tinykd.interrupts import listen


@dataclass(frozen=True)
class Entry:
    """Where a command lives, and its line in ``tinykd --help``."""

    module: str
    help: str


COMMANDS: Mapping[str, Entry] = {
    "build": Entry("build", "Run the whole pipeline: teacher to measured C."),
    "compare": Entry("compare", "Build over several seeds: does distillation help?"),
    "tune": Entry("tune", "Search better settings for distillation, on validation."),
    "init": Entry("init", "Write a commented configuration file."),
    "teacher": Entry("teacher", "Train a teacher, or check your own against the data."),
    "student": Entry("student", "List the students and their cost, or the widest that fit."),
    "distill": Entry("distill", "Train a student with its teacher, and without."),
    "adapt": Entry("adapt", "Train a student for another domain, without its labels."),
    "quantize": Entry("quantize", "Make a student int8: PTQ, and QAT with the teacher."),
    "convert": Entry("convert", "Convert a student to int8 .tflite, without training."),
    "export": Entry("export", "Turn an int8 .tflite into C, a C array, an Arduino library."),
    "verify": Entry("verify", "Compare every output byte of a .tflite as C with TFLM."),
    "profile": Entry("profile", "Measure a .tflite as C on an emulated board, layer by layer."),
    "evaluate": Entry("evaluate", "Score .tflite, .keras and .h5 models on a test split."),
    "report": Entry("report", "Show a finished build again, in another format."),
    "boards": Entry("boards", "List the boards and their limits."),
    "doctor": Entry("doctor", "Check that everything that tinykd needs is there."),
}
"""All commands, in the order of the help."""


class LazyGroup(click.Group):
    """A group that knows its commands by the table alone until one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command's module."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"tinykd.cli.{COMMANDS[cmd_name].module}_command")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: `tinykd build` takes scikit-learn's digits from a teacher to C that is "
    "measured on an emulated Cortex-M4, in about two minutes.",
)
@click.version_option(package_name="tinykd")
def cli() -> None:
    """From a Keras teacher to int8 C that runs on a microcontroller, every figure measured."""


def main() -> None:
    """Entry point: an error is one line and an exit code, an interruption keeps what is done."""
    listen()
    try:
        cli.main(prog_name="tinykd", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo(
            "Stopped. What was finished is kept; the same command goes on from there.", err=True
        )
        sys.exit(130)
    except TinykdError as error:
        click.echo(f"Error: {' '.join(str(error).split())}", err=True)
        sys.exit(error.exit_code)
