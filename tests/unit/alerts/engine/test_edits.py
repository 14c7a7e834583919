"""Edits and the state that is stored: what is judged anew, timed anew, and written down."""

import pytest
from msgspec.structs import replace

from alerts.engine.engine import Engine
from alerts.rule import Rule
from alerts.transition import What
from devices.duration import parse
from tests.unit.alerts.engine.lab import BRIEF, HOT, START, Lab, rulebook  # a test's own

COLD = replace(BRIEF, id="cold", kind="low", limit=30.0)


def lab(*rules: Rule) -> Lab:
    return Lab(rulebook(rules))


def returned() -> Lab:
    """An alarm that nobody acknowledged, and whose condition is over."""
    room = lab(replace(BRIEF, count=3, window=parse("1m")))
    room.sample("0:10", 39.0)
    room.sample("0:20", 37.0)
    assert room.engine.view("hot").state == "R"
    return room


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("limit", "38.5"),
        ("deadband", "0.3"),
        ("steps", '[{"limit": 40.0, "severity": "critical"}]'),
        ("count", "4"),
        ("window", "2m"),
        ("severity", "low"),
        ("on_delay", "1m"),
    ],
)
def test_another_definition_closes_what_only_waits_for_its_acknowledgement(
    field: str, text: str
) -> None:
    room = returned()
    room.order("0:25", "edit", **{field: text})
    assert room.engine.view("hot").state == "N"
    assert [one.why for one in room.told if one.what is What.CLOSED] == [f"{field} edited by A"]


@pytest.mark.parametrize(
    ("field", "text"),
    [("cause", "x"), ("consequence", "x"), ("action", "x"), ("respond_within", "5m")],
)
def test_other_words_leave_it_open(field: str, text: str) -> None:
    room = returned()
    room.order("0:25", "edit", **{field: text})
    assert room.engine.view("hot").state == "R"


def test_a_delay_of_nothing_is_refused() -> None:
    room = lab(BRIEF)
    room.order("0:25", "edit", on_delay="")
    refused = room.last(What.REFUSED)
    assert refused.why == (
        "rule 'hot': a span of time is needed here; write 0s for none - at `$.on_delay`"
    )
    assert room.engine.rule("hot") == BRIEF


@pytest.mark.parametrize(("length", "told"), [(500, "truncated"), (501, "501 characters; 500 are")])
def test_steps_that_nest_without_end_are_refused(length: int, told: str) -> None:
    room = lab(BRIEF)
    room.order("0:25", "edit", steps="[" * length)
    assert told in room.last(What.REFUSED).why


def test_a_delay_that_is_edited_counts_from_the_same_sample() -> None:
    room = lab(HOT)
    room.hold("0:10", "2:00", 39.0)
    room.order("2:05", "edit", on_delay="3m")
    room.hold("2:10", "4:00", 39.0)
    assert room.said(What.SET) == ["0:03:10 set hot"]


def test_an_edit_of_one_rule_leaves_the_others_as_they_are() -> None:
    room = lab(BRIEF, COLD, replace(BRIEF, id="warm", inhibited_by="hot", suppress_by=None))
    room.order("0:05", "edit", limit="39")
    rules = room.engine.rulebook.rules
    assert [(rule.id, rule.limit, rule.inhibited_by) for rule in rules] == [
        ("hot", 39.0, None),
        ("cold", 30.0, None),
        ("warm", 38.0, "hot"),
    ]


def test_a_refusal_names_the_rule_that_was_meant_if_there_is_one() -> None:
    room = lab(BRIEF)
    room.order("0:05", "dance")
    assert room.told[-1].rule == "hot"
    room.order("0:05", "dance", target="nothing")
    assert room.told[-1].rule == ""


