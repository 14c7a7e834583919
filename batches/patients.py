"""Patients of the ledger, by handle: found by their tokens and named by them, while keys are kept.

A ledger older than handles holds tokens in plain text. They are hashed into its chain, stay there
for good, and are their own handles.
"""

from collections.abc import Collection

from msgspec import structs
from sqlalchemy import Connection, select

from batches.identities import Identities
from batches.kinship import Kin, chunks
from batches.placement import Refused
from storage import schema, views


def handle_of(connection: Connection, identities: Identities, text: str) -> str:
    """The handle of the patient whose token or handle ``text`` is.

    Raises:
        Refused: no patient of the ledger has it. ``text`` is not repeated: it may name one.
    """
    handle = find(connection, identities, text)
    if handle is None:
        raise Refused("no patient of this ledger has that token; enrol it first")
    return handle


def find(connection: Connection, identities: Identities, text: str) -> str | None:
    """``handle_of``, or None."""
    handle = identities.handle(text) or text
    return handle if is_handle_here(connection, handle) else None


def is_handle_here(connection: Connection, handle: str) -> bool:
    """Whether the ledger knows this patient."""
    column = views.pseudonym.c.handle
    return connection.execute(select(column).where(column == handle)).first() is not None


def is_plain(connection: Connection, handle: str) -> bool:
    """Whether it is a token that an older version put into the chain in plain text."""
    column = schema.patient.c.token
    return connection.execute(select(column).where(column == handle)).first() is not None


def erased(connection: Connection) -> frozenset[str]:
    """The handles whose patients were erased."""
    act = schema.act.c
    return frozenset(connection.execute(select(act.subject).where(act.kind == "erase")).scalars())


def shown(
    connection: Connection, identities: Identities, handles: Collection[str]
) -> dict[str, str]:
    """The token of each of ``handles`` that can still be read.

    Raises:
        batches.identities.IdentityError: a key cannot be read.
    """
    person = views.pseudonym.c
    sealed: dict[str, str] = {}
    for some in chunks(handles):
        mine = person.handle.in_(some) & person.sealed.is_not(None)
        for row in connection.execute(select(person.handle, person.sealed).where(mine)):
            sealed[row.handle] = row.sealed
    return identities.tokens(sealed)


def named(connection: Connection, identities: Identities, kin: Collection[Kin]) -> tuple[Kin, ...]:
    """``kin`` with tokens in the place of handles, where they can still be read."""
    of_biopsies = {each.parent for each in kin if each.kind in _OF_A_PATIENT}
    tokens = shown(connection, identities, of_biopsies)
    return tuple(structs.replace(each, parent=tokens.get(each.parent, each.parent)) for each in kin)


_OF_A_PATIENT = frozenset({"biopsy", "start", "relink"})
