"""Forwards the journal to InfluxDB, where it is a view that can be built again at any time."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from itertools import count
from random import SystemRandom
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from devices.scan import Scan
from storage.endpoint import WriteEndpoint, packed
from storage.entry import Entry
from storage.journal import JournalFullError
from storage.lineup import Lineup
from storage.points import PointWriter
from storage.verdict import Fate, Verdict
from storage.waiting import Logged
from storage.wall import wall_ms
from storage.window import Window

log = logging.getLogger("storage.influx")

CURSOR = "influx"
UNCONFIRMED_PER_REQUEST = 2
ENTRIES_AT_ONCE = 500
LINES_AT_ONCE = 1_000

_chance = SystemRandom()


class InfluxSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where readings are forwarded to. ``token`` may write into ``bucket``; it is never shown.

    Raises:
        ValueError: a setting cannot work.
    """

    url: str
    org: str
    bucket: str
    token: str
    batch_lines: int = 5_000
    in_flight: int = 4

    def __post_init__(self) -> None:
        url = urlsplit(self.url)
        if url.scheme not in {"http", "https"} or not url.hostname or "@" in url.netloc:
            raise ValueError("influx url: write http://host:port, without a user or password")
        if not self.org or not self.bucket:
            raise ValueError("influx: org and bucket must be named")
        if not (self.token.isascii() and self.token.isprintable()) or not self.token.strip():
            raise ValueError("influx token: empty, or with a line end or another unprintable sign")
        if self.batch_lines < 1 or self.in_flight < 1:
            raise ValueError("influx: batch_lines and in_flight are at least 1")

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"InfluxSettings({shown})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [
            (name, "redacted" if name == "token" else getattr(self, name))
            for name in self.__struct_fields__
        ]


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How long things wait, in seconds.

    A batch waits ``linger_s`` for more lines, a full journal is asked again after
    ``full_disk_s``, and the pauses before a server is asked again grow between the other two.
    """

    linger_s: float = 1.0
    full_disk_s: float = 1.0
    shortest_pause_s: float = 0.5
    longest_pause_s: float = 30.0

    def pause_s(self, attempt: int, asked: float | None) -> float:
        """Full jitter under a doubling ceiling, or what the server asked for."""
        if asked is not None:
            return max(asked, self.shortest_pause_s)
        ceiling = min(self.longest_pause_s, self.shortest_pause_s * 2.0 ** min(attempt, 16))
        return _chance.uniform(self.shortest_pause_s, ceiling)


USUAL_PACE = Pace()


class Log(Protocol):
    """What the forwarder asks of the journal."""

    @property
    def last(self) -> int:
        """The newest entry on disk."""

    def follow(self, after: int, *, limit: int = ...) -> AsyncGenerator[list[Logged], None]:
        """Every entry behind ``after``, in order; waits for more."""

    async def cursor(self, name: str) -> int:
        """How far the consumer ``name`` is."""

    async def advance(self, name: str, seq: int) -> None:
        """Puts the consumer ``name`` at ``seq``, on disk."""

    def quarantine(
        self, origin: str, reason: str, payload: bytes, *, done: Callable[[], None] | None = ...
    ) -> None:
        """Keeps what cannot be used; ``done`` is called when it is on disk."""


class ForwarderStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How forwarding goes. ``trouble`` is empty while the server takes data.

    ``behind`` counts journal entries not confirmed yet and ``behind_ms`` is the age of the
    oldest. ``backlog`` of them go out behind the live ones, of which the oldest is ``live_ms``
    old. ``expired`` counts lines older than the bucket keeps.
    """

    behind: int
    behind_ms: int
    backlog: int = 0
    live_ms: int = 0
    lines_written: int
    quarantined: int
    expired: int
    requests: int
    in_flight: int
    trouble: str


