"""Begins what a command line says, with no more in memory than that needs."""

import sys
from pathlib import Path


def main() -> None:
    """Run what the command line says."""
    arguments = sys.argv[1:]
    if len(arguments) == 2 and arguments[0] == "core" and not arguments[1].startswith("-"):  # noqa: PLR2004 # core FILE
        # What ``run`` starts: typer and the other commands would stay in its memory for years.
        from culturewatch.core_process import run_alone  # noqa: PLC0415

        run_alone(Path(arguments[1]))
    else:
        from culturewatch.cli import main as command_line  # noqa: PLC0415 # what the core never loads

        command_line()
