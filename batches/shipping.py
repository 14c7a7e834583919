"""Sends vials to another place and takes them in: each hand-over is an act of a person.

All vials of a shipment are entered in one transaction, a whole bank as well as one vial.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import Connection, func, or_, select

from batches import shelf, standing, transit
from batches.batch import Signed
from batches.clerk import check_text
from batches.kinship import chunks
from batches.ledger import Ledger
from batches.placement import Placement, Refused, check_open
from batches.transit import Journey, Outcome, Shipment
from batches.vial import Place, Vial
from storage import schema, views
from storage.acts import Entry, append_all, head
from storage.chain import Scalar


class Shipping:
    """Acts on vials that travel; kept and refused like those of ``batches.ledger.Ledger``."""

    def __init__(self, ledger: Ledger) -> None:
        """Work on ``ledger``."""
        self._database = ledger.database
        self._clerk = ledger.clerk

    def ship(
        self,
        vials: Sequence[str],
        *,
        origin: str,
        to: str,
        carrier: str,
        shipper: str,
        act: Signed,
        logger: str = "",
    ) -> Shipment:
        """Send ``vials`` out of where they are, from site ``origin`` to site ``to``.

        ``shipper`` is the number of the container, ``logger`` the device that travels in it.
        """
        said = {"origin": origin, "destination": to, "carrier": carrier, "shipper": shipper}
        check_text(**said, logger=logger)
        for name, text in said.items():
            if not text.strip():
                raise Refused(f"{name}: say it; a shipment goes from, to, with whom and in what")
        act = self._clerk.dated(act)
        at = act.at or 0
        with self._database.writing() as connection:
            found = _known(connection, vials)
            id_ = _next_id(connection, origin)
            for journey in _not_over(connection, vials, at):
                transit.refuse_travelling(journey)
            detail: dict[str, Scalar] = {"id": id_, **said}
            entries = [Entry(self._clerk.entry("ship", id_, act), "shipment", detail)]
            stays = _stays(connection, vials, at)
            for vial in found:
                entries += self._sent(vial, stays.get(vial.id), id_, logger, act)
            append_all(connection, entries)
            return transit.shipment(connection, id_)

    def receive(
        self,
        shipment: str,
        places: Mapping[str, Place],
        *,
        state: str,
        act: Signed,
        checked_by: str = "",
        logger: str = "",
    ) -> Shipment:
        """Take vials of ``shipment`` in, each into its place; ``state`` is what they were like.

        Done by another person than the one who sent them.
        """
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            on_the_way = self._arriving(connection, shipment, list(places), act)
            self._check_places(connection, places, act.at or 0)
            entries = self._arrived(on_the_way, Outcome.RECEIVED, state, logger, act)
            checks: list[tuple[int, str]] = []
            first = head(connection).sequence + 1
            second = _Second(connection, checked_by, act)
            for vial in _known(connection, list(places)):
                place = places[vial.id]
                detail: dict[str, Scalar] = {
                    "batch": vial.id,
                    "device": place.device,
                    "position": place.position,
                    "start_at": act.at,
                    "end_at": None,
                }
                if second.seen(vial, place):
                    checks.append((first + len(entries), vial.id))
                entries.append(Entry(self._clerk.entry("place", vial.id, act), "placement", detail))
            seen = Signed(by=checked_by.strip(), at=act.at, reason=act.reason)
            entries += [
                Entry(self._clerk.entry("check", vial, seen), "checking", {"entry": row})
                for row, vial in checks
            ]
            append_all(connection, entries)
            return transit.shipment(connection, shipment)

    def deliver(
        self, shipment: str, vials: Sequence[str] = (), *, state: str, act: Signed, logger: str = ""
    ) -> Shipment:
        """Enter that vials arrived at a site with a ledger of its own, where their life goes on."""
        return self._end(
            shipment,
            vials,
            Outcome.DELIVERED,
            ending="transfer",
            act=act,
            state=state,
            logger=logger,
        )

    def lose(self, shipment: str, vials: Sequence[str] = (), *, act: Signed) -> Shipment:
        """Enter that vials never arrived; it says why that is believed."""
        if not act.reason.strip():
            raise Refused(f"{shipment}: say how it is known that they are lost")
        return self._end(shipment, vials, Outcome.LOST, ending="lose", act=act)

    def refuse(
        self, shipment: str, vials: Sequence[str] = (), *, state: str, act: Signed, logger: str = ""
    ) -> Shipment:
        """Enter that vials were not taken in, and why: they are in nobody's store until moved."""
        if not act.reason.strip():
            raise Refused(f"{shipment}: say why they were not taken in")
        return self._end(shipment, vials, Outcome.REFUSED, act=act, state=state, logger=logger)

    def shipment(self, shipment: str) -> Shipment:
        """What the ledger knows of ``shipment``; ``Refused`` when it knows nothing."""
        with self._database.reading() as connection:
            return transit.shipment(connection, shipment)

    def last_places(self, vials: Collection[str]) -> dict[str, str]:
        """The position each of ``vials`` had before it was sent, where it had one."""
        with self._database.reading() as connection:
            found: dict[str, str] = {}
            for some in chunks(vials):
                for stay in standing.stays(connection, views.stay.c.batch.in_(some)):
                    found[stay.batch] = stay.position
            return found

    def _end(
        self,
        shipment: str,
        vials: Sequence[str],
        outcome: Outcome,
        *,
        act: Signed,
        ending: str = "",
        state: str = "",
        logger: str = "",
    ) -> Shipment:
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            other = outcome is not Outcome.LOST
            ended = self._arriving(connection, shipment, vials, act, another_person=other)
            entries = self._arrived(ended, outcome, state, logger, act)
            if ending:
                entries += [Entry(self._clerk.entry(ending, each.vial, act)) for each in ended]
            append_all(connection, entries)
            return transit.shipment(connection, shipment)

    def _sent(
        self, vial: Vial, stay: Placement | None, shipment: str, logger: str, act: Signed
    ) -> Iterator[Entry]:
        check_open(vial)
        entry = self._clerk.entry("dispatch", vial.id, act)
        if entry.at < vial.frozen_at:
            raise Refused(f"{vial.id}: was not frozen yet", row=vial.row)
        if stay is not None:
            if stay.end is not None:
                raise Refused(f"{vial.id}: was in {stay.device} after that", row=stay.row)
            if entry.at <= stay.start:
                raise Refused(f"{vial.id}: cannot leave before it came", row=stay.row)
            gone: dict[str, Scalar] = {"placement": stay.row, "end_at": entry.at}
            yield Entry(self._clerk.entry("leave", vial.id, act), "departure", gone)
        detail: dict[str, Scalar] = {
            "shipment": shipment,
            "vial": vial.id,
            "start_at": entry.at,
            "gave": entry.by,
            "logger": logger,
        }
        yield Entry(entry, "transit", detail)

    def _arriving(
        self,
        connection: Connection,
        shipment: str,
        vials: Sequence[str],
        act: Signed,
        *,
        another_person: bool = True,
    ) -> list[Journey]:
        """The journeys that end: of ``vials``, or all of the shipment that have not ended."""
        sent = transit.shipment(connection, shipment)
        latest = {journey.vial: journey for journey in sent.journeys}
        named = list(vials) or [v for v, journey in latest.items() if journey.end is None]
        if not named:
            raise Refused(f"{shipment}: all of it has arrived already", row=sent.row)
        ending = []
        for vial in _each_once(named):
            journey = latest.get(vial)
            if journey is None:
                raise Refused(f"{vial}: is not in {shipment}", row=sent.row)
            if journey.end is not None:
                raise Refused(f"{vial}: was {journey.outcome} already", row=journey.arrival)
            if (act.at or 0) <= journey.start:
                raise Refused(f"{vial}: cannot arrive before it left", row=journey.row)
            if another_person and _same(act.by, journey.gave):
                raise Refused(
                    f"{vial}: {act.by} gave it away and cannot confirm its arrival; "
                    "another person does",
                    row=journey.row,
                )
            ending.append(journey)
        return ending

    def _arrived(
        self,
        journeys: Sequence[Journey],
        outcome: Outcome,
        state: str,
        logger: str,
        act: Signed,
    ) -> list[Entry]:
        check_text(condition=state, logger=logger)
        if not state.strip() and outcome is not Outcome.LOST:
            raise Refused("condition: say what the vials were like when they came")
        return [
            Entry(
                self._clerk.entry("arrive", journey.vial, act),
                "arrival",
                {
                    "transit": journey.row,
                    "end_at": act.at,
                    "outcome": str(outcome),
                    "state": state,
                    "logger": logger,
                },
            )
            for journey in journeys
        ]

    def _check_places(self, connection: Connection, places: Mapping[str, Place], at: int) -> None:
        given: dict[tuple[str, str], str] = {}
        for vial, place in places.items():
            mistake = place.mistake()
            if mistake:
                raise Refused(f"{vial}: {mistake}")
            self._clerk.check_place(place.device, place.position)
            key = place.device, place.position
            if key in given:
                raise Refused(f"{place.device} {place.position}: is given to {given[key]} as well")
            given[key] = vial
        for stay in occupied(connection, {place.device for place in places.values()}, at):
            if (stay.device, stay.position) in given:
                raise Refused(
                    f"{stay.device} {stay.position}: holds {stay.batch} at that time", row=stay.row
                )


