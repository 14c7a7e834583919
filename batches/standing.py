"""What stands in the ledger, corrections applied; read inside somebody's transaction."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, RowMapping, func, or_, select

from batches import transit
from batches.batch import Batch
from batches.kinship import chunks
from batches.placement import Life, Placement, Refused, check_stay
from batches.vial import Vial, number_of
from storage import schema, views
from storage.acts import Act

_CULTURES = select(views.culture).order_by(views.culture.c.opened_at, views.culture.c.sequence)
_STAYS = select(views.stay).order_by(views.stay.c.start_at, views.stay.c.sequence)


def cultures(connection: Connection) -> tuple[Batch, ...]:
    """Every batch, in the order of opening."""
    return tuple(_batch(row) for row in connection.execute(_CULTURES).mappings())


def cultures_of(connection: Connection, batches: Collection[str]) -> tuple[Batch, ...]:
    """Those of ``batches``, few enough for one question, that the ledger knows."""
    query = _CULTURES.where(views.culture.c.id.in_(batches))
    return tuple(_batch(row) for row in connection.execute(query).mappings())


def find(connection: Connection, batch: str) -> Batch | None:
    """The batch of this id, if there is one."""
    row = connection.execute(_CULTURES.where(views.culture.c.id == batch)).mappings().first()
    return None if row is None else _batch(row)


def known(connection: Connection, batch: str) -> Batch:
    """The batch of this id.

    Raises:
        Refused: there is none.
    """
    # What cannot be shown is never entered, and SQLite cannot be asked for half a character.
    found = find(connection, batch) if batch.isprintable() else None
    if found is None:
        shown = batch if batch.isprintable() else ascii(batch)
        raise Refused(f"{shown}: is not a batch of this ledger; open it first")
    return found


def vials(connection: Connection, where: ColumnElement[bool]) -> tuple[Vial, ...]:
    """The vials of which ``where`` (over ``storage.views.aliquot``) holds, by id."""
    rows = connection.execute(select(views.aliquot).where(where)).mappings()
    # Not by the database: servers sort text each in the manner of their own country.
    return tuple(sorted(map(_vial, rows), key=lambda each: each.id))


def vial(connection: Connection, vial: str) -> Vial:
    """The vial of this id.

    Raises:
        Refused: there is none.
    """
    found = vials(connection, views.aliquot.c.id == vial) if vial.isprintable() else ()
    if not found:
        shown = vial if vial.isprintable() else ascii(vial)
        raise Refused(f"{shown}: is not a vial of this ledger")
    return found[0]


def unended(connection: Connection, subjects: Collection[str]) -> tuple[str, ...]:
    """Which of ``subjects`` are vials or batches that have not ended, by id."""
    left: list[str] = []
    vial, culture = views.aliquot.c, views.culture.c
    for some in chunks(subjects):
        for query in (
            select(vial.id).where(vial.id.in_(some) & vial.ended_at.is_(None)),
            select(culture.id).where(culture.id.in_(some) & culture.closed_at.is_(None)),
        ):
            left += connection.execute(query).scalars()
    return tuple(sorted(left))


def passage(connection: Connection, batch: str) -> int | None:
    """The passage that ``batch`` is in; None when that was never entered."""
    entered, by = schema.passage.c, schema.act.alias()
    taken_back = select(by.c.sequence).where(by.c.corrects == entered.sequence).exists()
    query = select(func.max(entered.number)).where((entered.batch == batch) & ~taken_back)
    return connection.execute(query).scalar()


def life(connection: Connection, subject: str) -> Batch | Vial:
    """The vial or batch of this id.

    Raises:
        Refused: there is none.
    """
    if number_of(subject) is None:
        return known(connection, subject)
    return vial(connection, subject)


def check_there(
    connection: Connection, life: Life, place: tuple[str, str, int, int | None], row: int | None
) -> None:
    """``life`` can have been at ``place``: device, position, start, end. ``row`` it replaces.

    Raises:
        Refused: it was elsewhere, did not live then, or another vial was in that slot.
    """
    device, position, start, end = place
    columns = views.stay.c
    mine = [s for s in stays(connection, columns.batch == life.id) if s.row != row]
    check_stay(life, mine, start=start, end=end, corrects=row)
    if not isinstance(life, Vial):
        return
    transit.check_apart(connection, life.id, start, end)
    overlapping = or_(columns.end_at.is_(None), columns.end_at > start)
    if end is not None:
        overlapping &= columns.start_at < end
    same = (columns.device == device) & (columns.position == position) & overlapping
    for other in stays(connection, same & (columns.batch != life.id)):
        raise Refused(f"{device} {position}: holds {other.batch} at that time", row=other.row)


def stays(connection: Connection, where: ColumnElement[bool]) -> tuple[Placement, ...]:
    """The stays of which ``where`` holds, in the order of time."""
    rows = connection.execute(_STAYS.where(where)).mappings().all()
    return tuple(_placement(row) for row in rows)


def goes_on() -> ColumnElement[bool]:
    """Whether a row of ``storage.schema.placement`` is a stay that lasts."""
    placed, left = schema.placement.c, schema.departure.c
    by, of_end = schema.act.alias().c, schema.act.alias().c
    corrected = select(by.sequence).where(by.corrects == placed.sequence).exists()
    end_taken_back = select(of_end.sequence).where(of_end.corrects == left.sequence).exists()
    ended = select(left.sequence).where((left.placement == placed.sequence) & ~end_taken_back)
    return placed.end_at.is_(None) & ~ended.exists() & ~corrected


def stay(connection: Connection, row: int) -> Placement:
    """The stay that entry ``row`` speaks of.

    Raises:
        Refused: it is no stay, or was corrected since.
    """
    found = stays(connection, views.stay.c.sequence == row)
    if not found:
        _not_superseded(connection, row)
        raise Refused("that entry is not a stay", row=row)
    return found[0]


def current(connection: Connection, batch: str) -> Placement:
    """The stay that has not ended.

    Raises:
        Refused: the batch is in no device.
    """
    columns = views.stay.c
    found = stays(connection, (columns.batch == batch) & columns.end_at.is_(None))
    if not found:
        raise Refused(f"{batch}: is in no device; place it")
    return found[0]


def act(connection: Connection, row: int) -> Act:
    """Entry ``row``, which nothing has taken the place of.

    Raises:
        Refused: there is none, or it was corrected or taken back since.
    """
    _not_superseded(connection, row)
    found = (
        connection.execute(select(schema.act).where(schema.act.c.sequence == row))
        .mappings()
        .first()
    )
    if found is None:
        raise Refused("the ledger has no such entry", row=row)
    return _act(found)


def acts(connection: Connection, subject: str) -> tuple[Act, ...]:
    """Everything entered about ``subject``, in the order of entry."""
    query = select(schema.act).where(schema.act.c.subject == subject)
    rows = connection.execute(query.order_by(schema.act.c.sequence)).mappings()
    return tuple(_act(row) for row in rows)


def check_reopened(connection: Connection, departure: int) -> None:
    """The stay whose end ``departure`` was, and which goes on now, meets no other.

    Raises:
        Refused: it overlaps one.
    """
    row = connection.execute(
        select(schema.departure.c.placement).where(schema.departure.c.sequence == departure)
    ).scalar_one()
    for each in stays(connection, views.stay.c.sequence == row):
        place = each.device, each.position, each.start, each.end
        check_there(connection, life(connection, each.batch), place, row)


def check_on_the_way(connection: Connection, vial: str, kind: str, row: int) -> None:
    """A dispatch or arrival that is taken back leaves nothing that builds on it.

    Raises:
        Refused: the vial arrived, or was somewhere else after it did.
    """
    columns = views.journey.c
    if kind == "dispatch":
        query = select(schema.arrival.c.sequence).where(schema.arrival.c.transit == row)
        for arrival in connection.execute(query).scalars():
            _not_superseded_by(connection, arrival, f"{vial}: arrived; take that back first")
        return
    reopened = select(schema.arrival.c.transit).where(schema.arrival.c.sequence == row)
    for journey in transit.journeys(connection, columns.sequence.in_(reopened)):
        found = life(connection, vial)
        if found.closed_at is not None:
            raise Refused(f"{vial}: has ended; take that back first", row=found.closure)
        stay_ = views.stay.c
        lasting = or_(stay_.end_at.is_(None), stay_.end_at > journey.start)
        for stay in stays(connection, (stay_.batch == vial) & lasting):
            raise Refused(f"{vial}: is in {stay.device} since; take that back first", row=stay.row)
        other = (columns.vial == vial) & (columns.sequence != journey.row)
        for later in transit.journeys(connection, other & (columns.start_at > journey.start)):
            raise Refused(
                f"{vial}: was sent again in {later.shipment}, and is not on two ways at once; "
                "take that back first",
                row=later.row,
            )


def check_not_back(connection: Connection, vial: str, transfer: int) -> None:
    """A transfer that is taken back was not followed by the return of ``vial``.

    Raises:
        Refused: it was: what came back had left.
    """
    act = schema.act.c
    later = (act.subject == vial) & (act.kind == "return") & (act.sequence > transfer)
    row = connection.execute(select(func.min(act.sequence)).where(later)).scalar()
    if row is not None:
        raise Refused(
            f"{vial}: came back from the other site since, so that it was there; if it was "
            "another vial that came, dispose of that one and say so",
            row=row,
        )


def _not_superseded_by(connection: Connection, row: int, why: str) -> None:
    """Entry ``row`` was corrected or taken back, else ``why`` is the reason to refuse."""
    by = select(schema.act.c.sequence).where(schema.act.c.corrects == row)
    if connection.execute(by).scalar() is None:
        raise Refused(why, row=row)


def _not_superseded(connection: Connection, row: int) -> None:
    by = connection.execute(
        select(schema.act.c.sequence).where(schema.act.c.corrects == row)
    ).scalar()
    if by is not None:
        raise Refused(f"entry {row} was corrected or taken back already", row=by)


def _batch(row: RowMapping) -> Batch:
    return Batch(
        row=row["sequence"],
        id=row["id"],
        product=row["product"],
        protocol=row["protocol"],
        opened_at=row["opened_at"],
        opened_by=row["opened_by"],
        reason=row["reason"],
        closed_at=row["closed_at"],
        closed_by=row["closed_by"],
        closed_why=row["closed_why"],
        closure=row["closure"],
    )


def _vial(row: RowMapping) -> Vial:
    return Vial(
        row=row["sequence"],
        id=row["id"],
        batch=row["batch"],
        passage=row["passage"],
        frozen_at=row["frozen_at"],
        frozen_by=row["frozen_by"],
        reason=row["reason"],
        ended_at=row["ended_at"],
        ended_by=row["ended_by"],
        ended_how=row["ended_how"],
        ended_why=row["ended_why"],
        ending=row["ending"],
    )


def _placement(row: RowMapping) -> Placement:
    return Placement(
        row=row["sequence"],
        batch=row["batch"],
        device=row["device"],
        position=row["position"],
        start=row["start_at"],
        end=row["end_at"],
        by=row["done_by"],
        entered=row["entered_at"],
        reason=row["reason"],
        corrects=row["corrects"],
        departure=row["departure"],
        checked_by=row["checked_by"],
    )


def _act(row: RowMapping) -> Act:
    return Act(
        kind=row["kind"],
        subject=row["subject"],
        by=row["done_by"],
        at=row["done_at"],
        entered=row["entered_at"],
        reason=row["reason"],
        corrects=row["corrects"],
    )
