"""Whether a value that was acknowledged is on its way back, from a few remembered points."""

import msgspec

POINTS = 16
"""Remembered at most; when full, every other one is dropped and points come half as often."""


class Trend(msgspec.Struct, frozen=True, array_like=True):
    """``points`` are (steady ms, how far from clearing); ``spacing`` ms lie between two."""

    points: tuple[tuple[int, float], ...] = ()
    spacing: int = 0


def with_point(trend: Trend, at: int, excess: float) -> Trend:
    """The trend with one more sample, or the same one when it comes too soon after the last."""
    points = trend.points
    if points and at - points[-1][0] < max(trend.spacing, 1):
        return trend
    points = (*points, (at, excess))
    if len(points) <= POINTS:
        return Trend(points, trend.spacing)
    span = points[-1][0] - points[0][0]
    return Trend(points[::2], 2 * span // POINTS)


def is_recovering(trend: Trend, within: int) -> bool:
    """Whether the newer half of the points, carried on straight, clears ``within`` ms more.

    Fewer than three points prove nothing.
    """
    half = trend.points[len(trend.points) // 2 :] if len(trend.points) > 3 else trend.points  # noqa: PLR2004 # below four there is no half to take
    if len(half) < 3:  # noqa: PLR2004 # two points make any line
        return False
    count = len(half)
    origin = half[-1][0]
    mean_t = sum(at - origin for at, _ in half) / count
    mean_x = sum(excess for _, excess in half) / count
    spread = sum((at - origin - mean_t) ** 2 for at, _ in half)
    slope = sum((at - origin - mean_t) * (x - mean_x) for at, x in half) / spread
    return mean_x + slope * (within - mean_t) <= 0 and slope < 0