class Forwarder:
    """Follows the journal and writes the readings of ``site`` to InfluxDB until cancelled.

    The cursor ``influx`` only moves past entries of which every line was taken by the server,
    is in quarantine with the server's reason, or is older than the bucket keeps. Live readings go
    out before a backlog (``storage.behind``), except ``in_order``. After a crash what was on its
    way goes out again, and what went out before a backlog, which changes nothing on the server; a
    line of it that was refused may stand in quarantine twice. Troubles are waited out for ever,
    those of the server and a journal that is full alike. Cancel it before the journal closes.
    """

    def __init__(
        self,
        settings: InfluxSettings,
        journal: Log,
        *,
        site: str,
        pace: Pace = USUAL_PACE,
        in_order: bool = False,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._points = PointWriter(site)
        self._pace = pace
        self._in_order = in_order
        self._passing = asyncio.Event()
        self._trouble = ""
        self._written = self._quarantined = self._expired = 0
        self._lineup: Lineup | None = None
        self._on_disk = 0
        self._endpoint = WriteEndpoint(
            settings.url,
            org=settings.org,
            bucket=settings.bucket,
            token=settings.token,
            connections=settings.in_flight,
        )

    @property
    def seen(self) -> int:
        """Up to which entry the cursor is on disk: the journal may let go of those.

        0 before it has begun. What is confirmed and not on disk yet would be sent again after a
        crash, and has to be there for that.
        """
        return self._on_disk

    @property
    def status(self) -> ForwarderStatus:
        """A snapshot. Before ``run`` has read the cursor nothing counts as behind."""
        lineup, now = self._lineup, wall_ms()
        return ForwarderStatus(
            behind=lineup.behind.waiting(self._journal.last) if lineup else 0,
            behind_ms=_age_ms(lineup.since if lineup else None, now),
            backlog=lineup.behind.backlog if lineup else 0,
            live_ms=_age_ms(lineup.live.since if lineup else None, now),
            lines_written=self._written,
            quarantined=self._quarantined,
            expired=self._expired,
            requests=self._endpoint.requests,
            in_flight=self._endpoint.in_flight,
            trouble=self._trouble,
        )

    async def run(self) -> None:
        """Forwards until the journal closes."""
        after = await self._journal.cursor(CURSOR)
        lineup = self._lineup = Lineup(after, self._window)
        self._on_disk = after
        self._passing.set()
        try:
            async with self._endpoint, asyncio.TaskGroup() as tasks:
                beside = [tasks.create_task(self._confirm(lineup), name="influx.confirm")]
                beside += [
                    # One is left to live readings: the others may be busy with a batch of the
                    # backlog for long, halving it again and again for lines that are refused.
                    tasks.create_task(
                        self._send(lineup, live=n == 0 and self._settings.in_flight > 1),
                        name=f"influx.send[{n}]",
                    )
                    for n in range(self._settings.in_flight)
                ]
                while (cut := await self._read(lineup, after)) is not None:
                    read, after = cut
                    rest = self._read_rest(lineup.live, read, after)
                    beside.append(tasks.create_task(rest, name=f"influx.backlog[{after}]"))
                    lineup.part(after)
                for task in beside:
                    task.cancel()
        finally:
            lineup.close()

    def _window(self, after: int, on_ready: Callable[[], None]) -> Window:
        return Window(
            after,
            batch_lines=self._settings.batch_lines,
            linger_s=self._pace.linger_s,
            most=UNCONFIRMED_PER_REQUEST * self._settings.in_flight,
            on_ready=on_ready,
        )

    async def _read(self, lineup: Lineup, after: int) -> tuple[int, int] | None:
        """Reads live entries until the journal closes, or they would have to wait for others.

        Up to which it has read, and up to which the rest is to go out behind the live ones.
        """
        async with aclosing(self._journal.follow(after, limit=ENTRIES_AT_ONCE)) as following:
            async for logged in following:
                upto = None if self._in_order else lineup.behind.cut(after, self._journal.last)
                if upto is not None:
                    return after, upto
                await self._add(lineup.live, logged)
                after = logged[-1][0]
        return None

    async def _read_rest(self, window: Window, after: int, upto: int) -> None:
        """Reads what is above ``after`` up to ``upto``; the numbers between may be missing."""
        async with aclosing(self._journal.follow(after, limit=ENTRIES_AT_ONCE)) as following:
            async for logged in following:
                await self._add(window, [one for one in logged if one[0] <= upto])
                if logged[-1][0] >= upto:
                    await window.add(upto, [], _came(logged[-1][1]))
                    window.seal()
                    return

    async def _add(self, window: Window, logged: list[Logged]) -> None:
        written = 0
        for seq, entry in logged:
            lines = self._points.lines(entry) if isinstance(entry, Scan) else []
            await window.add(seq, lines, _came(entry))
            written += len(lines)
            if written >= LINES_AT_ONCE:
                written = 0
                await asyncio.sleep(0)

    async def _confirm(self, lineup: Lineup) -> None:
        while True:
            confirmed = await lineup.whole_after(self._on_disk)
            try:
                await self._journal.advance(CURSOR, confirmed)
            except JournalFullError:
                await asyncio.sleep(self._pace.full_disk_s)
            else:
                self._on_disk = confirmed

    async def _send(self, lineup: Lineup, *, live: bool) -> None:
        while True:
            window, batch = await lineup.take(live=live)
            if batch.lines:
                await self._store(batch.lines)
            lineup.settle(window, batch)

    async def _store(self, lines: list[str]) -> None:
        verdict = await self._answer(lines)
        match verdict.fate:
            case Fate.STORED:
                self._written += len(lines)
            case Fate.EXPIRED:
                expired = len(lines) if verdict.dropped is None else verdict.dropped
                self._expired += expired
                self._written += len(lines) - expired
            case _ if len(lines) == 1 or verdict.dropped == len(lines):
                await self._set_aside(lines, verdict.reason)
            case _:
                # Sorted, the lines of one measurement stand together, and a measurement that
                # is refused as a whole is found with few requests.
                ordered = sorted(lines)
                middle = len(ordered) // 2
                await self._store(ordered[:middle])
                await self._store(ordered[middle:])

    async def _set_aside(self, lines: list[str], reason: str) -> None:
        kept = asyncio.Event()
        while not kept.is_set():
            try:
                self._journal.quarantine(CURSOR, reason, "".join(lines).encode(), done=kept.set)
                await kept.wait()
            except JournalFullError:
                await asyncio.sleep(self._pace.full_disk_s)
        if not self._quarantined:
            log.warning("InfluxDB refuses a line, now in quarantine (later ones count): %s", reason)
        self._quarantined += len(lines)

    async def _answer(self, lines: list[str]) -> Verdict:
        """The server's word on ``lines``, once it is more than "later"."""
        body = await asyncio.to_thread(packed, lines)
        while True:
            await self._passing.wait()
            verdict = await self._endpoint.write(body)
            if verdict.fate.is_settled:
                return verdict
            if self._passing.is_set():
                return await self._insist(body, verdict)

    async def _insist(self, body: bytes, verdict: Verdict) -> Verdict:
        """Asks again, with growing pauses, while every other request waits for the outcome."""
        self._passing.clear()
        told: Fate | None = None
        try:
            for attempt in count():
                self._trouble = f"InfluxDB at {self._settings.url}: {verdict.told}"
                # One lost connection is no outage; what a person must mend is said at once.
                if verdict.fate is not told and (attempt or verdict.fate is Fate.MEND):
                    told = verdict.fate
                    log.warning("%s; readings wait in the journal", self._trouble)
                await asyncio.sleep(self._pace.pause_s(attempt, verdict.pause_s))
                verdict = await self._endpoint.write(body)
                if verdict.fate.is_settled:
                    break
        finally:
            self._trouble = ""
            self._passing.set()
        if told:
            now = self.status
            behind_s = now.behind_ms / 1000
            log.info("InfluxDB takes data again: %d entries, %.0f s behind", now.behind, behind_s)
        return verdict


def _came(entry: Entry) -> int:
    return entry.received if isinstance(entry, Scan) else entry.at


def _age_ms(since: int | None, now: int) -> int:
    return 0 if since is None else max(0, now - since)
