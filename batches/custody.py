"""The chain of custody of a vial: each time it changed hands, who gave it and who took it."""

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection, func, select

from batches import transit
from batches.kinship import chunks
from batches.ledger import Ledger
from batches.transit import Outcome
from storage import schema, views
from storage.acts import Act

_TAKEN = frozenset({Outcome.RECEIVED, Outcome.DELIVERED})


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """A vial changed hands or place ``at`` (epoch ms, UTC), by entry ``row`` of ``site``'s ledger.

    ``gave`` and ``took`` are people, carriers, or places in a device; ``state`` is what the vial
    was like, where that was said. ``void`` where the entry was corrected or taken back since.
    ``site`` is empty for this ledger.
    """

    row: int
    at: int
    what: str
    gave: str
    took: str
    state: str = ""
    reason: str = ""
    void: bool = False
    site: str = ""


class Custody:
    """Asks a ledger for chains of custody."""

    def __init__(self, ledger: Ledger) -> None:
        """Read ``ledger``."""
        self._database = ledger.database

    def of(self, vial: str) -> tuple[Handover, ...]:
        """Every hand-over of ``vial``, in the order of time; those at other sites included."""
        with self._database.reading() as connection:
            return custody(connection, [vial]).get(vial, ())


def custody(connection: Connection, vials: Collection[str]) -> dict[str, tuple[Handover, ...]]:
    """The chain of each of ``vials``, inside somebody's transaction."""
    found: dict[str, list[Handover]] = {}
    for some in chunks(vials):
        for vial, handover in _chains(connection, some):
            found.setdefault(vial, []).append(handover)
    return {
        vial: tuple(sorted(chain, key=lambda each: (each.at, bool(not each.site), each.row)))
        for vial, chain in found.items()
    }


def _chains(connection: Connection, vials: Collection[str]) -> list[tuple[str, Handover]]:
    act, by = schema.act.c, schema.act.alias()
    void = select(by.c.sequence).where(by.c.corrects == act.sequence).exists().label("void")
    mine = act.subject.in_(vials)
    query = select(schema.act, void).where(mine).order_by(act.sequence)
    rows = list(connection.execute(query).mappings())
    details = _Details(connection, vials)
    chains = []
    for row in rows:
        entry = Act(
            kind=row["kind"],
            subject=row["subject"],
            by=row["done_by"],
            at=row["done_at"],
            entered=row["entered_at"],
            reason=row["reason"],
            corrects=row["corrects"],
        )
        handover = details.handover(row["sequence"], entry, void=bool(row["void"]))
        if handover is not None:
            chains.append((row["subject"], handover))
    return chains + details.earlier


class _Details:
    """What the entries about some vials say beyond who and when."""

    def __init__(self, connection: Connection, vials: Collection[str]) -> None:
        placed = schema.placement.c
        self._places = {
            row.sequence: f"{row.device} {row.position}".rstrip()
            for row in connection.execute(
                select(placed.sequence, placed.device, placed.position).where(
                    placed.batch.in_(vials)
                )
            )
        }
        left = schema.departure.c
        self._left = {
            row.sequence: self._places[row.placement]
            for some in chunks(self._places)
            for row in connection.execute(
                select(left.sequence, left.placement).where(left.placement.in_(some))
            )
        }
        journeys = transit.journeys(connection, views.journey.c.vial.in_(vials))
        self._sent = {journey.row: journey for journey in journeys}
        self._came = {j.arrival: j for j in journeys if j.arrival is not None}
        self.earlier, self._from_elsewhere = _earlier(connection, vials)
        self._came_here = _first_came(connection, vials)

    def handover(self, row: int, act: Act, *, void: bool) -> Handover | None:
        named = self._between(row, act)
        # Up to when it came, the other site's own entries say who did what.
        if named is None or row < self._came_here.get(act.subject, 0):
            return None
        gave, took, state = named
        return Handover(
            row=row,
            at=act.at,
            what=act.kind,
            gave=gave,
            took=took,
            state=state,
            reason=act.reason,
            void=void,
        )

    def _between(self, row: int, act: Act) -> tuple[str, str, str] | None:
        named: tuple[str, str, str] | None = None
        match act.kind:
            case "freeze":
                named = "", act.by, ""
            case "place" | "correct":
                named = act.by, self._places.get(row, ""), ""
            case "leave":
                named = self._left.get(row, ""), act.by, ""
            case "dispatch" if row in self._sent and (
                self._sent[row].shipment in self._from_elsewhere
            ):
                # Told by who sent it.
                named = None
            case "dispatch" if row in self._sent:
                sent = self._sent[row]
                named = sent.gave, f"{sent.carrier}, {sent.shipper} to {sent.destination}", ""
            case "arrive" if row in self._came:
                came = self._came[row]
                took = act.by if came.outcome in _TAKEN else ""
                said = f"{came.outcome}: {came.state}".removesuffix(": ")
                named = f"{came.carrier}, {came.shipper}", took, said
            case "dispatch" | "arrive" | "thaw" | "dispose" | "transfer" | "lose":
                named = act.by, "", ""
        return named


class Carried(msgspec.Struct, frozen=True):
    """What a consignment's content says of custody: the rest is not read here."""

    destination: str
    vials: tuple["CarriedVial", ...]


class CarriedVial(msgspec.Struct, frozen=True):
    """One vial of it."""

    id: str
    custody: tuple[Handover, ...]


def _first_came(connection: Connection, vials: Collection[str]) -> dict[str, int]:
    """The entry by which each of ``vials`` that is from elsewhere first came here."""
    carried, act = schema.carried.c, schema.act.c
    came = (
        select(carried.vial, func.min(carried.sequence))
        .where(carried.vial.in_(vials))
        .group_by(carried.vial)
    )
    back = (
        select(act.subject, func.min(act.sequence).label("first"))
        .where(act.subject.in_(vials) & (act.kind == "return"))
        .group_by(act.subject)
    )
    returned = {row.subject: row.first for row in connection.execute(back)}
    # What first came back was here before.
    return {
        vial: row
        for vial, row in connection.execute(came)
        if vial not in returned or row < returned[vial]
    }


def _earlier(
    connection: Connection, vials: Collection[str]
) -> tuple[list[tuple[str, Handover]], frozenset[str]]:
    """What other sites entered before they sent the vials here, and the shipments that came."""
    carried, came = schema.carried.c, schema.consignment.c
    query = (
        select(came.content, came.source, came.shipment)
        .where(came.shipment.in_(select(carried.shipment).where(carried.vial.in_(vials))))
        .order_by(came.sequence)
    )
    wanted = set(vials)
    found: dict[tuple[str, str, int], Handover] = {}
    shipments = set()
    for content, source, shipment in connection.execute(query):
        shipments.add(shipment)
        told = msgspec.json.decode(content, type=Carried)
        for vial in told.vials:
            for each in vial.custody if vial.id in wanted else ():
                site = each.site or source
                # What was entered here stands here; what came twice is told once, as it was last.
                if site != told.destination:
                    named = msgspec.structs.replace(each, site=site)
                    found[vial.id, site, each.row] = named
    return [(vial, each) for (vial, _, _), each in found.items()], frozenset(shipments)
