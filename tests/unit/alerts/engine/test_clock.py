"""Steady time: it never runs back, whatever the wall clock is set to."""

import pytest

from alerts.engine.clock import LATE_MS, Clock
from alerts.engine.parts import ClockPart


def clock(now: int = 1_000, offset: int = 50) -> Clock:
    return Clock(ClockPart(7, now, offset, begun=True))


def test_a_clock_begins_at_nothing_and_goes_on_from_what_was_stored() -> None:
    fresh = Clock(None)
    assert (fresh.cursor, fresh.now, fresh.offset) == (-1, 0, 0)
    assert fresh.begun is False
    assert fresh.resuming is False
    assert clock().part() == ClockPart(7, 1_000, 50, begun=True)
    assert ClockPart() == ClockPart(-1, 0, 0, begun=False)


@pytest.mark.parametrize(("wall", "now"), [(1_049, 1_000), (1_050, 1_000), (1_051, 1_001)])
def test_steady_time_only_goes_forward(wall: int, now: int) -> None:
    going = clock()
    going.reach(wall)
    assert (going.now, going.offset) == (now, 50)


@pytest.mark.parametrize(
    ("wall", "back", "offset"), [(2_000, 0, 50), (1_050, 0, 50), (1_049, 1, 49), (0, 1_050, -1_000)]
)
def test_a_clock_that_was_set_back_while_nothing_ran_is_found_out(
    wall: int, back: int, offset: int
) -> None:
    resumed = clock()
    assert resumed.resume(wall) == back
    assert (resumed.now, resumed.offset) == (1_000, offset)


def test_late_is_what_is_done_five_seconds_after_it_was_due_or_at_all_after_a_start() -> None:
    going = clock(now=10_000)
    assert LATE_MS == 5_000
    assert not going.is_late(5_000)
    assert going.is_late(4_999)
    going.resuming = True
    assert not going.is_late(10_000)
    assert going.is_late(9_999)
