"""What the engine does with time, restarts and changed configuration."""

import pytest
from msgspec.structs import replace

from alerts.engine.engine import Engine
from alerts.engine.memory import rulebook_of
from alerts.engine.parts import StateError
from alerts.rule import Limit, Rule
from alerts.transition import What
from devices.duration import parse
from devices.scan import Layout, Scan
from storage.entry import Command, Tick
from tests.unit.alerts.engine.lab import (  # a test's own
    BRIEF,
    CHAIN,
    HOT,
    SILENT,
    START,
    Lab,
    brief_lab,
    ms,
    rulebook,
)


class TestTime:
    def test_timers_run_on_steady_time_whatever_the_wall_clock_is_set_to(self) -> None:
        room = brief_lab(HOT)
        room.hold("0:00", "3:00", 38.1)
        room.clock_step("3:05", "1:00:00")
        room.hold("3:10", "5:00", 38.1)
        assert room.said(What.SET) == ["0:05:00 set hot"]
        told = room.last(What.SET)
        assert told.at == room.wall("5:00") == START + ms("1:05:00")
        assert told.since is not None
        assert told.at - told.since == ms("5:00")

    def test_setting_the_clock_back_holds_nothing_up(self) -> None:
        room = brief_lab(HOT)
        room.hold("0:00", "3:00", 38.1)
        room.clock_step("3:05", -ms("1:00:00"))
        room.hold("3:10", "5:00", 38.1)
        assert room.said(What.SET) == ["0:05:00 set hot"]

    def test_a_clock_that_was_set_back_while_nothing_ran_holds_nothing_up(self) -> None:
        room = brief_lab(HOT)
        room.hold("0:00", "3:00", 38.1)
        room.reload()
        room.shift = -ms("2:00:00")
        room.started("3:05")
        room.hold("3:10", "10:00", 38.1)
        # What passed while nothing ran is not known: the delay waits for the rest of it.
        assert room.said(What.SET) == ["0:05:05 set hot"]
        assert room.engine.view("hot").value_at == room.wall("10:00")
        told = [one.why for one in room.told if one.what is What.SYSTEM]
        assert told == ["the wall clock was set back by 1h59m55s or more while nothing ran"]

    def test_the_next_due_time_is_that_of_the_wall_clock(self) -> None:
        room = brief_lab(replace(HOT, on_delay=parse("20s")))
        room.sample("0:00", 38.1)
        assert room.engine.next_due() == START + ms("0:20")
        room.clock_step("0:05", "1:00:00")
        assert room.engine.next_due() == START + ms("1:00:20")

    def test_with_nothing_to_wait_for_there_is_none(self) -> None:
        assert Engine(rulebook([BRIEF])).next_due() is None

    def test_what_is_due_before_a_sample_is_done_before_it(self) -> None:
        room = brief_lab(HOT)
        room.sample("0:00", 38.1)
        layout = Layout("inc1", ("temperature",), ("temperature",))
        room.feed(Scan(layout, room.wall("5:01"), room.wall("5:01"), (37.0,), bytes(1)))
        assert [one.what for one in room.told if one.what in {What.SET, What.NEAR_MISS}] == [
            What.SET
        ]

    def test_in_one_instant_the_sample_comes_before_what_is_due(self) -> None:
        room = brief_lab(HOT)
        room.sample("0:00", 38.1)
        room.sample("5:00", 37.0)
        room.ticks("5:00")
        assert room.said(What.SET, What.NEAR_MISS) == ["0:05:00 near_miss hot"]

    def test_in_one_instant_what_is_due_comes_before_a_command(self) -> None:
        room = brief_lab(replace(HOT, on_delay=parse("20s")))
        room.sample("0:00", 38.1)
        room.feed(
            Command(id="c", at=room.wall("0:20"), by="A", verb="ack", target="hot", via="cli")
        )
        assert room.engine.view("hot").state == "A"

    def test_a_false_sample_from_inside_the_delay_that_arrives_after_it_takes_the_alarm_back(
        self,
    ) -> None:
        room = brief_lab(HOT)
        room.sample("0:00", 38.1)
        room.ticks("5:00")
        room.sample("5:02", 37.0, taken="4:59")
        assert room.said(What.VOID, What.ALL_CLEAR, What.QUEUED) == [
            "0:05:00 queued hot A",
            "0:05:02 void hot",
            "0:05:02 all_clear hot A",
        ]
        assert room.engine.view("hot").state == "N"

    def test_a_tick_at_the_due_time_is_in_time_and_one_much_later_is_marked_late(self) -> None:
        for at, late in ((ms("5:05"), False), (ms("5:06"), True)):
            room = brief_lab(HOT)
            room.sample("0:00", 38.1)
            room.feed(Tick(room.wall(at)))
            assert room.last(What.SET).late is late

    def test_a_device_that_nobody_has_rules_for_is_passed_over(self) -> None:
        room = brief_lab()
        room.sample("0:00", 99.0, of="other.temperature")
        assert room.told == []


