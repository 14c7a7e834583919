"""The beat, the breaker, the clock and the reconnect pauses: decisions without waiting."""

import asyncio
import time
from contextlib import closing
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import breaker
from collector.breaker import HEALTHY
from collector.clock import AnchoredClock
from collector.reconnect import ConnectBudget, pause_s
from collector.schedule import Beat, phase
from storage.entry import ClockStep
from tests.unit.collector.virtual_line import VirtualLoop  # a test's own double

T0 = 1_790_000_000_000


def test_a_tick_taken_in_time_misses_nothing() -> None:
    beat = Beat(start_s=100.0, period_s=10.0)
    assert [beat.advance(now) for now in (100.0, 110.3, 129.9)] == [0, 0, 0]
    assert beat.due_s == 130.0
    assert beat.missed == 0


def test_ticks_that_are_over_are_skipped_and_counted_not_made_up_for() -> None:
    beat = Beat(start_s=0.0, period_s=1.0)
    assert beat.advance(0.0) == 0
    # 1, 2 and 3 are over; 4 is taken.
    assert beat.advance(4.5) == 3
    assert (beat.due_s, beat.missed) == (5.0, 3)


def test_a_million_ticks_of_a_tenth_of_a_second_do_not_drift() -> None:
    beat = Beat(start_s=5.0, period_s=0.1)
    for _ in range(1_000_000):
        beat.advance(beat.due_s)
    assert beat.due_s == pytest.approx(100_005.0, abs=1e-6)
    assert beat.missed == 0


@given(st.floats(0.001, 1000), st.lists(st.floats(0, 50, allow_subnormal=False), max_size=50))
def test_every_tick_is_taken_or_missed(period_s: float, delays: list[float]) -> None:
    beat, now_s, taken = Beat(start_s=0.0, period_s=period_s), 0.0, 0
    for delay in delays:
        now_s = max(now_s + delay, beat.due_s)
        beat.advance(now_s)
        taken += 1
        assert beat.due_s > now_s or beat.due_s == pytest.approx(now_s)
    assert beat.due_s == pytest.approx((taken + beat.missed) * period_s)


def test_a_period_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a period of 0 s is none"):
        Beat(start_s=0, period_s=0)


def test_a_thousand_devices_are_spread_over_their_period() -> None:
    phases = [phase(index, 1000) for index in range(1000)]
    assert (min(phases), max(phases)) == (0.0, 0.975)
    assert max(phases.count(share) for share in set(phases)) == 25


def test_one_miss_is_forgiven_and_two_open_the_breaker() -> None:
    once = breaker.missed(HEALTHY, 100.0)
    assert not once.is_open
    assert once.may_ask(100.1)
    twice = breaker.missed(once, 101.0)
    assert twice.is_open
    assert not twice.may_ask(105.9)
    assert twice.may_ask(106.0)


def test_probes_of_a_silent_unit_grow_from_5_s_to_5_minutes() -> None:
    state, pauses = breaker.missed(HEALTHY, 0.0), []
    for _ in range(9):
        state = breaker.missed(state, 0.0)
        pauses.append(state.probe_s)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_a_unit_that_takes_long_to_ask_is_asked_seldom_but_at_least_each_5_minutes() -> None:
    once = breaker.missed(HEALTHY, 0.0, least_pause_s=60.0)
    assert breaker.missed(once, 0.0, least_pause_s=60.0).probe_s == 60
    assert breaker.missed(once, 0.0, least_pause_s=900.0).probe_s == 300
    # Alone it takes nobody's time.
    assert breaker.missed(once, 0.0, least_pause_s=60.0, alone=True).probe_s == 5


def test_a_unit_for_which_others_had_to_wait_is_spared_so_much_longer() -> None:
    state = breaker.missed(breaker.missed(HEALTHY, 0.0), 10.0)
    spared = breaker.spare(state, 9.0, 100.0)
    assert (spared.probe_s, spared.pause_s) == (109.0, 100.0)
    assert breaker.spare(spared, 9.0, 3.0) == spared


def test_a_new_link_probes_at_once_but_forgets_nothing() -> None:
    state = breaker.missed(breaker.missed(breaker.missed(HEALTHY, 0.0), 0.0), 0.0)
    woken = breaker.wake(state, 2.0)
    assert woken.may_ask(2.0)
    assert breaker.missed(woken, 2.0).probe_s == 2.0 + 20.0


