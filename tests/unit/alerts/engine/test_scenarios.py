"""The hard scenarios of facts/alarms.md part D, by number, through the engine's public door."""

import struct
from decimal import Decimal

import pytest
from msgspec.structs import replace

from alerts.engine.limits import Side, compiled
from alerts.rule import Limit, Rule
from alerts.transition import What
from devices.duration import Duration, parse
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from tests.unit.alerts.engine.lab import (  # a test's own
    CHAIN,
    HOT,
    START,
    Lab,
    ms,
    rulebook,
)

PAGES = (What.SET, What.CLEAR, What.QUEUED, What.ALL_CLEAR, What.CLOSED)
BRIEF = replace(HOT, on_delay=Duration(0), off_delay=Duration(0))


def lab(*rules: Rule, channels: tuple[str, ...] = ("inc1.temperature",)) -> Lab:
    return Lab(rulebook(rules or (HOT,), channels=channels))


def test_01_a_second_less_than_the_delay_is_a_near_miss() -> None:
    room = lab()
    room.sample("0:00", 38.1)
    room.sample("4:59", 37.0)
    room.ticks("0:30:00")
    assert room.said(*PAGES, What.NEAR_MISS) == ["0:04:59 near_miss hot"]


def test_02_the_whole_delay_sets_once_from_the_first_sample() -> None:
    room = lab()
    room.hold("0:00", "5:00", 38.1)
    assert room.said(*PAGES) == ["0:05:00 set hot", "0:05:00 queued hot A"]
    assert room.last(What.SET).since == START


def test_03_only_a_value_past_the_deadband_cancels() -> None:
    room = lab()
    room.sample("0:00", 38.1)
    room.sample("3:00", 37.9)
    room.sample("5:00", 38.1)
    room.ticks("5:00")
    assert room.said(What.SET) == ["0:05:00 set hot"]
    assert room.last(What.SET).since == START


def test_03_inside_the_deadband_at_the_end_waits_for_the_next_true_one() -> None:
    room = lab()
    room.sample("0:00", 38.1)
    room.hold("3:00", "7:00", 37.9)
    assert not room.said(What.SET)
    room.sample("7:10", 38.0)
    assert room.said(What.SET) == ["0:07:10 set hot"]


@pytest.mark.parametrize("kind", ["high", "count"])
@pytest.mark.parametrize("low", [37.0, 37.9])
def test_05_toggling_across_the_limit_is_caught_by_the_count(kind: str, low: float) -> None:
    rule = replace(HOT, kind=kind, count=6, window=parse("10m"))
    room = lab(rule)
    for at in range(12):
        room.sample(at * 30_000, 38.1 if at % 2 == 0 else low)
    assert room.said(What.SET) == ["0:05:00 set hot"]
    assert room.last(What.SET).since == START


def test_05_without_a_count_it_is_not() -> None:
    room = lab()
    for at in range(40):
        room.sample(at * 30_000, 38.1 if at % 2 == 0 else 37.0)
    assert not room.said(What.SET)


@pytest.mark.parametrize("value", [38.0, 38, Decimal("38.0"), 380 * 0.1, 37.999999999999])
def test_06_exactly_at_the_limit_alarms_however_the_number_came_about(value: float) -> None:
    room = lab(BRIEF)
    room.sample("0:00", value)
    assert room.said(What.SET) == ["0:00:00 set hot"]


@pytest.mark.parametrize("value", [37.8, 37.8 + 1e-12, Decimal("37.8"), 378 * 0.1])
def test_06_exactly_at_the_clearing_limit_clears(value: float) -> None:
    room = lab(BRIEF)
    room.sample("0:00", 38.1)
    room.sample("0:10", 37.81)
    assert not room.said(What.CLEAR)
    room.sample("0:20", value)
    assert room.said(What.CLEAR) == ["0:00:20 clear hot"]


@pytest.mark.parametrize(("kind", "limit"), [("high", 37.7), ("low", 37.7), ("low", -150.1)])
def test_06_a_part_of_the_resolution_away_is_on_the_other_side(kind: str, limit: float) -> None:
    rule = replace(HOT, kind=kind, limit=limit, deadband=0.3)
    limits = compiled(rule, 0.01)
    sign = 1 if kind == "high" else -1
    assert limits.sides(limit) == (Side.TRUE,)
    assert limits.sides(limit - sign * 0.00002) == (Side.INSIDE,)
    assert limits.sides(limit - sign * 0.29998) == (Side.INSIDE,)
    assert limits.sides(limit - sign * 0.3) == (Side.FALSE,)


