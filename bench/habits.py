"""What people do to devices in normal operation, as times: doors, lids, small fills, cycles.

All rates and lengths are assumptions, on the busy side. Ten openings of an incubator a day stand in
the device facts (3.1, gas run-out), twenty minutes of an open lid in the alarm facts (D, 101).
"""

from collections.abc import Iterator
from math import exp
from random import Random

import msgspec

DAY_S = 86_400
WEEK_D = 7
WORKDAYS = 5
OPENS_S = 8 * 3600
CLOSES_S = 18 * 3600
ROUND_S = 20 * 60
"""Within so long several openings belong to one piece of work."""
MORE = 2
"""Openings that a round has more than one, on average."""
BETWEEN_S = 90
"""What was opened is closed for so long at least."""


class Habit(msgspec.Struct, frozen=True, kw_only=True):
    """``a_day`` openings on workdays, a fifth of it else, of ``median_s``; ``most_s`` at most.

    Pieces of work come at random (Poisson); a share ``rounds`` of them has one to three openings
    more within twenty minutes.
    """

    a_day: float
    median_s: float
    spread: float
    most_s: float
    rounds: float = 0.2


INCUBATOR_DOOR = Habit(a_day=10, median_s=30, spread=0.6, most_s=240)
LN2_LID = Habit(a_day=4, median_s=150, spread=0.8, most_s=1200)
ULTRA_COLD_DOOR = Habit(a_day=6, median_s=40, spread=0.6, most_s=480)
REFRIGERATOR_DOOR = Habit(a_day=15, median_s=20, spread=0.7, most_s=300)
SMALL_DEWARS = Habit(a_day=1, median_s=300, spread=0.3, most_s=900, rounds=0.0)


def openings(habit: Habit, random: Random) -> Iterator[tuple[int, int]]:
    """Begin and end of each opening in whole seconds, in order, without end or overlap."""
    day, free_s = 0, 0
    while True:
        for wanted_s in _begins(habit, random, day):
            long_s = habit.median_s * exp(random.gauss(0.0, habit.spread))
            begin_s = max(wanted_s, free_s)
            end_s = begin_s + max(5, round(min(long_s, habit.most_s)))
            yield begin_s, end_s
            free_s = end_s + BETWEEN_S
        day += 1


def _begins(habit: Habit, random: Random, day: int) -> list[int]:
    works = day % WEEK_D < WORKDAYS
    expected = (habit.a_day if works else habit.a_day / 5) / (1 + MORE * habit.rounds)
    found: list[int] = []
    at_s = OPENS_S + _wait_s(expected, random)
    while at_s < CLOSES_S:
        begin_s = day * DAY_S + at_s
        more = random.randrange(1, 4) if random.random() < habit.rounds else 0
        found += [begin_s, *(begin_s + random.randrange(ROUND_S) for _ in range(more))]
        at_s += _wait_s(expected, random)
    return sorted(found)


def _wait_s(expected: float, random: Random) -> int:
    return round(random.expovariate(expected / (CLOSES_S - OPENS_S)))
