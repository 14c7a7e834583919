"""The HTTP API, version 1: what programs ask of a site. It reads, and gives orders to the core.

Nothing here can alter a reading: readings come out of the log, and there is no way in.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Annotated

import msgspec
from fastapi import Header, HTTPException, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from alerts.engine.site_orders import RELOAD
from alerts.reader import AlarmReader
from batches.ledger import Ledger
from batches.placement import Refused
from console.api import described, events, readings
from console.api.acts import act_in_thread, check_may
from console.api.entry import Entry
from console.api.tokens import ApiToken, ApiTokens, Scope
from console.glance import bare
from console.settings import ConsoleSettings
from console.sight import Sight
from console.view import SiteView
from storage.archive.days import DAY_MS
from storage.database import DatabaseError, file_of
from storage.wall import wall_ms

log = logging.getLogger(__name__)

VERSION = "1"
MOST_ROWS = 1_000
STREAMS = 20
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999."""

_Instant = Annotated[int, Query(ge=0, le=LATEST_MS, description="epoch ms, UTC")]
_Channel = Annotated[str, Query(pattern=r"^[A-Za-z0-9_.-]{1,200}$", examples=["inc1.temperature"])]
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:-]{1,200}$")]


class Note(BaseModel):
    """Of an acknowledgement: what was found, and which occurrence and severity were seen."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"note": "door closed", "occurrence": 3}]}
    )
    note: str = Field(default="", max_length=500)
    occurrence: int | None = Field(default=None, ge=1, le=1_000_000_000)


class Shelving(BaseModel):
    """For how long an alarm is shelved, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"reason": "probe is being changed", "minutes": 30}]},
    )
    reason: str = Field(min_length=1, max_length=500)
    minutes: int = Field(ge=1, le=10_080)