@pytest.mark.parametrize("limit", [-196.1, -150.1, 37.7, 199.9, 255.9])
@pytest.mark.parametrize("kind", ["high", "low"])
def test_06_a_limit_that_came_as_a_32_bit_float_is_exactly_on_it(kind: str, limit: float) -> None:
    (decoded,) = struct.unpack(">f", struct.pack(">f", limit))
    assert decoded != limit
    limits = compiled(replace(HOT, kind=kind, limit=limit, deadband=0.3), 0.01)
    assert limits.sides(decoded) == (Side.TRUE,)


def test_07_inside_the_deadband_stays_active() -> None:
    room = lab()
    room.hold("0:00", "5:00", 38.1)
    room.hold("5:10", "1:05:00", 37.9)
    assert not room.said(What.CLEAR)
    assert room.engine.view("hot").state == "U"


def test_09_even_a_brief_one_pages_once_and_returns() -> None:
    room = lab(replace(BRIEF, severity="high"))
    room.sample("0:00", 45.0)
    room.hold("0:10", "0:30:00", 37.0)
    assert room.said(*PAGES) == ["0:00:00 set hot", "0:00:00 queued hot A", "0:00:10 clear hot"]
    assert room.engine.view("hot").state == "R"


WARM = replace(HOT, id="warm", severity="medium", inhibited_by="very-hot")
VERY_HOT = replace(HOT, id="very-hot", limit=40.0)


@pytest.mark.parametrize("rules", [(WARM, VERY_HOT), (VERY_HOT, WARM)])
def test_11_of_two_limits_the_higher_pages_and_the_lower_is_listed(rules: tuple[Rule]) -> None:
    room = lab(*rules)
    room.sample("0:00", 37.0)
    room.hold("0:10", "5:20", 41.0)
    assert room.said(What.QUEUED, What.SET, What.INHIBITED) == [
        "0:05:10 set very-hot",
        "0:05:10 queued very-hot A",
        "0:05:10 set warm",
        "0:05:10 inhibited warm",
    ]
    assert room.engine.view("very-hot").consequences == ("warm",)
    assert room.engine.view("warm").under == "very-hot"


def test_11_two_steps_of_one_rule_page_once_with_the_higher() -> None:
    steps = (Limit(limit=40.0, severity="critical"),)
    room = lab(replace(HOT, severity="medium", steps=steps))
    room.sample("0:00", 37.0)
    room.hold("0:10", "5:20", 41.0)
    assert room.said(*PAGES) == ["0:05:10 set hot", "0:05:10 queued hot A"]
    assert room.last(What.QUEUED).severity == "critical"
    assert "40 degC" in room.last(What.SET).why


@pytest.mark.parametrize("ack_first", [True, False])
def test_13_return_and_ack_in_either_order_end_normal_with_one_all_clear(
    *, ack_first: bool
) -> None:
    room = lab()
    room.hold("0:00", "5:00", 38.1)
    if ack_first:
        room.order("5:30", "ack")
    room.hold("5:40", "9:00", 37.0)
    if not ack_first:
        room.order("9:30", "ack")
    assert room.engine.view("hot").state == "N"
    assert room.count(What.ALL_CLEAR) == 1


def test_14_two_acks_are_one_change_and_two_names() -> None:
    room = lab()
    room.hold("0:00", "5:00", 38.1)
    room.order("5:30", "ack", by="A")
    room.order("5:31", "ack", by="B")
    assert room.engine.view("hot").acked_by == ("A", "B")
    acks = [one for one in room.told if one.what is What.ACK]
    assert [(one.by, one.detail) for one in acks] == [
        ("A", {"from": "U", "to": "A"}),
        ("B", {"from": "A", "to": "A"}),
    ]
    assert room.count(What.REFUSED) == 0


def test_15_a_rise_after_the_ack_pages_again_from_step_0() -> None:
    steps = (Limit(limit=40.0, severity="critical"),)
    room = lab(replace(HOT, severity="medium", steps=steps))
    room.hold("0:00", "5:00", 38.1)
    room.order("5:30", "ack")
    room.hold("6:00", "16:00", 41.0)
    assert room.said(What.ACK, What.SEV_UP, What.QUEUED) == [
        "0:05:00 queued hot A",
        "0:05:30 ack hot",
        "0:11:00 sev_up hot",
        "0:11:00 queued hot A",
        "0:16:00 queued hot B",
    ]
    assert room.engine.view("hot").state == "U"


def test_15_an_ack_for_less_than_it_became_is_refused() -> None:
    steps = (Limit(limit=40.0, severity="critical"),)
    room = lab(replace(HOT, severity="medium", steps=steps))
    room.hold("0:00", "5:00", 41.0)
    room.order("5:30", "ack", severity="medium")
    assert "risen to critical" in room.last(What.REFUSED).why
    room.order("5:31", "ack", severity="critical")
    assert room.engine.view("hot").state == "A"