def test_what_changed_is_to_be_stored_and_only_that() -> None:
    room = lab(BRIEF, COLD)
    first = room.engine.changed()
    assert sorted(first) == ["clock", "device:inc1", "rulebook"]
    room.sample("0:10", 39.0)
    assert sorted(room.engine.changed()) == ["clock", "device:inc1", "rule:hot"]
    assert sorted(room.engine.changed()) == ["clock"]
    room.ticks("0:40")
    assert "device:inc1" in room.engine.changed()
    room.order("0:45", "rota", target="chain", step="0", to="Z")
    # Who comes is paged for what is open.
    assert sorted(room.engine.changed()) == ["clock", "rota", "rule:hot"]
    room.order("0:50", "drill", target="A", channel="sms")
    assert sorted(room.engine.changed()) == ["clock", "drills"]


def test_what_was_stored_is_not_stored_again_by_the_next_run() -> None:
    room = lab(BRIEF, COLD)
    room.order("0:05", "rota", target="chain", step="0", to="Z")
    again = Engine(room.book, room.engine.dump())
    assert sorted(again.changed()) == ["clock"]
    assert again.on_call(room.book.policies[0], 0) == ("Z",)


def test_a_start_stores_from_when_silence_is_counted() -> None:
    room = lab(BRIEF)
    room.sample("0:10", 37.0)
    room.reload()
    room.engine.changed()
    room.started("0:15")
    assert "device:inc1" in room.engine.changed()


def test_a_clock_that_is_set_twice_was_set_by_both() -> None:
    room = lab(HOT)
    room.clock_step("0:00", "1:00:00")
    room.clock_step("0:00", "2:00:00")
    room.hold("0:10", "5:10", 39.0)
    assert room.said(What.SET) == ["0:05:10 set hot"]
    assert room.last(What.SET).at == START + 10_800_000 + 310_000


@pytest.mark.parametrize(("back_ms", "told"), [(5_000, 0), (5_001, 1)])
def test_a_clock_that_was_set_back_by_more_than_five_seconds_is_told(
    back_ms: int, told: int
) -> None:
    room = lab(BRIEF)
    room.sample(100_000, 37.0)
    room.reload()
    room.shift = -back_ms
    room.started(100_000)
    assert len([one for one in room.told if "was set back" in one.why]) == told


def test_a_configuration_that_changed_is_an_edit_of_the_next_run() -> None:
    room = lab(BRIEF)
    room.sample("0:10", 39.0)
    room.book = rulebook([replace(BRIEF, limit=40.0)])
    room.reload()
    room.started("0:15")
    edited = room.last(What.EDITED)
    assert edited.detail == {"limit": "38 → 40"}
    assert (edited.by, edited.why) == ("configuration", "limit edited by configuration")


def test_a_rule_that_the_configuration_lost_is_closed_and_its_count_is_kept() -> None:
    room = lab(BRIEF, COLD)
    room.sample("0:10", 39.0)
    room.book = rulebook([COLD])
    room.reload()
    room.started("0:15")
    closed = room.last(What.CLOSED)
    assert (closed.rule, closed.to, closed.why) == ("hot", "A", "rule removed by configuration")
    assert (closed.by, closed.at, closed.occurrence) == ("configuration", room.wall("0:15"), 1)
    room.book = rulebook([BRIEF, COLD])
    room.reload()
    room.started("0:20")
    room.sample("0:25", 39.0)
    assert room.last(What.SET).occurrence == 2


def test_a_suppressing_rule_that_the_configuration_lost_suppresses_no_more() -> None:
    door = replace(BRIEF, id="door", kind="low", limit=39.5, deadband=0.0, policy="")
    hot = replace(BRIEF, suppress_by="door", suppress_cap=parse("1h"))
    room = lab(hot, door)
    room.sample("0:10", 39.0)
    assert room.engine.view("hot").overlay == "DS"
    room.book = rulebook([replace(hot, suppress_by=None)])
    room.reload()
    room.started("0:15")
    assert room.engine.view("hot").overlay == "none"
    assert room.last(What.UNSUPPRESSED).why == (
        "it is not known after the restart whether door holds"
    )
