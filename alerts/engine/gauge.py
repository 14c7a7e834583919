"""What a rule judges where that is not the value itself: its slope, its age, its distance.

Each kind has a state of its own and a pure step: the state and a sample in, the state and a
measure out, or None where the sample says nothing yet.
"""

from collections.abc import Callable, Mapping
from math import inf
from statistics import median
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from alerts.engine.course import Course, followed
from alerts.engine.slope import slope
from alerts.rule import Rule

HOUR_MS = 3_600_000
PERIODS = 3
"""The newest sample of another channel counts for so many of its periods."""

LEARNT = 28
"""So many windows make the base line of a tank."""

LEAST_LEARNT = 4
"""Below so many there is none yet."""

FOREVER_H = 1e6
"""Hours to the limit of what does not approach it."""


class Seen(NamedTuple):
    """A live good sample. ``place`` 0 is the rule's own channel, 1 and up those in ``against``."""

    at: int
    value: float
    place: int = 0


class Sloping(msgspec.Struct, frozen=True, array_like=True, tag="slope"):
    """Of ``rate`` and ``time-to-limit``. ``side`` is on which side of the limit it began."""

    course: Course = Course()
    side: int = 0


class Jumping(msgspec.Struct, frozen=True, array_like=True, tag="jump"):
    """Of ``spike``: the newest value that counts, and one that waits to be confirmed."""

    value: float | None = None
    held: float | None = None


class Still(msgspec.Struct, frozen=True, array_like=True, tag="still"):
    """Of ``stuck``: the value, and since when it has been that."""

    value: float | None = None
    since: int = 0


class Losing(msgspec.Struct, frozen=True, array_like=True, tag="loss"):
    """Of ``evaporation``: ``learnt`` are slopes (a ms) of earlier windows without a refill.

    ``began`` is the first sample after a refill, ``learnt_at`` when the last slope was learnt.
    """

    course: Course = Course()
    began: int | None = None
    learnt_at: int = 0
    learnt: tuple[float, ...] = ()


class Beside(msgspec.Struct, frozen=True, array_like=True, tag="beside"):
    """Of rules that look at several channels: time and value of the newest sample of each."""

    newest: tuple[tuple[int, float] | None, ...] = ()


State = Sloping | Jumping | Still | Losing | Beside
Measured = tuple[State, float | None]


class Frame(NamedTuple):
    """What a measure must know besides its state: the rule, and the period of each channel."""

    rule: Rule
    resolution: float
    periods: tuple[int, ...]

    @property
    def window(self) -> int:
        """The rule's window in ms."""
        return int(self.rule.window or 0)


def rate(frame: Frame, state: State | None, seen: Seen) -> Measured:
    """Change an hour over the window, in the channel's unit; negative falls."""
    before = state if isinstance(state, Sloping) else Sloping()
    course, closed = followed(before.course, seen.at, seen.value, frame.window)
    after = replace(before, course=course)
    found = slope(course.points) if closed else None
    return after, None if found is None else found.middle * HOUR_MS


def time_to_limit(frame: Frame, state: State | None, seen: Seen) -> Measured:
    """Hours until the limit is reached if it goes on as steeply as it may, at 95 %.

    A value that moves away from the limit by more than the deadband, as when a tank is filled,
    begins a new course. Beyond the limit it is 0.
    """
    limit, band = frame.rule.limit or 0.0, frame.rule.deadband
    before = state if isinstance(state, Sloping) else Sloping()
    side = before.side or (1 if seen.value > limit else -1)
    left = side * (seen.value - limit)
    if left <= 0:
        return Sloping(Course(), side), 0.0
    nearest = before.course.lowest if side > 0 else before.course.highest
    refilled = nearest is not None and side * (seen.value - nearest) > band
    course = Course() if refilled else before.course
    course, closed = followed(course, seen.at, seen.value, frame.window)
    after = Sloping(course, side)
    if refilled:
        return after, FOREVER_H
    found = slope(course.points) if closed else None
    if found is None:
        return after, None
    steepest = -found.least if side > 0 else found.most
    clearly = -found.most if side > 0 else found.least
    if clearly <= 0:
        # The interval holds "does not approach": noise alone is no danger.
        return after, FOREVER_H
    return after, min(FOREVER_H, left / steepest / HOUR_MS)


def hours_left(limit: float, state: State | None, value: float) -> tuple[float, ...]:
    """Hours to the limit: the least, by the middle slope, and the most; the most may be endless.

    Empty without a slope towards the limit.
    """
    if not isinstance(state, Sloping) or (found := slope(state.course.points)) is None:
        return ()
    left, towards = abs(value - limit), -1 if state.side > 0 else 1
    speeds = sorted((towards * one for one in found), reverse=True)
    if speeds[1] <= 0:
        return ()
    return tuple(left / speed / HOUR_MS if speed > 0 else inf for speed in speeds)


