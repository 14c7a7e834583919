"""The positions of a freezer as a map: racks, boxes, and what stands in each slot. Pure."""

from collections.abc import Iterable

import msgspec

from batches.placement import Placement


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A slot that is taken."""

    name: str
    by: str


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A box with its taken slots, in the order of their numbers."""

    name: str
    slots: tuple[Slot, ...]


class Rack(msgspec.Struct, frozen=True, kw_only=True):
    """A rack with its boxes; one without a name holds what stands at no ``rack/box/slot``."""

    name: str
    boxes: tuple[Box, ...]


MOST_SLOTS = 300
"""Of a map that shows all boxes with what is in them; of a fuller freezer each box is opened."""


def is_full(racks: Iterable[Rack]) -> bool:
    """Whether there is more in ``racks`` than one picture can show."""
    return sum(len(box.slots) for rack in racks for box in rack.boxes) > MOST_SLOTS


def opened(racks: Iterable[Rack], rack: str, box: str) -> tuple[Rack, ...]:
    """One box alone; none where nothing stands in it."""
    return tuple(
        Rack(name=one.name, boxes=(each,))
        for one in racks
        for each in one.boxes
        if (one.name, each.name) == (rack, box)
    )


def racks(stays: Iterable[Placement]) -> tuple[Rack, ...]:
    """What stands in a freezer now, by rack and box."""
    found: dict[str, dict[str, list[Slot]]] = {}
    for stay in stays:
        parts = stay.position.split("/")
        rack, box, slot = parts if len(parts) == 3 else ("", "", stay.position)  # noqa: PLR2004 # rack/box/slot
        found.setdefault(rack, {}).setdefault(box, []).append(Slot(name=slot, by=stay.batch))
    return tuple(
        Rack(
            name=rack,
            boxes=tuple(
                Box(name=box, slots=tuple(sorted(slots, key=lambda one: _order(one.name))))
                for box, slots in sorted(boxes.items(), key=lambda each: _order(each[0]))
            ),
        )
        for rack, boxes in sorted(found.items(), key=lambda each: _order(each[0]))
    )


def _order(name: str) -> tuple[int, str]:
    digits = "".join(each for each in name if each.isdecimal())
    return (int(digits) if digits else 0, name)
