"""Where a batch stood: half-open intervals, and what may not be entered about them."""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from devices.duration import Duration

PROMPT_MS = 15 * 60_000
_DAY_MS = 86_400_000
"""What was done longer ago than this when it is entered is backdated, and needs a reason."""
AHEAD_MS = 60_000
"""How far another computer's clock may run ahead before its time counts as the future."""


class Refused(Exception):  # noqa: N818 # what happened to the act, and what callers call it
    """An act that the ledger does not take; nothing was written.

    ``row`` is the entry that stands against it, where there is one.
    """

    def __init__(self, why: str, *, row: int | None = None) -> None:
        super().__init__(why if row is None else f"{why} (row {row})")
        self.row = row


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """A batch in a device, from ``start`` up to but not including ``end``; None: still there.

    ``row`` is the entry that says so, ``departure`` the one that ended it, ``corrects`` the one
    it took the place of, ``checked_by`` the second person who saw it. Times are epoch
    milliseconds, UTC.
    """

    row: int
    batch: str
    device: str
    position: str
    start: int
    end: int | None
    by: str
    entered: int
    reason: str
    corrects: int | None = None
    departure: int | None = None
    checked_by: str | None = None

    def covers(self, at: int) -> bool:
        """Whether the batch was there at ``at``."""
        return self.start <= at and (self.end is None or at < self.end)


class Life(Protocol):
    """What may stand in a device, such as a batch: ``row`` began it, ``closure`` ended it."""

    @property
    def row(self) -> int: ...
    @property
    def id(self) -> str: ...
    @property
    def opened_at(self) -> int: ...
    @property
    def closed_at(self) -> int | None: ...
    @property
    def closure(self) -> int | None: ...


class Interval(msgspec.Struct, frozen=True):
    """From ``start`` up to but not including ``end``; epoch milliseconds, UTC."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Milliseconds."""
        return self.end - self.start


def bench(began: int, last: int, stays: Iterable[Placement]) -> tuple[Interval, ...]:
    """When what lived from ``began`` to ``last`` was in no device."""
    at, out = began, []
    for stay in sorted(stays, key=lambda stay: stay.start):
        if stay.start > at:
            out.append(Interval(at, min(stay.start, last)))
        at = max(at, last if stay.end is None else stay.end)
    if at < last:
        out.append(Interval(at, last))
    return tuple(gap for gap in out if gap.length > 0)


def _about(span_ms: int) -> Duration:
    """A span as people say it: in minutes, of days in hours."""
    step = 3_600_000 if span_ms >= _DAY_MS else 60_000
    return Duration(max(span_ms // step, 1) * step)


def check_times(*, at: int, entered: int, reason: str, what: str) -> None:
    """An act done at ``at`` and entered at ``entered`` is neither future nor unexplained past.

    Nor is it so long ago that only a mistyped year can be meant.

    Raises:
        Refused: it is.
    """
    if at > entered + AHEAD_MS:
        raise Refused(
            f"{what}: its time lies {_about(at - entered)} in the future; enter what has been done"
        )
    if at < 0:
        raise Refused(f"{what}: its time lies before 1970; check the year")
    if entered - at > PROMPT_MS and not reason.strip():
        raise Refused(
            f"{what}: this was {_about(entered - at)} ago; a backdated entry needs a reason"
        )


def check_stay(
    life: Life,
    stays: Iterable[Placement],
    *,
    start: int,
    end: int | None,
    corrects: int | None = None,
) -> None:
    """The interval is one it can have spent in a device, beside its other ``stays``.

    ``corrects`` is the row of the stay that it takes the place of.

    Raises:
        Refused: it ends before it starts, leaves its life, or overlaps another.
    """
    if end is not None and end <= start:
        raise Refused(f"{life.id}: a stay must end after it starts", row=corrects)
    if start < life.opened_at:
        raise Refused(f"{life.id}: a stay cannot start before the batch was opened", row=life.row)
    if life.closed_at is not None and (end is None or end > life.closed_at):
        raise Refused(f"{life.id}: a stay cannot outlast the batch", row=life.closure)
    for other in stays:
        if _overlap(start, end, other):
            raise Refused(f"{life.id}: is in {other.device} at that time", row=other.row)


def check_open(life: Life) -> None:
    """Nothing is entered about what is closed but corrections.

    Raises:
        Refused: it is closed.
    """
    if life.closed_at is not None:
        raise Refused(f"{life.id}: is closed", row=life.closure)


def _overlap(start: int, end: int | None, other: Placement) -> bool:
    return (other.end is None or start < other.end) and (end is None or other.start < end)
