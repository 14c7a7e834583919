"""What a step allows, and what its excursions are by that: in, out, or not known.

With a guard band the limits are tightened by the expanded uncertainty of the sensor (w = U, k = 2,
ILAC-G8:09/2019). Of its four statements three values are made: inside the tightened limits is in
(pass); between a tightened limit and the limit is unknown (conditional pass); beyond the limit is
out (conditional fail and fail), because a guard band never makes a finding milder.

An excursion policy has three numbers: how far, how long and how often (Vaisala's example for
2-8 °C: within 0-15 °C, up to 30 min, once in 24 h; anything else is for quality to act on).
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from batches.excursion import Excursion, Limits, in_milli
from batches.placement import Interval
from devices.duration import Duration


class Verdict(StrEnum):
    """Whether a channel stayed within what its policy allows; a gap is never "in"."""

    IN = "in"
    OUT = "out"
    UNKNOWN = "unknown"


class Standing(StrEnum):
    """What an excursion is by the policy."""

    NOT_ALLOWED = "not allowed"
    TOO_FAR = "beyond the allowed range"
    TOO_LONG = "longer than allowed"
    TOO_OFTEN = "more often than allowed"
    UNSURE = "beside a gap, so that it may have been longer or not the only one"
    ALLOWED = "allowed"


class Allowed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Excursions that are no deviation.

    The value stays in ``low <= value <= high`` (None: however far), for ``longest`` at most, and
    no more than ``times`` such excursions begin within ``per`` (None: however often).
    """

    longest: Duration
    low: float | None = None
    high: float | None = None
    times: int | None = None
    per: Duration | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a channel, what it may be beyond them, and the percent that must be known.

    ``guard_band`` tightens the limits by the uncertainty of whatever sensor measured.
    """

    limits: Limits = Limits()
    allowed: Allowed | None = None
    coverage: float = 100.0
    guard_band: bool = False


class Whole(NamedTuple):
    """An excursion from its first piece to its last, and how far out each of them was."""

    start: int
    end: int
    worst: tuple[float, ...]

    @classmethod
    def of(cls, pieces: Sequence[Excursion]) -> "Whole":
        """That of ``pieces``, each of which begins when the one before ends."""
        return cls(pieces[0].start, pieces[-1].end, tuple(each.worst for each in pieces))


class Edges(NamedTuple):
    """Where gaps begin and end."""

    starts: frozenset[int]
    ends: frozenset[int]

    @classmethod
    def of(cls, gaps: Sequence[Interval]) -> "Edges":
        """Those of ``gaps``."""
        return cls(frozenset(gap.start for gap in gaps), frozenset(gap.end for gap in gaps))


class Judged(msgspec.Struct, frozen=True):
    """An excursion and what it is; ``whole`` where this is one piece of a longer one.

    A move cuts an excursion, a change of limits does, and so does a value that goes from beyond one
    limit to beyond the other without a reading between them.
    """

    excursion: Excursion
    standing: Standing
    whole: Interval | None = None

    @classmethod
    def of(
        cls, policy: "Policy", piece: Excursion, whole: Whole, begun: Sequence[int], gaps: Edges
    ) -> "Judged":
        """``piece``, which is what ``whole`` is by ``policy`` (``standing``)."""
        cut = (piece.start, piece.end) != (whole.start, whole.end)
        found = standing(policy, whole, begun, gaps)
        return cls(piece, found, Interval(whole.start, whole.end) if cut else None)


def judge(
    policy: Policy, excursions: Sequence[Excursion], gaps: Sequence[Interval]
) -> tuple[Judged, ...]:
    """Each of ``excursions`` (in the order of time), with what it is.

    ``gaps`` are the times of which nothing is known. For a culture that was moved, excursions of
    all its stays count together: ``batches.joined``.
    """
    runs: list[list[Excursion]] = []
    for each in excursions:
        if runs and runs[-1][-1].end == each.start:
            runs[-1].append(each)
        else:
            runs.append([each])
    begun = [run[0].start for run in runs]
    edges = Edges.of(gaps)
    return tuple(
        Judged.of(policy, piece, Whole.of(run), begun, edges) for run in runs for piece in run
    )


def standing(policy: Policy, whole: Whole, begun: Sequence[int], gaps: Edges) -> Standing:
    """What an excursion is; ``begun`` is when each of its kind began, in the order of time."""
    allowed = policy.allowed
    if allowed is None:
        return Standing.NOT_ALLOWED
    found = _standing(allowed, whole, begun)
    if found is Standing.ALLOWED and (whole.start in gaps.ends or whole.end in gaps.starts):
        return Standing.UNSURE
    return found


def verdict(
    policy: Policy, judged: Iterable[Judged], *, known_ms: int, length_ms: int
) -> Verdict | None:
    """The three-valued answer; None where there are no limits.

    ``known_ms`` is for how long it is known to have been in limits or out of them.
    """
    if not policy.limits.given:
        return None
    standings = {each.standing for each in judged}
    if standings - {Standing.ALLOWED, Standing.UNSURE}:
        return Verdict.OUT
    covered = known_ms * 100_000 >= in_milli(policy.coverage) * length_ms
    sure = Standing.UNSURE not in standings
    return Verdict.IN if covered and sure and known_ms > 0 else Verdict.UNKNOWN


def _standing(allowed: Allowed, each: Whole, begun: Sequence[int]) -> Standing:
    if _beyond(allowed, each.worst):
        return Standing.TOO_FAR
    if each.end - each.start > allowed.longest:
        return Standing.TOO_LONG
    if allowed.times is not None and allowed.per is not None:
        within = bisect_left(begun, each.start + 1) - bisect_left(
            begun, each.start - allowed.per + 1
        )
        if within > allowed.times:
            return Standing.TOO_OFTEN
    return Standing.ALLOWED


def _beyond(allowed: Allowed, worst: Sequence[float]) -> bool:
    milli = [in_milli(each) for each in worst]
    low = allowed.low is not None and min(milli) < in_milli(allowed.low)
    high = allowed.high is not None and max(milli) > in_milli(allowed.high)
    return low or high
