"""Who is on call: against a model that walks minute by minute and looks at the wall."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.rota.act import RotaAct
from alerts.rota.pattern import WEEK, Day, ShiftPattern
from alerts.rota.resolve import Period, declared, on_call, periods

VIENNA = ZoneInfo("Europe/Vienna")
ZONES = ("Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "UTC")
MINUTE = 60_000
# Both change nights of each of the zones, and a week without one.
NIGHTS = ("2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-10-04", "2026-04-05")
DAYS = (*NIGHTS, "2026-06-10")


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def weekly(person: str, from_: str, to: str, *days: Day) -> ShiftPattern:
    return ShiftPattern(person=person, from_=from_, to=to, days=days or WEEK)


def people_in(patterns: Sequence[ShiftPattern], wall: datetime) -> set[str]:
    """What a reader of the plan says when the wall shows this: dated shifts alone count."""
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for pattern in patterns:
        for back in (0, 1):
            day = wall.date() - timedelta(days=back)
            if not (pattern.on == day or WEEK[day.weekday()] in pattern.days):
                continue
            clock = wall.strftime("%H:%M")
            overnight = pattern.to <= pattern.from_
            if overnight:
                inside = clock >= pattern.from_ if back == 0 else clock < pattern.to
            else:
                inside = back == 0 and pattern.from_ <= clock < pattern.to
            if inside:
                found[pattern.on is not None].add(pattern.person)
    return found[True] or found[False]


def walk(
    patterns: Sequence[ShiftPattern], zone: ZoneInfo, start: int, minutes: int
) -> list[set[str]]:
    """Minute by minute. An hour that comes twice is lived through once: its repeat changes nothing.

    So the plan is read at the latest time that the wall has shown so far.
    """
    shown: list[set[str]] = []
    latest = datetime.min  # noqa: DTZ901 # a time on a wall has no zone
    for minute in range(-60 * 24, minutes):
        at = datetime.fromtimestamp((start + minute * MINUTE) / 1000, zone)
        latest = max(latest, at.replace(tzinfo=None))
        if minute >= 0:
            shown.append(people_in(patterns, latest))
    return shown


times = st.builds(
    "{:02}:{:02}".format, st.sampled_from([0, 1, 2, 3, 4, 6, 22, 23]), st.sampled_from([0, 15, 30])
)


@st.composite
def plans(draw: st.DrawFn) -> tuple[ShiftPattern, ...]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        person = draw(st.sampled_from("ABC"))
        from_, to = draw(times), draw(times)
        if draw(st.booleans()):
            days = tuple(draw(st.sets(st.sampled_from(WEEK), min_size=1)))
            found.append(ShiftPattern(person=person, from_=from_, to=to, days=days))
        else:
            on = date.fromisoformat(draw(st.sampled_from(DAYS))) - timedelta(days=number % 2)
            found.append(ShiftPattern(person=person, from_=from_, to=to, on=on))
    return tuple(found)


@pytest.mark.long
@given(plan=plans(), zone=st.sampled_from(ZONES), day=st.sampled_from(DAYS))
@settings(max_examples=60, deadline=None)
def test_shifts_are_what_a_reader_of_the_plan_says_minute_by_minute(
    plan: tuple[ShiftPattern, ...], zone: str, day: str
) -> None:
    where, start, minutes = ZoneInfo(zone), utc(f"{day}T00:00") - 6 * 3_600_000, 36 * 60
    end = start + minutes * MINUTE
    shifts = declared(plan, where, start, end)
    expected = walk(plan, where, start, minutes)
    for minute, people in enumerate(expected):
        assert set(on_call(shifts, (), start + minute * MINUTE)) == people
    for period in periods(shifts, (), start, end):
        first = (period.start - start) // MINUTE
        last = (period.end - 1 - start) // MINUTE
        assert set(period.people) == expected[first] == expected[last]


@given(
    cuts=st.lists(times, min_size=1, max_size=5, unique=True),
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(DAYS),
)
@settings(max_examples=100, deadline=None)
def test_65_a_day_cut_into_shifts_never_has_a_gap_or_two_people(
    cuts: list[str], zone: str, day: str
) -> None:
    edges = sorted(cuts)
    shifts_of_day = [*pairwise(edges), (edges[-1], edges[0])]
    plan = [weekly(f"P{n}", from_, to) for n, (from_, to) in enumerate(shifts_of_day)]
    start = utc(f"{day}T00:00") - 12 * 3_600_000
    end = start + 48 * 3_600_000
    found = periods(declared(plan, ZoneInfo(zone), start, end), (), start, end)
    assert {len(period.people) for period in found} == {1}


NIGHT_AND_DAY = (weekly("N", "22:00", "06:00"), weekly("D", "06:00", "22:00"))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        pytest.param(
            "2026-03-28",
            [("2026-03-28T21:00", "2026-03-29T04:00", "N"), ("2026-03-29T04:00", None, "D")],
            id="spring",
        ),
        pytest.param(
            "2026-10-24",
            [("2026-10-24T20:00", "2026-10-25T05:00", "N"), ("2026-10-25T05:00", None, "D")],
            id="autumn",
        ),
    ],
)
def test_65_shift_22_to_06_on_both_change_nights(
    day: str, expected: list[tuple[str, str | None, str]]
) -> None:
    start = utc(expected[0][0])
    end = start + 14 * 3_600_000
    found = periods(declared(NIGHT_AND_DAY, VIENNA, start, end), (), start, end)
    assert found == tuple(
        Period(utc(first), end if last is None else utc(last), (who,))
        for first, last, who in expected
    )
    assert day < expected[1][0]


def act(verb: str, start: str, end: str, *people: str, id_: str = "x", of: str = "") -> RotaAct:
    return RotaAct(
        id=id_,
        rota="cryo",
        verb=verb,  # type: ignore[arg-type] # checked by the engine
        by="M",
        at=0,
        why="ill",
        start=utc(start) if start else 0,
        end=utc(end) if end else 0,
        people=people,
        of=of,
    )


def at(clock: str, *acts: RotaAct) -> tuple[str, ...]:
    start, end = utc("2026-06-09T00:00"), utc("2026-06-13T00:00")
    return on_call(declared(NIGHT_AND_DAY, VIENNA, start, end), acts, utc(f"2026-06-10T{clock}"))


def test_an_override_counts_from_its_start_to_before_its_end() -> None:
    ill = act("override", "2026-06-10T08:00", "2026-06-10T12:00", "X", "Y")
    assert at("07:59", ill) == ("D",)
    assert at("08:00", ill) == ("X", "Y")
    assert at("11:59", ill) == ("X", "Y")
    assert at("12:00", ill) == ("D",)


def test_a_swap_changes_places_both_ways_and_leaves_others_alone() -> None:
    swap = act("swap", "2026-06-10T00:00", "2026-06-11T00:00", "D", "N")
    assert at("10:00", swap) == ("N",)
    assert at("02:00", swap) == ("D",)
    stranger = act("swap", "2026-06-10T00:00", "2026-06-11T00:00", "X", "Y")
    assert at("10:00", stranger) == ("D",)


def test_later_acts_count_over_earlier_ones_and_withdrawn_ones_do_not() -> None:
    first = act("override", "2026-06-10T08:00", "2026-06-10T12:00", "X", id_="1")
    then = act("swap", "2026-06-10T09:00", "2026-06-10T10:00", "X", "N", id_="2")
    assert at("09:30", first, then) == ("N",)
    assert at("09:30", first, then, act("withdraw", "", "", of="2", id_="3")) == ("X",)
    assert at("09:30", first, act("withdraw", "", "", of="1", id_="3")) == ("D",)


def test_a_shift_on_a_date_stands_in_the_place_of_those_that_repeat() -> None:
    plan = (
        *NIGHT_AND_DAY,
        ShiftPattern(person="H", from_="08:00", to="20:00", on=date(2026, 12, 24)),
    )
    start, end = utc("2026-12-24T05:00"), utc("2026-12-24T21:00")
    found = periods(declared(plan, VIENNA, start, end), (), start, end)
    assert found == (
        Period(start, utc("2026-12-24T07:00"), ("D",)),
        Period(utc("2026-12-24T07:00"), utc("2026-12-24T19:00"), ("H",)),
        Period(utc("2026-12-24T19:00"), end, ("D",)),
    )


@pytest.mark.parametrize("fields", [{}, {"days": ("mon",), "on": date(2026, 12, 24)}])
def test_a_shift_has_either_days_or_a_date(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="either days"):
        ShiftPattern(person="A", from_="08:00", to="20:00", **fields)  # type: ignore[arg-type] # wrong on purpose
