"""What keeps an alarm from paging: a shelf, suppression by design, out of service."""

from enum import StrEnum

import msgspec


class Shade(StrEnum):
    """What is in force over an alarm; the strongest of those that apply, strongest last."""

    NONE = "none"
    SHELVED = "SH"
    DESIGN = "DS"
    SERVICE = "OOS"


class Shelf(msgspec.Struct, frozen=True, array_like=True):
    """Somebody shelved it until then; ``one_shot`` ends earlier, with the next return."""

    until: int
    one_shot: bool
    by: str
    reason: str


class Design(msgspec.Struct, frozen=True, array_like=True):
    """``cause`` explains it, until then at the longest; ``ends`` when that is over already."""

    until: int
    cause: str
    ends: int | None = None


class Service(msgspec.Struct, frozen=True, array_like=True):
    """The permit under which its device is out of service."""

    until: int
    by: str
    reason: str


class Overlay(msgspec.Struct, frozen=True, array_like=True):
    """Times are steady milliseconds.

    ``first`` is when the shelf was laid that those after it prolong. ``spent`` says that
    suppression reached its cap while its cause went on: it does not begin again before the cause
    is over. ``held`` counts what would have paged while something was in force.
    """

    shelf: Shelf | None = None
    first: int | None = None
    design: Design | None = None
    spent: bool = False
    service: Service | None = None
    held: int = 0

    @property
    def shade(self) -> Shade:
        """What is in force."""
        if self.service is not None:
            return Shade.SERVICE
        if self.design is not None:
            return Shade.DESIGN
        return Shade.NONE if self.shelf is None else Shade.SHELVED

    @property
    def due(self) -> int | None:
        """When the next of them is over."""
        ends = [one.until for one in (self.shelf, self.design, self.service) if one is not None]
        if self.design is not None and self.design.ends is not None:
            ends.append(self.design.ends)
        return min(ends, default=None)


BARE = Overlay()
