"""What the engine does with time, commands, restarts and changed configuration."""

import pytest
from msgspec.structs import replace

from alerts.engine.engine import Engine
from alerts.engine.memory import rulebook_of
from alerts.engine.parts import StateError
from alerts.rule import Limit, Rule
from alerts.transition import What
from devices.duration import Duration, parse
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.entry import Command, Tick
from tests.unit.alerts.engine.lab import (  # a test's own
    CHAIN,
    HOT,
    START,
    Lab,
    ms,
    rulebook,
)

BRIEF = replace(HOT, on_delay=Duration(0), off_delay=Duration(0), severity="high")
SILENT = Rule(id="silent", channel="inc1.temperature", kind="silence", policy="chain")
BROKEN = Rule(id="broken", channel="inc1.temperature", kind="out-of-range", policy="chain")


def lab(*rules: Rule) -> Lab:
    return Lab(rulebook(rules or (BRIEF,)))


class TestTime:
    def test_timers_run_on_steady_time_whatever_the_wall_clock_is_set_to(self) -> None:
        room = lab(HOT)
        room.hold("0:00", "3:00", 38.1)
        room.clock_step("3:05", "1:00:00")
        room.hold("3:10", "5:00", 38.1)
        assert room.said(What.SET) == ["0:05:00 set hot"]
        told = room.last(What.SET)
        assert told.at == room.wall("5:00") == START + ms("1:05:00")
        assert told.since is not None
        assert told.at - told.since == ms("5:00")

    def test_setting_the_clock_back_holds_nothing_up(self) -> None:
        room = lab(HOT)
        room.hold("0:00", "3:00", 38.1)
        room.clock_step("3:05", -ms("1:00:00"))
        room.hold("3:10", "5:00", 38.1)
        assert room.said(What.SET) == ["0:05:00 set hot"]

    def test_a_clock_that_was_set_back_while_nothing_ran_holds_nothing_up(self) -> None:
        room = lab(HOT)
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
        room = lab(replace(HOT, on_delay=parse("20s")))
        room.sample("0:00", 38.1)
        assert room.engine.next_due() == START + ms("0:20")
        room.clock_step("0:05", "1:00:00")
        assert room.engine.next_due() == START + ms("1:00:20")

    def test_with_nothing_to_wait_for_there_is_none(self) -> None:
        assert Engine(rulebook([BRIEF])).next_due() is None

    def test_what_is_due_before_a_sample_is_done_before_it(self) -> None:
        room = lab(HOT)
        room.sample("0:00", 38.1)
        layout = Layout("inc1", ("temperature",), ("temperature",))
        room.feed(Scan(layout, room.wall("5:01"), room.wall("5:01"), (37.0,), bytes(1)))
        assert [one.what for one in room.told if one.what in {What.SET, What.NEAR_MISS}] == [
            What.SET
        ]

    def test_in_one_instant_the_sample_comes_before_what_is_due(self) -> None:
        room = lab(HOT)
        room.sample("0:00", 38.1)
        room.sample("5:00", 37.0)
        room.ticks("5:00")
        assert room.said(What.SET, What.NEAR_MISS) == ["0:05:00 near_miss hot"]

    def test_in_one_instant_what_is_due_comes_before_a_command(self) -> None:
        room = lab(replace(HOT, on_delay=parse("20s")))
        room.sample("0:00", 38.1)
        room.feed(
            Command(id="c", at=room.wall("0:20"), by="A", verb="ack", target="hot", via="cli")
        )
        assert room.engine.view("hot").state == "A"

    def test_a_false_sample_from_inside_the_delay_that_arrives_after_it_takes_the_alarm_back(
        self,
    ) -> None:
        room = lab(HOT)
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
            room = lab(HOT)
            room.sample("0:00", 38.1)
            room.feed(Tick(room.wall(at)))
            assert room.last(What.SET).late is late

    def test_a_device_that_nobody_has_rules_for_is_passed_over(self) -> None:
        room = lab()
        room.sample("0:00", 99.0, of="other.temperature")
        assert room.told == []


