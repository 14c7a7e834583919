"""The figures of ISA-18.2 and EEMUA 191 from histories that can be counted on the fingers."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.kpi import DAY_MS, HOUR_MS, MINUTE_MS, TEN_MINUTES_MS, Kpi, Often, kpi
from alerts.transition import Transition, What

VIENNA = ZoneInfo("Europe/Vienna")
START = round(datetime(2026, 1, 5, tzinfo=VIENNA).timestamp() * 1000)
"""Monday, midnight in Vienna."""

S = 1_000


def one(what: What, at: int, rule: str = "hot", **more: object) -> Transition:
    fields: dict[str, object] = {"severity": "high", **more}
    return Transition(at=START + at, what=what, rule=rule, **fields)  # type: ignore[arg-type] # of the caller


def alarm(at: int, lasts: int, rule: str = "hot", **more: object) -> list[Transition]:
    """Set and back again."""
    return [one(What.SET, at, rule, **more), one(What.CLEAR, at + lasts, rule)]


def figures(
    told: Iterable[Transition], *, days: float = 1, start: int = START, zone: ZoneInfo = VIENNA
) -> Kpi:
    ordered = sorted(told, key=lambda each: each.at)
    return kpi(ordered, start=start, end=start + round(days * DAY_MS), zone=zone)


def test_a_history_without_alarms_has_no_figure_but_zero() -> None:
    found = figures([])
    assert found.rate.alarms == found.rate.peak_10_min == found.flood.floods == 0
    assert found.top_ten == ()
    assert found.top_ten_share == 0.0
    assert found.acknowledged.median_ms is None
    assert found.acknowledged.p95_ms is None


def test_rates_are_over_the_whole_period_and_the_peak_over_ten_minutes_of_it() -> None:
    told = [each for n in range(6) for each in alarm(n * HOUR_MS, 60 * S)]
    # Three more in one period of ten minutes: 05:00 to 05:10 has four with the one of the hour.
    told += [each for n in range(1, 4) for each in alarm(5 * HOUR_MS + n * 2 * MINUTE_MS, 60 * S)]
    rate = figures(told).rate
    assert rate.alarms == 9
    assert rate.per_day == pytest.approx(9)
    assert rate.per_hour == pytest.approx(9 / 24)
    assert rate.per_10_min == pytest.approx(9 / 144)
    assert rate.peak_10_min == 4
    assert rate.over_10 == 0


def burst(period: int, alarms: int) -> list[Transition]:
    """So many different alarms within a period of ten minutes."""
    at = period * TEN_MINUTES_MS
    return [each for n in range(alarms) for each in alarm(at + n * S, 30 * S, f"r{period}-{n}")]


def test_a_flood_begins_above_ten_and_ends_below_five() -> None:
    # Periods 3 to 6 have 11, 10, 5 and 4: it lasts from the beginning of 3 to that of 6.
    told = [*burst(1, 10), *burst(3, 11), *burst(4, 10), *burst(5, 5), *burst(6, 4)]
    found = figures(told)
    assert found.flood.floods == 1
    assert found.flood.ms == 3 * TEN_MINUTES_MS
    assert found.flood.share == pytest.approx(3 / 144)
    assert found.rate.peak_10_min == 11
    assert found.rate.over_10 == pytest.approx(1 / 144)


def test_a_flood_that_goes_on_ends_with_the_period() -> None:
    found = figures(burst(143, 11))
    assert (found.flood.floods, found.flood.ms) == (1, TEN_MINUTES_MS)


def test_the_ten_most_frequent_have_their_share() -> None:
    told = [each for n in range(12) for each in alarm(n * HOUR_MS, 60 * S, "often")]
    told += [
        each for n in range(12) for each in alarm(n * HOUR_MS + MINUTE_MS, 60 * S, f"rule{n:02}")
    ]
    found = figures(told)
    # 12 of one and one each of nine more, of 24 in all.
    assert found.top_ten[0] == Often(rule="often", times=12)
    assert len(found.top_ten) == 10
    assert found.top_ten_share == pytest.approx(21 / 24)


def test_three_times_within_a_minute_chatters_and_twice_does_not() -> None:
    told = [each for at in (0, 30 * S, 60 * S) for each in alarm(at, 20 * S, "chatters")]
    told += [each for at in (0, 30 * S, 61 * S) for each in alarm(at, 20 * S, "slow")]
    found = figures(told)
    assert found.chattering == (Often(rule="chatters", times=1),)


def test_less_than_ten_seconds_is_fleeting() -> None:
    found = figures([*alarm(0, 9_999, "brief"), *alarm(0, 10_000, "long")])
    assert found.fleeting == (Often(rule="brief", times=1),)


def test_more_than_a_day_is_stale_on_each_day_that_it_stays() -> None:
    # Set at noon of the first day: stale from noon of the second until it is gone on the third.
    told = alarm(12 * HOUR_MS, 60 * HOUR_MS, "old") + alarm(14 * HOUR_MS, 25 * HOUR_MS, "older")
    told += [one(What.SET, 3 * DAY_MS, "now"), one(What.SET, 4 * DAY_MS + HOUR_MS, "young")]
    found = figures(told, days=5)
    # On the second day both of the first were.
    assert found.stale.worst_day == 2
    assert found.stale.now == {"now": START + 3 * DAY_MS}
    assert figures(alarm(0, DAY_MS, "just"), days=3).stale.worst_day == 0


def test_an_alarm_of_before_the_period_counts_only_as_long_as_it_lasts() -> None:
    told = [one(What.SET, 0, "old"), one(What.QUEUED, 0, "old", to="A")]
    found = figures(told, start=START + 2 * DAY_MS)
    assert found.rate.alarms == 0
    assert found.people == ()
    assert found.stale.worst_day == 1
    assert found.acknowledged.waiting == 1


def test_priorities_are_those_at_which_alarms_were_announced() -> None:
    told = [*alarm(0, 60 * S, severity="critical")]
    told += [each for n in range(1, 4) for each in alarm(n * HOUR_MS, 60 * S, severity="low")]
    assert figures(told).priority == {"low": 3, "critical": 1}


def test_what_is_listed_under_its_cause_or_kept_quiet_is_not_announced() -> None:
    told = alarm(0, HOUR_MS, "power")
    told += [one(What.SET, S, "warm"), one(What.INHIBITED, S, "warm", detail={"cause": "power"})]
    told += [one(What.CLEAR, 5 * S, "warm")]
    told += [one(What.SET, 2 * S, "door", held="SH"), one(What.CLEAR, 3 * S, "door")]
    found = figures(told)
    assert found.rate.alarms == 1
    assert found.top_ten == (Often(rule="power", times=1),)
    assert found.fleeting == ()
    assert found.suppression.held == 1
    # Announced first and explained later: it was one alarm more all the same.
    later = [*alarm(0, HOUR_MS, "warm"), one(What.INHIBITED, MINUTE_MS, "warm")]
    assert figures(later).rate.alarms == 1


def page(at: int, to: str = "A") -> Transition:
    return one(What.QUEUED, at, to=to)


def test_pages_are_counted_for_each_person_by_day_and_by_night() -> None:
    evening, morning = 22 * HOUR_MS, 30 * HOUR_MS
    told = [page(evening - 1), page(evening), page(morning - 1), page(morning)]
    told += [page(evening + n * MINUTE_MS, "B") for n in range(4)]
    a, b = figures(told, days=2).people
    assert (a.person, a.day, a.night, a.worst_night) == ("A", 2, 2, 2)
    assert a.per_day == pytest.approx(2)
    # Some part of three nights lies in two days from midnight: from Sunday, Monday and Tuesday on.
    assert a.per_night == pytest.approx(2 / 3)
    assert a.nights_over_3 == 0
    assert (b.night, b.worst_night) == (4, 4)
    assert b.nights_over_3 == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("month", "day", "hours"),
    [
        pytest.param(3, 28, 7, id="the clocks go forward"),
        pytest.param(10, 24, 9, id="the clocks go back"),
    ],
)
def test_the_night_in_which_the_clocks_change_is_one_night(
    month: int, day: int, hours: int
) -> None:
    dusk = round(datetime(2026, month, day, 22, tzinfo=VIENNA).timestamp() * 1000)
    dawn = round(datetime(2026, month, day + 1, 6, tzinfo=VIENNA).timestamp() * 1000)
    assert dawn - dusk == hours * HOUR_MS
    told = [page(at - START) for at in (dusk - 1, dusk, dawn - 1, dawn)]
    found = kpi(told, start=dusk - HOUR_MS, end=dawn + HOUR_MS, zone=VIENNA)
    assert [(one.day, one.night, one.per_night) for one in found.people] == [(2, 2, 2.0)]


def test_times_to_acknowledge_count_from_the_first_page() -> None:
    told: list[Transition] = []
    # Twenty alarms that are acknowledged after 1, 2 … 20 minutes: nearest rank of 95 % is 19.
    for n in range(1, 21):
        at = n * HOUR_MS
        told += [one(What.SET, at), page(at), page(at + S, "B")]
        told += [one(What.ACK, at + n * MINUTE_MS, by="A"), one(What.ACK, at + HOUR_MS - 1, by="B")]
    found = figures(told, days=2).acknowledged
    assert (found.times, found.missed, found.waiting) == (20, 0, 0)
    assert found.median_ms == 10.5 * MINUTE_MS
    assert found.p95_ms == 19 * MINUTE_MS


def test_one_that_nobody_acknowledged_is_missed_and_one_called_again_counts_anew() -> None:
    told = [page(0), one(What.CLOSED, HOUR_MS, to="A")]
    told += [page(2 * HOUR_MS), one(What.ACK, 2 * HOUR_MS + S, by="A")]
    told += [one(What.UNACK, 3 * HOUR_MS), page(3 * HOUR_MS)]
    told += [one(What.ACK, 3 * HOUR_MS + 3 * S, by="B")]
    told += [page(5 * HOUR_MS)]
    found = figures(told).acknowledged
    assert (found.times, found.missed, found.waiting) == (2, 1, 1)
    assert found.median_ms == 2 * S


def test_suppression_is_counted_by_kind_and_what_has_no_reason_is_named() -> None:
    told = [
        one(What.SHELVED, 0, "a", detail={"reason": "loading"}),
        one(What.SHELVED, S, "b", detail={"reason": "loading"}),
        one(What.UNSHELVED, HOUR_MS, "a"),
        one(What.SUPPRESSED, S, "c", detail={"cause": "door holds"}),
        one(What.UNSUPPRESSED, HOUR_MS, "c"),
        one(What.OUT_OF_SERVICE, S, "d", detail={"reason": " "}),
        one(What.RE_ALARM, 2 * S, "d", held="OOS"),
        one(What.SEV_UP, 2 * S, "d"),
    ]
    found = figures(told).suppression
    assert found.now == {"SH": ("b",), "DS": (), "OOS": ("d",)}
    assert found.acts == {"SH": 2, "DS": 1, "OOS": 1}
    assert (found.held, found.without_reason) == (1, 1)
    assert figures([*told, one(What.REMOVED, HOUR_MS, "d")]).suppression.now["OOS"] == ()


def test_what_comes_after_the_period_is_not_part_of_it() -> None:
    assert figures(alarm(DAY_MS, 60 * S)).rate.alarms == 0
    with pytest.raises(ValueError, match="ends after it begins"):
        kpi([], start=START, end=START, zone=VIENNA)