class _Second:
    """Whether a second person saw a placement, where the protocol of its batch demands one."""

    def __init__(self, connection: Connection, checker: str, act: Signed) -> None:
        self._connection = connection
        self._checker = checker.strip()
        self._needed: dict[tuple[str, str], str] = {}
        if self._checker and _same(self._checker, act.by):
            raise Refused(f"{act.by} did this and cannot check it as well")

    def seen(self, vial: Vial, place: Place) -> bool:
        key = vial.batch, place.device
        if key not in self._needed:
            protocol = standing.known(self._connection, vial.batch).protocol
            step = shelf.step(self._connection, protocol, place.device)
            demands = step is not None and step.second_check
            self._needed[key] = f"{protocol}, step {step.id!r}" if step and demands else ""
        if self._needed[key] and not self._checker:
            raise Refused(
                f"{vial.id}: {self._needed[key]} needs a second person; say who checked it"
            )
        return bool(self._checker)


def occupied(connection: Connection, devices: Collection[str], at: int) -> Iterator[Placement]:
    """The stays of vials in ``devices`` that last at ``at`` (epoch ms, UTC) or begin after it."""
    column = views.stay.c
    held = or_(column.end_at.is_(None), column.end_at > at)
    vial = schema.vial.c
    is_vial = select(vial.sequence).where(vial.id == column.batch).exists()
    for some in chunks(devices):
        yield from standing.stays(connection, column.device.in_(some) & held & is_vial)


