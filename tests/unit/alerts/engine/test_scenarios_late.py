"""Hard scenarios 58 to 87: late, repeated and misdated samples, crashes, and a gap in the rota."""

import pytest
from msgspec.structs import replace

from alerts.transition import What
from devices.duration import parse
from devices.scan import Layout, Scan, Source
from tests.unit.alerts.engine.lab import (  # a test's own
    CHAIN,
    START,
    Lab,
    ms,
    rulebook,
)
from tests.unit.alerts.engine.scenario import BRIEF, PAGES, lab


def test_58_an_excursion_that_is_over_is_reported_once_and_pages_nobody() -> None:
    room = lab()
    room.sample("0:00", 37.0)
    for minute in range(1, 60):
        value = 39.0 if 20 <= minute < 40 else 37.0
        room.sample("1:01:00", value, taken=minute * 60_000, source=Source.BACKFILL)
    room.sample("1:01:10", 37.0)
    assert not room.said(*PAGES)


def test_58_at_the_channels_own_rate_it_is_one_report() -> None:
    room = lab()
    room.sample("0:00", 37.0)
    for at in range(ms("1:00"), ms("59:00"), 10_000):
        value = 39.0 + at / 1e8 if ms("20:00") <= at < ms("40:00") else 37.0
        room.sample("1:01:00", value, taken=at, source=Source.BACKFILL)
    room.sample("1:01:10", 37.0)
    assert room.said(*PAGES, What.CORRECTION) == ["1:01:00 correction hot"]
    assert room.said(What.NOTICE) == ["1:01:00 notice hot A"]
    assert room.last(What.CORRECTION).since == START + ms("20:00")
    assert room.last(What.CORRECTION).detail["until"] == "2026-01-05 08:39:50 UTC"


def test_58_a_logger_that_keeps_a_value_a_minute_has_one_excursion() -> None:
    room = lab()
    room.sample("0:00", 37.0)
    room.sample("1:00:00", 37.0)
    for minute in range(1, 60):
        value = 39.0 if 20 <= minute < 40 else 37.0
        room.sample("1:01:00", value, taken=minute * 60_000, source=Source.BACKFILL)
    assert room.said(*PAGES, What.CORRECTION) == ["1:01:00 correction hot"]
    assert room.last(What.CORRECTION).since == START + ms("20:00")
    assert room.last(What.CORRECTION).detail["until"] == "2026-01-05 08:39:00 UTC"


def test_59_a_logger_that_keeps_a_value_a_minute_pages_with_the_true_start() -> None:
    room = lab()
    room.sample("0:00", 37.0)
    for minute in range(20, 60):
        room.sample("1:01:00", 39.0, taken=minute * 60_000, source=Source.BACKFILL)
    room.sample("1:01:10", 39.0)
    assert room.said(*PAGES) == ["1:01:10 set hot", "1:01:10 queued hot A"]
    assert room.last(What.SET).since == START + ms("20:00")


def test_58_a_live_sample_ends_the_excursion_that_late_ones_told_of() -> None:
    room = lab()
    room.sample("0:00", 37.0)
    room.sample("1:01:00", 37.0)
    for at in range(ms("20:00"), ms("1:01:00"), 10_000):
        room.sample("1:01:05", 39.0, taken=at, source=Source.BACKFILL)
    assert room.count(What.CORRECTION) == 0
    room.sample("1:01:10", 37.0)
    assert room.said(*PAGES, What.CORRECTION) == ["1:01:10 correction hot"]


def test_59_an_excursion_that_still_holds_pages_with_its_true_start() -> None:
    room = lab()
    room.sample("0:00", 37.0)
    for at in range(ms("30:00"), ms("59:00"), 10_000):
        room.sample("1:01:00", 39.0, taken=at, source=Source.BACKFILL)
    room.sample("1:01:10", 39.0)
    assert room.said(*PAGES) == ["1:01:10 set hot", "1:01:10 queued hot A"]
    assert room.last(What.SET).since == START + ms("30:00")


def test_61_the_same_sample_twice_changes_nothing() -> None:
    room = lab(BRIEF)
    room.sample("0:00", 38.1)
    before = room.engine.dump()
    room.sample("0:00", 38.1)
    after = room.engine.dump()
    assert {key for key in after if after[key] != before[key]} == {"clock"}


