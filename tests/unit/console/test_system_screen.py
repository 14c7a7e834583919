"""The screens of the system and of who is on call, without a browser."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from alerts.policy import Person
from batches.placement import Refused
from batches.trail import Line
from collector.rounds import TalkLinkStats, TalkStats
from console.on_call_page import (
    RotaShown,
    Shift,
    drilled,
    overriding,
    swapping,
    withdrawing,
)
from console.run_status import ClockStatus, RunStatus
from console.speech import Speech
from console.system_page import health, searched, spelled
from console.view import SiteView
from storage.influx import ForwarderStatus
from storage.stats import JournalStats

VIENNA = ZoneInfo("Europe/Vienna")
NOW = 1_767_956_400_000


def seen(status: RunStatus | None) -> SiteView:
    return SiteView(
        at=NOW,
        core_alive=status is not None,
        core_age_ms=None,
        devices=(),
        alarms=(),
        pages=(),
        counts=None,
        status=status,
        problems=(),
    )


def test_devices_of_text_and_http_stand_beside_the_others() -> None:
    device = TalkStats(device="tank1", is_answering=True, polls=9, answered=7)
    line = TalkLinkStats(endpoint="/dev/ttyS0", connected=True, connects=1, devices=(device,))
    silent = TalkStats(device="inc1", is_answering=False, polls=3, answered=0)
    web = TalkLinkStats(endpoint="10.0.0.9:80", connected=False, connects=None, devices=(silent,))
    status = replace(running(fill=0.1, quarantined=0, behind_ms=None), lines=(line,), http=(web,))
    assert status.received == 7
    facts = {one.name: one for one in health(seen(status), zone=VIENNA, say=Speech("en"))}
    assert facts["Text /dev/ttyS0"].says == "9 polls, 2 unanswered"
    assert facts["Text /dev/ttyS0"].is_good
    assert facts["HTTP 10.0.0.9:80"].is_good is False


def running(*, fill: float, quarantined: int, behind_ms: int | None, backlog: int = 0) -> RunStatus:
    forwarding = None
    if behind_ms is not None:
        forwarding = ForwarderStatus(
            behind=3 + backlog,
            behind_ms=behind_ms,
            backlog=backlog,
            live_ms=500 if backlog else behind_ms,
            lines_written=0,
            quarantined=0,
            expired=0,
            requests=0,
            in_flight=0,
            trouble="",
        )
    return RunStatus(
        at=NOW,
        started=NOW,
        pid=1,
        version="1.2.3",
        configuration="ab" * 32,
        journal=JournalStats(
            last=10,
            entries=10,
            duplicates=0,
            conflicts=0,
            quarantined=quarantined,
            damaged=0,
            commits=1,
            pending=0,
            oldest_pending_ms=0,
            bytes=1,
            fill=fill,
            start_s=0.1,
            trouble="",
        ),
        modbus=(),
        mqtt={},
        forwarding=forwarding,
        alarm_cursor=8,
        refused=0,
        troubles=(),
    )


def test_health_says_what_is_bad_and_what_is_not() -> None:
    status = running(fill=0.71, quarantined=2, behind_ms=61_000)
    facts = {fact.name: fact for fact in health(seen(status), zone=VIENNA, say=Speech("en"))}
    bad = {name for name, fact in facts.items() if fact.is_good is False}
    assert bad == {"Disk: journal fills", "Quarantine", "Forwarding lags"}
    assert facts["Core"].is_good
    assert facts["Not judged yet"].says == "2"
    assert facts["Last written"].says == "2026-01-09 12:00:00 +01:00"
    assert facts["Forwarding lags"].says == "61 s, 3"
    good = running(fill=0.1, quarantined=0, behind_ms=None)
    fine = health(seen(good), zone=VIENNA, say=Speech("en"))
    assert not [fact for fact in fine if fact.is_good is False]


def test_health_says_how_late_live_readings_are_and_what_goes_out_behind_them() -> None:
    status = running(fill=0.1, quarantined=0, behind_ms=7_200_000, backlog=9_000)
    facts = {fact.name: fact for fact in health(seen(status), zone=VIENNA, say=Speech("en"))}
    live, backlog = facts["Forwarding lags"], facts["Forwarding backlog"]
    assert live.is_good
    assert live.says.endswith(", 3")
    assert backlog.says.endswith(", 9000")
    assert backlog.is_good is False


@pytest.mark.parametrize(
    ("error_us", "unsure", "says", "is_good"),
    [
        (1_250, False, "wrong by 1.2 ms at most (NTP)", True),
        (500_001, False, "wrong by 500.0 ms at most (NTP)", False),
        (-1, False, "NO TIME SERVER SETS IT", False),
        (None, False, "whether a time server sets it cannot be told here", None),
        (1_250, True, "was set a moment ago: readings are marked", False),
    ],
)
def test_the_clock_is_as_the_core_knows_it(
    error_us: int | None, says: str, *, unsure: bool, is_good: bool | None
) -> None:
    status = replace(
        running(fill=0.1, quarantined=0, behind_ms=None),
        clock=ClockStatus(error_us=error_us, unsure=unsure),
    )
    facts = [f for f in health(seen(status), zone=VIENNA, say=Speech("en")) if f.name == "Clock"]
    assert (facts[0].says, facts[0].is_good) == (says, is_good)


def test_a_core_that_never_ran_is_no_good_news() -> None:
    (fact,) = health(seen(None), zone=VIENNA, say=Speech("en"))
    assert fact.is_good is False


def line(row: int, by: str, item: str, reason: str = "") -> Line:
    return Line(
        chain="ledger",
        row=row,
        at=row,
        entered=row,
        by=by,
        area="data",
        item=item,
        subject="B-2026-0001",
        outcome="done",
        old=None,
        new='{"device":"inc1"}',
        reason=reason,
    )


@pytest.mark.parametrize(
    ("text", "rows"),
    [("", [3, 2, 1]), ("ANNA place", [1]), ("inc1 typo", [3]), ("nobody", [])],
)
def test_the_trail_is_searched_in_all_that_it_says(text: str, rows: list[int]) -> None:
    lines = [line(1, "anna", "place"), line(2, "ben", "place"), line(3, "anna", "correct", "typo")]
    assert [one.row for one in searched(lines, text)] == rows


def test_the_trail_is_of_one_area_where_that_is_asked_for() -> None:
    told = [line(1, "anna", "place"), replace(line(2, "ben", "ack"), area="alarm")]
    assert [one.row for one in searched(told, "", "alarm")] == [2]
    assert [one.row for one in searched(told, "anna", "alarm")] == []
    assert [one.row for one in searched(told, "")] == [2, 1]


def test_somebody_stands_in_from_a_time_of_the_site_on() -> None:
    made = overriding("ben", "2026-03-29 01:00", 4, "ill", zone=VIENNA)
    # That night clocks go from 02:00 to 03:00: an hour of the clock is none of duty.
    start = datetime(2026, 3, 29, 0, 0, tzinfo=UTC).timestamp() * 1000
    assert made == {
        "from": f"{start:.0f}",
        "until": f"{start + 4 * 3_600_000:.0f}",
        "to": "ben",
        "reason": "ill",
    }


@pytest.mark.parametrize(
    ("person", "begins", "hours", "reason"),
    [
        ("", "2026-03-29 01:00", 4, "ill"),
        ("ben", "tomorrow", 4, "ill"),
        ("ben", "2026-03-29 01:00", 5, "ill"),
        ("ben", "2026-03-29 01:00", 4, "  "),
    ],
)
def test_standing_in_needs_all_of_it(person: str, begins: str, hours: int, reason: str) -> None:
    with pytest.raises(Refused):
        overriding(person, begins, hours, reason, zone=VIENNA)


def test_a_rota_without_anybody_has_nobody_on_call() -> None:
    gap = Shift(start=0, end=1, people=())
    assert RotaShown(id="r", zone="UTC", shifts=(gap,), changes=(), problems=()).now == ()


def test_a_time_that_comes_twice_is_its_first_and_one_that_is_skipped_the_change() -> None:
    first = overriding("ben", "2026-10-25 02:30", 1, "ill", zone=VIENNA)
    assert first["from"] == f"{datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp() * 1000:.0f}"
    skipped = overriding("ben", "2026-03-29 02:30", 1, "ill", zone=VIENNA)
    assert skipped["from"] == f"{datetime(2026, 3, 29, 1, 0, tzinfo=UTC).timestamp() * 1000:.0f}"


def test_a_swap_is_between_two_with_a_reason() -> None:
    made = swapping("ann", "ben", "2026-01-09 12:00", 8, "a wedding", zone=VIENNA)
    assert made == {
        "from": f"{NOW}",
        "until": f"{NOW + 8 * 3_600_000}",
        "to": "ann,ben",
        "reason": "a wedding",
    }
    for one, other, reason in (("ann", "ann", "x"), ("", "ben", "x"), ("ann", "ben", " ")):
        with pytest.raises(Refused):
            swapping(one, other, "2026-01-09 12:00", 8, reason, zone=VIENNA)


def test_a_change_is_taken_back_by_its_id_with_a_reason() -> None:
    assert withdrawing("c1", "was wrong") == {"of": "c1", "reason": "was wrong"}
    for change, reason in (("", "was wrong"), ("c1", "")):
        with pytest.raises(Refused):
            withdrawing(change, reason)


def test_a_drill_goes_to_whom_and_by_what_was_chosen_or_to_all() -> None:
    people = (
        Person(id="ann", channels=("mail", "sms")),
        Person(id="ben", channels=("sms",)),
    )
    assert drilled(people, "", "") == (("ann", "mail"), ("ann", "sms"), ("ben", "sms"))
    assert drilled(people, "", "sms") == (("ann", "sms"), ("ben", "sms"))
    assert drilled(people, "ben", "") == (("ben", "sms"),)
    with pytest.raises(Refused):
        drilled(people, "ben", "mail")


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        (
            '{"batch":"B-2026-0001","end_at":null,"start_at":1767956400000}',
            '{"batch":"B-2026-0001","end_at":null,"start_at":"2026-01-09 12:00:00 +01:00"}',
        ),
        ('{"since":1767956400000}', '{"since":"2026-01-09 12:00:00 +01:00"}'),
        ('{"number":1767956400000}', '{"number":1767956400000}'),
        ('{"at":12}', '{"at":12}'),
        # What somebody wrote stays what they wrote.
        ('{"note":"\\"at\\":1767956400000"}', '{"note":"\\"at\\":1767956400000"}'),
        ("at 1767956400000", "at 1767956400000"),
        (None, ""),
    ],
)
def test_times_in_the_trail_are_told_in_the_zone_of_the_site(kept: str | None, shown: str) -> None:
    assert spelled(kept, VIENNA) == shown
