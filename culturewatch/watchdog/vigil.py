"""Whether a site still beats, and what people are to hear of it. Pure: times are handed in."""

from enum import Enum

import msgspec
from msgspec.structs import replace


class Word(Enum):
    """What there is to tell."""

    SILENT = "no beat"
    AGAIN = "still no beat"
    BACK = "beats again"


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """In seconds: after the last beat, for the first one, and between two reminders."""

    after_s: float
    grace_s: float
    repeat_s: float


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """One time without beats. ``began`` is epoch ms and names it; ``by`` has acknowledged it."""

    began: int
    told_s: float
    by: str = ""


class Vigil(msgspec.Struct, frozen=True, kw_only=True):
    """One site. Seconds are those of a clock that nobody sets.

    ``awaited_s`` is since when a beat is awaited, ``heard_s`` and ``heard_at`` (epoch ms) when the
    newest came.
    """

    awaited_s: float
    heard_s: float | None = None
    heard_at: int | None = None
    outage: Outage | None = None

    def silent_s(self, now_s: float) -> float:
        """For how long no beat came."""
        return now_s - (self.awaited_s if self.heard_s is None else self.heard_s)


def heard(vigil: Vigil, *, now_s: float, now: int) -> tuple[Vigil, Word | None]:
    """A beat came."""
    word = None if vigil.outage is None else Word.BACK
    return replace(vigil, heard_s=now_s, heard_at=now, outage=None), word


def look(vigil: Vigil, patience: Patience, *, now_s: float, now: int) -> tuple[Vigil, Word | None]:
    """Time passed. A site that was never heard is missed too: its beat may never have worked."""
    outage = vigil.outage
    if outage is not None:
        if outage.by or now_s - outage.told_s < patience.repeat_s:
            return vigil, None
        return replace(vigil, outage=replace(outage, told_s=now_s)), Word.AGAIN
    allowed_s = patience.grace_s if vigil.heard_s is None else patience.after_s
    if vigil.silent_s(now_s) < allowed_s:
        return vigil, None
    return replace(vigil, outage=Outage(began=now, told_s=now_s)), Word.SILENT


def acknowledged(vigil: Vigil, *, began: int, by: str) -> tuple[Vigil, str]:
    """``by`` takes care of the outage that began then; why not, or nothing."""
    outage = vigil.outage
    if outage is None or outage.began != began:
        return vigil, "that outage is over"
    if outage.by:
        return vigil, f"{outage.by} has it already"
    return replace(vigil, outage=replace(outage, by=by)), ""