def test_61_of_two_values_for_one_time_the_worse_counts() -> None:
    room = lab(BRIEF)
    room.sample("0:00", 37.0)
    room.sample("0:00", 38.1)
    assert room.said(What.SET) == ["0:00:00 set hot"]
    room.sample("0:00", 36.0)
    assert not room.said(What.CLEAR)
    assert "two values" in room.last(What.QUALITY).why


def test_62_a_sample_from_the_future_is_taken_at_its_arrival() -> None:
    room = lab()
    room.sample("0:00", 38.1, taken="10:00")
    room.hold("0:10", "5:00", 38.1)
    assert room.last(What.SET).since == START


def test_62_a_sample_from_before_the_clock_was_set_is_not_judged() -> None:
    room = lab(BRIEF)
    room.sample("0:00", 38.1, taken=-START)
    assert not room.told


def test_67_a_message_of_many_is_as_good_as_many_messages() -> None:
    room, other = lab(), lab()
    for at in range(0, ms("20:00"), 1_000):
        room.feed(_scan(at, 38.1 if at > ms("1:00") else 37.0))
    for entry in room.entries[1:]:
        other.feed(entry)
    assert room.told == other.told
    assert room.engine.dump() == other.engine.dump()


def _scan(at: int, value: float) -> Scan:
    layout = Layout("inc1", ("temperature",), ("temperature",))
    return Scan(layout, START + at, START + at, (value,), bytes(1))


@pytest.mark.parametrize(
    ("restart", "set_at", "late"), [("4:00", "0:05:00", False), ("9:00", "0:09:00", True)]
)
def test_68_an_on_delay_goes_on_over_a_crash(restart: str, set_at: str, *, late: bool) -> None:
    room = lab()
    room.hold("0:00", "3:00", 38.1)
    room.reload()
    room.started(restart)
    room.ticks("9:00")
    assert room.said(What.SET) == [f"{set_at} set hot"]
    told = room.last(What.SET)
    assert (told.since, told.late) == (START, late)


def test_73_steps_that_fell_due_while_down_are_run_at_once_in_order() -> None:
    three = replace(
        CHAIN, steps=(*CHAIN.steps, replace(CHAIN.steps[1], after=parse("8m"), to=("C",)))
    )
    room = Lab(rulebook([BRIEF], policies=[three]))
    room.sample("0:00", 38.1)
    room.reload()
    room.started("9:00")
    assert room.said(What.QUEUED) == [
        "0:00:00 queued hot A",
        "0:09:00 queued hot B",
        "0:09:00 queued hot C",
    ]
    assert room.last(What.QUEUED).late


def test_87_a_gap_in_the_rota_goes_to_the_fallback_at_once() -> None:
    room = Lab(rulebook([BRIEF], policies=[replace(CHAIN, fallback=("M",))]))
    room.order("0:00", "rota", target="chain", by="M", step="1", to="")
    room.sample("0:01", 38.1)
    room.ticks("5:01")
    assert room.said(What.QUEUED, What.SYSTEM) == [
        "0:00:01 queued hot A",
        "0:05:01 system hot",
        "0:05:01 queued hot M",
    ]
    assert "nobody on call" in room.last(What.SYSTEM).why


def test_a_late_sample_takes_back_no_more_than_the_activation_that_it_disproves() -> None:
    room = lab()
    room.hold("0:00", "5:00", 38.1)
    room.hold("5:10", "7:10", 37.0)
    assert room.engine.view("hot").state == "R"
    room.hold("10:00", "15:00", 38.1)
    assert room.engine.view("hot").activation == 2
    room.sample("15:05", 37.0, taken="12:05", source=Source.BACKFILL)
    assert room.engine.view("hot").state == "R"
    assert not room.said(What.ALL_CLEAR, What.VOID)
    assert room.last(What.CLEAR).why.startswith("correction: ")


@pytest.mark.parametrize(("arrives", "state"), [("9:55", "N"), ("10:05", "U")])
def test_an_alarm_that_was_true_long_enough_since_the_late_false_sample_stays(
    arrives: str, state: str
) -> None:
    room = lab()
    room.sample("0:00", 38.1)
    # No sample comes at the very end of the on-delay: its timer sets the alarm.
    for at in range(10_300, ms(arrives), 10_000):
        room.sample(at, 38.1)
    room.sample(arrives, 37.0, taken="4:59", source=Source.BACKFILL)
    assert room.engine.view("hot").state == state
    room.hold("10:10", "10:20", 38.1)
    assert room.engine.view("hot").state == "U"