def test_17_a_link_to_an_older_occurrence_is_refused() -> None:
    room = lab(replace(BRIEF, severity="high"))
    room.sample("0:00", 38.1)
    room.order("0:05", "ack", occurrence="1")
    room.sample("0:10", 37.0)
    room.sample("0:20", 38.1)
    room.order("0:25", "ack", occurrence="1")
    assert "occurrence 1" in room.last(What.REFUSED).why
    view = room.engine.view("hot")
    assert (view.state, view.occurrence) == ("U", 2)


def test_19_a_reset_needs_the_ack_first() -> None:
    room = lab(replace(BRIEF, latching=True))
    room.sample("0:00", 38.1)
    room.sample("0:10", 37.0)
    room.order("0:20", "reset")
    assert room.last(What.REFUSED).why == "acknowledge it first"
    room.order("0:30", "ack")
    room.order("0:40", "reset")
    assert room.engine.view("hot").state == "N"
    assert room.count(What.ALL_CLEAR) == 1


def test_20_a_latched_one_that_comes_back_pages() -> None:
    room = lab(replace(BRIEF, latching=True))
    room.sample("0:00", 38.1)
    room.order("0:05", "ack")
    room.sample("0:10", 37.0)
    assert room.engine.view("hot").state == "LA"
    room.sample("0:20", 38.1)
    assert room.engine.view("hot").state == "U"
    assert room.said(What.QUEUED)[-1] == "0:00:20 queued hot A"


def test_23_acknowledged_and_not_recovering_re_alarms() -> None:
    room = lab(replace(HOT, re_alarm=parse("1h")))
    room.hold("0:00", "5:00", 38.5)
    room.order("5:30", "ack")
    room.hold("5:40", "1:05:40", 38.5)
    assert room.said(What.RE_ALARM, What.QUEUED)[1:] == [
        "1:05:30 re_alarm hot",
        "1:05:30 queued hot A",
    ]


def test_23_on_its_way_back_it_does_not() -> None:
    room = lab(replace(HOT, re_alarm=parse("1h")))
    room.hold("0:00", "5:00", 45.0)
    room.order("5:00", "ack")
    for step in range(400):
        room.sample(ms("5:10") + step * 10_000, 45.0 - step * 0.012)
    assert not room.said(What.RE_ALARM)
    assert room.engine.view("hot").state == "A"


def test_25_unack_pages_from_step_0() -> None:
    room = lab()
    room.hold("0:00", "5:00", 38.1)
    room.order("5:30", "ack")
    room.hold("5:40", "6:00", 38.1)
    room.order("6:00", "unack", by="B")
    assert room.said(What.QUEUED) == ["0:05:00 queued hot A", "0:06:00 queued hot A"]


def test_26_a_limit_moved_past_the_value_closes_and_says_so() -> None:
    room = lab()
    room.hold("0:00", "5:00", 38.5)
    room.order("5:05", "ack")
    room.hold("5:10", "6:00", 38.5)
    room.order("6:00", "edit", by="X", limit="39")
    assert room.last(What.ALL_CLEAR).why == "limit edited by X"
    assert room.last(What.EDITED).detail == {"limit": "38 → 39"}
    assert room.engine.view("hot").state == "N"
    assert room.engine.rule("hot").limit == 39.0


def test_28_a_longer_delay_leaves_an_active_alarm_active() -> None:
    room = lab()
    room.hold("0:00", "5:00", 38.5)
    room.order("6:00", "edit", by="X", on_delay="30m")
    room.hold("6:10", "7:00", 38.5)
    assert room.engine.view("hot").state == "U"
    assert room.count(What.SET) == 1


POWER = Rule(id="power", channel="room.power", kind="discrete", limit=1.0, policy="chain")
COLD = Rule(
    id="cold",
    channel="inc1.temperature",
    kind="low",
    limit=36.0,
    on_delay=parse("1m"),
    policy="chain",
    inhibited_by="power",
)


def test_45_a_consequence_pages_when_its_cause_is_over_and_it_is_not() -> None:
    room = lab(COLD, POWER, channels=("inc1.temperature", "room.power"))
    room.sample("0:00", 1.0, of="room.power")
    room.order("0:05", "ack", target="power")
    room.hold("0:10", "2:00", 35.0)
    assert room.said(What.QUEUED, What.INHIBITED, rule="cold") == ["0:01:10 inhibited cold"]
    room.sample("2:05", 0.0, of="room.power")
    room.hold("2:10", "3:10", 35.0)
    assert room.said(What.QUEUED, rule="cold") == ["0:03:05 queued cold A"]
    assert room.engine.view("cold").under == ""


