"""Begins what a command line says, with no more in memory than that needs."""

import sys
from pathlib import Path

from culturewatch import streams

WRONG_USE, INTERRUPTED = 2, 130


def main() -> None:
    """Run what the command line says."""
    streams.settle()
    arguments = sys.argv[1:]
    if why := streams.no_text(arguments):
        sys.stderr.write(f"culturewatch: {why}\n")
        raise SystemExit(WRONG_USE)
    try:
        _run(arguments)
    except KeyboardInterrupt:
        # Before a command had begun to take notice of it.
        raise SystemExit(INTERRUPTED) from None


def _run(arguments: list[str]) -> None:
    if len(arguments) == 2 and arguments[0] == "core" and not arguments[1].startswith("-"):  # noqa: PLR2004 # core FILE
        # What ``run`` starts: typer and the other commands would stay in its memory for years.
        spare_command_lines()
        from culturewatch.core_process import run_alone  # noqa: PLC0415 # and its memory

        run_alone(Path(arguments[1]))
    else:
        from culturewatch.cli import main as command_line  # noqa: PLC0415 # what the core never loads

        command_line()


def spare_command_lines() -> None:
    """Have httpx go without a command line of its own, as where rich and click are not installed.

    Measured: 5 MB that nobody in this process can use.
    """
    # The import system refuses a module for which None stands here.
    sys.modules["httpx._main"] = None  # type: ignore[assignment] # see above
