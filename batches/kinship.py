"""Who comes from whom: patient, biopsy, batch, vial and batch again; read inside a transaction."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, select

from batches.placement import Refused
from batches.vial import number_of
from storage import schema, views

Id = TypeVar("Id", str, int)
_CHUNK = 500
"""Ids in one question: SQLite takes a bounded number of them."""


class Kin(msgspec.Struct, frozen=True, kw_only=True):
    """``child`` comes from ``parent`` since ``at`` (epoch ms, UTC), by entry ``row``.

    ``kind``: ``biopsy``, ``start``, ``split``, ``pool``, ``freeze`` or ``thaw``; ``relink`` where
    that was corrected.
    """

    row: int
    child: str
    parent: str
    kind: str
    at: int
    by: str


Relation = Callable[[Connection, Collection[str]], Iterator[Kin]]


def parents(connection: Connection, ids: Collection[str]) -> Iterator[Kin]:
    """What each of ``ids`` comes from."""
    vials = {each for each in ids if number_of(each) is not None}
    for some in chunks(vials):
        yield from _freezings(connection, schema.vial.c.id.in_(some))
    for some in chunks(frozenset(ids) - vials):
        yield from _descents(connection, views.kinship.c.child.in_(some))


def children(connection: Connection, ids: Collection[str]) -> Iterator[Kin]:
    """What comes from each of ``ids``."""
    for some in chunks(ids):
        yield from _descents(connection, views.kinship.c.parent.in_(some))
        yield from _freezings(connection, schema.vial.c.batch.in_(some))


def check_outlived(connection: Connection, subject: str, at: int) -> None:
    """Nothing came of ``subject`` after ``at``, when it is to have ended.

    Raises:
        Refused: something did.
    """
    for kin in children(connection, [subject]):
        if kin.at > at:
            raise Refused(f"{subject}: {kin.child} came of it after that", row=kin.row)


def check_childless(connection: Connection, subject: str, what: str) -> None:
    """Nothing came of ``subject``.

    Raises:
        Refused: something did, so that ``what`` would contradict it.
    """
    for kin in children(connection, [subject]):
        raise Refused(f"{subject}: {kin.child} came of it; {what}", row=kin.row)


def ancestors(connection: Connection, ids: Iterable[str]) -> tuple[Kin, ...]:
    """Everything that leads up from ``ids`` to patients, nearest first."""
    return _walk(connection, ids, parents, lambda kin: kin.parent)


def descendants(connection: Connection, ids: Iterable[str]) -> tuple[Kin, ...]:
    """Everything that came of ``ids``, nearest first."""
    return _walk(connection, ids, children, lambda kin: kin.child)


def patients(connection: Connection, ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """The patients' handles each of ``ids`` comes from; it should be one, and may be none."""
    wanted = frozenset(ids)
    below: dict[str, list[str]] = defaultdict(list)
    children_ = set()
    for kin in ancestors(connection, wanted):
        below[kin.parent].append(kin.child)
        children_.add(kin.child)
    handles = _handles(connection, below.keys() - children_)
    found: dict[str, set[str]] = defaultdict(set)
    for handle in handles:
        reached, waiting = {handle}, [handle]
        while waiting:
            for child in below.get(waiting.pop(), ()):
                if child not in reached:
                    reached.add(child)
                    waiting.append(child)
        for each in reached & wanted:
            found[each].add(handle)
    return {each: frozenset(found.get(each, ())) for each in wanted}


def _handles(connection: Connection, roots: Collection[str]) -> Iterator[str]:
    handle = views.pseudonym.c.handle
    for some in chunks(roots):
        yield from connection.execute(select(handle).where(handle.in_(some))).scalars()


def _walk(
    connection: Connection, ids: Iterable[str], step: Relation, ahead: Callable[[Kin], str]
) -> tuple[Kin, ...]:
    level = frozenset(ids)
    seen, out = set(level), []
    while level:
        found = sorted(step(connection, level), key=lambda kin: (kin.at, kin.row))
        out += found
        level = frozenset(ahead(kin) for kin in found) - seen
        seen |= level
    return tuple(out)


def chunks(ids: Collection[Id]) -> Iterator[list[Id]]:
    """``ids`` in parts that one question can name."""
    ordered = sorted(ids)
    for at in range(0, len(ordered), _CHUNK):
        yield ordered[at : at + _CHUNK]


def _descents(connection: Connection, where: ColumnElement[bool]) -> Iterator[Kin]:
    for row in connection.execute(select(views.kinship).where(where)).mappings().all():
        yield Kin(
            row=row["sequence"],
            child=row["child"],
            parent=row["parent"],
            kind=row["kind"],
            at=row["since"],
            by=row["done_by"],
        )


def _freezings(connection: Connection, where: ColumnElement[bool]) -> Iterator[Kin]:
    # Not of the view ``aliquot``: it looks for the end of each vial as well.
    vial, act, by = schema.vial.c, schema.act.c, schema.act.alias().c
    taken_back = select(by.sequence).where(by.corrects == vial.sequence).exists()
    query = (
        select(vial.sequence, vial.id, vial.batch, vial.frozen_at, act.done_by)
        .join(schema.act, act.sequence == vial.sequence)
        .where(where & ~taken_back)
    )
    for row in connection.execute(query).all():
        yield Kin(
            row=row.sequence,
            child=row.id,
            parent=row.batch,
            kind="freeze",
            at=row.frozen_at,
            by=row.done_by,
        )
