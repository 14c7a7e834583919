"""The screens of batches and the bank: a list to search, and kin as a picture. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from batches.batch import Batch
from batches.kinship import Kin
from batches.placement import Placement

SHOWN = 100
COLUMN, LINE = 210.0, 44.0
"""Width of a generation and height of a line in the picture, in its own units."""
BOX_W, BOX_H = 180.0, 32.0
MOST = 400
"""Kin that a picture shows; beyond that nobody could read it."""


class BatchLine(msgspec.Struct, frozen=True, kw_only=True):
    """One batch in the list. ``where`` is empty where it stands nowhere."""

    id: str
    product: str
    where: str
    position: str
    is_open: bool
    opened: int


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A patient, biopsy, batch or vial in the picture; ``x`` and ``y`` are its box's corner."""

    id: str
    x: float
    y: float
    is_self: bool


class Edge(msgspec.Struct, frozen=True, kw_only=True):
    """From parent to child; ``kind`` is what was done."""

    path: str
    kind: str


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """The kin of one; ``left_out`` of them are not shown. Earlier generations stand left."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int


def found(
    batches: Iterable[Batch], inside: Mapping[str, Placement], text: str
) -> tuple[BatchLine, ...]:
    """The batches of which all words of ``text`` are said somewhere, the newest first."""
    words = text.casefold().split()
    made = (
        BatchLine(
            id=batch.id,
            product=batch.product,
            where=inside[batch.id].device if batch.id in inside else "",
            position=inside[batch.id].position if batch.id in inside else "",
            is_open=batch.is_open,
            opened=batch.opened_at,
        )
        for batch in batches
    )
    wanted = (one for one in made if all(word in _told(one) for word in words))
    return tuple(sorted(wanted, key=lambda one: (not one.is_open, -one.opened, one.id)))


def picture(subject: str, ancestors: Iterable[Kin], descendants: Iterable[Kin]) -> Picture:
    """Who ``subject`` comes from, and what came of it."""
    all_kin = list(dict.fromkeys([*ancestors, *descendants]))
    kin = all_kin[:MOST]
    depth = _depths(subject, kin)
    rows: dict[int, int] = {}
    nodes: dict[str, Node] = {}
    for name in sorted(depth, key=lambda each: (depth[each], each)):
        column = depth[name]
        row = rows.get(column, 0)
        rows[column] = row + 1
        nodes[name] = Node(id=name, x=column * COLUMN, y=row * LINE, is_self=name == subject)
    return Picture(
        width=(max(depth.values()) + 1) * COLUMN,
        height=max(rows.values()) * LINE,
        nodes=tuple(nodes.values()),
        edges=tuple(_edge(nodes[one.parent], nodes[one.child], one.kind) for one in kin),
        left_out=len(all_kin) - len(kin),
    )


def _told(line: BatchLine) -> str:
    return f"{line.id} {line.product} {line.where} {line.position}".casefold()


def _depths(subject: str, kin: Iterable[Kin]) -> dict[str, int]:
    """In which generation each stands: after all that it comes from, from 0 on."""
    parents: dict[str, set[str]] = {subject: set()}
    for one in kin:
        parents.setdefault(one.parent, set())
        parents.setdefault(one.child, set()).add(one.parent)
    depth: dict[str, int] = {}
    left = dict(parents)
    while left:
        ready = [name for name, above in left.items() if above <= depth.keys()]
        # A ring cannot be entered; were there one, its members would stand side by side.
        for name in ready or list(left):
            above = [depth[each] for each in left[name] if each in depth]
            depth[name] = 1 + max(above, default=-1)
        for name in depth.keys() & left.keys():
            del left[name]
    return depth


def _edge(parent: Node, child: Node, kind: str) -> Edge:
    x, y = parent.x + BOX_W, parent.y + BOX_H / 2
    end_x, end_y = child.x, child.y + BOX_H / 2
    middle = (x + end_x) / 2
    path = f"M{x:.0f} {y:.0f}C{middle:.0f} {y:.0f} {middle:.0f} {end_y:.0f} {end_x:.0f} {end_y:.0f}"
    return Edge(path=path, kind=kind)
