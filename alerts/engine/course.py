"""The course of a value over a window, in a few points: what slopes are taken from."""

import msgspec

POINTS = 24
"""A window is kept as the means of so many equal parts."""


class Course(msgspec.Struct, frozen=True, array_like=True):
    """``points`` are the means of the closed parts (steady ms, value), the oldest first.

    ``began`` is when the open part began; ``count``, ``ms`` (from ``began``) and ``total`` make
    its mean.
    """

    points: tuple[tuple[int, float], ...] = ()
    began: int | None = None
    count: int = 0
    ms: int = 0
    total: float = 0.0

    @property
    def lowest(self) -> float | None:
        """The least of what is kept."""
        return min(self._values, default=None)

    @property
    def highest(self) -> float | None:
        """The greatest of what is kept."""
        return max(self._values, default=None)

    @property
    def _values(self) -> list[float]:
        open_ = [self.total / self.count] if self.count else []
        return [value for _, value in self.points] + open_


def followed(course: Course, at: int, value: float, window: int) -> tuple[Course, bool]:
    """The course with one more sample, and whether a part of the window was closed by it."""
    began = course.began
    if began is None:
        return Course(course.points, at, 1, 0, value), False
    if at - began < max(window // POINTS, 1):
        open_ = Course(
            course.points, began, course.count + 1, course.ms + at - began, course.total + value
        )
        return open_, False
    closed = (began + course.ms // course.count, course.total / course.count)
    kept = tuple(point for point in (*course.points, closed) if point[0] > at - window)
    return Course(kept[-POINTS:], at, 1, 0, value), True
