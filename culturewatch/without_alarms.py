"""A start on a disk without room for the alarm store, or for the rules that run: readings are kept.

Both are tried again until there is room.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress

from alerts import configuration
from alerts.schema import NoRoomError, StoreError
from alerts.store import AlarmStore
from collector.supervise import supervise
from culturewatch import paths
from culturewatch.calibrations import Calibrations
from culturewatch.collecting import Collecting
from culturewatch.parts import VERSION
from culturewatch.reload import Configuration
from culturewatch.troubles import Troubles
from storage.entry import Started, Stopped
from storage.journal import Journal, JournalFullError
from storage.transaction import ROOM, wants_room
from storage.wall import wall_ms

AGAIN_S = 5.0


async def alarm_store(
    stack: AsyncExitStack,
    first: Configuration,
    journal: Journal,
    troubles: Troubles,
    stop: asyncio.Event,
) -> AlarmStore | None:
    """The alarm store, which ``stack`` closes; None where ``stop`` was set before it had room.

    Until it has, readings are collected as by a run of its own. Nothing is judged, nobody is
    paged, and no beat is sent, so that whoever waits for one is told by its absence.

    Raises:
        alerts.schema.StoreError: it cannot be used for another reason than want of room.
        OSError: so it is with the rules that run, which cannot be kept.
    """
    try:
        return await _tried(stack, first)
    except NoRoomError as error:
        troubles.say(f"NO ALARM IS JUDGED and nobody is paged, only readings are kept: {error}")
    with suppress(OSError):
        await asyncio.to_thread(configuration.keep, first.site.data, first.book)
    async with asyncio.TaskGroup() as tasks:
        collecting = tasks.create_task(_collect(first, journal, troubles), name="only collecting")
        store = await _in_time(stack, first, troubles, stop)
        collecting.cancel()
    if store is not None:
        with suppress(JournalFullError):
            journal.append(Stopped(at=wall_ms(), reason="the alarm store has room again"))
        troubles.say("the alarm store has room again; what was read meanwhile is judged now")
    return store


async def _in_time(
    stack: AsyncExitStack, first: Configuration, troubles: Troubles, stop: asyncio.Event
) -> AlarmStore | None:
    failing = ""
    while not stop.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_S):
                await stop.wait()
                break
        try:
            return await _tried(stack, first)
        except NoRoomError:
            continue
        except (StoreError, OSError) as error:
            if str(error) != failing:
                troubles.say(f"alarms are still not judged: {error}")
            failing = str(error)
    return None


async def _tried(stack: AsyncExitStack, first: Configuration) -> AlarmStore:
    # Before anything is judged, for it is judged by these.
    try:
        await asyncio.to_thread(configuration.keep, first.site.data, first.book)
    except OSError as error:
        if not wants_room(error):
            raise
        folder = first.site.data / configuration.FOLDER
        raise NoRoomError(
            f"{folder}: the rules that run cannot be kept: {error.strerror}; {ROOM}"
        ) from error
    return await stack.enter_async_context(AlarmStore(paths.alarms(first.site.data)))


async def _collect(first: Configuration, journal: Journal, troubles: Troubles) -> None:
    site = first.site
    sensors = Calibrations(site.ledger_url, first.book.rules, put=journal.put, now=wall_ms)
    await sensors.start()
    # Not waited for until it is on disk: readings wait behind it, and in its order.
    journal.append(Started(at=wall_ms(), version=VERSION, configuration=first.book.digest))
    collecting = Collecting(site, journal, troubles, sensors.mark)
    running: dict[str, Callable[[], Awaitable[None]]] = {
        "collecting": collecting.run,
        # No engine knows a date of calibration yet; only the marks are kept up.
        "calibrations": lambda: sensors.run(lambda _: None, asyncio.Event()),
    }
    async with asyncio.TaskGroup() as tasks:
        for name, run in running.items():
            tasks.create_task(supervise(name, run, on_crash=troubles.crashed), name=name)
