"""What a start, or a configuration that is read again, does with what changed meanwhile."""

import msgspec
import pytest
from msgspec.structs import replace

from alerts.engine.engine import Engine
from alerts.engine.monitor import RulePart
from alerts.engine.parts import decoded, encoded
from alerts.rule import Rule
from alerts.transition import What
from devices.duration import Duration, parse
from storage.entry import Started
from tests.unit.alerts.engine.lab import CHAIN, HOT, START, Lab, rulebook  # a test's own

OTHER = "inc2.temperature"
BRIEF = replace(HOT, on_delay=Duration(0), off_delay=Duration(0), severity="high")
DOOR = replace(BRIEF, id="door", kind="low", limit=39.5, deadband=0.0, policy="")
SHADED = replace(BRIEF, suppress_by="door", suppress_cap=parse("1h"), suppress_after=parse("10m"))
SILENT = Rule(id="silent", channel=HOT.channel, kind="silence", policy="chain")


def changed(room: Lab, *rules: Rule, at: str, reloaded: bool = False, **also: object) -> None:
    """The core begins again, or only reads again, with these rules."""
    room.book = rulebook(rules, **also)  # type: ignore[arg-type] # what a rulebook takes
    room.reload()
    wall = room.wall(at)
    room.feed(Started(at=wall, version="0", configuration=room.book.digest, reloaded=reloaded))


def test_a_clock_that_was_set_back_is_told_though_nothing_was_ever_sampled() -> None:
    room = Lab(rulebook([HOT]))
    room.shift = -3_600_000
    room.started(0)
    (told,) = [one for one in room.told if one.what is What.SYSTEM]
    assert told.why == "the wall clock was set back by 1h or more while nothing ran"


def test_a_device_that_a_reload_brings_is_waited_for() -> None:
    room = Lab(rulebook([HOT]))
    room.sample("0:00", 37.0)
    far = replace(SILENT, id="far", channel=OTHER)
    changed(room, HOT, far, at="0:05", reloaded=True, channels=(HOT.channel, OTHER))
    room.hold("0:10", "0:40", 37.0)
    # Three periods of ten seconds from when it was first waited for.
    assert room.said(What.SET) == ["0:00:35 set far"]


def test_who_was_silent_and_came_back_may_be_silent_again() -> None:
    room = Lab(rulebook([SILENT]))
    room.sample("0:00", 37.0)
    room.sample("1:00", 37.0)
    room.ticks("2:00")
    assert room.said(What.SET) == ["0:00:30 set silent", "0:01:30 set silent"]


def test_what_is_due_in_the_instant_of_a_sample_waits_for_what_it_says() -> None:
    later = replace(HOT, id="later", on_delay=Duration(300_001))
    room = Lab(rulebook([HOT, later]))
    room.sample("0:00", 39.0)
    room.engine.next_due()
    scan = room.entries[-1]
    at = START + 300_001
    room.feed(msgspec.structs.replace(scan, at=at, received=at, values=(37.0,)))
    assert [one.rule for one in room.told if one.what is What.SET] == ["hot"]
    assert room.last(What.NEAR_MISS).rule == "later"


def test_a_cause_that_a_start_exchanges_for_one_that_was_removed_suppresses_no_more() -> None:
    hatch = replace(DOOR, id="hatch")
    room = Lab(rulebook([SHADED, DOOR, hatch]))
    room.order("0:05", "remove", target="hatch")
    room.sample("0:10", 39.0)
    assert room.engine.view("hot").overlay == "DS"
    changed(room, replace(SHADED, suppress_by="hatch"), DOOR, hatch, at="0:15")
    assert room.engine.view("hot").overlay == "none"
    told = room.last(What.UNSUPPRESSED)
    assert told.why == "it is not known after the restart whether door holds"


def test_a_cause_that_a_start_brings_suppresses_while_it_holds() -> None:
    room = Lab(rulebook([replace(SHADED, suppress_by=None), DOOR]))
    room.sample("0:10", 39.3)
    changed(room, SHADED, DOOR, at="0:15")
    assert room.engine.view("hot").overlay == "DS"


@pytest.mark.parametrize("reloaded", [False, True])
def test_a_cause_that_is_taken_away_suppresses_no_more(*, reloaded: bool) -> None:
    room = Lab(rulebook([SHADED, DOOR]))
    room.sample("0:10", 39.0)
    changed(room, replace(SHADED, suppress_by=None), DOOR, at="0:15", reloaded=reloaded)
    assert room.engine.view("hot").overlay == "none"


