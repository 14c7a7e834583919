"""The default rules against lives of devices: quiet when all is well, in time when it is not.

A size for every day of what ``make false-pages`` measures over years.
"""

from functools import cache
from itertools import pairwise
from statistics import fmean

import msgspec
import pytest

from bench.false_pages import Job, Lived, lived, rates, report
from bench.lives import life
from bench.missed import CALM, FAILURES, Injection, Outcome, scores
from bench.missed import lived as lived_through
from bench.poisson import interval
from bench.watched import Page

pytestmark = pytest.mark.long

HOUR = 60
DAY = 24 * HOUR
DAYS = {"incubator": 4, "ln2-freezer": 5, "freezer-80": 4, "refrigerator": 4, "room-oxygen": 20}


@cache
def calm(kind: str) -> Outcome:
    """Some days in which nothing fails."""
    nothing = next(one for one in CALM if one.kind == kind)
    return lived_through(
        msgspec.structs.replace(nothing, after=DAYS[kind] * DAY, within=1, seed=101)
    )


@cache
def after(failure: Injection) -> Outcome:
    """One life through a failure; before its vacuum fails a tank learns what it usually loses."""
    before = 30 * HOUR if "vacuum" in failure.what else 3 * HOUR
    return lived_through(msgspec.structs.replace(failure, after=before, within=2 * HOUR, seed=7))


def outcome(kind: str, what: str) -> Outcome:
    return after(next(one for one in FAILURES if (one.kind, one.what) == (kind, what)))


@pytest.mark.parametrize("kind", DAYS)
def test_device_weeks_of_normal_work_page_nobody(kind: str) -> None:
    found = calm(kind)
    assert found.end == DAYS[kind] * DAY
    assert found.pages == ()


def test_the_weeks_are_not_idle() -> None:
    one = life("incubator", 101)
    seen = [one.live() for _ in range(3 * DAY)]
    doors = [shown[0][3] or 0.0 for shown in seen if shown is not None]
    warmth = [shown[0][0] for shown in seen if shown is not None]
    assert sum(doors) > 5
    assert min(value for value in warmth if value is not None) < 33


@pytest.mark.parametrize("failure", FAILURES, ids=lambda one: f"{one.kind}: {one.what}")
def test_a_failure_is_paged_and_before_it_does_harm(failure: Injection) -> None:
    found = after(failure)
    assert found.delay is not None
    assert found.harm is None or found.lead is not None
    assert found.lead is None or found.lead > 0


def test_a_tank_that_loses_its_vacuum_slowly_is_paged_a_day_before_minus_150() -> None:
    found = outcome("ln2-freezer", "slow vacuum loss")
    assert found.harm is not None
    assert found.lead is not None
    assert found.lead >= 24 * HOUR


def test_a_tank_that_loses_its_vacuum_fast_is_paged_4_hours_before_minus_150() -> None:
    found = outcome("ln2-freezer", "fast vacuum loss")
    assert found.harm is not None
    assert found.lead is not None
    assert found.lead >= 4 * HOUR


def test_102_a_detector_that_alarms_at_random_as_often_ranks_worst() -> None:
    lives = [*(after(failure) for failure in FAILURES), *map(calm, DAYS)]
    rules, fixed, random = scores(lives)
    assert random.alarms == rules.alarms
    assert rules.found == rules.events == len(FAILURES)
    assert rules.f1 > fixed.f1 > random.f1


def test_the_table_counts_by_severity_and_by_rule() -> None:
    quiet = lived(Job("room-oxygen", 1, 1))
    assert rates([quiet]) == (0.0, 0.0)
    pages = tuple(
        Page(minute=1, rule="oxygen-low", severity=word) for word in ("critical", "high", "high")
    )
    found = [Lived(Job("room-oxygen", 1, 365), pages, 1.0)]
    assert rates(found) == (1.0, 3.0)
    lines = list(report(found))
    assert any(line.startswith("critical") and " 1.000 (0.025 to 5.572)" in line for line in lines)
    assert any(line.startswith("room-oxygen: oxygen-low") and " 3 " in line for line in lines)


@pytest.mark.parametrize(
    ("count", "least", "most"),
    [
        # Garwood's exact limits, as tabled by Ulm, American Journal of Epidemiology 131 (1990) 373.
        pytest.param(0, 0.0, 3.689, id="none"),
        pytest.param(1, 0.025, 5.572, id="one"),
        pytest.param(10, 4.795, 18.390, id="ten"),
    ],
)
def test_the_interval_is_the_exact_one(count: int, least: float, most: float) -> None:
    assert interval(count, 1.0) == pytest.approx((least, most), abs=0.001)
    assert interval(count, 10.0) == pytest.approx((least / 10, most / 10), abs=0.001)


def test_nothing_is_said_of_no_exposure() -> None:
    with pytest.raises(ValueError, match="nothing to say"):
        interval(1, 0.0)


def test_noise_hangs_together_from_one_minute_to_the_next() -> None:
    one = life("room-oxygen", 3)
    one.busy = False
    one.kind = msgspec.structs.replace(
        one.kind, channels=(("oxygen", "oxygen", 1e-6, 0.03, (0.0, 25.0)), *one.kind.channels[1:])
    )
    shown = [each[0][0] or 0.0 for _ in range(20 * DAY) if (each := one.live()) is not None]
    middle = fmean(shown)
    off = [value - middle for value in shown]
    together = sum(a * b for a, b in pairwise(off)) / sum(a * a for a in off)
    assert together == pytest.approx(0.9, abs=0.02)
    assert fmean(value**2 for value in off) == pytest.approx(0.03**2, rel=0.15)


def test_a_life_repeats_by_its_seed() -> None:
    first, second = life("freezer-80", 5), life("freezer-80", 5)
    assert [first.live() for _ in range(DAY)] == [second.live() for _ in range(DAY)]
