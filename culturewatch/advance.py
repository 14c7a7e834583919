"""How far long work has come, shown on the terminal while it runs."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def shown(what: str) -> Iterator[Callable[[int, int], None]]:
    """Give what is to be called with how much of how much is done; a bar stands on stderr then.

    Nothing is shown where stderr is no terminal.
    """
    columns = (
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} {task.description}"),
        BarColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(
        *columns,
        console=Console(file=sys.stderr),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    task = bar.add_task(what, total=None)

    def advance(done: int, of: int) -> None:
        bar.update(task, completed=done, total=of)
        # The next piece of the work may have a bar of its own.
        if done < of:
            bar.start()
        else:
            bar.stop()

    try:
        yield advance
    finally:
        bar.stop()
