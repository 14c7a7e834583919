"""The screen of who is on call: shifts, gaps, overrides and drills. Pure."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from batches.placement import Refused

DAYS = 14
HOURS = (1, 4, 8, 12, 24, 48)
"""For how long somebody may stand in from a screen."""


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """From ``start`` to before ``end`` (epoch ms) these are on call; nobody is a gap."""

    start: int
    end: int
    people: tuple[str, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An override or a swap that is not over."""

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
    """Whether an alarm reaches a person on a channel, as the last drill showed it."""

    person: str
    channel: str
    word: str
    at: int | None
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
    if not reason.strip():
        raise Refused("a change of the rota needs a reason")
    try:
        start = datetime.fromisoformat(begins.strip()).replace(tzinfo=zone)
    except ValueError:
        raise Refused(f"{begins!r} is no time; write it as 2026-01-31 18:00") from None
    if hours not in HOURS:
        raise Refused("choose for how long")
    end = start.timestamp() + timedelta(hours=hours).total_seconds()
    return {
        "from": str(round(start.timestamp() * 1000)),
        "until": str(round(end * 1000)),
        "to": person,
        "reason": reason,
    }
