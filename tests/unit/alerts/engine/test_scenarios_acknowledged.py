"""Hard scenarios 11 to 28: several limits, and what people acknowledge, reset and edit."""

import pytest
from msgspec.structs import replace

from alerts.rule import Limit, Rule
from alerts.transition import What
from devices.duration import parse
from tests.unit.alerts.engine.lab import (  # a test's own
    HOT,
    ms,
)
from tests.unit.alerts.engine.scenario import BRIEF, PAGES, lab

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
