"""The bank of cells: which vial is where, whose it is, and what it went through."""

from collections.abc import Collection, Iterator
from itertools import pairwise

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, and_, func, or_, select

from batches import kinship, patients, sensor_rows, shelf, standing, transit
from batches.cryo import THRESHOLDS_C, Warmth
from batches.dossier import Dossier
from batches.kinship import Kin
from batches.ledger import Ledger
from batches.placement import Interval, Placement
from batches.provenance import Carried, Lived, Provenance, Status
from batches.transit import Journey
from batches.vial import Vial, number_of
from storage import schema, views
from storage.acts import head


class Endangered(msgspec.Struct, frozen=True, kw_only=True):
    """What was in ``device`` during ``span`` (epoch ms, UTC): what an alarm then endangers.

    ``patients`` are tokens, or handles where those were erased; ``unknown`` are those whose
    patient the ledger does not know.
    """

    device: str
    span: Interval
    batches: tuple[Placement, ...]
    vials: tuple[Placement, ...]
    patients: tuple[str, ...]
    unknown: tuple[str, ...]


class Census(msgspec.Struct, frozen=True, kw_only=True):
    """How many vials there are, and of how many batches."""

    vials: int
    batches: int


class Bank:
    """Questions about what ``batches.lineage.Lineage`` enters; each answer is of one instant."""

    def __init__(self, ledger: Ledger) -> None:
        """Read ``ledger``."""
        self._database = ledger.database
        self._identities = ledger.identities

    def vial(self, vial: str) -> Vial:
        """What the ledger knows of ``vial``; ``Refused`` when it knows nothing."""
        with self._database.reading() as connection:
            return standing.vial(connection, vial)

    def vials(self, batch: str) -> tuple[Vial, ...]:
        """The vials frozen of ``batch``, by number, those that ended included."""
        with self._database.reading() as connection:
            standing.known(connection, batch)
            return standing.vials(connection, _of(batch))

    def passage_of(self, batch: str) -> int | None:
        """The passage that ``batch`` is in; None when that was never entered."""
        with self._database.reading() as connection:
            standing.known(connection, batch)
            return standing.passage(connection, batch)

    def ancestors(self, subject: str) -> tuple[Kin, ...]:
        """Where ``subject`` comes from, up to the patient's token; nearest first."""
        with self._database.reading() as connection:
            found = kinship.ancestors(connection, [subject])
            return patients.named(connection, self._identities, found)

    def descendants(self, subject: str) -> tuple[Kin, ...]:
        """What came of ``subject`` (a token, biopsy, batch or vial); nearest first."""
        with self._database.reading() as connection:
            whose = patients.find(connection, self._identities, subject) or subject
            found = kinship.descendants(connection, [whose])
            return patients.named(connection, self._identities, found)

    def patient(self, subject: str) -> str | None:
        """The token of the patient that ``subject`` comes from; None when it is not known.

        The handle where the token was erased. What is kept for good has ``handle`` instead.
        """
        with self._database.reading() as connection:
            handle = _handle(connection, subject)
            if handle is None:
                return None
            return patients.shown(connection, self._identities, [handle]).get(handle, handle)

    def handle(self, subject: str) -> str | None:
        """The handle of the patient that ``subject`` comes from; it outlives the token."""
        with self._database.reading() as connection:
            return _handle(connection, subject)

    def census(self) -> dict[str, Census]:
        """How many vials stand in each device now; one without any is not in it."""
        # Not of the view ``stay``: a server cannot know that nearly all of its rows go on.
        stay, vial = schema.placement.c, schema.vial.c
        # In two steps: counting different texts in one has a server sort them all.
        of_each = (
            select(stay.device, vial.batch, func.count().label("vials"))
            .join(schema.vial, vial.id == stay.batch)
            .where(standing.goes_on())
            .group_by(stay.device, vial.batch)
            .subquery()
            .c
        )
        query = select(of_each.device, func.sum(of_each.vials), func.count()).group_by(
            of_each.device
        )
        with self._database.reading() as connection:
            return {
                device: Census(vials=int(vials), batches=batches)
                for device, vials, batches in connection.execute(query)
            }

    def vials_in(self, device: str, start: int, end: int) -> tuple[Placement, ...]:
        """The stays of vials in ``device`` at any time in ``[start, end)`` (epoch ms, UTC)."""
        with self._database.reading() as connection:
            return _present(connection, device, start, end)[1]

    def endangered(self, device: str, start: int, end: int) -> Endangered:
        """What an alarm on ``device`` during ``[start, end)`` (epoch ms, UTC) endangers."""
        with self._database.reading() as connection:
            batches, vials = _present(connection, device, start, end)
            subjects = {stay.batch for stay in (*batches, *vials)}
            owners = kinship.patients(connection, subjects)
            handles = {handle for found in owners.values() for handle in found}
            tokens = patients.shown(connection, self._identities, handles)
        unknown = sorted(subject for subject, found in owners.items() if not found)
        return Endangered(
            device=device,
            span=Interval(start, end),
            batches=batches,
            vials=vials,
            patients=tuple(sorted(tokens.get(handle, handle) for handle in handles)),
            unknown=tuple(unknown),
        )

    def life(self, vial: str) -> tuple[Lived, ...]:
        """Every stay the cells of ``vial`` went through: its own, and its parents' to the split."""
        with self._database.reading() as connection:
            return _lived(connection, standing.vial(connection, vial))

    def dossier(self, vial: str) -> Dossier:
        """Everything about ``vial`` and what it comes from, of one instant.

        Stays of what it comes from end where it was split off. ``Refused`` when it is unknown.
        """
        with self._database.reading() as connection:
            found = standing.vial(connection, vial)
            lived, parents = _lived(connection, found), kinship.ancestors(connection, [vial])
            above = dict.fromkeys([vial, *(kin.parent for kin in parents)])
            cultures = [c for each in above if (c := standing.find(connection, each)) is not None]
            acts = [a for each in above for a in standing.acts(connection, each)]
            return Dossier(
                batch=standing.known(connection, found.batch),
                began=min(culture.opened_at for culture in cultures),
                ended=found.ended_at,
                protocols=tuple(
                    adopted
                    for culture in sorted(cultures, key=lambda each: each.opened_at)
                    for adopted in shelf.adopted(connection, culture.id)
                ),
                stays=tuple(
                    msgspec.structs.replace(each.placement, start=each.start, end=each.end)
                    for each in lived
                    if each.status is Status.PLACED
                ),
                acts=tuple(sorted(acts, key=lambda act: act.entered)),
                book=sensor_rows.book(connection),
                passage=found.passage,
                parents=parents,
                children=tuple(kinship.children(connection, [vial])),
                head=head(connection),
                vial=found,
                provenance=_provenance(connection, found),
            )

    def provenance(self, vial: str) -> Provenance:
        """Where the cells of ``vial`` were while frozen; ``Refused`` when it is unknown."""
        with self._database.reading() as connection:
            return _provenance(connection, standing.vial(connection, vial))


