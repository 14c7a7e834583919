"""What a calendar says of a rota."""

import msgspec

from alerts.rota.resolve import Shift


class CalendarError(Exception):
    """A calendar cannot be read; the text says why."""


class Unknown(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """An event that names nobody of the site: when it begins (epoch ms) and what it says."""

    start: int
    says: str


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """The shifts of a calendar, what names nobody, and what else is odd about it."""

    shifts: tuple[Shift, ...]
    unknown: tuple[Unknown, ...]
    odd: tuple[str, ...]
