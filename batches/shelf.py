"""The protocols that the ledger keeps: each version for good, found by ``name@version``."""

import msgspec
from sqlalchemy import Connection, RowMapping, select

from batches.placement import Refused
from batches.protocol import Protocol, Step, decode, digest, encode
from storage import schema
from storage.acts import Act, append

_KEPT = (
    select(schema.protocol, schema.act.c.done_by, schema.act.c.done_at)
    .join(schema.act, schema.act.c.sequence == schema.protocol.c.sequence)
    .order_by(schema.protocol.c.sequence)
)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A version in the ledger: entry ``row``, by whom and when (epoch milliseconds, UTC).

    ``digest`` is the SHA-256 of the protocol as ``batches.protocol.encode`` wrote it then.
    """

    row: int
    digest: str
    by: str
    at: int
    protocol: Protocol


class Adopted(msgspec.Struct, frozen=True, kw_only=True):
    """What ``since`` (epoch ms, UTC) judges ``batch``, by entry ``row``: whose, and why.

    ``reference`` is empty for no protocol; ``kept`` is None where the ledger has no such version.
    """

    batch: str
    row: int
    since: int
    by: str
    entered: int
    reason: str
    reference: str
    kept: Kept | None


def adopted(connection: Connection, batch: str) -> tuple[Adopted, ...]:
    """Which protocol judged ``batch`` from when on.

    An amendment that names another version holds from the time it says it was made at. One that
    names a protocol where there was none says what was left out, and holds from the opening.
    """
    act = schema.act.c
    query = (
        select(schema.batch, act.done_by, act.done_at, act.entered_at, act.reason)
        .join(schema.act, schema.act.c.sequence == schema.batch.c.sequence)
        .where(schema.batch.c.id == batch)
        .order_by(schema.batch.c.sequence)
    )
    found: list[Adopted] = []
    for row in connection.execute(query).mappings():
        reference, opened = row["protocol"], row["opened_at"]
        if found and found[-1].reference == reference:
            continue
        first = not found or not found[-1].reference
        since = opened if first else max(opened, row["done_at"])
        # What was said to hold from an earlier time takes the place of what was said before.
        found = [] if first else [each for each in found if each.since < since]
        found.append(
            Adopted(
                batch=batch,
                row=row["sequence"],
                since=since,
                by=row["done_by"],
                entered=row["entered_at"],
                reason=row["reason"],
                reference=reference,
                kept=find(connection, reference) if reference else None,
            )
        )
    return tuple(found)


def kept(connection: Connection) -> tuple[Kept, ...]:
    """All of them, in the order of entry."""
    return tuple(_kept(row) for row in connection.execute(_KEPT).mappings())


def find(connection: Connection, reference: str) -> Kept | None:
    """The version called ``name@version``."""
    name, _, version = reference.partition("@")
    if not reference.isprintable():
        return None
    columns = schema.protocol.c
    query = _KEPT.where((columns.name == name) & (columns.version == version))
    row = connection.execute(query).mappings().first()
    return None if row is None else _kept(row)


def known(connection: Connection, reference: str) -> Kept:
    """The version called ``name@version``.

    Raises:
        Refused: the ledger has none of that name and version.
    """
    found = find(connection, reference)
    if found is None:
        have = ", ".join(each.protocol.reference for each in kept(connection)) or "none yet"
        raise Refused(
            f"{reference!r} is no protocol of this ledger; known: {have}; "
            "add one with culturewatch protocol add FILE"
        )
    return found


def keep(connection: Connection, entry: Act, protocol: Protocol) -> Kept:
    """Enter ``protocol``; nothing happens when this very version is there.

    Raises:
        Refused: its name and version stand for something else.
    """
    text = encode(protocol)
    there = find(connection, protocol.reference)
    if there is not None:
        # By what it says: a version kept by an older culturewatch was spelled with fewer keys.
        if there.protocol == protocol:
            return there
        raise Refused(
            f"{protocol.reference}: says something else in the ledger; give it a new version",
            row=there.row,
        )
    detail = {
        "name": protocol.name,
        "version": protocol.version,
        "digest": digest(text),
        "content": text,
    }
    append(connection, entry, "protocol", detail)
    return known(connection, protocol.reference)


def step(connection: Connection, reference: str, device: str) -> Step | None:
    """The step in ``device`` of the protocol called so, where the ledger has that."""
    found = find(connection, reference) if reference else None
    return None if found is None else found.protocol.step_in(device)


def _kept(row: RowMapping) -> Kept:
    return Kept(
        row=row["sequence"],
        digest=row["digest"],
        by=row["done_by"],
        at=row["done_at"],
        protocol=decode(row["content"]),
    )
