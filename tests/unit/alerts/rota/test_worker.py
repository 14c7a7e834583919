"""Calendars are read in a process of their own, within bounds."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerts.policy import Person
from alerts.rota.calendar import CalendarError
from alerts.rota.ical import read_calendar
from alerts.rota.worker import read_apart

pytestmark = pytest.mark.long

WHO = Path(__file__).parent / "calendars" / "who.ics"
PEOPLE = (
    Person(id="A", name="Ada", addresses={"mail": "ada@lab.example"}),
    Person(id="B", name="Ben Bird", addresses={"mail": "ben@lab.example"}),
)
START = round(datetime(2026, 6, 10, tzinfo=UTC).timestamp() * 1000)
END = START + 86_400_000


def never(count: int) -> bytes:
    """Rules that never come true: each is looked for until the year 9999."""
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTART:19700101T000000Z\r\nDURATION:PT1H\r\n"
        "RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31\r\nSUMMARY:Ada\r\nEND:VEVENT\r\n"
        for n in range(count)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n".encode()


async def test_it_reads_what_is_read_here() -> None:
    body = WHO.read_bytes()
    apart = await read_apart(body, PEOPLE, "Europe/Vienna", START, END)
    assert apart == read_calendar(body, PEOPLE, ZoneInfo("Europe/Vienna"), START, END)
    assert len(apart.shifts) == 5


async def test_what_is_no_calendar_is_said_as_here() -> None:
    with pytest.raises(CalendarError, match="not a calendar"):
        await read_apart(b"<html>", PEOPLE, "Europe/Vienna", START, END)


@pytest.mark.long
async def test_a_calendar_that_takes_for_ever_is_given_up() -> None:
    began_s = time.monotonic()
    with pytest.raises(CalendarError, match="takes longer than 2 s to read, which is no rota"):
        await read_apart(never(500), PEOPLE, "Europe/Vienna", START, END, within_s=2.0)
    assert time.monotonic() - began_s < 10


def test_the_core_holds_neither_library() -> None:
    code = "import sys, culturewatch.core; print({'icalendar', 'dateutil'} & set(sys.modules))"
    done = subprocess.run(  # noqa: S603 # our own words
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "set()\n"