def test_45_a_consequence_that_is_over_in_time_never_pages() -> None:
    room = lab(COLD, POWER, channels=("inc1.temperature", "room.power"))
    room.sample("0:00", 1.0, of="room.power")
    room.hold("0:10", "2:00", 35.0)
    room.sample("2:05", 0.0, of="room.power")
    room.hold("2:10", "5:10", 37.0)
    assert not room.said(What.QUEUED, rule="cold")
    assert room.engine.view("cold").state == "R"


def test_45_a_cause_that_comes_later_takes_over_the_paging() -> None:
    room = lab(COLD, POWER, channels=("inc1.temperature", "room.power"))
    room.hold("0:00", "1:00", 35.0)
    assert room.said(What.QUEUED) == ["0:01:00 queued cold A"]
    room.sample("1:05", 1.0, of="room.power")
    assert room.said(What.INHIBITED) == ["0:01:05 inhibited cold"]
    room.hold("1:10", "8:00", 35.0)
    assert room.said(What.QUEUED)[1:] == ["0:01:05 queued power A", "0:06:05 queued power B"]


def test_45_a_consequence_that_somebody_has_stays_theirs() -> None:
    room = lab(COLD, POWER, channels=("inc1.temperature", "room.power"))
    room.hold("0:00", "1:00", 35.0)
    room.order("1:01", "ack", target="cold")
    room.sample("1:05", 1.0, of="room.power")
    assert room.engine.view("cold").state == "A"
    assert room.engine.view("cold").under == ""


SILENT = Rule(id="silent", channel="inc1.temperature", kind="silence", policy="chain")
BROKEN = Rule(id="broken", channel="inc1.temperature", kind="out-of-range", policy="chain")


def test_47_silence_leaves_the_alarm_active_and_only_a_live_sample_ends_it() -> None:
    room = lab(HOT, SILENT)
    room.hold("0:00", "5:00", 38.1)
    room.ticks("5:30")
    assert room.engine.view("hot").state == "U"
    assert room.engine.view("hot").quality == "STALE"
    assert room.engine.view("silent").state == "U"
    room.sample("6:00", 37.0, taken="5:25", source=Source.BACKFILL)
    assert room.engine.view("hot").quality == "STALE"
    room.sample("6:10", 37.0)
    assert room.engine.view("silent").state == "R"
    room.hold("6:20", "8:10", 37.0)
    assert room.engine.view("hot").state == "R"


@pytest.mark.parametrize("quality", [Quality.SENSOR_FAULT, Quality.OUT_OF_RANGE])
def test_48_a_fault_code_neither_sets_nor_clears_and_has_its_own_alarm(quality: Quality) -> None:
    room = lab(HOT, BROKEN)
    room.hold("0:00", "5:00", 38.1)
    room.sample("5:10", None, quality=quality)
    assert room.engine.view("hot").state == "U"
    assert room.engine.view("hot").quality == "BAD"
    assert room.said(*PAGES, rule="broken") == ["0:05:10 set broken", "0:05:10 queued broken A"]
    assert room.last(What.QUALITY).why == f"bad: {quality.word}"
    room.sample("5:20", 38.1)
    assert room.engine.view("broken").state == "R"


def test_48_on_the_way_to_an_alarm_a_fault_cancels_nothing() -> None:
    room = lab(HOT)
    room.hold("0:00", "2:00", 38.1)
    for at in range(ms("2:10"), ms("5:01"), 10_000):
        room.sample(at, None, quality=Quality.SENSOR_FAULT)
    room.ticks("5:01")
    assert room.said(What.SET) == ["0:05:00 set hot"]


@pytest.mark.parametrize("quality", [Quality.SUSPECT, Quality.TEST, Quality.IN_CALIBRATION])
def test_50_a_suspect_value_does_not_page(quality: Quality) -> None:
    room = lab(BRIEF)
    room.sample("0:00", 37.0)
    room.sample("0:10", 120.0, quality=quality)
    room.sample("0:20", 37.0)
    assert not room.said(*PAGES)
    assert [one.detail["quality"] for one in room.told if one.what is What.QUALITY] == [
        "GOOD",
        "SUSPECT",
        "GOOD",
    ]


def test_52_a_channel_that_never_reports_alarms_after_its_grace_over_a_restart() -> None:
    room = lab(SILENT)
    room.reload()
    room.started("0:20")
    room.ticks("1:00")
    assert room.said(*PAGES) == ["0:00:30 set silent", "0:00:30 queued silent A"]
    assert room.last(What.QUALITY).why == "never reported"


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
