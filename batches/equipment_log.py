"""The log of a device over a period: each batch that was in it, and all that was done to it.

21 CFR 211.182: date, time, product and lot of each batch, cleaning and maintenance, the persons
who did and checked it, in the order of time.
"""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, and_, or_, select

from batches import care, sensor_rows, standing
from batches.calibration import Book
from batches.filling import Fills, Rise, fills
from batches.ledger import Ledger
from batches.placement import Interval, Placement, Refused
from batches.record import Made
from batches.sensor import Installation
from batches.setting import Equipment, Setting
from batches.survey import Readings
from batches.version import Version, hashed
from batches.vial import number_of
from storage import schema, views
from storage.acts import head
from storage.chain import Head

SCHEMA = "culturewatch.equipment-log/3"
SEEN = "filled, as the level shows"
"""What the level tells of a fill that no person entered."""
_NEAR_MS = 3_600_000
"""So far from what the level shows a person may have noted the time of a fill."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line: what happened ``at`` (epoch ms, UTC), and ``until`` when, if it lasted.

    ``subject`` is a batch, vial or sensor, ``product`` what a batch is of, ``detail`` a position,
    an agent or a certificate. ``checked_by`` is the second person; ``row`` the ledger's entry.
    What is ``SEEN`` has no row, and is by nobody or, where the device said so itself, by that.
    """

    at: int
    what: str
    by: str
    row: int
    until: int | None = None
    subject: str = ""
    product: str = ""
    detail: str = ""
    checked_by: str | None = None
    reason: str = ""


class EquipmentLog(msgspec.Struct, frozen=True, kw_only=True):
    """The log of ``device`` over ``span``. ``inside`` stood in it when the period began.

    ``open_items`` are sentences for whoever reviews it, ``people`` all who did or checked any of
    it. ``version`` is its place among the logs of the same device and period;
    ``configuration`` the SHA-256 of the site's files, ``software`` the version.
    """

    schema: str
    id: str
    made: Made
    version: Version
    site: str
    time_zone: str
    software: str
    configuration: str
    device: Equipment
    span: Interval
    inside: tuple[Entry, ...]
    entries: tuple[Entry, ...]
    open_items: tuple[str, ...]
    people: tuple[str, ...]
    ledger_head: Head

    @property
    def subject(self) -> str:
        """What it is a version of: the device and the period."""
        return self.id.rpartition("/")[0]

    @property
    def content(self) -> dict[str, str]:
        """What it says in short, to be compared with another version."""
        return {
            "in the device when the period began": f"{len(self.inside):,}",
            "entries": f"{len(self.entries):,}",
            "open items": f"{len(self.open_items):,}",
            "what it says": hashed((self.inside, self.entries)),
        }


def log_id(device: str, span: Interval, made: Made) -> str:
    """The name of the log of ``device`` over ``span`` that was made then."""
    return f"equipment-log/{device}/{span.start}-{span.end}/{made.at}"


def equipment_log(
    device: str,
    span: Interval,
    *,
    ledger: Ledger,
    setting: Setting,
    made: Made,
    readings: Readings | None = None,
) -> EquipmentLog:
    """What the ledger says happened to ``device`` in ``span``, all of one instant.

    With ``readings`` also the fills that the levels of a tank show and nobody entered.

    Raises:
        Refused: the site has no such device.
        storage.database.DatabaseError: the ledger cannot be read.
        storage.waiting.JournalError: the readings cannot be read.
    """
    known = next((each for each in setting.equipment if each.id == device), None)
    if known is None:
        named = ", ".join(each.id for each in setting.equipment)
        raise Refused(f"{device!a} is not a device of this site; known: {named}")
    seen = Fills() if readings is None else fills(known, setting.rules, span, readings)
    with ledger.database.reading() as connection:
        log = _Log(connection, device, span)
        said = [*log.entries(), *_unentered(connection, device, seen.rises)]
        entries = tuple(sorted(said, key=lambda each: (each.at, each.row)))
        inside = tuple(log.inside())
        acts = (e for e in (*inside, *entries) if e.what != SEEN)
        people = {each for e in acts for each in (e.by, e.checked_by) if each}
        return EquipmentLog(
            schema=SCHEMA,
            id=log_id(device, span, made),
            made=made,
            version=Version(),
            site=setting.site,
            time_zone=setting.time_zone,
            software=setting.software,
            configuration=setting.configuration,
            device=known,
            span=span,
            inside=inside,
            entries=entries,
            open_items=tuple(_open_items(entries, seen, span, made)),
            people=tuple(sorted(people)),
            ledger_head=head(connection),
        )


def _open_items(
    entries: tuple[Entry, ...], seen: Fills, span: Interval, made: Made
) -> Iterator[str]:
    if span.end > made.at:
        yield "The period is not over; the log ends where it was made."
    for each in entries:
        if each.what in care.CHECKED and each.checked_by is None:
            yield f"Row {each.row}: that it was {each.what} was checked by nobody."
    unentered = sum(each.what == SEEN and not each.by for each in entries)
    if unentered:
        times = "once" if unentered == 1 else f"{unentered:,} times"
        yield f"It was filled {times}, as its level shows, and nobody entered it."
    for channel in seen.unjudged:
        yield (
            f"{channel}: no alarm rule of kind time-to-limit says by how much more than its "
            "deadband a level rises; fills that nobody entered were not looked for."
        )


