"""What the engine does with the commands of people."""

import pytest
from msgspec.structs import replace

from alerts.transition import What
from devices.duration import Duration
from devices.quality import Quality
from tests.unit.alerts.engine.lab import (  # a test's own
    BRIEF,
    HOT,
    START,
    brief_lab,
)


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
        room = brief_lab()
        room.order("0:00", verb, target, **arguments)
        told = room.last(What.REFUSED)
        assert why in told.why
        assert (told.command, told.by) == ("c1", "A")

    def test_an_edit_carries_a_note(self) -> None:
        room = brief_lab()
        room.order("0:00", "edit", limit="39", note="as agreed with the laboratory")
        assert room.engine.rule("hot").limit == 39.0
        assert room.last(What.EDITED).detail == {"limit": "38 → 39"}
        room.reload()
        assert room.engine.rule("hot").limit == 39.0

    def test_a_command_of_nobody_is_refused(self) -> None:
        room = brief_lab()
        room.sample("0:00", 38.1)
        room.order("0:05", "ack", by=" ")
        assert "name of a person" in room.last(What.REFUSED).why
        assert room.engine.view("hot").state == "U"

    def test_an_edit_that_makes_the_newest_value_too_high_starts_the_delay_now(self) -> None:
        room = brief_lab(HOT)
        room.hold("0:00", "1:00", 37.5)
        room.order("1:05", "edit", limit="37")
        room.hold("1:10", "6:05", 37.5)
        assert room.said(What.SET) == ["0:06:05 set hot"]

    def test_a_shorter_delay_counts_from_where_it_began(self) -> None:
        room = brief_lab(HOT)
        room.hold("0:00", "2:00", 38.1)
        room.order("2:05", "edit", on_delay="1m")
        room.ticks("2:05")
        assert room.said(What.SET) == ["0:02:05 set hot"]
        assert room.last(What.SET).since == START

    def test_a_text_that_changes_leaves_a_returned_alarm_open(self) -> None:
        room = brief_lab()
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
        room = brief_lab(replace(BRIEF, latching=phase != "R"))
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
        room = brief_lab(BRIEF)
        room.sample("0:00", 38.1)
        room.order("0:05", "edit", severity="low", re_alarm="1h")
        assert room.engine.view("hot").state == "U"
        room.order("0:06", "ack")
        room.order("0:07", "edit", on_delay="1m")
        assert room.engine.view("hot").state == "A"
        assert room.count(What.CLOSED) == 0

    def test_an_edit_does_not_clear_on_a_value_that_is_no_longer_known(self) -> None:
        room = brief_lab(BRIEF)
        room.sample("0:00", 38.5)
        room.sample("0:10", None, quality=Quality.SENSOR_FAULT)
        room.order("0:15", "edit", limit="39")
        assert room.engine.view("hot").state == "U"

    def test_steps_are_edited_as_json(self) -> None:
        room = brief_lab(replace(BRIEF, severity="medium"))
        room.sample("0:00", 41.0)
        room.order("0:05", "edit", steps='[{"limit": 40.0, "severity": "critical"}]')
        assert room.said(What.SEV_UP) == ["0:00:05 sev_up hot"]

    @pytest.mark.parametrize("change", [{"action": "Call."}, {"severity": "high"}])
    @pytest.mark.parametrize(("no_answer", "stage"), [(False, "F3"), (True, "F2")])
    def test_a_change_that_decides_nothing_does_not_shorten_the_off_delay(
        self, change: dict[str, str], stage: str, *, no_answer: bool
    ) -> None:
        room = brief_lab(replace(HOT, on_delay=Duration(0)))
        room.sample("0:00", 38.1)
        room.sample("0:10", 37.0)
        if no_answer:
            room.sample("0:20", None, quality=Quality.NO_ANSWER)
        room.order("0:25", "edit", **change)
        view = room.engine.view("hot")
        assert (view.state, view.filter) == ("U", stage)
        assert room.count(What.CLEAR) == 0

    def test_a_removed_rule_is_closed_and_watches_no_more(self) -> None:
        room = brief_lab()
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
        room = brief_lab(BRIEF, replace(BRIEF, id="other"))
        room.order("0:00", "edit", limit="39")
        room.order("0:00", "remove", target="other")
        room.reload()
        room.started("0:05")
        assert room.engine.rule("hot").limit == 39.0
        room.sample("0:10", 38.5)
        assert room.count(What.SET) == 0

    def test_a_removed_rule_is_not_judged_at_a_start(self) -> None:
        room = brief_lab()
        room.sample("0:00", 37.0)
        room.order("0:05", "remove")
        room.sample("0:10", 45.0)
        room.reload()
        room.started("0:15")
        assert room.count(What.SET) == 0

    def test_the_rota_outlives_a_restart(self) -> None:
        room = brief_lab()
        room.order("0:00", "rota", target="chain", step="0", to="S, T")
        room.reload()
        room.sample("0:10", 38.5)
        assert room.said(What.QUEUED) == ["0:00:10 queued hot S", "0:00:10 queued hot T"]
