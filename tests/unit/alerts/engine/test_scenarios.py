"""The hard scenarios of facts/alarms.md part D, by number, through the engine's public door.

Here 1 to 9, of limits, delays and deadbands; the others stand beside, by what they are about.
"""

import struct
from decimal import Decimal

import pytest
from msgspec.structs import replace

from alerts.engine.limits import Side, compiled
from alerts.transition import What
from devices.duration import parse
from tests.unit.alerts.engine.lab import (  # a test's own
    HOT,
    START,
)
from tests.unit.alerts.engine.scenario import BRIEF, PAGES, lab


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
