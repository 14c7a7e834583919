"""``culturewatch run``: the core and the console, each a process of its own, both watched."""

import asyncio
import logging
import sys
from pathlib import Path

from console import run_status
from culturewatch.parts import influx_settings, rulebook
from culturewatch.processes import keep_running, stopped_by_signals
from culturewatch.site import Site, load

log = logging.getLogger(__name__)
LOOK_S = 1.0


async def run_site(path: Path, *, log_to: int | None = None) -> None:
    """Run the site at ``path`` until Ctrl-C or SIGTERM.

    Raises:
        culturewatch.site.SiteError: it cannot be run.
        culturewatch.processes.ChildError: the core or the console could not run even once.
    """
    site = load(path)
    rulebook(site)
    influx_settings(site)
    await asyncio.to_thread(_say_how_to_begin, site)
    with stopped_by_signals() as stop:
        async with asyncio.TaskGroup() as tasks:
            children = [
                tasks.create_task(
                    keep_running("core", ["core", str(path)], log_to=log_to), name="core"
                ),
                tasks.create_task(_keep_console(site, log_to), name="console"),
            ]
            await stop.wait()
            for child in children:
                child.cancel()


async def _keep_console(site: Site, log_to: int | None) -> None:
    """Run the console; anew when the core has read its configuration anew."""
    arguments, shown, is_first = ["console", str(site.path)], site.digest, True
    while True:
        async with asyncio.TaskGroup() as tasks:
            child = tasks.create_task(
                keep_running("console", arguments, log_to=log_to, is_first=is_first),
                name="console process",
            )
            shown = await _other_than(shown, site)
            child.cancel()
        is_first = False


async def _other_than(shown: str, site: Site) -> str:
    """The digest of what the core runs with, once that is not ``shown``."""
    while True:
        await asyncio.sleep(LOOK_S)
        status = await asyncio.to_thread(run_status.read, site.data)
        if status and run_status.is_alive(status) and status.configuration != shown:
            return status.configuration


def _say_how_to_begin(site: Site) -> None:
    """Say the token of the first admin; that there is none keeps nothing from being watched."""
    from batches.password import PasswordError  # noqa: PLC0415 # SQLAlchemy is slow to import
    from culturewatch.first_admin import first_admin, told  # noqa: PLC0415
    from storage.database import DatabaseError  # noqa: PLC0415

    try:
        token = first_admin(site)
    except (DatabaseError, PasswordError, OSError) as error:
        log.warning("no token for a first admin: %s", error)
        return
    if token:
        # Not into the log: whoever reads that later is not who starts it now.
        sys.stderr.write(told(site, token))
        sys.stderr.flush()
