"""``culturewatch run``: the core and the console, each a process of its own, both watched."""

import asyncio
from pathlib import Path

from culturewatch.parts import influx_settings, rulebook
from culturewatch.processes import keep_running, stopped_by_signals
from culturewatch.site import load


async def run_site(path: Path, *, log_to: int | None = None) -> None:
    """Run the site at ``path`` until Ctrl-C or SIGTERM.

    Raises:
        culturewatch.site.SiteError: it cannot be run.
        culturewatch.processes.ChildError: the core or the console could not run even once.
    """
    site = load(path)
    rulebook(site)
    influx_settings(site)
    with stopped_by_signals() as stop:
        async with asyncio.TaskGroup() as tasks:
            children = [
                tasks.create_task(keep_running(name, [name, str(path)], log_to=log_to), name=name)
                for name in ("core", "console")
            ]
            await stop.wait()
            for child in children:
                child.cancel()
