"""What happens, as server-sent events: alarms by the number of their row, readings as they come.

The id of an event is the row of the alarm history it stands at, so that a client that comes back
with it (``Last-Event-ID``) misses no alarm. Readings are the newest of each channel: what was
missed of them is asked for with ``readings``. Format: HTML Standard, 9.2 Server-sent events.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from alerts.reader import AlarmReader
from alerts.schema import StoreError
from console.api.tokens import Scope
from console.sight import BlindError, Sight
from console.view import SiteView
from storage.waiting import JournalError

LASTS_S = 50.0
"""A stream ends before the door's patience does; the client comes back by itself."""
EVERY_S = 1.0
ALARMS_AT_ONCE = 500
AGAIN_MS = 1_000
OTHER_HISTORY = (
    "the alarm history here ends before the last event that you have seen: it was made anew or "
    "restored; ask for /alarms, and what comes from now on follows"
)


async def stream(
    sight: Sight[SiteView],
    alarms: Path,
    *,
    scopes: frozenset[Scope],
    after: int | None,
    lasts_s: float,
    every_s: float = EVERY_S,
) -> AsyncIterator[str]:
    """Events of what ``scopes`` may see, alarms behind row ``after`` (None: from now on)."""
    yield f"retry: {AGAIN_MS}\n\n"
    seen: dict[str, int | None] = {}
    ends_s = time.monotonic() + lasts_s
    while time.monotonic() < ends_s:
        try:
            if Scope.ALARMS in scopes:
                after, events = await asyncio.to_thread(_alarms, alarms, after)
                for event in events:
                    yield event
            if Scope.READINGS in scopes:
                async for event in _readings(sight, seen):
                    yield event
        except (StoreError, JournalError, BlindError) as error:
            # Who watches must know that they see nothing now.
            yield _event("trouble", {"trouble": str(error)})
        yield ": still here\n\n"
        await asyncio.sleep(every_s)


def _alarms(path: Path, after: int | None) -> tuple[int, list[str]]:
    with AlarmReader(path) as reader:
        head = reader.head().sequence
        if after is None:
            return head, [f"id: {head}\n\n"]
        if after > head:
            return head, [f"id: {head}\n\n", _event("trouble", {"trouble": OTHER_HISTORY})]
        rows = reader.rows(after=after, limit=ALARMS_AT_ONCE)
    events = [_event("alarm", row.transition, number=row.number) for row in rows]
    return (rows[-1].number if rows else after), events


async def _readings(sight: Sight[SiteView], seen: dict[str, int | None]) -> AsyncIterator[str]:
    view = await sight.look()
    for device in view.devices:
        for channel in device.channels:
            # What has become stale is news too, though no reading came.
            mark = channel.at if channel.quality != "stale" else None
            if channel.id in seen and seen[channel.id] == mark:
                continue
            seen[channel.id] = mark
            yield _event(
                "reading",
                {
                    "channel": channel.id,
                    "at": channel.at,
                    "value": channel.value,
                    "quality": channel.quality,
                    "unit": channel.unit,
                },
            )


def _event(kind: str, said: object, *, number: int | None = None) -> str:
    head = "" if number is None else f"id: {number}\n"
    # JSON has no line end outside of strings, and escapes those inside.
    return f"{head}event: {kind}\ndata: {msgspec.json.encode(said).decode()}\n\n"
