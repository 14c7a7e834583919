"""Time that frozen cells spent too warm, cumulated over the life of a vial."""

from collections.abc import Iterable

import msgspec

from batches.exposure import Exposure

THRESHOLDS_C = (-150.0, -135.0)
"""-150 °C is the usual limit for the vapour phase; at -132 °C water leaves its glassy state."""


class Warmth(msgspec.Struct, frozen=True, kw_only=True):
    """How long in all it was above ``threshold`` (°C), and for how long nobody can say."""

    threshold: float
    above_ms: int
    unknown_ms: int


def cumulated(frozen: Iterable[Exposure], *, unwatched_ms: int = 0) -> tuple[Warmth, ...]:
    """The sum over the stays of a vial, and of the vials it comes from, up to each split.

    Args:
        frozen: the temperature of each stay, of one probe a stay.
        unwatched_ms: time in no freezer, such as in transit: nothing is known about it.

    Raises:
        ValueError: a stay was not measured against the thresholds.
    """
    above = dict.fromkeys(THRESHOLDS_C, 0)
    unknown = unwatched_ms
    for exposure in frozen:
        measured = {each.threshold: each.ms for each in exposure.above}
        if not measured.keys() >= above.keys():
            raise ValueError(f"the stay from {exposure.start} has no time above {THRESHOLDS_C} °C")
        for threshold in above:
            above[threshold] += measured[threshold]
        unknown += exposure.unknown_ms
    return tuple(
        Warmth(threshold=threshold, above_ms=ms, unknown_ms=unknown)
        for threshold, ms in above.items()
    )


def together(parts: Iterable[tuple[Warmth, ...]]) -> tuple[Warmth, ...]:
    """The sum of what several ledgers say, by threshold."""
    above = dict.fromkeys(THRESHOLDS_C, 0)
    unknown = dict.fromkeys(THRESHOLDS_C, 0)
    for part in parts:
        for each in part:
            above[each.threshold] += each.above_ms
            unknown[each.threshold] += each.unknown_ms
    return tuple(
        Warmth(threshold=threshold, above_ms=ms, unknown_ms=unknown[threshold])
        for threshold, ms in above.items()
    )