def stuck(frame: Frame, state: State | None, seen: Seen) -> Measured:
    """Seconds for which the value has not moved by more than the deadband."""
    before = state if isinstance(state, Still) else Still()
    band = max(frame.rule.deadband, frame.resolution / 2)
    if before.value is None or abs(seen.value - before.value) > band:
        return Still(seen.value, seen.at), 0.0
    return before, (seen.at - before.since) / 1000


def evaporation(frame: Frame, state: State | None, seen: Seen) -> Measured:
    """How many times faster the level falls than it used to in this tank.

    A window without a refill that fell no faster than the limit is learnt; the base line is the
    median of the last four to twenty-eight.
    """
    before = state if isinstance(state, Losing) else Losing(learnt_at=seen.at)
    nearest = before.course.lowest
    if nearest is not None and seen.value - nearest > frame.rule.deadband:
        before = replace(before, course=Course(), began=None)
    course, closed = followed(before.course, seen.at, seen.value, frame.window)
    began = seen.at if before.began is None else before.began
    after = replace(before, course=course, began=began)
    found = slope(course.points) if closed and seen.at - began >= frame.window else None
    if found is None:
        return after, None
    usual = median(before.learnt) if len(before.learnt) >= LEAST_LEARNT else None
    ratio = None if usual is None else found.middle / usual
    calm = ratio is None or ratio < (frame.rule.limit or 0.0)
    if found.middle < 0 and calm and seen.at - before.learnt_at >= frame.window:
        learnt = (*before.learnt, found.middle)[-LEARNT:]
        after = replace(after, learnt=learnt, learnt_at=seen.at)
    return after, ratio


def difference(frame: Frame, state: State | None, seen: Seen) -> Measured:
    """How far it is from the other channel, while both give fresh values."""
    after, values = _newest(frame, state, seen)
    if values[0] is None or values[1] is None:
        return after, None
    return after, abs(values[0] - values[1])


def disagreement(frame: Frame, state: State | None, seen: Seen) -> Measured:
    """How far it is from where the others agree: their median with it, of three or more."""
    after, values = _newest(frame, state, seen)
    fresh = [value for value in values if value is not None]
    if seen.place or values[0] is None or len(fresh) <= 2:  # noqa: PLR2004 # two cannot outvote one
        return after, None
    return after, abs(values[0] - median(fresh))


def vote(frame: Frame, state: State | None, seen: Seen) -> Measured:
    """The median of what fresh probes say; of two the one that is nearer to the alarm."""
    after, values = _newest(frame, state, seen)
    fresh = sorted(value for value in values if value is not None)
    if len(fresh) % 2:
        return after, fresh[len(fresh) // 2]
    middle = len(fresh) // 2
    return after, fresh[middle - 1] if frame.rule.kind == "low" else fresh[middle]


def jump(frame: Frame, state: State | None, seen: Seen) -> tuple[Jumping, bool]:
    """Whether a value jumps by the limit, and no second one near it confirms it."""
    before = state if isinstance(state, Jumping) else Jumping()
    limit = frame.rule.limit or 0.0
    if before.value is None or abs(seen.value - before.value) < limit:
        return Jumping(seen.value), False
    if before.held is not None and abs(seen.value - before.held) < limit:
        return Jumping(seen.value), False
    return Jumping(before.value, seen.value), True


Measure = Callable[[Frame, State | None, Seen], Measured]

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "rate": rate,
        "time-to-limit": time_to_limit,
        "stuck": stuck,
        "evaporation": evaporation,
        "difference": difference,
        "disagreement": disagreement,
    }
)


def measure_of(rule: Rule) -> Measure | None:
    """What a rule judges instead of the value; None where it is the value."""
    if rule.kind in {"high", "low"} and rule.against:
        return vote
    return MEASURES.get(rule.kind)


def _newest(
    frame: Frame, state: State | None, seen: Seen
) -> tuple[Beside, tuple[float | None, ...]]:
    """The newest sample of each channel, None for one that is too old to be compared."""
    before = state.newest if isinstance(state, Beside) else ()
    count = len(frame.periods)
    newest: list[tuple[int, float] | None] = (
        list(before) if len(before) == count else [None] * count
    )
    newest[seen.place] = (seen.at, seen.value)
    fresh = tuple(
        one[1] if one is not None and seen.at - one[0] <= PERIODS * period else None
        for one, period in zip(newest, frame.periods, strict=True)
    )
    return Beside(tuple(newest)), fresh
