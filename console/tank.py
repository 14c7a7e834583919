"""What the level of a liquid nitrogen tank says: how fast it falls, and when it will be empty."""

from collections.abc import Sequence
from math import isnan

import msgspec

from alerts.engine.slope import slope
from console.chart_data import Buckets

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
RISE_MM = 5.0
"""More than noise: the tank was filled."""
_MOST = 120


class Tank(msgspec.Struct, frozen=True, kw_only=True):
    """``falls`` mm a day and ``empty_h`` hours to empty, each with the bounds of its 95 % interval.

    None where the points are too few, or where the level does not fall.
    """

    level: float
    falls: tuple[float, float, float] | None
    empty_h: tuple[float, float, float] | None


def tank(found: Buckets) -> Tank | None:
    """From the level (mm) since the last filling; None where nothing is known of it."""
    points = since_filling(
        [
            (found.start + n * found.width, mean)
            for n, mean in enumerate(found.mean.tolist())
            if not isnan(mean)
        ]
    )
    if not points:
        return None
    level = points[-1][1]
    fitted = slope(points[-_MOST:])
    if fitted is None or fitted.most >= 0:
        return Tank(level=level, falls=None, empty_h=None)
    falls = (-fitted.middle * DAY_MS, -fitted.most * DAY_MS, -fitted.least * DAY_MS)
    middle, slow, fast = falls
    hours = (24 * level / middle, 24 * level / fast, 24 * level / slow)
    return Tank(level=level, falls=falls, empty_h=hours)


def since_filling(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """The points after the last one that rose by more than noise."""
    begin = 0
    for n in range(1, len(points)):
        if points[n][1] - points[n - 1][1] > RISE_MM:
            begin = n
    return list(points[begin:])
