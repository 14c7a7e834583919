"""Calendars written by hand, read as RFC 5545 means them."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerts.policy import Person
from alerts.rota.calendar import CalendarError, Read
from alerts.rota.ical import read_calendar
from alerts.rota.resolve import Shift, periods

CALENDARS = Path(__file__).parent / "calendars"
VIENNA = ZoneInfo("Europe/Vienna")
PEOPLE = (
    Person(id="A", name="Ada", addresses={"mail": "ada@lab.example"}),
    Person(id="B", name="Ben Bird", addresses={"mail": "ben@lab.example"}),
)
HOUR = 3_600_000


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def read(name: str, start: str, end: str) -> Read:
    return read_calendar((CALENDARS / name).read_bytes(), PEOPLE, VIENNA, utc(start), utc(end))


def written(*lines: str) -> bytes:
    event = "\r\n".join(("BEGIN:VEVENT", "UID:1", *lines, "END:VEVENT"))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{event}\r\nEND:VCALENDAR\r\n".encode()


@pytest.mark.parametrize(
    ("start", "change", "end"),
    [
        ("2026-03-28T21:00", "2026-03-29T04:00", "2026-03-29T20:00"),
        ("2026-10-24T20:00", "2026-10-25T05:00", "2026-10-25T21:00"),
    ],
    ids=["spring", "autumn"],
)
def test_65_a_calendar_has_no_gap_and_no_double_person_on_a_change_night(
    start: str, change: str, end: str
) -> None:
    found = read("nights-and-days.ics", start, end)
    assert [p[:3] for p in periods(found.shifts, (), utc(start), utc(end))] == [
        (utc(start), utc(change), ("A",)),
        (utc(change), utc(end), ("B",)),
    ]
    assert found.unknown == ()


def test_exceptions_of_a_series_count() -> None:
    found = read("exceptions.ics", "2026-06-01T00:00", "2026-06-08T00:00")
    assert found.shifts == (
        Shift(utc("2026-06-01T06:00"), utc("2026-06-01T14:00"), "A"),
        # The second is excluded, the third moved to somebody else, the fourth cancelled.
        Shift(utc("2026-06-03T08:00"), utc("2026-06-03T16:00"), "B"),
        Shift(utc("2026-06-05T06:00"), utc("2026-06-05T14:00"), "A"),
        Shift(utc("2026-06-06T06:00"), utc("2026-06-06T14:00"), "A"),
    )


def test_whole_days_are_those_of_the_rota() -> None:
    found = read("whole-days.ics", "2026-03-20T00:00", "2026-04-10T00:00")
    assert found.shifts == (
        # From Saturday to Monday, an hour shorter than two days.
        Shift(utc("2026-03-27T23:00"), utc("2026-03-29T22:00"), "A"),
        Shift(utc("2026-03-31T22:00"), utc("2026-04-01T22:00"), "B"),
    )


def test_every_time_is_that_of_its_zone_and_without_one_that_of_the_rota() -> None:
    found = read("zones.ics", "2026-06-10T00:00", "2026-06-11T00:00")
    starts = [utc(f"2026-06-10T{clock}") for clock in ("06:00", "10:00", "14:00", "18:00")]
    assert found.shifts == tuple(Shift(start, start + HOUR, "A") for start in starts)
    assert found.odd == (
        "the zone 'Laboratory/Cellar' is not known; its times are taken for those of the rota",
    )


def test_people_are_found_by_address_then_by_what_the_summary_says() -> None:
    found = read("who.ics", "2026-06-10T00:00", "2026-06-11T00:00")
    by_hour = [
        ((shift.start - utc("2026-06-10T00:00")) // HOUR, shift.person) for shift in found.shifts
    ]
    assert by_hour == [(1, "A"), (2, "B"), (3, "A"), (3, "B"), (8, "B")]
    assert [((one.start - utc("2026-06-10T00:00")) // HOUR, one.says) for one in found.unknown] == [
        (4, "Adam and Benedict"),
        (5, "stranger@elsewhere.example"),
        (7, "b on call"),
    ]


def test_a_shift_that_began_before_the_window_is_in_it_once() -> None:
    found = read("whole-days.ics", "2026-03-28T12:00", "2026-03-29T12:00")
    assert found.shifts == (Shift(utc("2026-03-27T23:00"), utc("2026-03-29T22:00"), "A"),)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html><body>Sign in</body></html>", id="a page to sign in"),
        pytest.param(b"\xff\xfe\x00\x01" * 100, id="bytes"),
        pytest.param(b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n", id="cut off"),
        pytest.param(written("DTSTART:soon", "SUMMARY:Ada"), id="a start that is none"),
        pytest.param(
            written("DTSTART:20260610T000000Z", "RRULE:FREQ=OFTEN"), id="a rule that is none"
        ),
        pytest.param(
            written("DTSTART:20260610T000000Z", "DURATION:PT1S", "RRULE:FREQ=SECONDLY"),
            id="each second",
        ),
        pytest.param(
            written("DTSTART:20260610T000000Z", "DURATION:PT1M", "RRULE:FREQ=MINUTELY"),
            id="each minute",
        ),
        pytest.param(
            written(
                "DTSTART:20260610T000000Z",
                "DURATION:PT1M",
                f"RRULE:FREQ=HOURLY;BYMINUTE={','.join(map(str, range(60)))}",
            ),
            id="each minute, said otherwise",
        ),
        pytest.param(written("DTSTART:20260610T100000Z", "DTEND:20260610T090000Z"), id="backwards"),
    ],
)
def test_what_is_no_rota_is_refused_with_a_reason(body: bytes) -> None:
    with pytest.raises(CalendarError, match=r"\w"):
        read_calendar(body, PEOPLE, VIENNA, utc("2026-06-10T00:00"), utc("2026-06-12T00:00"))
