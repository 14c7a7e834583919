"""Reading the configuration again while the core runs: what is asked for, and what may be new."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

from alerts import configuration
from alerts.rulebook import Rulebook
from culturewatch.parts import influx_settings, modbus_devices, rulebook
from culturewatch.site import Site, SiteError, load
from devices.plan import plan

HANGUP = "SIGHUP"


class Configuration(NamedTuple):
    """What a core runs with; ``by`` is who had it read again, empty at its start."""

    site: Site
    book: Rulebook
    by: str = ""


class Reload:
    """Whether the configuration is to be read again, and who wants it."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._by = ""

    def ask(self, by: str) -> None:
        """Have it read again, soon."""
        self._by = by
        self._asked.set()

    async def asked(self) -> str:
        """Wait until somebody wants it; who."""
        await self._asked.wait()
        self._asked.clear()
        return self._by


def read(path: Path, by: str = "") -> Configuration:
    """The configuration in the site's files.

    Raises:
        SiteError: it cannot be used; every mistake is listed.
    """
    site = load(path)
    book = rulebook(site)
    influx_settings(site)
    for device in modbus_devices(site):
        try:
            plan(device.profile)
        except ValueError as error:
            raise SiteError([f"{path} ({device.layout.device}): {error}"]) from error
    return Configuration(site, book, by)


def findings(running: Site) -> tuple[str, ...]:
    """Why the files as they are now cannot take the place of ``running``; none when they can."""
    try:
        fresh = read(running.path)
    except SiteError as error:
        return error.mistakes
    except OSError as error:
        return (str(error),)
    why = hindrance(running, fresh.site)
    return (why,) if why else ()


def hindrance(old: Site, new: Site) -> str:
    """Why ``new`` cannot take the place of ``old`` while a core runs; empty when it can."""
    fixed = {
        "site.id": (old.file.site.id, new.file.site.id),
        "site.data": (old.data, new.data),
        "the ledger": (old.ledger_url, new.ledger_url),
        "site.max_data_gb": (old.file.site.max_data_gb, new.file.site.max_data_gb),
    }
    changed = [name for name, (before, now) in fixed.items() if before != now]
    if not changed:
        return ""
    return f"{', '.join(changed)} changed, which takes a restart of culturewatch run"


async def next_configuration(
    now: Configuration, reload: Reload, say: Callable[[str], None]
) -> Configuration:
    """Wait until a configuration that can be used is to take the place of ``now``.

    One that cannot be used, or not be kept for a replay, changes nothing; ``say`` is told why.
    """
    while True:
        by = await reload.asked()
        try:
            fresh = await asyncio.to_thread(read, now.site.path, by)
            await asyncio.to_thread(configuration.keep, now.site.data, fresh.book)
        except (SiteError, OSError) as error:
            say(f"the configuration was NOT read anew, all goes on as before: {error}")
            continue
        if why := hindrance(now.site, fresh.site):
            say(f"the configuration was NOT read anew, all goes on as before: {why}")
            continue
        return fresh


@contextlib.asynccontextmanager
async def until_either(
    stop: asyncio.Event, now: Configuration, reload: Reload, say: Callable[[str], None]
) -> AsyncIterator["asyncio.Future[Configuration | None]"]:
    """A future that becomes the next configuration, or None when ``stop`` is set."""
    found: asyncio.Future[Configuration | None] = asyncio.get_running_loop().create_future()

    async def wait_for_next() -> None:
        fresh = await next_configuration(now, reload, say)
        if not found.done():
            found.set_result(fresh)

    async def wait_for_stop() -> None:
        await stop.wait()
        if not found.done():
            found.set_result(None)

    async with asyncio.TaskGroup() as tasks:
        waiting = [
            tasks.create_task(wait_for_next(), name="reload"),
            tasks.create_task(wait_for_stop(), name="stop"),
        ]
        yield found
        for task in waiting:
            task.cancel()
