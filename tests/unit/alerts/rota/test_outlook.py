"""What is told of a rota before it is needed, and when."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.rota.calendar import Read, Unknown
from alerts.rota.feeds import FeedState
from alerts.rota.outlook import is_daytime, outlook
from alerts.rota.resolve import Period

VIENNA = ZoneInfo("Europe/Vienna")
KNOWN = frozenset({"A", "B"})


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW = utc("2026-06-10T08:00")


def told(*periods: Period, feeds: tuple[FeedState, ...] = ()) -> tuple[str, ...]:
    return outlook(periods, feeds, KNOWN, now=NOW, zone=VIENNA)


def test_a_rota_without_fault_is_not_spoken_of() -> None:
    assert told(Period(NOW, NOW + 9_000_000, ("A",))) == ()


def test_gaps_are_told_in_the_time_of_the_rota() -> None:
    assert told(
        Period(utc("2026-06-10T00:00"), utc("2026-06-10T07:00"), ()),
        Period(utc("2026-06-10T10:00"), utc("2026-06-10T12:30"), ()),
        Period(utc("2026-06-11T20:00"), utc("2026-06-12T04:00"), ()),
    ) == (
        "nobody is on call from Wed 2026-06-10 12:00 to 14:30",
        "nobody is on call from Thu 2026-06-11 22:00 to Fri 2026-06-12 06:00",
    )


def test_many_gaps_are_counted() -> None:
    day = 86_400_000
    gaps = [Period(NOW + n * day, NOW + n * day + 1_000, ()) for n in range(9)]
    lines = told(*gaps)
    assert len(lines) == 6
    assert lines[-1] == "and 4 more gaps like these"


def test_people_of_nowhere_are_told() -> None:
    assert told(Period(NOW, NOW + 1_000, ("A", "Z"))) == (
        "'Z' is on call and is nobody of this site",
    )


def test_calendars_say_what_they_do_not_understand_and_when_they_are_old() -> None:
    read = Read(
        shifts=(),
        unknown=(
            Unknown(start=NOW - 1, says="over"),
            Unknown(start=NOW, says="Zoe"),
            Unknown(start=NOW + 86_400_000, says="Zoe"),
        ),
        odd=("the zone 'X' is not known; its times are taken for those of the rota",),
    )
    state = FeedState(calendar="lab", read=read, good_at=NOW - 86_400_001, error="answers 503")
    assert told(feeds=(state,)) == (
        "calendar lab names nobody of this site: 'Zoe'",
        "calendar lab: the zone 'X' is not known; its times are taken for those of the rota",
        "calendar lab could not be read for more than a day: answers 503",
    )
    lately = FeedState(calendar="lab", good_at=NOW - 86_400_000, error="answers 503")
    assert told(feeds=(lately,)) == ()
    never = FeedState(calendar="lab", error="answers 503")
    assert told(feeds=(never,)) == (
        "calendar lab could not be read, and there is no copy: answers 503",
    )


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-06-10T06:59", False),
        ("2026-06-10T07:00", True),
        ("2026-06-10T14:59", True),
        ("2026-06-10T15:00", False),
        ("2026-12-10T07:59", False),
        ("2026-12-10T08:00", True),
        ("2026-06-10T22:00", False),
    ],
)
def test_daytime_is_nine_to_five_on_the_wall(at: str, *, expected: bool) -> None:
    assert is_daytime(utc(at), VIENNA) is expected
