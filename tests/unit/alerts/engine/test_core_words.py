"""What table A2 says, word for word: every field of every transition that an event gives."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec
import pytest
from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.core import Event, apply, void
from alerts.engine.moment import Moment
from alerts.engine.overlay import Overlay, Shelf
from alerts.rule import Rule, Severity
from tests.unit.alerts.engine.alarm_states import CHAIN, LATCHING, RE_ALARMING, RULE, WALL

NOW = 5_000
UNACKED = Alarm(
    phase=Phase.U,
    occurrence=4,
    activation=2,
    since=100,
    value=38.4,
    severity=Severity.HIGH,
    worst=Severity.HIGH,
    paged=("A", "B"),
    paged_at=100,
    escalation=Escalation(Status.RUN, 0, 100, 400),
)
ACKED = replace(
    UNACKED,
    phase=Phase.A,
    acked_by=("A", "C"),
    acked_at=200,
    seen=Severity.HIGH,
    escalation=Escalation(Status.HELD),
)
RETURNED = replace(UNACKED, phase=Phase.R, escalation=Escalation())
LATCHED = replace(RETURNED, phase=Phase.LU)
LATCHED_ACKED = replace(ACKED, phase=Phase.LA, escalation=Escalation())
SHELF = Overlay(shelf=Shelf(9_000, one_shot=False, by="S", reason="r"))


def moment(rule: Rule = RULE, **also: object) -> Moment:
    fields: dict[str, object] = {
        "severity": Severity.HIGH,
        "since": NOW - 40,
        "value": 38.2,
        "why": "38.2 is too hot",
        "note": "I go",
        "by": "A",
        "command": "c1",
    }
    made = Moment(now=NOW, offset=WALL, rule=rule, policy=CHAIN)
    for name, value in (fields | also).items():
        setattr(made, name, value)
    return made


def spelt(now: Moment) -> list[dict[str, object]]:
    """All fields but those that every transition of a moment has alike."""
    told = []
    for one in now.said:
        fields = msgspec.to_builtins(one)
        common = [fields.pop(name) for name in ("at", "rule", "channel", "by", "command")]
        assert common == [NOW + WALL, "hot", "inc1.temperature", "A", "c1"]
        told.append(fields)
    return told


class Case(NamedTuple):
    """``said`` are the transitions: what, then the fields that differ from ``OCCURRENCE``."""

    alarm: Alarm
    event: Event
    rule: Rule
    said: list[dict[str, object]]
    also: Mapping[str, object] = MappingProxyType({})


def entry(what: str, **fields: object) -> dict[str, object]:
    """Of occurrence 4, activation 2, high, where nothing else is said."""
    whole = {"what": what, "occurrence": 4, "activation": 2, "severity": "high"} | fields
    return {name: value for name, value in whole.items() if value is not None}


def notices(why: str, *people: str) -> list[dict[str, object]]:
    return [entry("notice", to=person, why=why) for person in people or ("A", "B")]


SINCE = NOW - 40 + WALL
HOT = "38.2 is too hot"
CHANGED = {"since": SINCE, "value": 38.2, "why": HOT}
NOT_FIXED = "acknowledged by A, C at 1970-01-01 00:16:40 UTC, not fixed"
RISEN = "it has risen to high; you saw low. Look at it again"
CASES = {
    "a new occurrence": Case(
        Alarm(occurrence=3),
        Event.SET,
        RULE,
        [
            entry("set", activation=1, **CHANGED),
            entry("queued", activation=1, to="A", step=0, **CHANGED),
        ],
    ),
    "again": Case(
        RETURNED,
        Event.SET,
        RULE,
        [
            entry("set", activation=3, **CHANGED),
            entry("queued", activation=3, to="A", step=0, **CHANGED),
        ],
    ),
    "latched and again": Case(
        LATCHED_ACKED,
        Event.SET,
        LATCHING,
        [
            entry("set", activation=3, **CHANGED),
            entry("queued", activation=3, to="A", step=0, **CHANGED),
        ],
    ),
    "returned": Case(
        UNACKED,
        Event.CLEAR,
        RULE,
        [
            entry("clear", **CHANGED),
            *notices("returned to normal by itself, still to be acknowledged"),
        ],
    ),
    "over": Case(
        ACKED,
        Event.CLEAR,
        RULE,
        [
            entry("clear", **CHANGED),
            entry("all_clear", to="A", why=HOT, value=38.2),
            entry("all_clear", to="B", why=HOT, value=38.2),
        ],
    ),
    "over without a word": Case(
        replace(ACKED, paged=("A",)),
        Event.CLEAR,
        RULE,
        [
            entry("clear", since=SINCE, value=38.2),
            entry("all_clear", to="A", why="back to normal", value=38.2),
        ],
        {"why": ""},
    ),
    "over and latched": Case(ACKED, Event.CLEAR, LATCHING, [entry("clear", **CHANGED)]),
    "acknowledged": Case(
        UNACKED,
        Event.ACK,
        RULE,
        [entry("ack", why="I go", detail={"from": "U", "to": "A"}), *notices("A has it", "B")],
    ),
    "acknowledged, seen too little of": Case(
        UNACKED, Event.ACK, RULE, [entry("refused", why=RISEN)], {"seen": Severity.LOW}
    ),
    "acknowledged, latched": Case(
        LATCHED,
        Event.ACK,
        LATCHING,
        [entry("ack", why="I go", detail={"from": "LU", "to": "LA"}), *notices("A has it", "B")],
    ),
    "acknowledged, latched, seen too little of": Case(
        LATCHED, Event.ACK, LATCHING, [entry("refused", why=RISEN)], {"seen": Severity.LOW}
    ),
    "acknowledged after it returned": Case(
        replace(RETURNED, paged=("A",)),
        Event.ACK,
        RULE,
        [
            entry("ack", why="I go", detail={"from": "R", "to": "N"}),
            entry("all_clear", to="A", why="back to normal and acknowledged by A", value=38.2),
        ],
    ),
    "acknowledged twice": Case(
        ACKED,
        Event.ACK,
        RULE,
        [entry("ack", why="already acknowledged by A, C", detail={"from": "A", "to": "A"})],
        {"note": ""},
    ),
    "acknowledged twice with a note": Case(
        ACKED, Event.ACK, RULE, [entry("ack", why="I go", detail={"from": "A", "to": "A"})]
    ),
    "taken back": Case(
        ACKED,
        Event.UNACK,
        RULE,
        [
            entry("unack", why="I go", detail={"from": "A", "to": "U"}),
            entry("queued", to="A", step=0, why=HOT, since=WALL + 100, value=38.4),
        ],
    ),
    "taken back, latched": Case(
        LATCHED_ACKED,
        Event.UNACK,
        LATCHING,
        [
            entry("unack", why="I go", detail={"from": "LA", "to": "LU"}),
            entry(
                "queued",
                to="A",
                step=0,
                why="high alarm, not acknowledged",
                since=WALL + 100,
                value=38.4,
            ),
        ],
        {"why": ""},
    ),
    "reset": Case(
        replace(LATCHED_ACKED, paged=("B",)),
        Event.RESET,
        LATCHING,
        [
            entry("reset", why="I go", detail={"from": "LA", "to": "N"}),
            entry("all_clear", to="B", why="reset by A", value=38.2),
        ],
    ),
    "worse": Case(
        UNACKED,
        Event.SEV_UP,
        RULE,
        [
            entry("sev_up", severity="critical", value=38.2, why=HOT),
            entry(
                "queued",
                severity="critical",
                to="A",
                step=0,
                why=HOT,
                since=WALL + 100,
                value=38.2,
            ),
        ],
        {"severity": Severity.CRITICAL},
    ),
    "worse than what was acknowledged": Case(
        ACKED,
        Event.SEV_UP,
        RULE,
        [
            entry("sev_up", severity="critical", value=38.2, why=HOT),
            entry(
                "queued",
                severity="critical",
                to="A",
                step=0,
                why=HOT,
                since=WALL + 100,
                value=38.2,
            ),
        ],
        {"severity": Severity.CRITICAL},
    ),
    "back to what was seen": Case(
        replace(ACKED, severity=Severity.LOW, worst=Severity.CRITICAL, seen=Severity.CRITICAL),
        Event.SEV_UP,
        RULE,
        [entry("sev_up", severity="high", value=38.2, why=HOT)],
    ),
    "less bad": Case(
        UNACKED,
        Event.SEV_DOWN,
        RULE,
        [entry("sev_down", severity="low", value=38.2, why=HOT)],
        {"severity": Severity.LOW},
    ),
    "not fixed": Case(
        ACKED,
        Event.RE_ALARM,
        RE_ALARMING,
        [
            entry("re_alarm", why=NOT_FIXED, detail={"from": "A", "to": "U"}),
            entry("queued", to="A", step=0, why=NOT_FIXED, since=WALL + 100, value=38.4),
        ],
    ),
    "reminded": Case(
        RETURNED,
        Event.RE_ALARM,
        RE_ALARMING,
        notices("returned to normal, still to be acknowledged"),
    ),
    "reminded, latched": Case(
        LATCHED,
        Event.RE_ALARM,
        RE_ALARMING,
        notices("returned to normal, still to be acknowledged"),
    ),
    "reminded of the reset": Case(
        LATCHED_ACKED, Event.RE_ALARM, RE_ALARMING, notices("acknowledged and gone, needs reset")
    ),
    "removed": Case(
        UNACKED,
        Event.EDIT,
        RULE,
        [
            entry("closed", to="A", why=HOT, value=38.2),
            entry("closed", to="B", why=HOT, value=38.2),
        ],
        {"removed": True},
    ),
    "removed, nobody was paged": Case(
        replace(UNACKED, paged=()), Event.EDIT, RULE, [entry("closed", why=HOT)], {"removed": True}
    ),
    "edited after it returned": Case(
        replace(RETURNED, paged=("B",)),
        Event.EDIT,
        RULE,
        [entry("closed", to="B", why=HOT, value=38.2)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_event_is_told_in_full(name: str) -> None:
    case = CASES[name]
    now = moment(case.rule, **case.also)
    apply(case.alarm, case.event, now)
    assert spelt(now) == case.said


@pytest.mark.parametrize("event", [Event.RE_ALARM])
@pytest.mark.parametrize("alarm", [RETURNED, LATCHED, LATCHED_ACKED], ids=lambda a: a.phase.value)
def test_nobody_is_reminded_of_what_is_kept_quiet(alarm: Alarm, event: Event) -> None:
    now = moment(RE_ALARMING)
    after = apply(replace(alarm, overlay=SHELF), event, now)
    assert not now.said
    assert after.remind_due == NOW + 3_600


def test_a_disproved_occurrence_is_told_in_full() -> None:
    now = moment()
    after = void(replace(UNACKED, activation=1, paged=("B",)), now)
    why = "a late sample shows that the limit was not exceeded for long enough"
    assert spelt(now) == [
        entry("void", activation=1, since=SINCE, value=38.2, why=why),
        entry("all_clear", activation=1, to="B", why=f"correction: {why}", value=38.2),
    ]
    assert after == Alarm(occurrence=4, activation=1)


def test_a_disproved_activation_is_only_a_return() -> None:
    now = moment()
    after = void(replace(UNACKED, paged=()), now)
    why = "correction: a late sample shows that the limit was not exceeded for long enough"
    assert spelt(now) == [entry("clear", since=SINCE, value=38.2, why=f"{why} this time")]
    assert after.phase is Phase.R


def test_what_is_over_leaves_only_its_counts_and_what_keeps_it_quiet() -> None:
    after = apply(replace(ACKED, overlay=SHELF), Event.CLEAR, moment())
    assert after == Alarm(occurrence=4, activation=2, overlay=SHELF)


@pytest.mark.parametrize(
    ("alarm", "rule", "event", "due"),
    [
        (UNACKED, RE_ALARMING, Event.ACK, NOW + 3_600),
        (UNACKED, RULE, Event.ACK, None),
        (UNACKED, RE_ALARMING, Event.CLEAR, NOW + 3_600),
        (ACKED, replace(RE_ALARMING, latching=True), Event.CLEAR, NOW + 3_600),
        (LATCHED, replace(RE_ALARMING, latching=True), Event.ACK, NOW + 3_600),
        (RETURNED, RE_ALARMING, Event.RE_ALARM, NOW + 3_600),
        (replace(ACKED, remind_due=NOW), RULE, Event.RE_ALARM, None),
        (replace(RETURNED, remind_due=NOW), RE_ALARMING, Event.SET, None),
    ],
)
def test_reminders_are_counted_from_the_last_change(
    alarm: Alarm, rule: Rule, event: Event, due: int | None
) -> None:
    assert apply(alarm, event, moment(rule)).remind_due == due


def test_a_return_ends_what_waited_for_the_alarm() -> None:
    waiting = replace(UNACKED, page_due=9_000, release_due=9_100, under="power")
    after = apply(waiting, Event.CLEAR, moment())
    assert (after.page_due, after.release_due, after.under) == (None, None, "")
    latched = apply(replace(ACKED, release_due=9_100, under="power"), Event.CLEAR, moment(LATCHING))
    assert (latched.phase, latched.release_due, latched.under) == (Phase.LA, None, "")
    acked = apply(waiting, Event.ACK, moment())
    assert (acked.page_due, acked.release_due) == (None, None)