def _provenance(connection: Connection, vial: Vial) -> Provenance:
    kin = kinship.ancestors(connection, [vial.id])
    above = {each.parent for each in kin if number_of(each.parent) is not None}
    carried = _carried_here(connection, (vial.id, *above))
    for each in sorted(carried):
        # What came before a vial that was carried here is in what it carried.
        line = kin if each == vial.id else kinship.ancestors(connection, [each])
        before = {k.parent for k in line}
        above -= before
        carried = {name: what for name, what in carried.items() if name not in before}
    lived = _lived(connection, vial)
    devices = dict.fromkeys(each.placement.device for each in lived if each.placement.device)
    return Provenance(
        vials=tuple(standing.vial(connection, each) for each in (vial.id, *sorted(above))),
        lived=lived,
        carried=tuple(carried[each] for each in sorted(carried)),
        intakes=tuple(
            one
            for one in sensor_rows.intakes(connection)
            if one.device in devices and one.quantity == "temperature"
        ),
    )


def _carried_here(connection: Connection, vials: Collection[str]) -> dict[str, Carried]:
    """What those of ``vials`` that came from another site's ledger brought with them."""
    column = schema.carried.c
    found: dict[str, Carried] = {}
    for some in kinship.chunks(vials):
        # The last one has in it what those before said.
        query = select(schema.carried).where(column.vial.in_(some)).order_by(column.sequence)
        for row in connection.execute(query).mappings():
            found[row["vial"]] = _carried(row)
    return found


