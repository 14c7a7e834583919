"""The screen of who is on call: shifts, gaps, overrides and drills. Pure."""

from collections.abc import Callable, Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from alerts.policy import Person
from alerts.rota.wall import instant
from batches.placement import Refused

DAYS = 14
HOURS = (1, 4, 8, 12, 24, 48)
"""For how long somebody may stand in from a screen."""
_HOUR_MS = 3_600_000


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """From ``start`` to before ``end`` (epoch ms) these are on call; nobody is a gap."""

    start: int
    end: int
    people: tuple[str, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An override or a swap that is not over; by its ``id`` it is taken back."""

    id: str
    verb: str
    people: tuple[str, ...]
    start: int
    end: int
    by: str
    why: str


class RotaShown(msgspec.Struct, frozen=True, kw_only=True):
    """One rota. ``problems`` say what leaves somebody uncalled."""

    id: str
    zone: str
    shifts: tuple[Shift, ...]
    changes: tuple[Change, ...]
    problems: tuple[str, ...]

    @property
    def now(self) -> tuple[str, ...]:
        """Who is on call now."""
        return self.shifts[0].people if self.shifts else ()


class DrillShown(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an alarm reaches a person on a channel, as the last drill showed it.

    It was sent at ``at`` and answered at ``answered`` (epoch ms); ``error`` is why it never left.
    """

    person: str
    channel: str
    word: str
    at: int | None
    answered: int | None
    error: str
    is_proven: bool


class OnCallShown(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    rotas: tuple[RotaShown, ...]
    drills: tuple[DrillShown, ...]


Roster = Callable[[int, int], OnCallShown]
"""Works it out from ``start`` to ``end``, epoch ms; it reads files, and may take a while."""


def overriding(
    person: str, begins: str, hours: int, reason: str, *, zone: ZoneInfo
) -> dict[str, str]:
    """The arguments of an override: ``person`` stands in from ``begins`` (of ``zone``) on.

    Raises:
        Refused: one of them is missing, or cannot be so.
    """
    if not person:
        raise Refused("choose who stands in")
    return {"to": person, **_span(begins, hours, zone), "reason": _why(reason)}


def swapping(
    one: str, other: str, begins: str, hours: int, reason: str, *, zone: ZoneInfo
) -> dict[str, str]:
    """The arguments of a swap: the two stand in each other's place; otherwise as ``overriding``."""
    if not one or not other or one == other:
        raise Refused("a swap is between two people")
    return {"to": f"{one},{other}", **_span(begins, hours, zone), "reason": _why(reason)}


def withdrawing(change: str, reason: str) -> dict[str, str]:
    """The arguments of taking ``change`` back.

    Raises:
        Refused: none is chosen, or no reason is given.
    """
    if not change:
        raise Refused("choose what is taken back")
    return {"of": change, "reason": _why(reason)}


def drilled(people: Iterable[Person], person: str, channel: str) -> tuple[tuple[str, str], ...]:
    """Who is sent a drill by which channel; an empty ``person`` is everybody, and so for channels.

    Raises:
        Refused: nobody is reached so.
    """
    ways = tuple(
        (one.id, way)
        for one in people
        for way in one.channels
        if person in {"", one.id} and channel in {"", way}
    )
    if not ways:
        raise Refused("nobody is reached so")
    return ways


def _why(reason: str) -> str:
    if not reason.strip():
        raise Refused("a change of the rota needs a reason")
    return reason


def _span(begins: str, hours: int, zone: ZoneInfo) -> dict[str, str]:
    try:
        wall = datetime.fromisoformat(begins.strip())
        # As the command line reads it: what comes twice is its first, what is skipped the change.
        start = (
            instant(wall.date(), wall.time(), zone)
            if wall.tzinfo is None
            else round(wall.timestamp() * 1000)
        )
    except (ValueError, OverflowError):
        raise Refused(f"{begins!r} is no time; write it as 2026-01-31 18:00") from None
    if hours not in HOURS:
        raise Refused("choose for how long")
    return {"from": str(start), "until": str(start + hours * _HOUR_MS)}
