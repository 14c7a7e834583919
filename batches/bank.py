"""The bank of cells: which vial is where, whose it is, and what it went through."""

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from batches import kinship, standing
from batches.kinship import Kin
from batches.ledger import Ledger
from batches.placement import Interval, Placement
from batches.vial import Vial, number_of
from storage import schema


class Endangered(msgspec.Struct, frozen=True, kw_only=True):
    """What was in ``device`` during ``span`` (epoch ms, UTC): what an alarm then endangers.

    ``patients`` are tokens; ``unknown`` are those whose patient the ledger does not know.
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


class Lived(msgspec.Struct, frozen=True, kw_only=True):
    """A stay of a vial, or of what it comes from, as far as the vial went through it.

    ``subject`` is whose stay it was, ``span`` the part up to the split; None: it goes on.
    """

    subject: str
    placement: Placement
    start: int
    end: int | None


class Bank:
    """Questions about what ``batches.lineage.Lineage`` enters; each answer is of one instant."""

    def __init__(self, ledger: Ledger) -> None:
        """Read ``ledger``."""
        self._database = ledger.database

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
            return kinship.ancestors(connection, [subject])

    def descendants(self, subject: str) -> tuple[Kin, ...]:
        """What came of ``subject`` (a token, biopsy, batch or vial); nearest first."""
        with self._database.reading() as connection:
            return kinship.descendants(connection, [subject])

    def patient(self, subject: str) -> str | None:
        """The token of the patient that ``subject`` comes from; None when it is not known."""
        with self._database.reading() as connection:
            found = kinship.patients(connection, [subject])[subject]
            return next(iter(found)) if found else None

    def census(self) -> dict[str, Census]:
        """How many vials stand in each device now; one without any is not in it."""
        stay, vial = schema.stay.c, schema.vial.c
        # In two steps: counting different texts in one has a server sort them all.
        of_each = (
            select(stay.device, vial.batch, func.count().label("vials"))
            .join(schema.vial, vial.id == stay.batch)
            .where(stay.end_at.is_(None))
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
            patients = kinship.patients(connection, subjects)
        tokens = {token for found in patients.values() for token in found}
        unknown = sorted(subject for subject, found in patients.items() if not found)
        return Endangered(
            device=device,
            span=Interval(start, end),
            batches=batches,
            vials=vials,
            patients=tuple(sorted(tokens)),
            unknown=tuple(unknown),
        )

    def life(self, vial: str) -> tuple[Lived, ...]:
        """Every stay the cells of ``vial`` went through: its own, and its parents' to the split."""
        with self._database.reading() as connection:
            ended = standing.vial(connection, vial).ended_at
            until: dict[str, int | None] = {vial: ended}
            for kin in kinship.ancestors(connection, [vial]):
                last = until.get(kin.child)
                split = kin.at if last is None else min(kin.at, last)
                until[kin.parent] = max(split, until.get(kin.parent) or split)
            lived = [
                Lived(subject=subject, placement=stay, start=stay.start, end=_earlier(stay, last))
                for subject, last in until.items()
                for stay in standing.stays(connection, schema.stay.c.batch == subject)
                if last is None or stay.start < last
            ]
        return tuple(sorted(lived, key=lambda each: (each.start, each.placement.row)))


def _present(
    connection: Connection, device: str, start: int, end: int
) -> tuple[tuple[Placement, ...], tuple[Placement, ...]]:
    stay = schema.stay.c
    goes_on = or_(stay.end_at.is_(None), stay.end_at > start)
    found = standing.stays(connection, and_(stay.device == device, stay.start_at < end, goes_on))
    batches = tuple(each for each in found if number_of(each.batch) is None)
    return batches, tuple(each for each in found if number_of(each.batch) is not None)


def _of(batch: str) -> ColumnElement[bool]:
    return schema.aliquot.c.batch == batch


def _earlier(stay: Placement, last: int | None) -> int | None:
    if last is None or stay.end is None:
        return stay.end if last is None else last
    return min(stay.end, last)
