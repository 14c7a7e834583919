"""Edits and removals of rules that are at work: from which moment they count, and for whom."""

import pytest
from msgspec.structs import replace

from alerts.rule import Limit, Rule
from alerts.transition import What
from devices.duration import parse
from storage.entry import Command
from tests.unit.alerts.engine.lab import BRIEF, HOT, Lab, rulebook  # a test's own

SILENT = Rule(id="silent", channel=HOT.channel, kind="silence", on_delay=parse("10m"))
DOOR = Rule(id="door", channel="inc1.door", kind="discrete")


def lab(*rules: Rule) -> Lab:
    channels = dict.fromkeys(rule.channel for rule in rules)
    return Lab(rulebook(rules, channels=channels))


def test_a_lowered_limit_counts_from_the_next_sample_on() -> None:
    room = lab(BRIEF)
    room.sample("0:10", 36.0)
    room.sample("0:20", 36.1)
    room.order("0:25", "edit", limit="37")
    room.sample("0:30", 37.5)
    assert room.said(What.SET) == ["0:00:30 set hot"]


def test_an_alarm_that_an_edit_set_ends_with_the_next_value_that_is_normal() -> None:
    room = lab(BRIEF)
    room.sample("0:10", 37.5)
    room.order("0:15", "edit", limit="37.4")
    assert room.said(What.SET) == ["0:00:15 set hot"]
    room.sample("0:20", 36.0)
    assert room.said(What.CLEAR) == ["0:00:20 clear hot"]


@pytest.mark.parametrize(("value", "limit"), [(37.5, "37.5"), (0.0, "0")])
def test_what_an_edit_sets_tells_the_value_that_it_was_judged_by(value: float, limit: str) -> None:
    room = lab(BRIEF)
    room.sample("0:10", value)
    room.order("0:15", "edit", limit=limit)
    told = room.last(What.SET)
    assert (told.value, told.since) == (value, room.wall("0:15"))
    assert told.why == f"{limit} degC at or above {limit} degC"


def test_an_edit_sets_only_the_limits_that_are_exceeded() -> None:
    room = lab(replace(BRIEF, steps=(Limit(limit=40.0, severity="critical"),)))
    room.sample("0:10", 37.5)
    room.order("0:15", "edit", limit="37")
    told = room.last(What.SET)
    assert (told.severity, told.value) == ("high", 37.5)
    assert told.why == "37.5 degC at or above 37 degC"


@pytest.mark.parametrize(
    ("fields", "ends"),
    [
        ({"deadband": "0.5"}, True),
        ({"count": "4"}, True),
        ({"window": "20m"}, True),
        ({"severity": "low"}, False),
        ({"cause": "x"}, False),
    ],
)
def test_what_decides_whether_it_holds_is_judged_at_once_in_the_off_delay(
    fields: dict[str, str], *, ends: bool
) -> None:
    room = lab(replace(BRIEF, off_delay=parse("2m"), count=3, window=parse("10m")))
    room.sample("0:10", 39.0)
    room.sample("0:20", 37.0)
    room.order("0:25", "edit", **fields)
    assert room.count(What.CLEAR) == int(ends)


def test_an_edit_of_what_counts_crossings_keeps_those_counted() -> None:
    room = lab(replace(BRIEF, kind="count", count=2, window=parse("10m")))
    room.sample("0:10", 39.0)
    room.order("0:15", "edit", severity="low")
    room.sample("0:20", 37.0)
    assert room.count(What.SET) == 0
    room.sample("0:30", 39.0)
    assert room.said(What.SET) == ["0:00:30 set hot"]


def test_an_edit_that_changes_nothing_says_so() -> None:
    room = lab(BRIEF)
    room.order("0:15", "edit", limit="38")
    told = room.last(What.EDITED)
    assert (told.why, told.detail) == ("nothing edited by A", {})


def test_what_a_rule_suppressed_pages_when_its_new_definition_does_not_hold() -> None:
    hot = replace(BRIEF, suppress_by="door", suppress_cap=parse("1h"))
    room = lab(hot, DOOR)
    room.sample("0:10", 1.0, of="inc1.door")
    room.sample("0:20", 39.0)
    assert room.count(What.QUEUED) == 0
    room.order("0:25", "edit", target="door", limit="2")
    assert room.said(What.UNSUPPRESSED, What.QUEUED, rule="hot") == [
        "0:00:25 unsuppressed hot",
        "0:00:25 queued hot A",
    ]


def test_without_its_rule_silence_is_told_after_three_periods() -> None:
    room = lab(BRIEF, SILENT)
    room.sample("0:10", 39.0)
    room.order("1:00", "remove", target="silent")
    # The next step of the escalation is due only at 5:10.
    room.ticks("1:00")
    told = room.last(What.QUALITY)
    assert (told.why, told.at) == ("no sample", room.wall("1:00"))


def test_what_passed_before_an_edit_is_known_after_it() -> None:
    room = lab(BRIEF)
    room.sample("0:10", 36.0)
    room.sample("0:20", 36.5)
    room.order("0:25", "edit", limit="39")
    seen = room.engine.view("hot")
    assert (seen.value, seen.value_at) == (36.5, room.wall("0:20"))


@pytest.mark.parametrize(
    ("fields", "longer"),
    [({"cause": "x"}, " for longer than 2h"), ({"suppress_cap": ""}, "")],
)
def test_suppression_that_lasts_too_long_names_the_cap_that_the_rule_has(
    fields: dict[str, str], longer: str
) -> None:
    room = lab(replace(BRIEF, suppress_cap=parse("2h")))
    on = {"on": "true", "reason": "defrost"}
    room.feed(
        Command(
            id="l1",
            at=room.wall("0:10"),
            by="logic",
            verb="suppress",
            target="hot",
            via="logic",
            arguments=on,
        )
    )
    room.order("1:00", "edit", **fields)
    room.ticks("2:00:10")
    assert room.last(What.SYSTEM).why == f"suppressed too long: defrost{longer}"
    assert room.last(What.UNSUPPRESSED).at == room.wall("2:00:10")
