"""The site as people see it, on every screen alike: built from what the core has written."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from alerts.engine.view import AlarmView
from alerts.reader import AlarmReader, Counts, SentPage
from alerts.schema import StoreError
from batches import snapshot
from batches.bank import Bank, Census
from batches.ledger import Ledger
from batches.snapshot import Inside
from console import run_status
from console.run_status import RunStatus
from devices.duration import Duration
from devices.quality import Quality
from devices.scan import Reading, Source
from devices.units import STORED_UNIT
from storage.chain import Head
from storage.database import DatabaseError, file_of
from storage.journal import JournalError
from storage.reader import JournalReader
from storage.wall import wall_ms

PERIODS_UNTIL_STALE = 3
SLACK_MS = 1_000
AHEAD_MS = 5_000
"""How far ahead of now a scan may have been received without the clock having been set back."""
CORE_LOST_MS = 10_000
PAGES_SHOWN = 12
FRESH_MS = 10_000
"""A snapshot of the batches that is no older is what stands there now."""
AGAIN_S = 10.0


class Equipment(msgspec.Struct, frozen=True, kw_only=True):
    """What the site's file says of a device that screens show.

    ``channels`` are the key and quantity of each that it has; without them, all that it ever
    spoke of are its channels. ``is_system`` is what watches, in which no batch can be.
    """

    id: str
    name: str
    location: str
    period_ms: int
    channels: tuple[tuple[str, str], ...] = ()
    is_system: bool = False


class ChannelView(msgspec.Struct, frozen=True, kw_only=True):
    """One channel now. ``quality`` is the word of ``devices.quality``.

    It says ``stale`` where the newest reading is older than three periods, whoever is to blame,
    and ``no_answer`` without a time where there never was one. ``alarm`` is the worst open alarm
    on it.
    """

    id: str
    key: str
    quantity: str
    unit: str
    value: float | None
    quality: str
    at: int | None
    age_ms: int | None
    alarm: AlarmView | None


class DeviceView(msgspec.Struct, frozen=True, kw_only=True):
    """One device with its channels, the batches inside and how many vials of the bank.

    Both are None while nobody can know them.
    """

    id: str
    name: str
    location: str
    silent: bool
    batches: tuple[str, ...] | None
    channels: tuple[ChannelView, ...]
    vials: int | None = 0


class SiteView(msgspec.Struct, frozen=True, kw_only=True):
    """All of it at ``at`` (epoch ms). ``core_age_ms`` is how long ago the core last wrote.

    ``problems`` are lines on what could not be read.
    """

    at: int
    core_alive: bool
    core_age_ms: int | None
    devices: tuple[DeviceView, ...]
    alarms: tuple[AlarmView, ...]
    pages: tuple[SentPage, ...]
    counts: Counts | None
    status: RunStatus | None
    problems: tuple[str, ...]


class _Told(NamedTuple):
    alarms: tuple[AlarmView, ...] = ()
    pages: tuple[SentPage, ...] = ()
    counts: Counts | None = None


_SEVERITIES = ("advisory", "low", "medium", "high", "critical")


class Viewer:
    """Looks at a folder of data, read-only. Use as a context manager; not for several threads."""

    def __init__(self, data: Path, ledger_url: str, equipment: Iterable[Equipment]) -> None:
        self._data = data
        self._ledger_url = ledger_url
        self._equipment = tuple(equipment)
        self._ledger: Ledger | None = None
        self._counted: tuple[Head, dict[str, Census]] | None = None
        self._failed: tuple[float, DatabaseError] | None = None

    def look(self) -> SiteView:
        """The site now. What cannot be read is named, and the rest is shown."""
        problems: list[str] = []
        told = self._told(problems)
        inside = self._inside(problems)
        status = run_status.read(self._data)
        newest = self._newest(problems)
        # After the reading: nothing that was just written may seem to come from the future.
        now = wall_ms()
        return SiteView(
            at=now,
            core_alive=_is_alive(status, now),
            core_age_ms=None if status is None else max(0, now - status.at),
            devices=device_views(self._equipment, newest, told.alarms, inside, now),
            alarms=told.alarms,
            pages=told.pages,
            counts=told.counts,
            status=status,
            problems=tuple(problems),
        )

    def _newest(self, problems: list[str]) -> dict[str, tuple[Reading, ...]]:
        try:
            with JournalReader(self._data) as journal:
                return journal.newest()
        except JournalError as error:
            problems.append(str(error))
            return {}

    def _told(self, problems: list[str]) -> _Told:
        path = self._data / "alarms.db"
        try:
            with AlarmReader(path) as reader:
                return _Told(
                    tuple(sorted(reader.open_alarms(), key=_rank)),
                    tuple(reader.pages(limit=PAGES_SHOWN, in_summaries=False)),
                    reader.counts(),
                )
        except StoreError as error:
            problems.append(str(error))
        except msgspec.MsgspecError as error:
            problems.append(f"{path}: what stands there cannot be understood: {error}")
        return _Told()

    def _inside(self, problems: list[str]) -> Mapping[str, Inside] | None:
        seen = snapshot.read(self._data)
        age_ms = None if seen is None else wall_ms() - seen.at
        if seen is not None and age_ms is not None and 0 <= age_ms < FRESH_MS:
            # What the core has just seen: no page waits for a server.
            return seen.devices
        try:
            return self._asked()
        except DatabaseError as error:
            problems.append(str(error))
        if seen is None or age_ms is None:
            return None
        age = Duration(max(0, age_ms) // 1_000 * 1_000)
        problems.append(f"the batches in devices are shown as they were {age} ago")
        return seen.devices

    def _asked(self) -> Mapping[str, Inside]:
        """What the ledger says; for some seconds after it has failed, it is not asked again."""
        file = file_of(self._ledger_url)
        if self._ledger is None and file is not None and not file.exists():
            # Who only looks creates nothing.
            return {}
        if self._failed is not None and time.monotonic() < self._failed[0] + AGAIN_S:
            raise self._failed[1]
        try:
            if self._ledger is None:
                self._ledger = Ledger(self._ledger_url)
            found = self._standing(self._ledger)
        except DatabaseError as error:
            self._failed = time.monotonic(), error
            raise
        self._failed = None
        return found

    def _standing(self, ledger: Ledger) -> Mapping[str, Inside]:
        stays, head = ledger.all_at_risk(), ledger.head()
        if self._counted is None or self._counted[0] != head:
            # Counted again when something was entered: a bank may hold a hundred thousand.
            self._counted = head, Bank(ledger).census()
        vials = self._counted[1]
        return {
            device: Inside(
                batches=tuple(stay.batch for stay in stays.get(device, ())),
                vials=vials[device].vials if device in vials else 0,
            )
            for device in stays.keys() | vials.keys()
        }


def device_views(
    equipment: Iterable[Equipment],
    newest: Mapping[str, Sequence[Reading]],
    alarms: Iterable[AlarmView],
    inside: Mapping[str, Inside] | None,
    now: int,
) -> tuple[DeviceView, ...]:
    """Every device with the newest reading of each channel; ``now`` is epoch ms."""
    worst: dict[str, AlarmView] = {}
    for alarm in sorted(alarms, key=_rank, reverse=True):
        worst[alarm.channel] = alarm
    return tuple(
        _device(
            device,
            newest.get(device.id, ()),
            worst,
            None if inside is None else inside.get(device.id, Inside()),
            now,
        )
        for device in equipment
    )


def _device(
    device: Equipment,
    newest: Sequence[Reading],
    worst: Mapping[str, AlarmView],
    inside: Inside | None,
    now: int,
) -> DeviceView:
    channels = tuple(_channels(device, newest, worst, now)) if newest else ()
    heard = any(c.quality not in {"no_answer", "stale"} for c in channels)
    return DeviceView(
        id=device.id,
        name=device.name or device.id,
        location=device.location,
        silent=not heard,
        batches=None if inside is None else inside.batches,
        channels=channels,
        vials=None if inside is None else inside.vials,
    )


def _channels(
    device: Equipment, newest: Sequence[Reading], worst: Mapping[str, AlarmView], now: int
) -> Iterator[ChannelView]:
    """The channels that the device has, in their order; one that it had once is not shown."""
    found = {reading.channel: reading for reading in newest}
    has = {f"{device.id}.{key}": quantity for key, quantity in device.channels}
    for channel, quantity in (has or {r.channel: r.quantity for r in newest}).items():
        reading = found.get(channel)
        if reading is None:
            yield _never_heard(channel, quantity, worst.get(channel))
        else:
            yield _channel(device, reading, worst.get(channel), now)


def _never_heard(channel: str, quantity: str, alarm: AlarmView | None) -> ChannelView:
    return ChannelView(
        id=channel,
        key=channel.partition(".")[2],
        quantity=quantity,
        unit=STORED_UNIT.get(quantity, ""),
        value=None,
        quality=Quality.NO_ANSWER.word,
        at=None,
        age_ms=None,
        alarm=alarm,
    )


def _channel(device: Equipment, reading: Reading, alarm: AlarmView | None, now: int) -> ChannelView:
    stale = _is_stale(reading, device, now)
    return ChannelView(
        id=reading.channel,
        key=reading.channel.partition(".")[2],
        quantity=reading.quantity,
        unit=STORED_UNIT.get(reading.quantity, ""),
        value=None if stale else reading.value,
        quality=Quality.STALE.word if stale else reading.quality.word,
        at=reading.at,
        age_ms=max(0, now - reading.at),
        alarm=alarm,
    )


def _is_stale(reading: Reading, device: Equipment, now: int) -> bool:
    """Whether it says nothing about now: too old, or from before the clock was set back."""
    heard_ms = now - reading.received
    if reading.source is Source.BACKFILL:
        heard_ms = max(heard_ms, now - reading.at)
    return not -AHEAD_MS <= heard_ms <= PERIODS_UNTIL_STALE * device.period_ms + SLACK_MS


def _rank(alarm: AlarmView) -> tuple[bool, int, str]:
    """Unacknowledged first, then the worst, then by name."""
    severity = _SEVERITIES.index(alarm.severity) if alarm.severity in _SEVERITIES else -1
    return alarm.state not in {"U", "R", "LU"}, -severity, alarm.rule


def _is_alive(status: RunStatus | None, now: int) -> bool:
    return status is not None and run_status.is_alive(status) and now - status.at < CORE_LOST_MS