@pytest.mark.parametrize("value", [1e308, -1e308])
def test_a_number_beyond_all_measure_is_judged_like_any_other(value: float) -> None:
    room = lab(BRIEF, replace(BRIEF, id="cold", kind="low", limit=36.0))
    room.sample("0:00", value)
    assert room.said(What.SET) == [f"0:00:00 set {'hot' if value > 0 else 'cold'}"]
    room.engine.changed()
    room.sample("0:10", 37.0)
    assert room.count(What.CLEAR) == 1


class TestCommands:
    @pytest.mark.parametrize(
        ("verb", "target", "arguments", "why"),
        [
            ("silence", "hot", {}, "not known here"),
            ("ack", "cold", {}, "no rule 'cold'"),
            ("ack", "hot", {"severity": "awful"}, "no severity is called 'awful'"),
            ("edit", "hot", {}, "no field to change"),
            ("edit", "hot", {"limit": "warm"}, "limit"),
            ("edit", "hot", {"limits": "39"}, "limits"),
            ("edit", "hot", {"channel": "x.y"}, "channel cannot be edited"),
            ("edit", "hot", {"inhibited_by": ""}, "inhibited_by cannot be edited"),
            ("edit", "hot", {"policy": "none"}, "no policy is called 'none'"),
            ("edit", "hot", {"on_delay": "long"}, "span of time"),
            ("rota", "none", {"step": "0"}, "no policy is called 'none'"),
            ("rota", "chain", {"step": "2"}, "no step '2'"),
            ("edit", "hot", {"limit": "nan"}, "no value that anything measures"),
            ("edit", "hot", {"limit": "-inf"}, "no value that anything measures"),
            ("edit", "hot", {"limit": "1e308"}, "no value that anything measures"),
            ("edit", "hot", {"deadband": "nan"}, "no value that anything measures"),
            ("edit", "hot", {"on_delay": "9" * 400 + "h"}, "longer than 36600 days"),
            ("edit", "hot", {"note": "too near"}, "no field to change"),
            ("rota", "chain", {"step": "-1"}, "no step '-1'"),
            ("rota", "chain", {"step": "0" * 5_000}, "no step '0"),
        ],
    )
    def test_what_cannot_be_done_is_refused_with_the_reason(
        self, verb: str, target: str, arguments: dict[str, str], why: str
    ) -> None:
        room = lab()
        room.order("0:00", verb, target, **arguments)
        told = room.last(What.REFUSED)
        assert why in told.why
        assert (told.command, told.by) == ("c1", "A")

    def test_an_edit_carries_a_note(self) -> None:
        room = lab()
        room.order("0:00", "edit", limit="39", note="as agreed with the laboratory")
        assert room.engine.rule("hot").limit == 39.0
        assert room.last(What.EDITED).detail == {"limit": "38 → 39"}
        room.reload()
        assert room.engine.rule("hot").limit == 39.0

    def test_a_command_of_nobody_is_refused(self) -> None:
        room = lab()
        room.sample("0:00", 38.1)
        room.order("0:05", "ack", by=" ")
        assert "name of a person" in room.last(What.REFUSED).why
        assert room.engine.view("hot").state == "U"

    def test_an_edit_that_makes_the_newest_value_too_high_starts_the_delay_now(self) -> None:
        room = lab(HOT)
        room.hold("0:00", "1:00", 37.5)
        room.order("1:05", "edit", limit="37")
        room.hold("1:10", "6:05", 37.5)
        assert room.said(What.SET) == ["0:06:05 set hot"]

    def test_a_shorter_delay_counts_from_where_it_began(self) -> None:
        room = lab(HOT)
        room.hold("0:00", "2:00", 38.1)
        room.order("2:05", "edit", on_delay="1m")
        room.ticks("2:05")
        assert room.said(What.SET) == ["0:02:05 set hot"]
        assert room.last(What.SET).since == START

    def test_a_text_that_changes_leaves_a_returned_alarm_open(self) -> None:
        room = lab()
        room.sample("0:00", 38.1)
        room.sample("0:10", 37.0)
        room.order("0:15", "edit", action="Call the engineer.")
        assert room.engine.view("hot").state == "R"
        room.order("0:16", "edit", limit="39")
        assert room.engine.view("hot").state == "N"
        assert room.count(What.CLOSED) == 1

    @pytest.mark.parametrize(
        "change",
        [{"on_delay": "1m"}, {"severity": "low"}, {"limit": "39"}, {"deadband": "0.5"}],
    )
    @pytest.mark.parametrize("phase", ["R", "LU", "LA"])
    def test_what_returned_under_another_definition_is_closed(
        self, phase: str, change: dict[str, str]
    ) -> None:
        room = lab(replace(BRIEF, latching=phase != "R"))
        room.sample("0:00", 38.1)
        room.sample("0:10", 37.0)
        if phase == "LA":
            room.order("0:12", "ack")
        assert room.engine.view("hot").state == phase
        room.order("0:15", "edit", consequence="Cells die.", respond_within="10m")
        assert room.engine.view("hot").state == phase
        room.order("0:16", "edit", **change)
        assert room.engine.view("hot").state == "N"
        told = room.last(What.CLOSED)
        assert told.why == f"{next(iter(change))} edited by A"

    def test_an_active_alarm_goes_on_under_a_definition_that_still_holds(self) -> None:
        room = lab(BRIEF)
        room.sample("0:00", 38.1)
        room.order("0:05", "edit", severity="low", re_alarm="1h")
        assert room.engine.view("hot").state == "U"
        room.order("0:06", "ack")
        room.order("0:07", "edit", on_delay="1m")
        assert room.engine.view("hot").state == "A"
        assert room.count(What.CLOSED) == 0

    def test_an_edit_does_not_clear_on_a_value_that_is_no_longer_known(self) -> None:
        room = lab(BRIEF)
        room.sample("0:00", 38.5)
        room.sample("0:10", None, quality=Quality.SENSOR_FAULT)
        room.order("0:15", "edit", limit="39")
        assert room.engine.view("hot").state == "U"

    def test_steps_are_edited_as_json(self) -> None:
        room = lab(replace(BRIEF, severity="medium"))
        room.sample("0:00", 41.0)
        room.order("0:05", "edit", steps='[{"limit": 40.0, "severity": "critical"}]')
        assert room.said(What.SEV_UP) == ["0:00:05 sev_up hot"]

    @pytest.mark.parametrize("change", [{"action": "Call."}, {"severity": "high"}])
    @pytest.mark.parametrize(("no_answer", "stage"), [(False, "F3"), (True, "F2")])
    def test_a_change_that_decides_nothing_does_not_shorten_the_off_delay(
        self, change: dict[str, str], stage: str, *, no_answer: bool
    ) -> None:
        room = lab(replace(HOT, on_delay=Duration(0)))
        room.sample("0:00", 38.1)
        room.sample("0:10", 37.0)
        if no_answer:
            room.sample("0:20", None, quality=Quality.NO_ANSWER)
        room.order("0:25", "edit", **change)
        view = room.engine.view("hot")
        assert (view.state, view.filter) == ("U", stage)
        assert room.count(What.CLEAR) == 0

    def test_a_removed_rule_is_closed_and_watches_no_more(self) -> None:
        room = lab()
        room.sample("0:00", 38.1)
        room.order("0:05", "remove", by="X")
        assert room.said(What.REMOVED, What.CLOSED) == [
            "0:00:05 removed hot",
            "0:00:05 closed hot A",
        ]
        room.sample("0:10", 39.0)
        room.order("0:15", "ack")
        assert room.count(What.SET) == 1
        assert "no rule" in room.last(What.REFUSED).why

    def test_edits_and_removals_outlive_a_restart(self) -> None:
        room = lab(BRIEF, replace(BRIEF, id="other"))
        room.order("0:00", "edit", limit="39")
        room.order("0:00", "remove", target="other")
        room.reload()
        room.started("0:05")
        assert room.engine.rule("hot").limit == 39.0
        room.sample("0:10", 38.5)
        assert room.count(What.SET) == 0

    def test_a_removed_rule_is_not_judged_at_a_start(self) -> None:
        room = lab()
        room.sample("0:00", 37.0)
        room.order("0:05", "remove")
        room.sample("0:10", 45.0)
        room.reload()
        room.started("0:15")
        assert room.count(What.SET) == 0

    def test_the_rota_outlives_a_restart(self) -> None:
        room = lab()
        room.order("0:00", "rota", target="chain", step="0", to="S, T")
        room.reload()
        room.sample("0:10", 38.5)
        assert room.said(What.QUEUED) == ["0:00:10 queued hot S", "0:00:10 queued hot T"]


