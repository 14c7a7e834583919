"""Appends acts to the ledger and proves that nobody changed one since.

One chain runs over all tables: an act's ``body`` is the canonical text of the act and of its
row in the detail table, and its ``hash`` covers that text and the hash of the act before. The
columns repeat the body for queries; where the two differ, the changed field can be named.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, Row, Table, func, insert, literal, select, union_all

from storage.chain import GENESIS, Broken, Head, Scalar, canonical, link
from storage.database import Database, damage, fresh_schema, revision, schema
from storage.schema import DETAILS, act

_ENVELOPE = ("kind", "subject", "done_by", "done_at", "entered_at", "reason", "corrects")


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody did to ``subject``. Times are epoch milliseconds, UTC.

    ``at`` is when it was done, ``entered`` when it was written down, ``corrects`` the sequence
    of the act that this one takes the place of.
    """

    kind: str
    subject: str
    by: str
    at: int
    entered: int
    reason: str
    corrects: int | None = None


class Entry(NamedTuple):
    """An act, with the name of its detail table and the columns of its row there, if any."""

    act: Act
    table: str | None = None
    detail: Mapping[str, Scalar] | None = None


def append(
    connection: Connection,
    entry: Act,
    table: str | None = None,
    detail: Mapping[str, Scalar] | None = None,
) -> Head:
    """Add ``entry``, with its row of ``table``, at the end of the chain; where it now stands.

    Args:
        connection: from ``Database.writing``: the chain stays one line only in there.
        entry: the act.
        table: the name of one of ``storage.schema.DETAILS``, or none.
        detail: the columns of its row, without the sequence.
    """
    return append_all(connection, [Entry(entry, table, detail)])


def append_all(connection: Connection, entries: Iterable[Entry]) -> Head:
    """``append`` for many at once, in their order; the head after the last one."""
    last = head(connection)
    rows: list[dict[str, Scalar]] = []
    details: dict[str, list[dict[str, Scalar]]] = {}
    for entry, table, detail in entries:
        row = _row(last, entry, table, dict(detail or {}))
        rows.append(row)
        last = Head(last.sequence + 1, str(row["hash"]))
        if table is not None:
            columns = {"sequence": last.sequence, **(detail or {})}
            details.setdefault(table, []).append(columns)
    if rows:
        connection.execute(insert(act), rows)
    for table, columns_ in details.items():
        connection.execute(insert(DETAILS[table]), columns_)
    return last


def _row(
    last: Head, entry: Act, table: str | None, detail: Mapping[str, Scalar]
) -> dict[str, Scalar]:
    sequence = last.sequence + 1
    envelope: dict[str, Scalar] = {
        "kind": entry.kind,
        "subject": entry.subject,
        "done_by": entry.by,
        "done_at": entry.at,
        "entered_at": entry.entered,
        "reason": entry.reason,
        "corrects": entry.corrects,
    }
    body = _body(sequence, envelope, table, detail)
    chained: dict[str, Scalar] = {
        "sequence": sequence,
        "detail": table,
        "body": body,
        "previous": last.hash,
        "hash": link(last.hash, body),
    }
    return envelope | chained


def head(connection: Connection) -> Head:
    """The last act of the chain; sequence 0 when there is none."""
    last = connection.execute(
        select(act.c.sequence, act.c.hash).order_by(act.c.sequence.desc()).limit(1)
    ).one_or_none()
    return Head(0, GENESIS) if last is None else Head(last.sequence, last.hash)


def verify_chain(url: str, anchor: Head | None = None) -> Broken | None:
    """The first place at which the ledger was changed by anything but ``append``; None if sound.

    Reads row by row: memory does not grow with the ledger.

    Args:
        url: the ledger; it is opened for reading only.
        anchor: a head noted earlier, say in a record's manifest: the chain must still pass it.

    Raises:
        DatabaseError: the file cannot be read at all.
    """
    database = Database(url, inspecting=True)
    with database.reading() as connection:
        found = (
            _damaged(connection)
            or _schema_changed(connection, database)
            or _first_bad_act(connection)
            or _orphan(connection)
        )
        if found is None and anchor is not None:
            found = _off_anchor(connection, anchor)
    return found


