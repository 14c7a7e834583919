"""How fast something changes, and between which bounds: a line through points that may jump."""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

FEWEST = 6
"""Points below which no slope is given."""

Z = 1.96
"""Two-sided 95 %."""


class Slope(NamedTuple):
    """Change a millisecond: the middle estimate and the bounds of its 95 % interval."""

    middle: float
    least: float
    most: float


def slope(points: Sequence[tuple[int, float]]) -> Slope | None:
    """The slope of (time in ms, value) after Theil and Sen, None for fewer than six points.

    The median of the slopes between all pairs: up to 29 % of the points may be anything. The
    interval is that of the ranks of Kendall's statistic (Gilbert, Statistical Methods for
    Environmental Pollution Monitoring, 1987, 16.5), which takes the noise of one point to be
    independent of the next.
    """
    count = len(points)
    if count < FEWEST:
        return None
    slopes = sorted(
        (later - earlier) / (end - begin)
        for place, (begin, earlier) in enumerate(points)
        for end, later in points[place + 1 :]
        if end > begin
    )
    pairs = len(slopes)
    if not pairs:
        return None
    spread = Z * sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(0, round((pairs - spread) / 2) - 1)
    high = min(pairs - 1, round((pairs + spread) / 2))
    return Slope(_median(slopes), slopes[low], slopes[high])


def _median(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return (ordered[half - 1] + ordered[half]) / 2
