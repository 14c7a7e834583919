"""The audit trail: who did what when, to what, from which value to which, and why.

Every act of the ledger is an entry of it, whatever table its detail stands in; the table ``audit``
holds what is an act on nothing else: logins, denials, exports, the configuration. All of it is in
the ledger's one chain, so ``storage.acts.verify_chain`` proves it. A review of the trail can be
signed by the head of the chain up to which it was read (``Page.head``).
"""

import msgspec
from sqlalchemy import Connection, RowMapping, func, select

from batches import authority
from storage import schema
from storage.acts import Act, append, head
from storage.chain import Head, Scalar, canonical

LONGEST = 200
"""Characters that are kept of what somebody typed."""
HIDDEN = "(set)"
"""In the place of anything about a password."""
OTHER = "other"
"""The area of acts that a newer version entered."""


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the table ``audit``. ``old`` and ``new`` are values, where there are any."""

    kind: str
    by: str
    subject: str
    area: str
    item: str
    outcome: str
    old: str | None = None
    new: str | None = None
    reason: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the trail. Times are epoch milliseconds, UTC.

    ``chain`` and ``row`` say where it stands: ``ledger`` or ``alarms``. ``item`` is what was
    done, ``subject`` to what; ``old`` and ``new`` are what was said before and after.
    """

    chain: str
    row: int
    at: int
    entered: int
    by: str
    area: str
    item: str
    subject: str
    outcome: str
    old: str | None
    new: str | None
    reason: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, oldest first, of the chain up to ``head``: what a review of it signs."""

    head: Head
    lines: tuple[Line, ...]


class _Said(msgspec.Struct, frozen=True):
    table: str | None
    row: dict[str, Scalar]


_read = msgspec.json.Decoder(_Said).decode


def keep(connection: Connection, note: Note, *, at: int) -> Head:
    """Enter ``note`` at ``at`` (epoch ms, UTC), with names cut and made printable.

    Raises:
        batches.authority.UnknownActError: there is no such kind of act.
    """
    authority.duty(note.kind)
    act = Act(
        kind=note.kind,
        subject=shown(note.subject),
        by=shown(note.by),
        at=at,
        entered=at,
        reason=note.reason,
    )
    detail: dict[str, Scalar] = {
        "area": note.area,
        "item": shown(note.item),
        "outcome": note.outcome,
        "old": note.old,
        "new": note.new,
    }
    return append(connection, act, "audit", detail)


def shown(text: str) -> str:
    """``text`` as it can be kept and shown on one line."""
    plain = text if text.isprintable() else ascii(text)[1:-1]
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"


def page(
    connection: Connection,
    *,
    since: int | None = None,
    until: int | None = None,
    by: str = "",
    area: str = "",
) -> Page:
    """The entries written down in [``since``, ``until``) (epoch ms, UTC), of one state.

    ``by`` and ``area`` leave only those of a person and of an area.
    """
    columns = schema.act.c
    # Alarms are told from their own chain; what the ledger follows of it would tell them twice.
    query = select(schema.act).where(columns.kind != "alarm").order_by(columns.sequence)
    if since is not None:
        query = query.where(columns.entered_at >= since)
    if until is not None:
        query = query.where(columns.entered_at < until)
    if by:
        query = query.where(columns.done_by == by)
    rows = connection.execute(query).yield_per(1000).mappings()
    lines = (_line(connection, row) for row in rows)
    return Page(
        head=head(connection), lines=tuple(line for line in lines if area in {"", line.area})
    )


def _line(connection: Connection, row: RowMapping) -> Line:
    said = _read(row["body"])
    known = authority.ACTS.get(row["kind"])
    fields = {
        "area": known.area if known else OTHER,
        "item": row["kind"],
        "outcome": "done",
        "old": _before(connection, row, said),
        "new": _value(said),
    }
    if said.table == "audit":
        fields = {name: None if cell is None else str(cell) for name, cell in said.row.items()}
    return Line(
        chain="ledger",
        row=row["sequence"],
        at=row["done_at"],
        entered=row["entered_at"],
        by=row["done_by"],
        subject=row["subject"],
        reason=row["reason"],
        **fields,
    )


def _before(connection: Connection, row: RowMapping, said: _Said) -> str | None:
    """What held before: of what is corrected, that; of a person, the entry before this one."""
    act, person = schema.act.c, schema.person.c
    earlier = row["corrects"]
    if said.table == "person":
        mine = (person.id == said.row["id"]) & (person.sequence < row["sequence"])
        earlier = connection.execute(select(func.max(person.sequence)).where(mine)).scalar()
    if earlier is None:
        return None
    body = connection.execute(select(act.body).where(act.sequence == earlier)).scalar()
    return None if body is None else _value(_read(body))


def _value(said: _Said) -> str | None:
    """What the detail row says, as JSON; of a password nothing."""
    if said.table is None:
        return None
    return HIDDEN if said.table == "credential" else canonical(said.row)