def damaged_act(connection: Connection, sequence: int) -> Broken | None:
    """What is wrong with this one act, its detail, or how its neighbours follow; None if sound.

    For what must not be believed unseen; ``verify_chain`` looks at all of them.
    """
    around = select(act).where(act.c.sequence.between(sequence - 1, sequence + 1))
    rows = {row.sequence: row for row in connection.execute(around)}
    row, before, after = (rows.get(sequence + step) for step in (0, -1, 1))
    if row is None:
        return Broken(table="act", row=sequence, field="sequence", why="the row is gone")
    table = DETAILS.get(row.detail or "")
    detail = {} if table is None else _Details(connection, table, sequence).of(sequence)
    last = Head(0, GENESIS) if before is None else Head(before.sequence, before.hash)
    if (found := _judge(row, detail, last)) is not None:
        return found
    if after is not None and after.previous != row.hash:
        return _bad(after, "previous", f"row {sequence} was rewritten: this one follows another")
    return None


def _damaged(connection: Connection) -> Broken | None:
    why = damage(connection)
    return None if why is None else Broken(table="(file)", row=None, field="pages", why=why)


def _schema_changed(connection: Connection, database: Database) -> Broken | None:
    """A trigger taken away or a view redefined would let the tables say something else."""
    # A ledger that an earlier version wrote is held against what that version made.
    found, expected = schema(connection), fresh_schema(database, revision(connection) or "head")
    # Damage may have left no text of a name.
    for name in sorted(found.keys() | expected.keys(), key=str):
        if found.get(name) != expected.get(name):
            _, kind, *_ = [*str(expected.get(name) or found[name]).lower().split(), "part", "part"]
            why = "was added"
            if name in expected:
                why = "was changed" if name in found else "is missing"
            return Broken(table="(schema)", row=None, field=f"{kind} {name}", why=why)
    return None


def _first_bad_act(connection: Connection) -> Broken | None:
    last = Head(0, GENESIS)
    for row, detail in _acts(connection):
        if row.sequence != last.sequence + 1:
            why = f"row {last.sequence + 1} is missing; the next one is {row.sequence}"
            return Broken(table="act", row=last.sequence + 1, field="sequence", why=why)
        broken = _judge(row, detail, last)
        if broken is not None:
            return broken
        last = Head(row.sequence, row.hash)
    return None


def _acts(connection: Connection) -> Iterator[tuple[Row[tuple[object, ...]], dict[str, Scalar]]]:
    details = {name: _Details(connection, table) for name, table in _details(connection).items()}
    rows = connection.execute(select(act).order_by(act.c.sequence)).yield_per(1000)
    for row in rows:
        source = details.get(row.detail)
        yield row, {} if source is None else source.of(row.sequence)


def _details(connection: Connection) -> dict[str, Table]:
    """The detail tables that this ledger has; one of an earlier version has not all of them."""
    present = schema(connection)
    return {name: table for name, table in DETAILS.items() if name in present}


class _Details:
    """The rows of one detail table, walked beside the acts; both in the order of sequence."""

    def __init__(self, connection: Connection, table: Table, start: int = 0) -> None:
        query = select(table).where(table.c.sequence >= start).order_by(table.c.sequence)
        self._rows = iter(connection.execute(query).yield_per(1000))
        self._next = next(self._rows, None)

    def of(self, sequence: int) -> dict[str, Scalar]:
        """The columns of the row with this sequence; empty when it is not there."""
        while self._next is not None and self._next.sequence < sequence:
            self._next = next(self._rows, None)
        if self._next is None or self._next.sequence != sequence:
            return {}
        columns = dict(self._next._mapping)  # noqa: SLF001 # the public name of a row as a dict
        del columns["sequence"]
        return columns