def _known(connection: Connection, vials: Sequence[str]) -> list[Vial]:
    named = _each_once(vials)
    if not named:
        raise Refused("name the vials")
    found: dict[str, Vial] = {}
    for some in chunks([each for each in named if each.isprintable()]):
        found |= {v.id: v for v in standing.vials(connection, views.aliquot.c.id.in_(some))}
    for each in named:
        if each not in found:
            shown = each if each.isprintable() else ascii(each)
            raise Refused(f"{shown}: is not a vial of this ledger")
    return [found[each] for each in named]


def _each_once(vials: Sequence[str]) -> Sequence[str]:
    if len(set(vials)) != len(vials):
        twice = sorted({each for each in vials if vials.count(each) > 1})
        raise Refused(f"{', '.join(twice)}: is named twice")
    return vials


def _not_over(connection: Connection, vials: Sequence[str], at: int) -> Iterator[Journey]:
    column = views.journey.c
    lasting = or_(column.end_at.is_(None), column.end_at > at)
    return transit.of_vials(connection, vials, lasting)


def _stays(connection: Connection, vials: Sequence[str], at: int) -> dict[str, Placement]:
    column = views.stay.c
    lasting = or_(column.end_at.is_(None), column.end_at > at)
    return {
        stay.batch: stay
        for some in chunks(vials)
        for stay in standing.stays(connection, column.batch.in_(some) & lasting)
    }


def _next_id(connection: Connection, origin: str) -> str:
    begins = f"SH-{origin}-"
    columns = schema.shipment.c
    made = connection.execute(select(func.count()).where(columns.origin == origin)).scalar_one()
    return f"{begins}{made + 1:04}"


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()
