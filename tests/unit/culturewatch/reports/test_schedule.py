"""When a report is due and which days it is of; the instants are worked out by hand."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from culturewatch.reports.schedule import Period, newest
from culturewatch.site_file import ReportTable

VIENNA = ZoneInfo("Europe/Vienna")
WEEK = ReportTable(id="rooms", kind="week", to=("ada",), at="07:00", day="monday")
MONTH = ReportTable(id="ln2", kind="month", to=("ada",), at="06:30", day=1, device="ln2a")
DAILY = ReportTable(id="quiet", kind="silenced", to=("ada",), at="02:30")


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("report", "now", "start", "end", "due"),
    [
        # 2026-03-29 the clocks go forward at 01:00 UTC: that week has 167 hours.
        pytest.param(
            WEEK,
            "2026-03-30T05:00",
            "2026-03-22T23:00",
            "2026-03-29T22:00",
            "2026-03-30T05:00",
            id="the week of the change to summer, at the minute",
        ),
        pytest.param(
            WEEK,
            "2026-03-30T04:59:59",
            "2026-03-15T23:00",
            "2026-03-22T23:00",
            "2026-03-23T06:00",
            id="a second before, it is the week before",
        ),
        pytest.param(
            WEEK,
            "2026-04-05T23:59",
            "2026-03-22T23:00",
            "2026-03-29T22:00",
            "2026-03-30T05:00",
            id="and stays so until the next Monday at seven",
        ),
        # 2026-10-25 they go back at 01:00 UTC.
        pytest.param(
            MONTH,
            "2026-11-05T12:00",
            "2026-09-30T22:00",
            "2026-10-31T23:00",
            "2026-11-01T05:30",
            id="October begins in summer time and ends in winter time",
        ),
        pytest.param(
            MONTH,
            "2026-03-01T05:29",
            "2025-12-31T23:00",
            "2026-01-31T23:00",
            "2026-02-01T05:30",
            id="February's is due on the first of March, not before",
        ),
        pytest.param(
            DAILY,
            "2026-03-29T01:00",
            "2026-03-27T23:00",
            "2026-03-28T23:00",
            "2026-03-29T01:00",
            id="half past two that does not come is the moment of the change",
        ),
        pytest.param(
            DAILY,
            "2026-10-25T00:30",
            "2026-10-23T22:00",
            "2026-10-24T22:00",
            "2026-10-25T00:30",
            id="half past two that comes twice is its first",
        ),
        pytest.param(
            DAILY,
            "2026-10-25T01:30",
            "2026-10-23T22:00",
            "2026-10-24T22:00",
            "2026-10-25T00:30",
            id="and not its second",
        ),
    ],
)
def test_a_report_is_of_whole_days_of_the_sites_zone(
    report: ReportTable, now: str, start: str, end: str, due: str
) -> None:
    assert newest(report, ms(now), VIENNA) == Period(ms(start), ms(end), ms(due))


@given(
    report=st.sampled_from([WEEK, MONTH, DAILY]),
    now=st.integers(ms("2020-01-01"), ms("2040-01-01")),
    zone=st.sampled_from(["Europe/Vienna", "Australia/Lord_Howe", "America/St_Johns", "UTC"]),
)
def test_periods_follow_one_another_without_a_gap(report: ReportTable, now: int, zone: str) -> None:
    later = newest(report, now, ZoneInfo(zone))
    before = newest(report, later.due - 1, ZoneInfo(zone))
    assert before.start < before.end == later.start < later.end <= later.due <= now
    assert before.due < later.due