def _judge(row: Row[tuple[object, ...]], detail: dict[str, Scalar], last: Head) -> Broken | None:
    columns = dict(row._mapping)  # noqa: SLF001 # the public name of a row as a dict
    for name, value in {**columns, **detail}.items():
        # JSON has no bytes: they would be written as text, and could give the very hash.
        if isinstance(value, bytes):
            table = row.detail if name in detail else "act"
            return Broken(table=table, row=row.sequence, field=name, why="holds bytes, not text")
    envelope = {name: columns[name] for name in _ENVELOPE}
    rebuilt = _body(row.sequence, envelope, row.detail, detail)
    if link(last.hash, row.body) == row.hash:
        if row.previous != last.hash:
            return _bad(row, "previous", "is not the hash of the row before")
        return None if rebuilt == row.body else _differing(row, rebuilt)
    if link(last.hash, rebuilt) == row.hash:
        return _bad(row, "body", "differs from the columns and from what was hashed")
    if row.previous != last.hash and link(row.previous, row.body) == row.hash:
        return _bad(row, "previous", f"row {last.sequence} was rewritten: this one follows another")
    field = "hash" if rebuilt == row.body else "body"
    return _bad(row, field, "what the row says does not give its hash")


def _differing(row: Row[tuple[object, ...]], rebuilt: str) -> Broken:
    """Which column no longer says what the body, whose hash holds, says."""
    try:
        entered = _said(row.body)
    except msgspec.MsgspecError as error:
        return _bad(row, "body", f"is not what an act says: {error}")
    shown = _said(rebuilt)
    # The act's own fields first: which detail row is looked up depends on them.
    for name in sorted(shown.keys() | entered.keys(), key=lambda name: ("." in name, name)):
        if shown.get(name) == entered.get(name):
            continue
        why = f"shows {shown.get(name)!r}, was entered as {entered.get(name)!r}"
        table, _, column = name.rpartition(".")
        if not table:
            return _bad(row, "detail" if column == "table" else column, why)
        if not any(other.startswith(table) for other in shown):
            column, why = "sequence", "the row is gone"
        return Broken(table=table, row=row.sequence, field=column, why=why)
    return _bad(row, "body", "is not in canonical form")


def _said(body: str) -> dict[str, Scalar]:
    """What a body says, flat: the columns of its detail row as ``table.column``."""
    said = msgspec.json.decode(body, type=dict[str, Scalar | dict[str, Scalar]])
    flat: dict[str, Scalar] = {}
    for name, value in said.items():
        if isinstance(value, dict):
            flat |= {f"{said['table']}.{column}": each for column, each in value.items()}
        else:
            flat[name] = value
    return flat


def _orphan(connection: Connection) -> Broken | None:
    """A row of a detail table that no act speaks of."""
    claims = [
        select(literal(name).label("name"), table.c.sequence)
        .outerjoin(act, (act.c.sequence == table.c.sequence) & (act.c.detail == name))
        .where(act.c.sequence.is_(None))
        for name, table in _details(connection).items()
    ]
    found = connection.execute(union_all(*claims).limit(1)).one_or_none()
    if found is None:
        return None
    why = "no act entered this row"
    return Broken(table=found.name, row=found.sequence, field="sequence", why=why)


def _off_anchor(connection: Connection, anchor: Head) -> Broken | None:
    if anchor.sequence == 0:
        return None
    found = connection.execute(
        select(act.c.hash).where(act.c.sequence == anchor.sequence)
    ).scalar_one_or_none()
    if found == anchor.hash:
        return None
    last = connection.execute(select(func.max(act.c.sequence))).scalar()
    why = (
        f"rows were cut off: the last one is {last or 0}"
        if found is None
        else f"the chain was rewritten: expected {anchor.hash}, found {found}"
    )
    return Broken(table="act", row=anchor.sequence, field="hash", why=why)


def _bad(row: Row[tuple[object, ...]], field: str, why: str) -> Broken:
    return Broken(table="act", row=row.sequence, field=field, why=why)


def _body(
    sequence: int, envelope: Mapping[str, Scalar], table: str | None, detail: Mapping[str, Scalar]
) -> str:
    return canonical({"sequence": sequence, **envelope, "table": table, "row": detail})
