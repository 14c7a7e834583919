"""How much of the time of a chart is known.

What was said holds until the next word, unless that is longer away than a device may be silent:
then it holds for a period, and nothing is known after it. Pure.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from console.view import PERIODS_UNTIL_STALE

UNKNOWN_SHARE = 0.1
"""A bucket of whose time more is not known is drawn as unknown."""
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Truths = npt.NDArray[np.bool_]


class Grid(NamedTuple):
    """``size`` buckets of ``width`` ms from ``start`` (epoch ms); nothing is due after ``end``."""

    start: int
    width: int
    size: int
    end: int

    def due(self) -> Integers:
        """How many ms of each bucket could be known."""
        edges = self.start + self.width * np.arange(self.size + 1)
        return np.diff(np.minimum(edges, max(self.start, self.end)))


def held(at: Integers, good: Truths, grid: Grid, period: int) -> Integers:
    """Of how many ms of each bucket a good sample holds.

    ``at`` is in the order of time, none before the grid; ``period`` is how far apart samples should
    be, ms. They may have been due more seldom once: then it is how far apart they were.
    """
    edges = grid.start + grid.width * np.arange(grid.size + 1)
    if not len(at):
        return np.zeros(grid.size, np.int64)
    lasts = np.diff(at, append=max(grid.end, int(at[-1])))
    usual = max(period, int(np.median(np.diff(at)))) if len(at) > 1 else period
    lasts[lasts > PERIODS_UNTIL_STALE * usual] = usual
    begins = at.copy()
    if at[0] - grid.start < 2 * usual:
        # What was said before it is not asked for.
        lasts[0] += at[0] - grid.start
        begins[0] = grid.start
    lasts = np.where(good, lasts, 0)
    before = np.cumsum(lasts) - lasts
    places = np.searchsorted(begins, edges, side="right") - 1
    passed = np.minimum(edges - begins[places], lasts[places])
    told = np.where(places < 0, 0, before[places] + passed)
    return np.diff(told)


def held_of_day(known_ms: int, judged: int, longest: int, period: int) -> int:
    """Of how many ms of a day a good sample holds, from what was summed up of it.

    ``known_ms`` are those between its first and its last sample in which a good one was the newest,
    ``judged`` is how many were good, ``longest`` the longest time between two. Where that is a
    silence there may have been others of the same day: each sample then holds for a period. They
    may have been due more seldom once, if they came as evenly as that says.
    """
    rhythm = _rhythm(known_ms, judged, longest, period)
    if judged > 1 and longest <= PERIODS_UNTIL_STALE * rhythm:
        return known_ms + rhythm
    return min(max(0, known_ms - longest) + 2 * period, judged * period)


def _rhythm(known_ms: int, judged: int, longest: int, period: int) -> int:
    """How far apart the samples of a day were due, ms, as ``held`` takes it from the middle one."""
    gaps = judged - 1
    if gaps < 2:  # noqa: PLR2004 # one alone is no rhythm
        return period
    mean = max(period, (known_ms - longest) // (gaps - 1))
    if mean > PERIODS_UNTIL_STALE * period:
        return mean
    # How many were as long as the longest, if all others lasted a period: more than half?
    is_slower = 2 * (known_ms - gaps * period) > gaps * (longest - period)
    return mean if is_slower or longest <= PERIODS_UNTIL_STALE * period else period


def is_unknown(share: Floats) -> Truths:
    """Which buckets are drawn as unknown; ``share`` is what is known of the time of each."""
    return share < 1.0 - UNKNOWN_SHARE
