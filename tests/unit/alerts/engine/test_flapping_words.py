"""What is said of an alarm that flaps, who hears of it, and what it pages meanwhile."""

import msgspec
import pytest
from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.calling import FLAPPING_GAP_MS, call_once, calm_down, repeat_gap
from alerts.engine.flapping import Flapping, begins, begun, over, pulsed
from alerts.engine.moment import Moment
from alerts.policy import Policy, Step
from alerts.rule import Rule, Severity
from devices.duration import Duration, parse

NOW = 4_000_000
MINUTE = 60_000
CHAIN = Policy(
    id="chain", steps=(Step(after=Duration(0), to=("A", "B")),), repeat_gap=Duration(700)
)
RULE = Rule(
    id="hot",
    channel="inc1.temperature",
    kind="high",
    limit=38.0,
    flapping=3,
    flapping_window=parse("1h"),
)
PULSES = (NOW - 20 * MINUTE, NOW - 10 * MINUTE, NOW)
OFTEN = Flapping(pulses=PULSES)
GOING = Flapping(pulses=PULSES, due=NOW + 50 * MINUTE, told=("A", "B"), occurrence=2)
ACTIVE = Alarm(
    phase=Phase.U,
    occurrence=4,
    activation=3,
    since=NOW,
    value=38.4,
    worst=Severity.HIGH,
    paged=("A",),
    flapping=OFTEN,
)


def moment(rule: Rule = RULE, policy: Policy | None = CHAIN) -> Moment:
    return Moment(now=NOW, offset=0, rule=rule, policy=policy, why="38.4 is too hot")


def spelt(now: Moment) -> list[dict[str, object]]:
    told = []
    for one in now.said:
        fields = msgspec.to_builtins(one)
        common = [fields.pop(name) for name in ("at", "rule", "channel", "severity", "activation")]
        assert common == [NOW, "hot", "inc1.temperature", "high", 3]
        told.append(fields)
    return told


def test_the_activation_that_is_one_too_many_pages_and_says_so() -> None:
    now = moment()
    after = call_once(ACTIVE, now)
    why = "flapping: set 3 times within 1h"
    page = {"what": "queued", "occurrence": 4, "since": NOW, "why": why, "step": 0, "value": 38.4}
    assert spelt(now) == [
        {
            "what": "flapping",
            "occurrence": 4,
            "why": why,
            "count": 3,
            "detail": {"state": "begins"},
        },
        page | {"to": "A"},
        page | {"to": "B"},
    ]
    assert after is not None
    assert after.paged == ("A", "B")
    # Fewer than two of three are left when the second of the newest is an hour old.
    assert after.flapping == replace(GOING, occurrence=4)


@pytest.mark.parametrize(
    ("rule", "policy", "gap"),
    [
        (RULE, CHAIN, 700),
        (replace(RULE, repeat_gap=Duration(800)), CHAIN, 800),
        (RULE, replace(CHAIN, repeat_gap=Duration(0)), FLAPPING_GAP_MS),
        (RULE, None, FLAPPING_GAP_MS),
    ],
)
def test_a_further_activation_pages_only_when_it_lasts(
    rule: Rule, policy: Policy | None, gap: int
) -> None:
    now = moment(rule, policy)
    running = replace(
        ACTIVE, flapping=GOING, release_due=NOW + 1, escalation=Escalation(Status.RUN, 0, 1, 2)
    )
    after = call_once(running, now)
    assert not now.said
    assert after == replace(
        ACTIVE, flapping=GOING, page_due=NOW + gap, release_due=None, escalation=Escalation()
    )


def test_an_alarm_that_does_not_flap_is_none_of_it() -> None:
    assert call_once(replace(ACTIVE, flapping=Flapping(pulses=PULSES[1:])), moment()) is None


@pytest.mark.parametrize(("needed", "half"), [(3, 2), (4, 2), (5, 3), (None, 0)])
def test_those_who_heard_of_it_hear_that_it_calmed_down(needed: int | None, half: int) -> None:
    now = moment(replace(RULE, flapping=needed))
    after = calm_down(replace(ACTIVE, flapping=GOING), now)
    why = f"calmed down: set fewer than {half} times in 1h; it pages again as usual"
    assert spelt(now) == [
        {"what": "flapping", "occurrence": 4, "why": why, "detail": {"state": "ends"}},
        {"what": "notice", "occurrence": 2, "to": "A", "why": why},
        {"what": "notice", "occurrence": 2, "to": "B", "why": why},
    ]
    assert after == ACTIVE


def test_the_gap_between_pages_is_that_of_the_rule_then_of_the_policy() -> None:
    assert repeat_gap(moment()) == 700
    assert repeat_gap(moment(replace(RULE, repeat_gap=Duration(0)))) == 0
    assert repeat_gap(moment(RULE, None)) == 0


def test_a_rule_that_counts_needs_both_how_many_and_how_long() -> None:
    for half in (replace(RULE, flapping=None), replace(RULE, flapping_window=None)):
        assert pulsed(OFTEN, half, NOW) is OFTEN
        assert begun(OFTEN, half, 4).due is None
    assert not begins(OFTEN, replace(RULE, flapping=None))


def test_it_begins_with_nobody_told_and_ends_with_its_activations_counted() -> None:
    assert begun(replace(OFTEN, told=("X",)), RULE, 4) == Flapping(PULSES, NOW + 50 * MINUTE, (), 4)
    assert over(GOING) == OFTEN
    assert Flapping() == Flapping((), None, (), 0)


def test_only_activations_within_the_window_count() -> None:
    hour = 60 * MINUTE
    early = Flapping(pulses=(NOW - hour, NOW - hour + 1))
    assert pulsed(early, RULE, NOW).pulses == (NOW - hour + 1, NOW)
