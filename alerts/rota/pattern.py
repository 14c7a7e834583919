"""A rota as a site declares it: shifts that repeat or stand on a date, and calendars."""

from datetime import date
from typing import Literal

import msgspec

from alerts.policy import check_clock
from devices.duration import Duration

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class ShiftPattern(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``person`` is on call ``from`` a time ``to`` another, each of ``days`` or ``on`` one date.

    The day is that on which the shift begins; ``to`` at or before ``from`` is the next day. While
    a shift on a date runs, those that repeat do not count.
    """

    person: str
    from_: str = msgspec.field(name="from")
    to: str
    days: tuple[Day, ...] = ()
    on: date | None = None

    def __post_init__(self) -> None:
        check_clock(self.from_, self.to)
        if bool(self.days) == (self.on is not None):
            raise ValueError('a shift has either days = ["mon", …] or on = 2026-12-24')


class Calendar(msgspec.Struct, frozen=True, kw_only=True):
    """An iCalendar feed, from a ``file`` or over HTTP from ``url``; read again each ``every``.

    A URL may hold a secret: what is shown of it is ``name``.
    """

    name: str
    file: str = ""
    url: str = ""
    every: Duration = Duration(900_000)


class Rota(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on call, in the times of ``zone``.

    Gaps and unknown people within ``horizon`` are told, to ``manager`` too if there is one.
    """

    id: str
    zone: str
    shift: tuple[ShiftPattern, ...] = ()
    feed: tuple[Calendar, ...] = ()
    horizon: Duration = Duration(14 * 86_400_000)
    manager: str = ""
