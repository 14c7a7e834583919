"""Table A4: how far a channel can be trusted, apart from what its values mean."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec.structs import replace


class Trust(StrEnum):
    """States of a channel's quality."""

    NEVER = "NEVER"
    GOOD = "GOOD"
    SUSPECT = "SUSPECT"
    BAD = "BAD"
    STALE = "STALE"


class Event(StrEnum):
    """Columns of the table."""

    GOOD = "good sample"
    SUSPECT = "suspect"
    FAIL = "hard fail"
    SILENT = "no sample for w"
    RESTART = "restart"


class Signal(msgspec.Struct, frozen=True, array_like=True):
    """One channel's quality and its newest samples. Times are steady milliseconds.

    ``since`` is when it was first watched, ``floor`` when this run began: silence is not counted
    from before it. ``heard`` is the newest live sample of any kind but absence, ``good_at`` and
    ``value`` the newest good one, ``run`` good samples in a row, ``code`` what was bad last,
    ``overdue`` that it was said to have never reported, ``gap`` the good samples around the
    newest time without any that was too long.
    """

    trust: Trust = Trust.NEVER
    since: int | None = None
    floor: int = 0
    heard: int | None = None
    good_at: int | None = None
    value: float | None = None
    run: int = 0
    code: str = ""
    overdue: bool = False
    gap: tuple[int, int] | None = None

    def silent_from(self, allowance: int) -> int | None:
        """When no sample of any kind has come for ``allowance`` ms, or None if that is said."""
        if self.trust is Trust.NEVER:
            return None if self.overdue or self.since is None else self.since + allowance
        if self.trust is Trust.STALE or self.heard is None:
            return None
        return max(self.heard, self.floor) + allowance

    def gap_around(self, at: int, now: int) -> tuple[int, int] | None:
        """The time without good samples in which ``at`` lies; None where one may be near it."""
        if self.good_at is None or at > self.good_at:
            return self.good_at or 0, now
        return self.gap if self.gap is not None and self.gap[0] < at < self.gap[1] else None

    def heard_after(self, at: int, allowance: int) -> "Signal":
        """With the gap that ends at ``at``, if it was too long."""
        if self.good_at is None or at - self.good_at <= allowance:
            return self
        return replace(self, gap=(self.good_at, at))

    def blind_from(self, allowance: int) -> int | None:
        """When no good sample has come for ``allowance`` ms."""
        if self.trust is Trust.NEVER:
            return None if self.since is None else self.since + allowance
        last = self.since if self.good_at is None else self.good_at
        return None if last is None else max(last, self.floor) + allowance


class Fact(NamedTuple):
    """``at`` the sample or the end of the allowance; ``live`` or from a buffer; the fault code.

    ``needed`` is how many good samples in a row make a bad channel good.
    """

    at: int
    live: bool = True
    code: str = ""
    needed: int = 1


Result = tuple[Signal, str]
"""The new state, and what to tell about it, empty when nothing changed."""

Action = Callable[[Signal, Fact], Result]


def judge(signal: Signal, event: Event, fact: Fact) -> Result:
    """The cell of table A4 for this channel and event."""
    return A4[signal.trust, event](signal, fact)


def stay(signal: Signal, _fact: Fact) -> Result:
    """No change."""
    return signal, ""


def appear(signal: Signal, _fact: Fact) -> Result:
    """NEVER, good: the first sample."""
    return replace(signal, trust=Trust.GOOD, run=1), "first sample"


def count(signal: Signal, fact: Fact) -> Result:
    """SUSPECT and BAD, good: trusted again after enough of them in a row."""
    run = signal.run + 1
    if run < fact.needed:
        return replace(signal, run=run), ""
    return replace(signal, trust=Trust.GOOD, run=run, code=""), f"good again, was {signal.code}"


def come_back(signal: Signal, fact: Fact) -> Result:
    """STALE, good: only a live sample proves that it is back."""
    if not fact.live:
        return signal, ""
    return replace(signal, trust=Trust.GOOD, run=1, code=""), "samples again"


def suspect(signal: Signal, fact: Fact) -> Result:
    """A value came that may not be relied on."""
    return replace(signal, trust=Trust.SUSPECT, run=0, code=fact.code), f"suspect: {fact.code}"


def break_run(signal: Signal, _fact: Fact) -> Result:
    """SUSPECT and BAD, suspect: stays, and good samples are counted from the start."""
    return replace(signal, run=0), ""


def fail(signal: Signal, fact: Fact) -> Result:
    """A fault code, an impossible number, or nothing that can be read."""
    return replace(signal, trust=Trust.BAD, run=0, code=fact.code), f"bad: {fact.code}"


def fail_again(signal: Signal, fact: Fact) -> Result:
    """BAD, hard fail: stays; the newest code is the one to show."""
    return replace(signal, run=0, code=fact.code), ""


def never(signal: Signal, _fact: Fact) -> Result:
    """NEVER, grace over."""
    return replace(signal, overdue=True), "never reported"


def fall_silent(signal: Signal, _fact: Fact) -> Result:
    """No sample for the allowance; what was bad before is joined to it."""
    told = f"no sample, after {signal.code}" if signal.code else "no sample"
    return replace(signal, trust=Trust.STALE, run=0), told


def allow(signal: Signal, fact: Fact) -> Result:
    """Restart: silence is measured anew, with the same allowance."""
    return replace(signal, floor=fact.at), ""


A4: Mapping[tuple[Trust, Event], Action] = MappingProxyType(
    {
        (Trust.NEVER, Event.GOOD): appear,
        (Trust.NEVER, Event.SUSPECT): suspect,
        (Trust.NEVER, Event.FAIL): fail,
        (Trust.NEVER, Event.SILENT): never,
        (Trust.NEVER, Event.RESTART): stay,
        (Trust.GOOD, Event.GOOD): stay,
        (Trust.GOOD, Event.SUSPECT): suspect,
        (Trust.GOOD, Event.FAIL): fail,
        (Trust.GOOD, Event.SILENT): fall_silent,
        (Trust.GOOD, Event.RESTART): allow,
        (Trust.SUSPECT, Event.GOOD): count,
        (Trust.SUSPECT, Event.SUSPECT): break_run,
        (Trust.SUSPECT, Event.FAIL): fail,
        (Trust.SUSPECT, Event.SILENT): fall_silent,
        (Trust.SUSPECT, Event.RESTART): allow,
        (Trust.BAD, Event.GOOD): count,
        (Trust.BAD, Event.SUSPECT): break_run,
        (Trust.BAD, Event.FAIL): fail_again,
        (Trust.BAD, Event.SILENT): fall_silent,
        (Trust.BAD, Event.RESTART): allow,
        (Trust.STALE, Event.GOOD): come_back,
        (Trust.STALE, Event.SUSPECT): stay,
        (Trust.STALE, Event.FAIL): fail,
        (Trust.STALE, Event.SILENT): stay,
        (Trust.STALE, Event.RESTART): stay,
    }
)