def _lived(connection: Connection, vial: Vial) -> tuple[Lived, ...]:
    until: dict[str, int | None] = {vial.id: vial.ended_at}
    for kin in kinship.ancestors(connection, [vial.id]):
        last = until.get(kin.child)
        split = kin.at if last is None else min(kin.at, last)
        until[kin.parent] = max(split, until.get(kin.parent) or split)
    lived = [
        Lived(
            subject=subject,
            placement=stay,
            start=stay.start,
            end=_earlier(stay, last),
            status=status,
        )
        for subject, last in until.items()
        for stay, status in _stays(connection, subject)
        if last is None or stay.start < last
    ]
    return tuple(sorted(lived, key=lambda each: (each.start, each.placement.row)))


def _carried(row: RowMapping) -> Carried:
    spans = zip(THRESHOLDS_C, (row["above_150_ms"], row["above_135_ms"]), strict=True)
    warmth = tuple(
        Warmth(threshold=threshold, above_ms=above, unknown_ms=row["unknown_ms"])
        for threshold, above in spans
    )
    return Carried(vial=row["vial"], shipment=row["shipment"], until=row["until_at"], warmth=warmth)


def _stays(connection: Connection, subject: str) -> list[tuple[Placement, Status]]:
    placed = standing.stays(connection, views.stay.c.batch == subject)
    travelled = transit.journeys(connection, views.journey.c.vial == subject)
    return [
        *((stay, Status.PLACED) for stay in placed),
        *((_on_the_way(journey), Status.TRANSIT) for journey in travelled),
        *((away, Status.ELSEWHERE) for away in _elsewhere(connection, subject)),
    ]


def _elsewhere(connection: Connection, subject: str) -> Iterator[Placement]:
    """The times between a delivery to another site and the way back from there."""
    act, by = schema.act.c, schema.act.alias().c
    taken_back = select(by.sequence).where(by.corrects == act.sequence).exists()
    query = (
        select(schema.act)
        .where((act.subject == subject) & act.kind.in_(("transfer", "return")) & ~taken_back)
        .order_by(act.sequence)
    )
    for left, back in pairwise(connection.execute(query).mappings().all()):
        if (left["kind"], back["kind"]) == ("transfer", "return"):
            yield Placement(
                row=left["sequence"],
                batch=subject,
                device="",
                position="",
                start=left["done_at"],
                end=back["done_at"],
                by=left["done_by"],
                entered=left["entered_at"],
                reason=back["reason"],
            )


def _on_the_way(journey: Journey) -> Placement:
    return Placement(
        row=journey.row,
        batch=journey.vial,
        device=journey.logger,
        position=journey.shipment,
        start=journey.start,
        end=journey.end,
        by=journey.gave,
        entered=journey.entered,
        reason=journey.reason,
        departure=journey.arrival,
        checked_by=journey.took,
    )


def _present(
    connection: Connection, device: str, start: int, end: int
) -> tuple[tuple[Placement, ...], tuple[Placement, ...]]:
    stay = views.stay.c
    goes_on = or_(stay.end_at.is_(None), stay.end_at > start)
    found = standing.stays(connection, and_(stay.device == device, stay.start_at < end, goes_on))
    batches = tuple(each for each in found if number_of(each.batch) is None)
    return batches, tuple(each for each in found if number_of(each.batch) is not None)


def _handle(connection: Connection, subject: str) -> str | None:
    return next(iter(kinship.patients(connection, [subject])[subject]), None)


def _of(batch: str) -> ColumnElement[bool]:
    return views.aliquot.c.batch == batch


def _earlier(stay: Placement, last: int | None) -> int | None:
    if last is None or stay.end is None:
        return stay.end if last is None else last
    return min(stay.end, last)
