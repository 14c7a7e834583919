"""The terminal as this program writes to it."""

import sys
from typing import TextIO

from rich.console import Console


def terminal(*, width: int | None = None, file: TextIO | None = None) -> Console:
    """A terminal that shows names as they are written: ``Shelf [left]`` is no markup."""
    return Console(
        width=width, file=sys.stdout if file is None else file, markup=False, emoji=False
    )


def can_redraw(console: Console) -> bool:
    """Whether what was drawn can be drawn over; to a pipe or a dumb terminal one adds lines."""
    return console.is_terminal and not console.is_dumb_terminal
