"""A rulebook set up to work: under whose name quality is told, and whose state counts."""

from msgspec.structs import replace

from alerts.engine.engine import Engine
from alerts.transition import What
from devices.duration import Duration, parse
from devices.quality import Quality
from tests.unit.alerts.engine.lab import HOT, Lab, rulebook  # a test's own

BRIEF = replace(HOT, on_delay=Duration(0), off_delay=Duration(0))


def test_the_quality_of_a_channel_is_told_under_the_first_rule_that_is_worked_off() -> None:
    # What explains the other one comes first, wherever it stands in the file.
    room = Lab(
        rulebook([replace(BRIEF, inhibited_by="cold"), replace(BRIEF, id="cold", kind="low")])
    )
    room.sample("0:10", 37.0)
    assert room.said(What.QUALITY) == ["0:00:10 quality cold"]


def test_a_rule_that_was_away_and_comes_back_changed_has_lost_its_edits() -> None:
    other = replace(BRIEF, id="cold", kind="low", limit=30.0)
    room = Lab(rulebook([BRIEF, other]))
    room.order("0:10", "edit", limit="39")
    for at, rules, limit in (
        ("1:00", [other], None),
        ("2:00", [replace(BRIEF, limit=40.0), other], 40.0),
    ):
        room.book = rulebook(rules)
        room.reload()
        room.started(at)
        assert limit is None or room.engine.rule("hot").limit == limit


def test_a_rule_that_was_away_and_comes_back_as_it_was_has_kept_them() -> None:
    other = replace(BRIEF, id="cold", kind="low", limit=30.0)
    room = Lab(rulebook([BRIEF, other]))
    room.order("0:10", "edit", limit="39")
    for at, rules in (("1:00", [other]), ("2:00", [BRIEF, other])):
        room.book = rulebook(rules)
        room.reload()
        room.started(at)
    assert room.engine.rule("hot").limit == 39.0


def test_a_channel_that_a_restart_brings_is_awaited_from_then_on() -> None:
    room = Lab(rulebook([BRIEF]))
    room.sample("0:10", 37.0)
    room.book = rulebook(
        [BRIEF, replace(BRIEF, id="new", channel="inc2.temperature")],
        channels=("inc1.temperature", "inc2.temperature"),
    )
    room.engine = Engine(room.book, room.engine.dump())
    room.started("1:00")
    room.ticks("1:29")
    assert room.said(What.QUALITY, rule="new") == []
    room.ticks("1:30")
    assert room.said(What.QUALITY, rule="new") == ["0:01:30 quality new"]
    assert [one.why for one in room.told if one.rule == "new"] == ["never reported"]


def test_a_fault_that_lasts_is_told_at_its_time_although_a_restart_came_between() -> None:
    faulty = replace(BRIEF, id="faulty", kind="out-of-range", limit=None, deadband=0.0)
    room = Lab(rulebook([replace(faulty, on_delay=parse("5m"))]))
    room.sample("1:00", None, quality=Quality.SENSOR_FAULT)
    room.reload()
    room.started("2:00")
    room.ticks("6:00")
    assert room.said(What.SET) == ["0:06:00 set faulty"]
    assert room.last(What.SET).since == room.wall("1:00")


def test_a_channel_without_rules_is_heard_by_those_that_compare_with_it() -> None:
    names = ("inc1.temperature", "inc2.temperature", "inc3.temperature")
    odd = replace(BRIEF, id="odd", kind="disagreement", limit=3.0, deadband=1.0)
    odd = replace(odd, against=names[1:])
    apart = replace(BRIEF, id="apart", kind="difference", limit=1.0, against=names[2:])
    room = Lab(rulebook([odd, apart], channels=names))
    room.sample("0:10", 37.0, of="inc2.temperature")
    room.sample("0:11", 37.2, of="inc3.temperature")
    # 2.2 degrees from the one, 2.4 from the median of 37.0, 37.2 and 39.4.
    room.sample("0:12", 39.4)
    assert room.said(What.SET) == ["0:00:12 set apart"]
    assert room.last(What.SET).why == "2.2 degC apart from inc3.temperature"
    room.sample("0:20", 40.5)
    assert room.said(What.SET) == ["0:00:12 set apart", "0:00:20 set odd"]
    assert room.last(What.SET).why == (
        "3.3 degC off what inc2.temperature, inc3.temperature say; it is not trusted"
    )
