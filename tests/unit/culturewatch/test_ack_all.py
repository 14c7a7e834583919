"""Which alarms one acknowledgement for all of them means."""

import pytest
from msgspec.structs import replace

from culturewatch.ack_all import Scope, meant
from tests.unit.alerts.lived import view

ALARM = replace(
    view("inc1-hot"),
    state="U",
    escalation="RUN",
    severity="high",
    occurrence=3,
    since=0,
    acked_by=(),
    value=39.0,
    value_at=0,
)
ALARMS = (
    ALARM,
    replace(ALARM, rule="inc1-door", state="R", worst="low", occurrence=1),
    replace(ALARM, rule="inc2-hot", channel="inc2.temperature", state="LU", worst="critical"),
    replace(ALARM, rule="inc2-cold", channel="inc2.temperature", state="A"),
    replace(ALARM, rule="inc3-hot", channel="inc3.temperature", state="LA"),
    replace(ALARM, rule="inc3-cold", channel="inc3.temperature", state="N"),
)


@pytest.mark.parametrize(
    ("scope", "said", "rules"),
    [
        (Scope(), "of the whole site", ["inc1-hot", "inc1-door", "inc2-hot"]),
        (Scope(devices=("inc1",)), "of inc1", ["inc1-hot", "inc1-door"]),
        (
            Scope(devices=("inc1", "inc2"), severities=("critical",)),
            "of inc1 and inc2, critical",
            ["inc1-hot", "inc2-hot"],
        ),
        (Scope(severities=("low", "medium")), "of the whole site, low or medium", ["inc1-door"]),
        (Scope(devices=("inc3",)), "of inc3", []),
    ],
)
def test_those_that_wait_for_somebody_within_the_scope(
    scope: Scope, said: str, rules: list[str]
) -> None:
    assert str(scope) == said
    assert list(meant(ALARMS, scope)) == rules


def test_an_acknowledgement_covers_what_was_shown() -> None:
    # Scenario 89: "ack all" covers only those listed at that moment.
    assert meant([ALARM], Scope()) == {"inc1-hot": {"occurrence": "3", "severity": "critical"}}
