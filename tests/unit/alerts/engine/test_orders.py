"""What the engine answers to each order about an alarm, in full."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
import pytest
from msgspec.structs import replace

from alerts.engine.alarm import Phase
from alerts.rule import Limit, Rule
from alerts.transition import What
from devices.duration import parse
from storage.entry import Command
from tests.unit.alerts.engine.lab import HOT, START, Lab, rulebook  # a test's own

SHELF = replace(HOT, shelve_max=parse("8h"), suppress_cap=parse("2h"), on_delay=parse("0s"))
SERVICE = replace(
    HOT,
    id="service",
    kind="overdue",
    limit=None,
    deadband=0.0,
    on_delay=parse("0s"),
    off_delay=parse("0s"),
    every=parse("90m"),
)
NONE: Mapping[str, str] = MappingProxyType({})
Told = list[dict[str, object]]


def give(
    room: Lab,
    verb: str,
    arguments: Mapping[str, str] = NONE,
    *,
    at: str = "6:00",
    target: str = "hot",
    by: str = "P",
    via: str = "cli",
) -> Told:
    """What one order is answered with: all fields but the time, the rule and the channel."""
    room.ticks(at)
    seen = len(room.told)
    order = Command(
        id="c9",
        at=room.wall(at),
        by=by,
        verb=verb,
        target=target,
        via=via,
        arguments=dict(arguments),
    )
    room.feed(order)
    told = []
    for one in room.told[seen:]:
        assert one.at == room.wall(at)
        assert (one.by, one.command) == (by, "c9")
        fields = msgspec.to_builtins(one)
        told.append({k: v for k, v in fields.items() if k not in UNTOLD})
    return told


UNTOLD = frozenset({"at", "rule", "channel", "by", "command"})


def lab(*rules: Rule) -> Lab:
    return Lab(rulebook(rules or (SHELF,)))


def alarmed(rule: Rule = SHELF) -> Lab:
    """Set at once, A is paged."""
    room = lab(rule)
    room.sample("0:10", 39.0)
    return room


def clock(hours: int, minutes: int) -> str:
    return f"2026-01-05 {8 + hours:02}:{minutes:02}:00 UTC"


@pytest.mark.parametrize(
    ("arguments", "why", "until"),
    [
        ({"for": "1h", "reason": "calibration"}, "", clock(1, 6)),
        ({"for": "1h", "note": "calibration"}, "", clock(1, 6)),
        ({"for": "8h", "reason": "calibration"}, "", clock(8, 6)),
        (
            {"one_shot": "true", "reason": "calibration"},
            ", or until it returned once",
            clock(8, 6),
        ),
        (
            {"one_shot": "1", "for": "1h", "reason": "calibration"},
            ", or until it returned once",
            clock(1, 6),
        ),
        (
            {"one_shot": "yes", "for": "1h", "reason": "calibration"},
            ", or until it returned once",
            clock(1, 6),
        ),
        ({"one_shot": "no", "for": "1h", "reason": "calibration"}, "", clock(1, 6)),
    ],
)
def test_a_shelf_is_laid_for_so_long(arguments: dict[str, str], why: str, until: str) -> None:
    said = give(lab(), "shelve", arguments)
    assert said == [
        {
            "what": "shelved",
            "why": f"shelved by P until {until}{why}: calibration",
            "detail": {"until": until, "reason": "calibration"},
        }
    ]


@pytest.mark.parametrize(
    ("verb", "arguments", "why"),
    [
        ("shelve", {"reason": "x"}, "say for how long; a shelf ends by itself"),
        ("shelve", {"for": "1h"}, "a shelf needs a reason"),
        ("shelve", {"for": "soon", "reason": "x"}, "for: "),
        ("shelve", {"for": "8h1s", "reason": "x"}, "it may be shelved for 8h from the first"),
        ("unshelve", {}, "it is not shelved"),
        ("out_of_service", {"reason": "x"}, "say until when; a permit ends by itself"),
        ("out_of_service", {"until": "soon", "reason": "x"}, "say until when; a permit ends"),
        ("out_of_service", {"until": "9999999999999"}, "out of service needs a reason"),
        ("in_service", {}, "it is not out of service"),
        ("suppress", {"on": "true"}, "only the site's own logic suppresses; shelve it, with"),
        ("reset", {}, "nothing to acknowledge: there is no open alarm"),
        ("done", {"note": "x"}, "its rule waits for nothing to be done"),
    ],
)
def test_what_cannot_be_done_is_answered_with_why(
    verb: str, arguments: dict[str, str], why: str
) -> None:
    (answer,) = give(lab(), verb, arguments)
    assert answer["what"] == "refused"
    assert str(answer["why"]).startswith(why)


@pytest.mark.parametrize(
    ("verb", "target", "arguments", "why"),
    [
        (
            "dance",
            "hot",
            {},
            (
                "'dance' is not known here; known: ack, unack, reset, edit, remove, done, due, "
                "shelve, unshelve, out_of_service, in_service, suppress, rota, drill, tell, "
                "reload, override, swap, withdraw"
            ),
        ),
        ("ack", "cold", {}, "there is no rule 'cold'"),
        ("ack", "inc1", {}, "there is no rule 'inc1'"),
        ("ack", "hot", {"severity": "grave"}, "no severity is called 'grave'"),
        ("edit", "hot", {}, "no field to change is named"),
        ("edit", "hot", {"note": "x"}, "no field to change is named"),
    ],
)
def test_what_is_not_known_is_answered_with_what_was_meant(
    verb: str, target: str, arguments: dict[str, str], why: str
) -> None:
    (answer,) = give(lab(), verb, arguments, target=target)
    detail = {"verb": verb, "target": target}
    assert answer == {"what": "refused", "why": why, "detail": detail}


@pytest.mark.parametrize("name", ["", "  "])
def test_nobody_orders_nothing(name: str) -> None:
    (answer,) = give(lab(), "ack", by=name)
    assert answer["why"] == "it needs the name of a person"


def test_an_order_for_an_older_occurrence_changes_nothing() -> None:
    room = alarmed()
    for verb in ("ack", "unack", "reset"):
        (answer,) = give(room, verb, {"occurrence": "7"})
        assert answer["what"] == "refused"
        assert answer["why"] == "that was for occurrence 7; now it is 1, which stays as it is"
    assert room.engine.view("hot").state == Phase.U
    assert give(room, "ack", {"occurrence": "1"})[0]["what"] == "ack"


def test_a_severity_that_was_seen_counts_in_any_case() -> None:
    (answer,) = give(alarmed(), "ack", {"severity": "High"})
    assert answer["what"] == "refused"
    answered = give(alarmed(), "ack", {"severity": "Critical", "note": "I go"})
    assert (answered[0]["what"], answered[0]["why"]) == ("ack", "I go")


def test_a_device_goes_out_of_service_as_a_whole_but_for_its_guards() -> None:
    cold = replace(SHELF, id="cold", kind="low", limit=30.0)
    power = replace(SHELF, id="power", limit=99.0, guard=True)
    room = lab(SHELF, cold, power)
    until = START + 7_200_000
    said = give(room, "out_of_service", {"until": str(until), "reason": "x"}, target="inc1")
    why = f"out of service by P until {clock(2, 0)}: x"
    entry = {"what": "out_of_service", "why": why, "detail": {"until": clock(2, 0), "reason": "x"}}
    assert said == [entry, entry]
    assert [view.overlay for view in room.engine.views()] == ["OOS", "OOS", "none"]
    back = give(room, "in_service", target="inc1")
    assert [one["what"] for one in back] == ["in_service", "in_service"]


def test_a_removed_rule_takes_no_orders() -> None:
    room = lab(SHELF, replace(SHELF, id="cold", kind="low", limit=30.0))
    said = give(room, "remove")
    assert said == [{"what": "removed", "why": "rule removed by P"}]
    (answer,) = give(room, "ack")
    assert answer["why"] == "there is no rule 'hot'"
    out = {"until": str(START + 7_200_000), "reason": "x"}
    assert len(give(room, "out_of_service", out, target="inc1")) == 1


def test_a_removal_says_why_and_closes_what_is_open() -> None:
    said = give(alarmed(), "remove", {"note": "moved"}, at="1:00")
    assert [(one["what"], one["why"]) for one in said] == [
        ("removed", "moved"),
        ("closed", "rule removed by P"),
    ]


DOOR = "door-open"


def suppressed(room: Lab, on: str, *, at: str = "6:00", **also: str) -> Told:
    return give(room, "suppress", {"on": on, **also}, at=at, by="logic", via="logic")


def test_the_logic_of_the_site_suppresses_up_to_the_cap() -> None:
    room = lab()
    (said,) = suppressed(room, "true", reason=DOOR)
    assert said["why"] == f"suppressed while {DOOR}, until {clock(2, 6)} at the latest"
    (again,) = suppressed(room, "true", reason=DOOR)
    assert again["why"] == "it is so already, or its cap was reached: nothing changes"
    (over,) = suppressed(room, "false", at="7:00")
    assert over == {"what": "unsuppressed", "why": f"{DOOR} is over", "count": 0}
    (nothing,) = suppressed(room, "false", at="7:00")
    assert nothing["what"] == "refused"


def test_logic_without_a_reason_is_named_itself() -> None:
    (said,) = suppressed(lab(), "true")
    assert str(said["why"]).startswith("suppressed while logic says so, until ")


def test_logic_does_not_suppress_without_a_cap() -> None:
    (said,) = suppressed(lab(replace(SHELF, suppress_cap=None)), "true")
    assert said["what"] == "refused"
    assert said["why"] == "its rule has no suppress_cap: it would be quiet without end"


def done(room: Lab, when: str, **arguments: str) -> Told:
    return give(room, "done", arguments, at=when, target="service")


def test_what_was_never_done_is_due_at_once_and_what_was_done_after_its_time() -> None:
    room = lab(SERVICE)
    room.ticks("0:00")
    assert room.said(What.SET) == ["0:00:00 set service"]
    said = done(room, "1:00", note="mapped")
    stamp = "2026-01-05 08:01:00 UTC"
    assert said[0] == {
        "what": "done",
        "occurrence": 1,
        "activation": 1,
        "severity": "critical",
        "since": START + 60_000,
        "why": "mapped",
        "detail": {"at": stamp},
    }
    assert [(one["what"], one.get("why")) for one in said[1:2]] == [("clear", "was done")]
    room.ticks("1:30:59")
    assert room.count(What.SET) == 1
    room.ticks("1:31:00")
    assert room.count(What.SET) == 2
    assert room.last(What.SET).since == START + 5_460_000
    assert room.last(What.SET).why == "was last done longer than 1h30m ago"


def test_what_was_done_earlier_counts_from_then() -> None:
    room = lab(SERVICE)
    said = done(room, "10:00", note="mapped", at=str(START + 120_000))
    assert said[0]["since"] == START + 120_000
    done(room, "11:00", note="an older one", at=str(START + 60_000))
    room.ticks("1:31:59")
    assert room.count(What.SET) == 1
    room.ticks("1:32:00")
    assert room.count(What.SET) == 2


def test_what_was_done_too_long_ago_ends_nothing() -> None:
    room = lab(SERVICE)
    edge = str(START + 600_000 - 5_400_000)
    said = done(room, "10:00", note="mapped", at=edge)
    assert [one["what"] for one in said] == ["done"]
    said = done(room, "10:00", note="mapped", at=str(int(edge) + 1))
    assert [one["what"] for one in said][:2] == ["done", "clear"]


def test_what_was_done_and_failed_is_due_again_at_once() -> None:
    room = lab(SERVICE)
    done(room, "1:00", note="mapped")
    give(room, "ack", at="2:00", target="service")
    said = done(room, "10:00", note="two points off", failed="true")
    assert said[0] == {
        "what": "done",
        "occurrence": 1,
        "activation": 1,
        "why": "two points off",
        "detail": {"failed": "true"},
    }
    assert (said[1]["what"], said[1]["since"]) == ("set", START + 600_000)
    assert said[1]["why"] == ("has never been done, or failed; it is to be done every 1h30m")
    again = done(room, "11:00", note="still off", failed="true")
    assert [one["what"] for one in again] == ["done"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({}, "say with a note what was found"),
        ({"note": " "}, "say with a note what was found"),
        ({"note": "x", "at": str(START + 60_001)}, "it cannot have been done in the future"),
    ],
)
def test_what_was_done_needs_a_finding_and_a_past(arguments: dict[str, str], why: str) -> None:
    room = lab(SERVICE)
    (answer,) = give(room, "done", arguments, at="1:00", target="service")
    assert (answer["what"], answer["why"]) == ("refused", why)


def test_an_edit_says_what_changed_and_is_judged_at_once() -> None:
    room = alarmed()
    room.sample("5:50", 39.0)
    said = give(room, "edit", {"limit": "40", "deadband": "0.5", "note": "warmer"})
    why = "limit, deadband edited by P"
    assert said[0]["detail"] == {"limit": "38 → 40", "deadband": "0.2 → 0.5"}
    assert [(one["what"], one["why"]) for one in said[:2]] == [("edited", why), ("clear", why)]
    assert (said[1]["since"], said[1]["value"]) == (room.wall("6:00"), 39.0)


def test_an_edit_that_makes_it_true_sets_it() -> None:
    room = lab()
    room.sample("5:50", 37.5)
    said = give(room, "edit", {"limit": "37.5"})
    assert [one["what"] for one in said] == ["edited", "set", "queued"]
    assert said[1]["since"] == room.wall("6:00")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"steps": '[{"limit": 40.0, "severity": "critical"}]'}, "steps"),
        ({"policy": ""}, "policy"),
        ({"re_alarm": "30m"}, "re_alarm"),
        ({"re_alarm": ""}, "re_alarm"),
    ],
)
def test_fields_are_written_as_text(fields: dict[str, str], text: str) -> None:
    rule = replace(SHELF, severity="high", re_alarm=parse("1h"))
    (said,) = give(lab(rule), "edit", fields)
    assert said["why"] == f"{text} edited by P"
    assert (
        said["detail"]
        == {
            "steps": {"steps": '[] → [{"limit":40.0,"severity":"critical"}]'},
            "policy": {"policy": "chain → "},
            "re_alarm": {"re_alarm": f"1h → {fields.get('re_alarm') or 'None'}"},
        }[text]
    )


def test_an_edited_rule_runs_as_edited() -> None:
    room = lab(replace(SHELF, severity="high"))
    give(room, "edit", {"steps": '[{"limit": 40.0, "severity": "critical"}]'})
    assert room.engine.rule("hot").steps == (Limit(limit=40.0, severity="critical"),)
    assert room.engine.rulebook.rules[0].steps == room.engine.rule("hot").steps


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"id": "x"}, "id cannot be edited; change its file"),
        ({"inhibited_by": "x"}, "inhibited_by cannot be edited; change its file"),
        ({"suppress_by": "x"}, "suppress_by cannot be edited; change its file"),
        ({"kind": "low", "channel": "x"}, "channel, kind cannot be edited; change its file"),
        ({"limit": "warm"}, "rule 'hot': Expected `float | null`, got `str` - at `$.limit`"),
        ({"on_delay": "soon"}, "rule 'hot': "),
        ({"colour": "red"}, "rule 'hot': "),
    ],
)
def test_an_edit_that_fits_nothing_is_refused(fields: dict[str, str], why: str) -> None:
    (answer,) = give(lab(), "edit", fields)
    assert answer["what"] == "refused"
    assert str(answer["why"]).startswith(why)
