"""The alarm history in the ledger: entered by cursor, once each, and held against the original."""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection, select

from alerts import chained
from alerts.history import Row
from alerts.reader import AlarmReader
from storage.acts import Act, Entry, append_all
from storage.chain import Broken, Head, Scalar
from storage.database import Database, schema
from storage.schema import act, alarm_event, anchor

ENGINE = "alarm engine"
"""Who did what nobody did."""
ALARMS, DELIVERIES, JOURNAL = "alarms", "deliveries", "journal"
"""Chains whose heads are noted."""
AT_ONCE = 500
DAY_MS = 86_400_000
_ROWS = 1_000


class TrailError(Exception):
    """The ledger follows another history than the one there is; the text says since which row."""


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows were entered, whether more wait, and whether they begin another history."""

    entered: int
    more: bool = False
    anew: bool = False


def follow(database: Database, alarms: AlarmReader, *, now: int, limit: int = AT_ONCE) -> Followed:
    """Enter up to ``limit`` rows of the alarm history that the ledger has not yet; all or none.

    The cursor is what the ledger holds: whatever cut off the last time, each row comes once.

    Args:
        database: the ledger's.
        alarms: the alarm store.
        now: epoch ms, when it is entered.
        limit: how many rows at most.

    Raises:
        TrailError: the last row that was entered is not in that history.
        storage.database.DatabaseError: the ledger cannot be used.
        alerts.schema.StoreError: the history cannot be read.
    """
    first = _hash_of(alarms, 1)
    if first is None:
        return Followed(entered=0)
    with database.reading() as connection:
        if not alarms.rows(after=_last(connection, first).sequence, limit=1):
            return Followed(entered=0)
    with database.writing() as connection:
        last = _last(connection, first)
        if last.sequence and _hash_of(alarms, last.sequence) != last.hash:
            raise TrailError(
                f"row {last.sequence} of the alarm history is not the one that the ledger has; "
                "run culturewatch ledger verify"
            )
        rows = alarms.rows(after=last.sequence, limit=limit)
        anew = last.sequence == 0 and _any_history(connection)
        append_all(connection, (_entry(first, row, now) for row in rows))
    return Followed(entered=len(rows), more=len(rows) == limit, anew=anew)


def note_heads(database: Database, heads: dict[str, Head | int], *, now: int) -> bool:
    """Note where other chains end, once in a day (UTC); whether that was done now.

    Args:
        database: the ledger's.
        heads: by the name of the chain its head, or its last number where it has no hashes.
        now: epoch ms.

    Raises:
        storage.database.DatabaseError: the ledger cannot be used.
    """
    with database.reading() as connection:
        if not _due(connection, heads, now):
            return False
    with database.writing() as connection:
        due = _due(connection, heads, now)
        append_all(connection, (_noted(chain, heads[chain], now) for chain in due))
    return bool(due)


def is_kept(database: Database) -> bool:
    """Whether anything of that is in the ledger; one of an earlier version has no room for it.

    Raises:
        storage.database.DatabaseError: the ledger cannot be read.
    """
    with database.reading() as connection:
        if alarm_event.name not in schema(connection):
            return False
        noted_any = connection.execute(select(anchor.c.sequence).limit(1)).scalar()
        return noted_any is not None or _any_history(connection)


def deviations(database: Database, alarms: AlarmReader) -> Iterator[Broken]:
    """Where the alarm history is no longer what the ledger has of it; the first of each kind.

    Raises:
        storage.database.DatabaseError: the ledger cannot be read.
        alerts.schema.StoreError: the history cannot be read.
    """
    first = _hash_of(alarms, 1)
    with database.reading() as connection:
        if first is None or not _last(connection, first).sequence:
            if _any_history(connection):
                yield _bad(1, "is not the beginning of the history that the ledger has")
            return
        yield from _differing(connection, alarms, first)


def delivered_otherwise(database: Database, alarms: AlarmReader) -> Broken | None:
    """The first head that was noted of the chain of pages and answers and that it does not pass.

    All are held against it: a chain made anew passes those that were noted after that.

    Raises:
        storage.database.DatabaseError: the ledger cannot be read.
        alerts.schema.StoreError: the alarm store cannot be read.
    """
    first = _hash_of(alarms, 1)
    if first is None:
        return None
    # Of a store that was begun anew nothing was noted before its own history, and of this one
    # nothing while another stood in its place.
    entered = alarm_event.alias()
    before = select(entered.c.history).where(entered.c.sequence < anchor.c.sequence)
    then = before.order_by(entered.c.sequence.desc()).limit(1).scalar_subquery()
    query = select(anchor.c.number, anchor.c.head).where(
        anchor.c.chain == DELIVERIES, anchor.c.number > 0, then == first
    )
    with database.reading() as connection:
        heads = connection.execute(query.order_by(anchor.c.sequence)).all()
    for number, head in heads:
        kept = alarms.chained_at(number)
        if kept != head:
            why = "was noted, and is gone" if kept is None else "is not the one that was noted"
            return Broken(table=chained.TABLE, row=number, field="hash", why=why)
    return None


def noted(database: Database, chain: str) -> tuple[int, str | None] | None:
    """The newest head that was noted of ``chain``: its number and hash; None before the first.

    Raises:
        storage.database.DatabaseError: the ledger cannot be read.
    """
    with database.reading() as connection:
        query = select(anchor).where(anchor.c.chain == chain).order_by(anchor.c.sequence.desc())
        row = connection.execute(query.limit(1)).one_or_none()
    return None if row is None else (row.number, row.head)


def _differing(connection: Connection, alarms: AlarmReader, first: str) -> Iterator[Broken]:
    columns = alarm_event.c
    query = select(columns.number, columns.hash).where(columns.history == first)
    entered = connection.execute(query.order_by(columns.number)).yield_per(_ROWS)
    for some in entered.partitions(_ROWS):
        kept = {row.number: row.hash for row in alarms.rows(after=some[0][0] - 1, limit=len(some))}
        for number, hash_ in some:
            if kept.get(number) != hash_:
                yield _bad(number, "is gone" if number not in kept else "is not what was entered")
                return


def _entry(first: str, row: Row, now: int) -> Entry:
    said = row.transition
    entered = Act(
        kind="alarm",
        subject=f"alarm:{said.rule}",
        by=said.by or ENGINE,
        at=said.at,
        entered=now,
        reason="",
    )
    detail: dict[str, Scalar] = {
        "history": first,
        "number": row.number,
        "entry": row.seq,
        "at": said.at,
        "what": said.what.value,
        "rule": said.rule,
        "channel": said.channel,
        "occurrence": said.occurrence,
        "severity": said.severity,
        "value": None if said.value is None else repr(said.value),
        "done_by": said.by,
        "told": said.to,
        "why": said.why,
        "held": said.held,
        "late": int(said.late),
        "hash": row.hash,
    }
    return Entry(entered, "alarm_event", detail)


def _noted(chain: str, head: Head | int, now: int) -> Entry:
    entered = Act(
        kind="anchor", subject=f"chain:{chain}", by=ENGINE, at=now, entered=now, reason=""
    )
    number, hash_ = (head, None) if isinstance(head, int) else (head.sequence, head.hash)
    return Entry(entered, "anchor", {"chain": chain, "number": number, "head": hash_})


def _due(connection: Connection, heads: dict[str, Head | int], now: int) -> list[str]:
    query = select(act.c.done_at).join(anchor, anchor.c.sequence == act.c.sequence)
    newest = query.order_by(anchor.c.sequence.desc()).limit(1)
    due = []
    for chain in heads:
        at = connection.execute(newest.where(anchor.c.chain == chain)).scalar()
        if at is None or at // DAY_MS < now // DAY_MS:
            due.append(chain)
    return due


def _last(connection: Connection, first: str) -> Head:
    """The last row of the history that begins with ``first`` in the ledger."""
    columns = alarm_event.c
    query = select(columns.number, columns.hash).where(columns.history == first)
    row = connection.execute(query.order_by(columns.number.desc()).limit(1)).one_or_none()
    return Head(0, "") if row is None else Head(row.number, row.hash)


def _any_history(connection: Connection) -> bool:
    return connection.execute(select(alarm_event.c.sequence).limit(1)).scalar() is not None


def _hash_of(alarms: AlarmReader, number: int) -> str | None:
    rows = alarms.rows(after=number - 1, limit=1)
    return rows[0].hash if rows and rows[0].number == number else None


def _bad(number: int, why: str) -> Broken:
    return Broken(table="history", row=number, field="hash", why=why)
