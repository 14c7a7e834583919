"""What the core knows of sensors: a snapshot of the ledger, so that nothing waits for it.

By it, readings of a sensor in calibration are marked before they are kept, and rules of kind
``calibration-due`` are told the date of the certificate. The core does not need it: without a
ledger readings go unmarked (a record joins them with the ledger again) and dates stay as told.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping

from msgspec.structs import replace

from alerts.engine.orders import LEDGER
from alerts.rule import Rule
from batches.calibration import Book
from batches.instruments import Instruments
from batches.ledger import Ledger
from batches.placement import Interval
from devices.quality import VALUELESS, Quality
from devices.scan import Scan
from storage.chain import Head
from storage.database import DatabaseError, file_of
from storage.entry import Command
from storage.journal import JournalError, JournalFullError
from storage.touched import Touched

log = logging.getLogger(__name__)

REFRESH_S = 2.0
REST_S = 300.0
START_S = 5.0
"""For so long readings wait for the first look, so that none of a calibration goes unmarked."""
BY = "ledger of sensors"
NEAR_MS = 60_000
"""A date that differs by less is the same: the wall clock may have been set by so much."""

Put = Callable[[Command], Awaitable[object]]
DueOf = Callable[[str], int | None]


def in_calibration(book: Book, now: int) -> dict[str, Interval]:
    """Channel → from when until when its readings are marked, at the longest.

    The planned end holds even when nobody has entered one: then the alarms page again too.
    """
    found = {}
    for period in book.periods:
        end = period.until if period.end is None else min(period.end, period.until)
        if now < end:
            for one in book.installations:
                if one.sensor == period.sensor and (one.end is None or one.end > period.start):
                    last = end if one.end is None else min(end, one.end)
                    found[one.channel] = Interval(max(period.start, one.start), last)
    return found


def marked(scan: Scan, apart: Mapping[str, Interval]) -> Scan:
    """``scan`` with the values of channels that are in calibration marked as that."""
    qualities = bytearray(scan.qualities)
    for place, channel in enumerate(scan.layout.channels):
        span = apart.get(channel)
        known = span is not None and span.start <= scan.at < span.end
        if known and qualities[place] not in VALUELESS:
            qualities[place] = Quality.IN_CALIBRATION
    return scan if qualities == scan.qualities else replace(scan, qualities=bytes(qualities))


class Calibrations:
    """Looks into the ledger at ``url`` every few seconds.

    ``put`` returns when the journal has a command.
    """

    def __init__(
        self,
        url: str,
        rules: Iterable[Rule],
        *,
        put: Put,
        now: Callable[[], int],
    ) -> None:
        self._url = url
        self._rules = tuple(rule for rule in rules if rule.kind == "calibration-due")
        self._put = put
        self._now = now
        self._ledger: Ledger | None = None
        self._read: tuple[Head, Book] | None = None
        self._apart: dict[str, Interval] = {}
        self._failing = False
        # What is read depends on nothing but the ledger, so it may rest where nobody writes.
        self._touched = Touched(file_of(url), rest_s=REST_S)

    def mark(self, scan: Scan) -> Scan:
        """``scan`` as it is to be kept."""
        return marked(scan, self._apart) if self._apart else scan

    async def start(self) -> None:
        """Look once, before there are readings; a ledger that cannot be read in time is left."""
        try:
            async with asyncio.timeout(START_S):
                book = await asyncio.to_thread(self._open_and_look)
        except (DatabaseError, TimeoutError) as error:
            log.warning("what is in calibration is not known yet: %s", error)
        else:
            self._apart = in_calibration(book, self._now())

    async def run(self, due_of: DueOf, caught_up: asyncio.Event) -> None:
        """Look again every few seconds; only cancellation ends this.

        ``due_of`` is what the engine was told of a rule; it knows once ``caught_up`` is set.
        """
        while True:
            try:
                book = await self._looked()
                self._apart = in_calibration(book, self._now())
                if caught_up.is_set():
                    await self._tell(book, due_of)
                self._failing = False
            except (DatabaseError, JournalError, JournalFullError) as error:
                if not self._failing:
                    log.warning("sensors are as the ledger said before: %s", error)
                self._failing = True
            await asyncio.sleep(REFRESH_S)

    async def _looked(self) -> Book:
        """What the ledger says; it is not opened where nobody has written it since."""
        if self._read is not None and not self._touched():
            return self._read[1]
        try:
            return await asyncio.to_thread(self._open_and_look)
        except DatabaseError:
            self._touched.forget()
            raise

    def _open_and_look(self) -> Book:
        if self._ledger is None:
            self._ledger = Ledger(self._url)
        ledger = self._ledger
        head = ledger.head()
        if self._read is None or self._read[0] != head:
            self._read = head, Instruments(ledger).book()
        return self._read[1]

    async def _tell(self, book: Book, due_of: DueOf) -> None:
        now = self._now()
        for rule in self._rules:
            due = book.due(rule.channel, now)
            if not _same(due, due_of(rule.id)):
                await self._put(
                    Command(
                        id=f"due-{secrets.token_hex(8)}",
                        at=now,
                        by=BY,
                        verb="due",
                        target=rule.id,
                        via=LEDGER,
                        arguments={"at": "" if due is None else str(due)},
                    )
                )


def _same(due: int | None, told: int | None) -> bool:
    return due is told if due is None or told is None else abs(due - told) < NEAR_MS