class Api:
    """The routes, over one site."""

    def __init__(
        self, settings: ConsoleSettings, sight: Sight[SiteView], tokens: ApiTokens
    ) -> None:
        self._data = settings.data
        self._ledger_url = settings.ledger_url
        self._patients = settings.patients
        self._record = settings.record
        self._site_id = settings.site_id
        self._findings = settings.findings
        self._alarms = settings.data / "alarms.db"
        self._devices = frozenset(one.id for one in settings.equipment)
        self._sight = sight
        self.entry = Entry(tokens, wall_ms)
        self._streams = asyncio.Semaphore(STREAMS)
        self._reading = asyncio.Semaphore(2)
        self._opening = threading.Lock()
        self._opened: Ledger | None = None

    async def devices(self, token: ApiToken) -> Response:
        """Every device with its newest readings, as far as the token may see what it is told of."""
        view = await self._sight.look()
        batches, names = Scope.BATCHES in token.scopes, Scope.ALARMS in token.scopes
        shown = tuple(bare(one, batches=batches, names=names) for one in view.devices)
        return _json(described.Devices(view.at, shown, view.problems))

    async def curve(
        self,
        channel: _Channel,
        start: _Instant,
        end: _Instant,
        buckets: Annotated[int, Query(ge=1, le=readings.MOST_BUCKETS)] = 500,
    ) -> Response:
        """A channel in equal spans: least, mean, most, and how many readings were not good.

        Up to 31 days each reading is looked at; what is longer is made of whole days (UTC).
        """
        _check_span(start, end, readings.MOST_DAYS * DAY_MS)
        async with self._reading:
            try:
                found = await asyncio.to_thread(
                    readings.curve, self._data, channel, start, end, buckets
                )
            except KeyError:
                raise HTTPException(404, f"no device ever spoke on {channel!r}") from None
        return _json(found)

    async def each(
        self,
        channel: _Channel,
        start: _Instant,
        end: _Instant,
        form: Annotated[str, Query(pattern="^(ndjson|csv)$")] = "ndjson",
    ) -> Response:
        """Each reading of a channel as it was; the last line says how many there were."""
        _check_span(start, end, readings.LONGEST_MS)
        if self._streams.locked():
            raise HTTPException(503, "too many streams are open; try again")
        lines = readings.lines(self._data, channel, start, end, csv=form == "csv")
        first = await asyncio.to_thread(next, lines)
        kind = "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson"
        return StreamingResponse(self._bounded(_in_threads(first, lines)), media_type=kind)

    async def alarms(self) -> Response:
        """Alarms that are open, the unacknowledged first."""
        view = await self._sight.look()
        return _json(described.Alarms(view.at, view.core_alive, view.alarms, view.problems))

    async def history(
        self,
        after: Annotated[int, Query(ge=0, le=2**53)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 100,
    ) -> Response:
        """Rows of the alarm history behind number ``after``."""

        def look() -> described.History:
            with AlarmReader(self._alarms) as reader:
                rows = reader.rows(after=after, limit=limit)
            happened = tuple(described.Happened(r.number, r.hash, r.transition) for r in rows)
            return described.History(happened, rows[-1].number if rows else after)

        return _json(await asyncio.to_thread(look))

    async def batches(self) -> Response:
        """Every batch, in the order of opening."""

        def look() -> described.Batches:
            return described.Batches(self._ledger().batches())

        return _json(await asyncio.to_thread(look))

    async def batch(self, batch: Name) -> Response:
        """One batch."""

        def look() -> described.Batches:
            return described.Batches((self._ledger().batch(batch),))

        return _json(await asyncio.to_thread(look))

    async def placements(self, batch: Name) -> Response:
        """Where a batch stood."""

        def look() -> described.Placements:
            return described.Placements(self._ledger().stays(batch))

        return _json(await asyncio.to_thread(look))

    async def record(self, batch: Name, token: ApiToken) -> Response:
        """The record of a batch or vial as of now, without its files: readings, charts, PDF."""
        make = self._record
        if make is None:
            raise HTTPException(503, "this console makes no records")
        async with self._reading:
            made = await asyncio.to_thread(make, batch, f"token:{token.id}")
        return Response(made, media_type="application/json")

    async def inside(self, device: Name) -> Response:
        """What stands in a device now: batches, and vials of the bank."""
        now = wall_ms()

        def look() -> described.Placements:
            found = self._ledger().stays_in(device, now, now + 1)
            if not found and device not in self._devices:
                raise Refused(f"there is no device {device!r} here")
            return described.Placements(found)

        return _json(await asyncio.to_thread(look))

    async def health(self) -> Response:
        """Whether the core runs, and how it is."""
        view = await self._sight.look()
        return _json(
            described.Health(view.at, view.core_alive, view.core_age_ms, view.status, view.problems)
        )

    async def events(
        self,
        request: Request,
        last_event_id: Annotated[str, Header(pattern=r"^[0-9]{0,15}$")] = "",
    ) -> Response:
        """Alarms and newest readings as server-sent events, as far as the token may see them."""
        token = self._token_for_events(request)
        if self._streams.locked():
            raise HTTPException(503, "too many streams are open; try again")
        after = int(last_event_id) if last_event_id else None
        told = events.stream(
            self._sight,
            self._alarms,
            scopes=frozenset(token.scopes),
            after=after,
            lasts_s=events.LASTS_S,
        )
        return StreamingResponse(self._bounded(told), media_type="text/event-stream")

    async def acknowledge(self, rule: Name, said: Note, token: ApiToken) -> Response:
        """Take an alarm, in the name of the token's person: its escalation stops."""
        occurrence = "" if said.occurrence is None else str(said.occurrence)
        return await self._act("ack", rule, token, note=said.note, occurrence=occurrence)

    async def shelve(self, rule: Name, said: Shelving, token: ApiToken) -> Response:
        """Keep an alarm from paging for a while, with a reason."""
        span = f"{said.minutes}m"
        return await self._act("shelve", rule, token, reason=said.reason, **{"for": span})

    async def unshelve(self, rule: Name, token: ApiToken) -> Response:
        """Take an alarm off the shelf before its time."""
        return await self._act("unshelve", rule, token)

    async def reload(self, token: ApiToken) -> Response:
        """Have the core read its files again; with a mistake in them nothing is changed."""
        if self._findings is None:
            raise HTTPException(503, "this console knows no files; use culturewatch reload")
        await asyncio.to_thread(check_may, self._ledger_url, RELOAD, self._site_id, by=token.person)
        async with self._reading:
            found = await asyncio.to_thread(self._findings)
        if found:
            why = f"{len(found)} mistakes in the files: all goes on as before"
            return _json(described.Unusable(why, found), HTTPStatus.UNPROCESSABLE_ENTITY)
        return await self._act(RELOAD, self._site_id, token)

    def _ledger(self) -> Ledger:
        """The ledger; who only looks makes none.

        Raises:
            DatabaseError: it cannot be opened, or is not there yet.
        """
        with self._opening:
            if self._opened is None:
                file = file_of(self._ledger_url)
                if file is not None and not file.exists():
                    raise DatabaseError("no batch was ever entered here: there is no ledger yet")
                self._opened = Ledger(self._ledger_url, keys=self._patients)
            return self._opened

    async def _act(self, verb: str, target: str, token: ApiToken, **arguments: str) -> Response:
        answer = await act_in_thread(
            self._data, self._ledger_url, verb, target, by=token.person, arguments=arguments
        )
        log.info("%s %s by %s with the token %s", verb, target, token.person, token.id)
        if answer is None:
            why = "it is kept, and done when the core answers"
            return _json(described.Acted(None, why), HTTPStatus.ACCEPTED)
        status = HTTPStatus.OK if answer.accepted else HTTPStatus.CONFLICT
        return _json(described.Acted(answer.accepted, answer.why), status)

    def _token_for_events(self, request: Request) -> ApiToken:
        try:
            return self.entry.let_in(request, Scope.ALARMS)
        except HTTPException as error:
            if error.status_code != HTTPStatus.FORBIDDEN:
                raise
        return self.entry.let_in(request, Scope.READINGS)

    async def _bounded(self, lines: AsyncIterator[str]) -> AsyncIterator[str]:
        async with self._streams:
            async for line in lines:
                yield line


def _check_span(start: int, end: int, longest: int) -> None:
    if not start < end <= start + longest:
        most = longest // DAY_MS
        raise HTTPException(422, f"end comes after start, by {most} days at most; ask in pieces")


async def _in_threads(first: str, lines: Iterator[str]) -> AsyncIterator[str]:
    yield first
    while some := await asyncio.to_thread(_some, lines):
        yield some


def _some(lines: Iterator[str]) -> str:
    return "".join(line for _, line in zip(range(500), lines, strict=False))


def _json(value: object, status: int = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
