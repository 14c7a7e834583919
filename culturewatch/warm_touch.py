"""Whether a probe is where the site's file says it is: somebody warms it, and all are watched."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from statistics import median

import msgspec

LEAST = 0.5
"""A probe that was warmed moves at least so far, in the stored unit (°C)."""

CLEARLY = 2.0
"""It moves at least so many times further than any other probe."""


class Result(StrEnum):
    """What a test showed, in words for people."""

    RIGHT = "the probe that was warmed is the one that moved"
    OTHER = "another probe moved: they are swapped, or mapped to the wrong tank"
    NONE = "no probe moved enough; warm it for longer, or it is not connected"
    UNCLEAR = "several probes moved; try again while nobody opens anything"
    SILENT = "the probe gave no good reading during the test"


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """``moved`` is how far each channel went from where it was before, the furthest first."""

    result: Result
    channel: str
    moved: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        shown = ", ".join(f"{channel} by {far:.2f}" for channel, far in self.moved[:3])
        return f"{self.result.value} ({shown or 'nothing was heard'})"


def judged(
    channel: str,
    before: Mapping[str, Sequence[float]],
    during: Mapping[str, Sequence[float]],
) -> Touch:
    """The test of ``channel``, from good values of all channels of its kind, before and during."""
    far = {
        name: max(abs(value - median(before[name])) for value in values)
        for name, values in during.items()
        if values and before.get(name)
    }
    moved = tuple(sorted(far.items(), key=lambda one: -one[1]))
    return Touch(result=_result(channel, far), channel=channel, moved=moved)


def _result(channel: str, far: Mapping[str, float]) -> Result:
    if channel not in far:
        return Result.SILENT
    others = {name: moved for name, moved in far.items() if name != channel}
    other = max(others.values(), default=0.0)
    if max(far[channel], other) < LEAST:
        return Result.NONE
    if far[channel] >= CLEARLY * other:
        return Result.RIGHT
    return Result.OTHER if other >= CLEARLY * far[channel] else Result.UNCLEAR