class TestQuality:
    def test_a_broken_probe_that_falls_silent_is_one_alarm(self) -> None:
        room = lab(BROKEN, SILENT)
        room.sample("0:00", 37.0)
        room.sample("0:10", None, quality=Quality.SENSOR_FAULT)
        room.ticks("1:00")
        assert room.said(What.QUEUED) == ["0:00:10 queued broken A"]
        assert room.engine.view("silent").under == "broken"
        assert room.engine.view("broken").consequences == ("silent",)
        assert room.last(What.QUALITY).why == "no sample, after sensor_fault"

    def test_a_silent_device_that_comes_back_broken_is_one_alarm(self) -> None:
        room = lab(BROKEN, SILENT)
        room.sample("0:00", 37.0)
        room.sample("1:00", None, quality=Quality.SENSOR_FAULT)
        assert room.said(What.QUEUED) == ["0:00:30 queued silent A"]
        assert room.engine.view("broken").under == "silent"

    def test_without_a_rule_on_faults_a_broken_probe_is_a_silent_one(self) -> None:
        room = lab(SILENT)
        room.sample("0:00", 37.0)
        for at in range(10_000, 50_000, 10_000):
            room.sample(at, None, quality=Quality.SENSOR_FAULT)
        assert room.said(What.SET) == ["0:00:30 set silent"]
        assert room.engine.view("silent").quality == "BAD"

    def test_no_answer_is_not_a_sample(self) -> None:
        room = lab(SILENT)
        room.sample("0:00", 37.0)
        for at in range(10_000, 50_000, 10_000):
            room.sample(at, None, quality=Quality.NO_ANSWER)
        assert room.said(What.SET) == ["0:00:30 set silent"]
        assert room.engine.view("silent").quality == "STALE"

    def test_a_rule_says_how_long_silence_is_allowed(self) -> None:
        room = lab(replace(SILENT, on_delay=parse("2m")))
        room.sample("0:00", 37.0)
        room.ticks("5:00")
        assert room.said(What.SET) == ["0:02:00 set silent"]

    def test_each_rule_on_silence_allows_its_own_time(self) -> None:
        room = lab(SILENT, replace(SILENT, id="longer", on_delay=parse("2m")))
        room.sample("0:00", 37.0)
        room.ticks("5:00")
        assert room.said(What.SET) == ["0:00:30 set silent", "0:02:00 set longer"]

    def test_enough_good_samples_end_a_fault(self) -> None:
        room = lab(replace(BROKEN, good_after=3))
        room.sample("0:00", None, quality=Quality.OUT_OF_RANGE)
        room.hold("0:10", "0:20", 37.0)
        assert room.engine.view("broken").state == "U"
        room.sample("0:30", 37.0)
        assert room.said(What.CLEAR) == ["0:00:30 clear broken"]

    def test_a_fault_with_a_delay_waits_for_it(self) -> None:
        room = lab(replace(BROKEN, on_delay=parse("1m")))
        room.sample("0:00", None, quality=Quality.OUT_OF_RANGE)
        room.sample("0:30", 37.0)
        room.sample("0:40", None, quality=Quality.OUT_OF_RANGE)
        room.ticks("2:00")
        assert room.said(What.SET) == ["0:01:40 set broken"]

    def test_a_value_with_an_unsure_clock_counts_from_its_arrival(self) -> None:
        room = lab(HOT)
        room.sample("0:10", 38.1, quality=Quality.CLOCK_UNSURE, taken="0:00")
        assert room.engine.view("hot").value_at == START + ms("0:10")

    def test_a_test_scan_pages_nobody(self) -> None:
        room = lab()
        room.sample("0:00", 45.0, source=Source.TEST)
        assert room.count(What.SET) == 0

    def test_bad_quality_ends_an_off_delay(self) -> None:
        room = lab(replace(HOT, on_delay=Duration(0)))
        room.sample("0:00", 38.1)
        room.sample("0:10", 37.0)
        room.sample("0:20", None, quality=Quality.NO_ANSWER)
        room.ticks("5:00")
        assert room.count(What.CLEAR) == 0

    def test_silence_ends_an_off_delay_too(self) -> None:
        room = lab(replace(HOT, on_delay=Duration(0)))
        room.sample("0:00", 38.1)
        room.sample("0:10", 37.0)
        room.ticks("5:00")
        assert room.count(What.CLEAR) == 0
        assert room.engine.view("hot").filter == "F2"