@pytest.mark.parametrize("value", [1e308, -1e308])
def test_a_number_beyond_all_measure_is_judged_like_any_other(value: float) -> None:
    room = brief_lab(BRIEF, replace(BRIEF, id="cold", kind="low", limit=36.0))
    room.sample("0:00", value)
    assert room.said(What.SET) == [f"0:00:00 set {'hot' if value > 0 else 'cold'}"]
    room.engine.changed()
    room.sample("0:10", 37.0)
    assert room.count(What.CLEAR) == 1


class TestConfigurationThatChanged:
    @staticmethod
    def changed_to(room: Lab, *rules: Rule) -> None:
        room.book = rulebook(rules)
        room.reload()
        room.started("1:00")

    def test_a_new_limit_counts_from_the_start_that_brought_it(self) -> None:
        room = brief_lab()
        room.sample("0:00", 38.5)
        self.changed_to(room, replace(BRIEF, limit=39.0))
        assert room.last(What.EDITED).detail == {"limit": "38 → 39"}
        assert room.last(What.CLEAR).why == "limit edited by configuration"

    def test_a_rule_that_is_gone_is_closed_and_its_occurrences_stay_counted(self) -> None:
        room = brief_lab()
        room.sample("0:00", 38.5)
        self.changed_to(room, SILENT)
        assert room.said(What.CLOSED) == ["0:01:00 closed hot A"]
        room.book = rulebook([BRIEF])
        room.reload()
        room.started("2:00")
        room.sample("2:10", 38.5)
        assert room.engine.view("hot").occurrence == 2

    def test_a_rule_that_did_not_change_is_left_alone(self) -> None:
        room = brief_lab()
        room.sample("0:00", 38.5)
        self.changed_to(room, BRIEF, SILENT)
        assert room.count(What.EDITED) == 0
        assert room.engine.view("hot").state == "U"

    def test_a_new_step_is_judged_at_once(self) -> None:
        room = brief_lab(replace(BRIEF, severity="medium"))
        room.sample("0:00", 41.0)
        steps = (Limit(limit=40.0, severity="critical"),)
        self.changed_to(room, replace(BRIEF, severity="medium", steps=steps))
        assert room.said(What.SEV_UP) == ["0:01:00 sev_up hot"]

    def test_the_state_knows_the_rulebook_that_it_was_judged_by(self) -> None:
        room = brief_lab()
        assert rulebook_of(room.engine.dump()) == room.book
        assert rulebook_of({}) is None

    def test_the_parts_of_a_device_that_is_gone_are_given_up(self) -> None:
        room = brief_lab()
        parts = {**room.engine.dump(), "device:gone": b"\x80"}
        assert Engine(room.book, parts).changed()["device:gone"] is None

    def test_a_damaged_part_is_named(self) -> None:
        room = brief_lab()
        with pytest.raises(StateError, match="'rule:hot'"):
            Engine(room.book, {**room.engine.dump(), "rule:hot": b"\xc1"})


class TestPartsToStore:
    def test_a_calm_scan_changes_only_the_device_and_the_clock(self) -> None:
        room = brief_lab()
        room.hold("0:00", "0:20", 37.0)
        room.engine.changed()
        room.sample("0:30", 37.0)
        assert set(room.engine.changed()) == {"clock", "device:inc1"}
        assert set(room.engine.changed()) == {"clock"}

    def test_the_first_time_everything_is_written_that_is_needed(self) -> None:
        room = brief_lab()
        room.sample("0:00", 38.5)
        stored = {key: part for key, part in room.engine.changed().items() if part is not None}
        assert Engine(room.book, stored).dump() == room.engine.dump()


def test_a_view_tells_where_the_alarm_stands() -> None:
    room = brief_lab(HOT)
    room.hold("0:00", "5:00", 38.1)
    room.order("5:30", "ack", by="B")
    view = room.engine.view("hot")
    assert (view.state, view.filter, view.quality, view.overlay) == ("A", "F2", "STALE", "none")
    assert (view.escalation, view.step, view.acked_by, view.paged) == ("HELD", 0, ("B",), ("A",))
    assert (view.severity, view.worst, view.occurrence, view.activation) == (
        "critical",
        "critical",
        1,
        1,
    )
    assert (view.since, view.value, view.value_at) == (START, 38.1, START + ms("5:00"))
    assert [one.rule for one in room.engine.views()] == ["hot"]


def test_a_rule_that_is_not_there_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        brief_lab().engine.view("cold")


def test_policies_without_anybody_page_nobody() -> None:
    room = Lab(rulebook([replace(BRIEF, policy="")], policies=[CHAIN]))
    room.sample("0:00", 38.5)
    assert room.count(What.QUEUED) == 0