def test_what_the_configuration_changed_is_said_once() -> None:
    room = Lab(rulebook([BRIEF]))
    changed(room, replace(BRIEF, limit=40.0), at="0:15")
    room.started("0:20")
    assert room.count(What.EDITED) == 1


def test_a_rule_that_was_away_and_comes_back_changed_is_an_edit() -> None:
    room = Lab(rulebook([BRIEF, DOOR]))
    room.sample("0:10", 39.7)
    changed(room, DOOR, at="0:15")
    changed(room, replace(BRIEF, limit=40.0), DOOR, at="0:20")
    edited = room.last(What.EDITED)
    assert (edited.rule, edited.by) == ("hot", "configuration")


def test_an_edit_whose_policy_is_gone_gives_way_to_the_file_and_that_is_said_once() -> None:
    night = replace(CHAIN, id="night")
    room = Lab(rulebook([BRIEF], policies=[CHAIN, night]))
    room.order("0:05", "edit", policy="night")
    assert room.engine.rule("hot").policy == "night"
    changed(room, BRIEF, at="0:15")
    assert room.engine.rule("hot") == BRIEF
    assert (room.count(What.EDITED), room.last(What.EDITED).by) == (2, "configuration")
    changed(room, BRIEF, at="0:20")
    assert room.count(What.EDITED) == 2


def kept(room: Lab) -> dict[str, bytes]:
    """What of the engine was to be stored since it was made."""
    return {name: part for name, part in room.engine.changed().items() if part is not None}


def test_a_rule_that_nothing_happened_to_is_an_edit_when_its_definition_changed() -> None:
    room = Lab(rulebook([BRIEF, DOOR]))
    parts = kept(room)
    assert "rule:hot" not in parts
    for limit, edits in ((38.0, 0), (40.0, 1)):
        room.book = rulebook([replace(BRIEF, limit=limit), DOOR])
        room.engine = Engine(room.book, parts)
        room.started("0:15")
        assert room.count(What.EDITED) == edits


def test_a_rule_whose_digest_alone_changed_was_not_changed() -> None:
    room = Lab(rulebook([BRIEF]))
    room.order("0:05", "edit", limit="39")
    parts = room.engine.dump()
    part = decoded(parts, "rule:hot", RulePart)
    assert part is not None
    # As an upgrade that knows more fields of a rule would have it.
    parts["rule:hot"] = encoded(replace(part, definition="0" * 16))
    room.engine = Engine(room.book, parts)
    room.started("0:15")
    assert room.count(What.EDITED) == 1
    assert room.engine.rule("hot").limit == 39.0


def test_a_channel_that_a_start_brings_to_a_device_is_waited_for() -> None:
    room = Lab(rulebook([HOT]))
    room.sample("0:00", 37.0)
    dry = replace(SILENT, id="dry", channel="inc1.humidity")
    changed(room, HOT, dry, at="0:05", channels=(HOT.channel, dry.channel))
    room.hold("0:10", "0:40", 37.0)
    assert room.said(What.SET) == ["0:00:35 set dry"]


def test_what_is_open_of_a_rule_that_is_gone_is_closed_whatever_else_is_gone() -> None:
    cold = replace(BRIEF, id="cold", kind="low", limit=30.0)
    room = Lab(rulebook([BRIEF, cold, DOOR]))
    room.sample("0:10", 39.7)
    changed(room, DOOR, at="0:15")
    closed = room.last(What.CLOSED)
    assert (closed.rule, closed.channel) == ("hot", "")
    assert kept(room)["rule:hot"] == room.engine.dump()["rule:hot"]
    part = decoded(room.engine.dump(), "rule:hot", RulePart)
    assert part is not None
    assert (part.alarm.occurrence, part.alarm.phase) == (1, "N")


def test_the_first_run_stores_its_rules_and_a_drill_is_stored_once() -> None:
    room = Lab(rulebook([BRIEF]))
    assert kept(room)["rulebook"] == room.engine.dump()["rulebook"]
    room.order("0:05", "drill", target="A", channel="mail")
    assert kept(room)["drills"] == room.engine.dump()["drills"] != encoded({})
    assert "drills" not in kept(room)
