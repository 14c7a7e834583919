"""Calendars of a rota: read again and again, with the last good copy for when that fails."""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from alerts.policy import Person
from alerts.rota.calendar import CalendarError, Read
from alerts.rota.pattern import Calendar, Rota
from alerts.rota.wall import DAY
from alerts.rota.worker import read_apart

LARGEST_BYTES = 2_000_000
"""Years of a rota are a tenth of this."""
FILE_S = 10.0
"""A file may be on a disk of the network that does not answer."""
STALE_MS = 24 * 3_600_000
BACK_MS = 2 * 86_400_000
_NOTHING = Read(shifts=(), unknown=(), odd=())


class FeedError(Exception):
    """A calendar could not be had; the text says why, without its address."""


class Fetched(NamedTuple):
    """What a server gave: None when it has nothing newer than ``etag``."""

    body: bytes | None
    etag: str = ""


Fetch = Callable[[str, str], Awaitable[Fetched]]
"""Gets a URL unless its content still has this ETag, within bounds of time and size."""


class FeedState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one calendar. ``good_at`` is when it was last had (epoch ms).

    Until it was ``looked`` at once, or at its copy, nothing follows from it.
    """

    calendar: str
    looked: bool = False
    read: Read = _NOTHING
    good_at: int | None = None
    error: str = ""


class _Kept(NamedTuple):
    body: bytes
    good_at: int
    etag: str = ""


class Feed:
    """One calendar of one rota. ``base`` is where relative paths of files start."""

    def __init__(
        self,
        rota: Rota,
        calendar: Calendar,
        people: Sequence[Person],
        *,
        folder: Path,
        base: Path,
        fetch: Fetch,
        now: Callable[[], int],
    ) -> None:
        place = calendar.url or str(base / calendar.file)
        self.rota = rota.id
        self.calendar = calendar
        self.state = FeedState(calendar=calendar.name)
        self._zone = rota.zone
        self._horizon_ms = int(rota.horizon) + 2 * round(DAY.total_seconds() * 1000)
        self._people = tuple(people)
        # The name of the copy gives no address away.
        self._copy = folder / f"{sha256(place.encode()).hexdigest()[:16]}.ics"
        self._path = base / calendar.file if calendar.file else None
        self._fetch = fetch
        self._now = now
        self._kept: _Kept | None = None

    async def open(self) -> None:
        """Begin with the last good copy, if there is one."""
        with suppress(OSError):
            self._kept = await asyncio.to_thread(_load, self._copy)
        if self._path is not None:
            await self.refresh()
        elif self._kept is not None:
            await self._read_kept("")

    async def refresh(self) -> None:
        """Have it again; what is had is kept when it is a calendar, else the copy stands."""
        etag = self._kept.etag if self._kept else ""
        now = self._now()
        try:
            got = await self._get(etag)
            if got.body is None:
                self._kept = self._kept and self._kept._replace(good_at=now)
                await self._read_kept("")
                return
            read = await self._understood(got.body, now)
        except (FeedError, CalendarError, OSError) as error:
            await self._read_kept(_text(error))
            return
        changed = self._kept is None or self._kept.body != got.body
        self._kept = _Kept(got.body, now, got.etag)
        self.state = FeedState(calendar=self.calendar.name, looked=True, read=read, good_at=now)
        try:
            await asyncio.to_thread(_store, self._copy, got.body, changed=changed)
        except OSError as error:
            why = f"its copy cannot be kept: {_text(error)}"
            self.state = msgspec.structs.replace(self.state, error=why)

    async def _get(self, etag: str) -> Fetched:
        if self._path is None:
            return await self._fetch(self.calendar.url, etag)
        try:
            async with asyncio.timeout(FILE_S):
                return Fetched(await asyncio.to_thread(_bounded, self._path))
        except TimeoutError as error:
            raise FeedError(f"cannot be read within {FILE_S:g} s") from error

    async def _read_kept(self, error: str) -> None:
        kept, now = self._kept, self._now()
        read = _NOTHING
        if kept is not None:
            try:
                read = await self._understood(kept.body, now)
            except CalendarError as broken:
                error = error or f"its copy: {broken}"
        self.state = FeedState(
            calendar=self.calendar.name,
            looked=True,
            read=read,
            good_at=kept.good_at if kept else None,
            error=error,
        )

    async def _understood(self, body: bytes, now: int) -> Read:
        return await read_apart(
            body, self._people, self._zone, now - BACK_MS, now + self._horizon_ms
        )


class Feeds:
    """All calendars of a site. ``changed`` is called after each look at one."""

    def __init__(
        self,
        feeds: Iterable[Feed],
        *,
        on_trouble: Callable[[str], None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._feeds = tuple(feeds)
        self._on_trouble = on_trouble
        self.changed = changed

    def of(self, rota: str) -> tuple[FeedState, ...]:
        """What is known of the calendars of a rota."""
        return tuple(feed.state for feed in self._feeds if feed.rota == rota)

    async def open(self) -> None:
        """Begin with the copies on disk."""
        async with asyncio.TaskGroup() as tasks:
            for feed in self._feeds:
                tasks.create_task(feed.open(), name=f"copy of {feed.calendar.name}")

    async def run(self) -> None:
        """Read each calendar in its time, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for feed in self._feeds:
                tasks.create_task(self._keep_up(feed), name=f"calendar {feed.calendar.name}")
            await asyncio.Event().wait()

    async def _keep_up(self, feed: Feed) -> None:
        failing = False
        while True:
            await feed.refresh()
            error = feed.state.error
            if error and not failing:
                self._on_trouble(
                    f"rota {feed.rota}: calendar {feed.calendar.name}: {error}; "
                    f"{_meanwhile(feed.state)}"
                )
            elif failing and not error:
                self._on_trouble(f"rota {feed.rota}: calendar {feed.calendar.name} is read again")
            failing = bool(error)
            self.changed()
            await asyncio.sleep(feed.calendar.every.seconds)


def _meanwhile(state: FeedState) -> str:
    if state.good_at is None:
        return "there is no copy of it, so it puts nobody on call"
    return "the last good copy counts"


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return str(error)


def _bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        body = file.read(LARGEST_BYTES + 1)
    if len(body) > LARGEST_BYTES:
        raise FeedError(f"is larger than {LARGEST_BYTES} bytes, which is no rota")
    return body


def _load(path: Path) -> _Kept:
    return _Kept(_bounded(path), round(path.stat().st_mtime * 1000))


def _store(path: Path, body: bytes, *, changed: bool) -> None:
    if not changed and path.exists():
        # The time of the file says when it was last seen to be good.
        os.utime(path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, made = tempfile.mkstemp(dir=path.parent, prefix=".copy-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        Path(made).replace(path)
    except BaseException:
        # A cancellation too may not leave half a copy behind; it goes on as it came.
        Path(made).unlink(missing_ok=True)
        raise
