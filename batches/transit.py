"""Vials between two places: shipments, and the time each vial spent on the way."""

from collections.abc import Collection, Iterator
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, or_, select

from batches.kinship import chunks
from batches.placement import Refused
from storage import schema, views


class Outcome(StrEnum):
    """How a vial's time on the way ended."""

    RECEIVED = "received"
    DELIVERED = "delivered"
    REFUSED = "refused"
    LOST = "lost"


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """A vial on the way, from ``start`` up to but not including ``end``; None: not arrived.

    ``row`` is the entry that says so and ``arrival`` the one that ended it; ``gave`` and ``took``
    are people, ``state`` is what the vial was like at its arrival, and ``logger`` the device that
    travelled with it, if any. Times are epoch milliseconds, UTC.
    """

    row: int
    vial: str
    shipment: str
    start: int
    end: int | None
    outcome: str | None
    state: str | None
    logger: str
    gave: str
    took: str | None
    destination: str
    carrier: str
    shipper: str
    by: str
    entered: int
    reason: str
    arrival: int | None


class Shipment(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent together; ``shipper`` is what the carrier calls the container."""

    row: int
    id: str
    origin: str
    destination: str
    carrier: str
    shipper: str
    journeys: tuple[Journey, ...]


def journeys(connection: Connection, where: ColumnElement[bool]) -> tuple[Journey, ...]:
    """The journeys of which ``where`` (over ``storage.views.journey``) holds, by time."""
    column = views.journey.c
    query = select(views.journey).where(where).order_by(column.start_at, column.sequence)
    return tuple(_journey(row) for row in connection.execute(query).mappings())


def of_vials(
    connection: Connection, vials: Collection[str], where: ColumnElement[bool]
) -> Iterator[Journey]:
    """``journeys`` of these vials, however many."""
    for some in chunks(vials):
        yield from journeys(connection, views.journey.c.vial.in_(some) & where)


def shipment(connection: Connection, id_: str) -> Shipment:
    """The shipment of this id.

    Raises:
        Refused: there is none.
    """
    columns = schema.shipment.c
    query = select(schema.shipment).where(columns.id == id_)
    row = connection.execute(query).mappings().first() if id_.isprintable() else None
    if row is None:
        raise Refused(f"{id_ if id_.isprintable() else ascii(id_)}: is no shipment of this ledger")
    return Shipment(
        row=row["sequence"],
        id=row["id"],
        origin=row["origin"],
        destination=row["destination"],
        carrier=row["carrier"],
        shipper=row["shipper"],
        journeys=journeys(connection, views.journey.c.shipment == id_),
    )


def check_not_travelling(connection: Connection, vial: str, at: int) -> None:
    """``vial`` is not on the way at ``at`` or after it.

    Raises:
        Refused: it is.
    """
    column = views.journey.c
    later = or_(column.end_at.is_(None), column.end_at > at)
    for journey in journeys(connection, (column.vial == vial) & later):
        refuse_travelling(journey)


def check_apart(connection: Connection, vial: str, start: int, end: int | None) -> None:
    """``vial`` was not on the way at any time in ``[start, end)``; None: open.

    Raises:
        Refused: it was.
    """
    column = views.journey.c
    meets = or_(column.end_at.is_(None), column.end_at > start)
    if end is not None:
        meets &= column.start_at < end
    for journey in journeys(connection, (column.vial == vial) & meets):
        refuse_travelling(journey)


def refuse_travelling(journey: Journey) -> None:
    """Say where the vial is instead.

    Raises:
        Refused: always.
    """
    if journey.end is None:
        raise Refused(
            f"{journey.vial}: is on the way to {journey.destination} in {journey.shipment}; "
            "enter its arrival first",
            row=journey.row,
        )
    raise Refused(f"{journey.vial}: was on the way in {journey.shipment} then", row=journey.row)


def _journey(row: RowMapping) -> Journey:
    return Journey(
        row=row["sequence"],
        vial=row["vial"],
        shipment=row["shipment"],
        start=row["start_at"],
        end=row["end_at"],
        outcome=row["outcome"],
        state=row["state"],
        logger=row["logger"],
        gave=row["gave"],
        took=row["took"],
        destination=row["destination"],
        carrier=row["carrier"],
        shipper=row["shipper"],
        by=row["done_by"],
        entered=row["entered_at"],
        reason=row["reason"],
        arrival=row["arrival"],
    )