def _unentered(connection: Connection, device: str, rises: tuple[Rise, ...]) -> Iterator[Entry]:
    """What the level shows without an entry of that time."""
    if not rises:
        return
    start, end = rises[0].start - _NEAR_MS, max(each.end for each in rises) + _NEAR_MS
    entered = [
        each for each in care.lasting(connection, device, start, end) if each.what is care.Kind.FILL
    ]
    for rise in rises:
        first, last = rise.start - _NEAR_MS, rise.end + _NEAR_MS
        if any(each.start <= last and (each.end or each.start) >= first for each in entered):
            continue
        yield Entry(
            at=rise.start,
            until=rise.end,
            what=SEEN,
            subject=rise.channel,
            detail=f"from {rise.low:g} to {rise.high:g} {rise.unit}",
            by=device if rise.told else "",
            row=0,
        )


class _Log:
    """Collects the lines of one device."""

    def __init__(self, connection: Connection, device: str, span: Interval) -> None:
        self._connection = connection
        self._device = device
        self._span = span
        stay = views.stay.c
        there = or_(stay.end_at.is_(None), stay.end_at >= span.start)
        where = and_(stay.device == device, stay.start_at < span.end, there)
        self._stays = standing.stays(connection, where)
        self._products = {b.id: b.product for b in standing.cultures(connection)}
        self._vials = self._batches_of_vials()

    def inside(self) -> Iterator[Entry]:
        """What stood there when the period began."""
        for stay in self._stays:
            if stay.start < self._span.start and stay.end != self._span.start:
                yield self._placed(stay)

    def entries(self) -> Iterator[Entry]:
        """Everything that happened in the period."""
        for stay in self._stays:
            if self._holds(stay.start):
                yield self._placed(stay)
            if stay.end is not None and self._holds(stay.end):
                yield self._removed(stay)
        for each in care.cares(self._connection, self._device, self._span.start, self._span.end):
            yield Entry(
                at=each.start,
                until=each.end,
                what=each.what.value,
                detail=each.agent,
                by=each.by,
                checked_by=each.checked_by,
                reason=each.reason,
                row=each.row,
            )
        yield from self._of_sensors(sensor_rows.book(self._connection))

    def _holds(self, at: int) -> bool:
        return self._span.start <= at < self._span.end

    def _batches_of_vials(self) -> dict[str, str]:
        if all(number_of(stay.batch) is None for stay in self._stays):
            return {}
        vial = schema.vial.c
        rows = self._connection.execute(select(vial.id, vial.batch))
        return {row.id: row.batch for row in rows}

    def _product(self, subject: str) -> str:
        return self._products.get(self._vials.get(subject, subject), "")

    def _placed(self, stay: Placement) -> Entry:
        return Entry(
            at=stay.start,
            what="placed",
            subject=stay.batch,
            product=self._product(stay.batch),
            detail=stay.position,
            by=stay.by,
            checked_by=stay.checked_by,
            reason=stay.reason,
            row=stay.row,
        )

    def _removed(self, stay: Placement) -> Entry:
        by, reason, row = self._ended(stay.departure, stay)
        return Entry(
            at=stay.end or 0,
            what="removed",
            subject=stay.batch,
            product=self._product(stay.batch),
            detail=stay.position,
            by=by,
            reason=reason,
            row=row,
        )

    def _of_sensors(self, book: Book) -> Iterator[Entry]:
        """Sensors that came and went, and calibrations of those that were there then."""
        mine = [one for one in book.installations if one.device == self._device]
        for one in mine:
            yield from self._moved(one)
            for kept in book.of(one.sensor, one.quantity):
                if self._holds(kept.at) and _was_there(one, kept.at):
                    yield Entry(
                        at=kept.at,
                        what="calibrated",
                        subject=one.sensor,
                        detail=f"{kept.laboratory} {kept.number}".strip(),
                        by=kept.by,
                        reason=kept.reason,
                        row=kept.row,
                    )
        for period in book.periods:
            there = any(p.sensor == period.sensor and _was_there(p, period.start) for p in mine)
            if there and self._holds(period.start):
                yield Entry(
                    at=period.start,
                    until=period.end,
                    what="in calibration",
                    subject=period.sensor,
                    by=period.by,
                    reason=period.reason,
                    row=period.row,
                )

    def _moved(self, one: Installation) -> Iterator[Entry]:
        if self._holds(one.start):
            yield Entry(
                at=one.start,
                what="sensor installed",
                subject=one.sensor,
                detail=one.channel,
                by=one.by,
                reason=one.reason,
                row=one.row,
            )
        if one.end is not None and self._holds(one.end):
            by, reason, row = self._ended(one.ending, one)
            yield Entry(
                at=one.end,
                what="sensor taken out",
                subject=one.sensor,
                detail=one.channel,
                by=by,
                reason=reason,
                row=row,
            )

    def _ended(self, ending: int | None, began: Placement | Installation) -> tuple[str, str, int]:
        """Who ended it and why: in an entry of its own, or in that of its beginning."""
        if ending is None:
            return began.by, began.reason, began.row
        act = standing.act(self._connection, ending)
        return act.by, act.reason, ending


def _was_there(one: Installation, at: int) -> bool:
    """Also at its very end: it is taken out to be calibrated."""
    return one.start <= at and (one.end is None or at <= one.end)