def test_pauses_before_a_new_connection_stay_between_half_a_second_and_thirty() -> None:
    chance = Random(1)
    for failures in (0, 1, 3, 6, 50, 5000):
        pauses = [pause_s(failures, chance) for _ in range(200)]
        assert min(pauses) >= 0.5
        assert max(pauses) <= min(30.0, 0.5 * 2 ** min(failures, 10))
    # Full jitter: the late ones are spread over all of it.
    assert min(pauses) < 5
    assert max(pauses) > 25


async def test_connects_are_spaced_over_all_endpoints() -> None:
    budget = ConnectBudget(per_second=200)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(11):
        await budget.turn()
    assert loop.time() - began >= 10 / 200 - 0.002


def test_no_second_sees_fifty_connects_however_the_loop_stalls() -> None:
    began: list[float] = []
    budget = ConnectBudget()

    async def connect(loop: VirtualLoop, number: int) -> None:
        await budget.turn()
        began.append(loop.time())
        if number % 100 == 0:
            # The loop stands still meanwhile, and every timer is late.
            loop.stall(0.7)

    async def all_at_once(loop: VirtualLoop) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(1000):
                tasks.create_task(connect(loop, number), name=f"connect {number}")

    with closing(VirtualLoop()) as loop:
        loop.run_until_complete(all_at_once(loop))
    assert max(sum(at <= other < at + 1 for other in began) for at in began) <= 46
    assert began[-1] - began[0] <= 30


class TwoClocks:
    """A wall clock and a monotonic one that a test moves."""

    def __init__(self) -> None:
        self.wall = T0
        self.monotonic = 1000.0
        self.steps: list[ClockStep] = []
        self.clock = AnchoredClock(
            self.steps.append, wall_ms=lambda: self.wall, monotonic_s=lambda: self.monotonic
        )

    def is_unsure(self) -> bool:
        return self.clock.is_unsure

    def pass_by(self, seconds: float, *, drift_ms: int = 0) -> None:
        self.monotonic += seconds
        self.wall += round(seconds * 1000) + drift_ms


def test_stamps_follow_the_monotonic_clock() -> None:
    two = TwoClocks()
    two.pass_by(12.5)
    assert two.clock.now() == T0 + 12_500
    assert two.steps == []
    assert not two.is_unsure()


@pytest.mark.parametrize("step", [3_600_000, -3_600_000, 86_400_000, 2_001, -2_001])
def test_a_step_of_the_wall_clock_is_told_once_followed_and_marked(step: int) -> None:
    two = TwoClocks()
    two.pass_by(1.0, drift_ms=step)
    assert two.clock.now() == T0 + 1000 + step
    assert two.steps == [ClockStep(at=T0 + 1000 + step, step=step)]
    assert two.is_unsure()
    two.pass_by(9.9)
    two.clock.check()
    assert two.is_unsure()
    two.pass_by(0.2)
    assert not two.is_unsure()
    assert len(two.steps) == 1


def test_a_drift_is_followed_slowly_so_that_stamps_never_turn_back() -> None:
    two = TwoClocks()
    two.pass_by(1.0, drift_ms=-1_500)
    before = two.clock.now()
    for _ in range(400):
        two.clock.check()
        two.pass_by(1.0)
        now = two.clock.now()
        assert now - before in range(994, 1001)
        before = now
    assert two.steps == []
    assert abs(two.clock.now() - two.wall) <= 5


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="the system has no such clock")
def test_waking_up_from_a_suspend_is_no_step_of_the_wall_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Asleep, the plain monotonic clock stands still; the wall clock and the boot clock go on.
    asleep_s = 0
    read = time.clock_gettime
    monkeypatch.setattr(time, "clock_gettime", lambda which: read(which) + asleep_s)
    steps: list[ClockStep] = []
    clock = AnchoredClock(
        steps.append, wall_ms=lambda: round((read(time.CLOCK_REALTIME) + asleep_s) * 1000)
    )
    before = clock.now()
    asleep_s = 3_600
    assert clock.now() - before >= 3_600_000
    assert steps == []
    assert not clock.is_unsure


def test_a_clock_that_was_never_set_marks_everything() -> None:
    two = TwoClocks()
    two.wall = 86_400_000  # the second of January 1970
    assert two.is_unsure()