class TestRepeats:
    def test_a_repeat_inside_the_gap_pages_at_its_end(self) -> None:
        room = lab(SILENT, BRIEF)
        room.sample("0:00", 38.1)
        room.sample("0:10", 37.0)
        room.hold("0:20", "11:00", 38.1)
        assert room.said(What.QUEUED) == ["0:00:00 queued hot A", "0:10:00 queued hot A"]
        assert room.engine.view("hot").activation == 2

    def test_a_repeat_that_is_over_by_then_does_not(self) -> None:
        room = lab()
        room.sample("0:00", 38.1)
        room.sample("0:10", 37.0)
        room.sample("0:20", 38.1)
        room.hold("0:30", "11:00", 37.0)
        assert room.said(What.QUEUED) == ["0:00:00 queued hot A"]


class TestConfigurationThatChanged:
    @staticmethod
    def changed_to(room: Lab, *rules: Rule) -> None:
        room.book = rulebook(rules)
        room.reload()
        room.started("1:00")

    def test_a_new_limit_counts_from_the_start_that_brought_it(self) -> None:
        room = lab()
        room.sample("0:00", 38.5)
        self.changed_to(room, replace(BRIEF, limit=39.0))
        assert room.last(What.EDITED).detail == {"limit": "38 → 39"}
        assert room.last(What.CLEAR).why == "limit edited by configuration"

    def test_a_rule_that_is_gone_is_closed_and_its_occurrences_stay_counted(self) -> None:
        room = lab()
        room.sample("0:00", 38.5)
        self.changed_to(room, SILENT)
        assert room.said(What.CLOSED) == ["0:01:00 closed hot A"]
        room.book = rulebook([BRIEF])
        room.reload()
        room.started("2:00")
        room.sample("2:10", 38.5)
        assert room.engine.view("hot").occurrence == 2

    def test_a_rule_that_did_not_change_is_left_alone(self) -> None:
        room = lab()
        room.sample("0:00", 38.5)
        self.changed_to(room, BRIEF, SILENT)
        assert room.count(What.EDITED) == 0
        assert room.engine.view("hot").state == "U"

    def test_a_new_step_is_judged_at_once(self) -> None:
        room = lab(replace(BRIEF, severity="medium"))
        room.sample("0:00", 41.0)
        steps = (Limit(limit=40.0, severity="critical"),)
        self.changed_to(room, replace(BRIEF, severity="medium", steps=steps))
        assert room.said(What.SEV_UP) == ["0:01:00 sev_up hot"]

    def test_the_state_knows_the_rulebook_that_it_was_judged_by(self) -> None:
        room = lab()
        assert rulebook_of(room.engine.dump()) == room.book
        assert rulebook_of({}) is None

    def test_the_parts_of_a_device_that_is_gone_are_given_up(self) -> None:
        room = lab()
        parts = {**room.engine.dump(), "device:gone": b"\x80"}
        assert Engine(room.book, parts).changed()["device:gone"] is None

    def test_a_damaged_part_is_named(self) -> None:
        room = lab()
        with pytest.raises(StateError, match="'rule:hot'"):
            Engine(room.book, {**room.engine.dump(), "rule:hot": b"\xc1"})


class TestPartsToStore:
    def test_a_calm_scan_changes_only_the_device_and_the_clock(self) -> None:
        room = lab()
        room.hold("0:00", "0:20", 37.0)
        room.engine.changed()
        room.sample("0:30", 37.0)
        assert set(room.engine.changed()) == {"clock", "device:inc1"}
        assert set(room.engine.changed()) == {"clock"}

    def test_the_first_time_everything_is_written_that_is_needed(self) -> None:
        room = lab()
        room.sample("0:00", 38.5)
        stored = {key: part for key, part in room.engine.changed().items() if part is not None}
        assert Engine(room.book, stored).dump() == room.engine.dump()


def test_a_view_tells_where_the_alarm_stands() -> None:
    room = lab(HOT)
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
        lab().engine.view("cold")


def test_policies_without_anybody_page_nobody() -> None:
    room = Lab(rulebook([replace(BRIEF, policy="")], policies=[CHAIN]))
    room.sample("0:00", 38.5)
    assert room.count(What.QUEUED) == 0
