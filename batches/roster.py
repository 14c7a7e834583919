"""The people of the ledger, read inside somebody's transaction: the newest entry about each."""

import msgspec
from sqlalchemy import Connection, RowMapping, func, select

from batches.person import Person, Role
from storage import schema
from storage.acts import Act, append
from storage.chain import Scalar

_COLUMNS = schema.person.c


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of a password, by entry ``row``: the SHA-256 of its argon2id hash.

    The hash itself stays in a file of its own (``batches.password``). ``chosen`` is when, epoch
    ms, UTC. ``set_by_other``: somebody else chose it, and it is good for changing it only.
    """

    row: int
    person: str
    digest: str
    chosen: int
    set_by_other: bool


def has_people(connection: Connection) -> bool:
    """Whether the ledger knows anybody: from then on whoever acts must be one of them."""
    return connection.execute(select(_COLUMNS.sequence).limit(1)).first() is not None


def find(connection: Connection, person: str) -> Person | None:
    """The person with this id."""
    query = select(schema.person).where(_COLUMNS.id == person)
    row = connection.execute(query.order_by(_COLUMNS.sequence.desc()).limit(1)).mappings().first()
    return None if row is None else _person(row)


def everybody(connection: Connection) -> tuple[Person, ...]:
    """All of them, those who ended too, in the order of their ids."""
    newest = select(func.max(_COLUMNS.sequence)).group_by(_COLUMNS.id)
    query = select(schema.person).where(_COLUMNS.sequence.in_(newest)).order_by(_COLUMNS.id)
    return tuple(_person(row) for row in connection.execute(query).mappings())


def credentials(connection: Connection, person: str, count: int) -> tuple[Credential, ...]:
    """The newest ``count`` passwords of a person, the one that counts first."""
    columns, act = schema.credential.c, schema.act.c
    query = (
        select(schema.credential, act.done_at)
        .join(schema.act, act.sequence == columns.sequence)
        .where(columns.person == person)
        .order_by(columns.sequence.desc())
        .limit(count)
    )
    return tuple(
        Credential(
            row=row["sequence"],
            person=row["person"],
            digest=row["digest"],
            chosen=row["done_at"],
            set_by_other=bool(row["set_by_other"]),
        )
        for row in connection.execute(query).mappings()
    )


def enter(
    connection: Connection, person: str, detail: tuple[str, tuple[Role, ...], bool], entry: Act
) -> None:
    """Enter a person's printed name, roles, and whether they work here."""
    name, roles, active = detail
    columns: dict[str, Scalar] = {
        "id": person,
        "name": name,
        "roles": ",".join(roles),
        "active": int(active),
    }
    append(connection, entry, "person", columns)


def enter_credential(
    connection: Connection,
    new: Credential,
    *,
    kind: str,
    by: str,
    scheme: str,
    now: int,
    reason: str = "",
) -> None:
    """Enter that a password was chosen or hashed anew; ``scheme`` names how."""
    entry = Act(kind=kind, subject=new.person, by=by, at=new.chosen, entered=now, reason=reason)
    columns: dict[str, Scalar] = {
        "person": new.person,
        "digest": new.digest,
        "scheme": scheme,
        "set_by_other": int(new.set_by_other),
    }
    append(connection, entry, "credential", columns)


def _person(row: RowMapping) -> Person:
    return Person(
        row=row["sequence"],
        id=row["id"],
        name=row["name"],
        roles=tuple(Role(word) for word in row["roles"].split(",")),
        active=bool(row["active"]),
    )
