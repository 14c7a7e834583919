"""Scenario 79: a value that a rule cannot be judged by puts that alarm in error, and no other."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from msgspec.structs import replace

from alerts.engine import gauge
from alerts.engine.engine import Engine
from alerts.engine.gauge import Frame, Seen, State
from alerts.rule import Rule
from alerts.transition import What
from devices.duration import parse
from tests.unit.alerts.engine.lab import HOT, Lab, rulebook  # a test's own

T = TypeVar("T")
POISON = 38.77
RISE = Rule(
    id="rise",
    channel="inc1.temperature",
    kind="rate",
    limit=100.0,
    window=parse("10m"),
    severity="high",
    policy="chain",
)
JUMP = Rule(id="jump", channel="inc1.temperature", kind="spike", limit=50.0, policy="chain")
APART = Rule(
    id="apart",
    channel="inc1.temperature",
    kind="difference",
    limit=50.0,
    against=("inc1.second",),
    policy="chain",
)
BRIEF = replace(HOT, on_delay=parse("0s"), off_delay=parse("0s"))


@pytest.fixture(autouse=True)
def poison() -> Iterator[None]:
    """Formulas that one value is too much for, as a number near the end of a float may be."""
    with pytest.MonkeyPatch.context() as patch:
        measures = {kind: failing(measure) for kind, measure in gauge.MEASURES.items()}
        patch.setattr(gauge, "MEASURES", measures)
        patch.setattr("alerts.engine.monitor.jump", failing(gauge.jump))
        yield


def failing(judge: Callable[[Frame, State | None, Seen], T]) -> Callable[..., T]:
    def judged(frame: Frame, state: State | None, seen: Seen) -> T:
        if seen.value == POISON:
            raise OverflowError("too much")
        return judge(frame, state, seen)

    return judged


def lab(*rules: Rule) -> Lab:
    return Lab(rulebook(rules, channels=("inc1.temperature", "inc1.second")))


def test_it_is_active_and_pages_while_the_others_are_judged_on() -> None:
    site = lab(RISE, BRIEF)
    site.hold("0:00:00", "0:05:00", 37.0)
    site.sample("0:05:10", POISON)
    assert site.said(What.SYSTEM) == ["0:05:10 system rise"]
    assert site.last(What.SYSTEM).why == "cannot be judged: OverflowError: too much"
    # The same value is over the limit of the other rule, which is set by it.
    assert site.said(What.SET) == ["0:05:10 set rise", "0:05:10 set hot"]
    assert site.said(What.QUEUED) == ["0:05:10 queued rise A", "0:05:10 queued hot A"]
    rise = next(one for one in site.told if one.what is What.SET and one.rule == "rise")
    assert (rise.why, rise.since, rise.severity) == (
        "cannot be judged: OverflowError: too much",
        rise.at,
        "high",
    )
    view = site.engine.view("rise")
    assert (view.state, view.error) == ("U", "OverflowError: too much")
    assert site.engine.view("hot").error == ""


def test_it_is_over_with_the_next_value_that_can_be_judged() -> None:
    site = lab(RISE)
    site.hold("0:00:00", "0:05:00", 37.0)
    site.sample("0:05:10", POISON)
    site.sample("0:05:20", POISON)
    site.order("0:05:25", "ack", "rise")
    site.sample("0:05:30", 37.0)
    assert site.said(What.SYSTEM, What.SET, What.CLEAR, What.ALL_CLEAR) == [
        "0:05:10 system rise",
        "0:05:10 set rise",
        "0:05:30 clear rise",
        "0:05:30 all_clear rise A",
    ]
    assert site.last(What.CLEAR).why.startswith("it can be judged again")
    view = site.engine.view("rise")
    assert (view.state, view.error) == ("N", "")


def test_an_alarm_that_was_active_stays_so_and_it_is_told() -> None:
    site = lab(RISE)
    # 3 degrees in ten minutes are 18 an hour: no alarm; 30 in ten are.
    for n in range(61):
        site.sample(n * 10_000, 37.0 + n * 0.5)
    assert site.count(What.SET) == 1
    site.sample(610_000, POISON)
    assert site.said(What.SYSTEM) == ["0:10:10 system rise"]
    assert site.count(What.SET) == 1
    assert site.count(What.CLEAR) == 0
    assert site.engine.view("rise").error


@pytest.mark.parametrize(
    ("rule", "channel"),
    [
        pytest.param(JUMP, "inc1.temperature", id="a screen"),
        pytest.param(APART, "inc1.temperature", id="a comparison"),
        pytest.param(APART, "inc1.second", id="a comparison, by the other channel"),
    ],
)
def test_it_is_so_for_every_way_in_which_a_value_is_judged(rule: Rule, channel: str) -> None:
    site = lab(rule, BRIEF)
    site.sample("0:00:00", 37.0)
    site.sample("0:00:00", 37.0, of="inc1.second")
    site.sample("0:00:10", POISON, of=channel)
    assert site.engine.view(rule.id).error == "OverflowError: too much"
    assert f"0:00:10 queued {rule.id} A" in site.said(What.QUEUED)
    # A screen that cannot be judged keeps no value from the others.
    hot = site.engine.view("hot").state
    assert hot == ("U" if channel == "inc1.temperature" else "N")


def test_an_error_outlives_a_restart_and_the_journal_gives_it_again() -> None:
    site = lab(RISE, BRIEF)
    site.hold("0:00:00", "0:05:00", 37.0)
    site.sample("0:05:10", POISON)
    site.reload()
    assert site.engine.view("rise").error == "OverflowError: too much"
    site.started("0:05:15")
    site.sample("0:05:20", 37.0)
    again = Engine(site.book)
    told = [one for seq, entry in enumerate(site.entries) for one in again.advance(seq, entry)]
    assert told == site.told
    assert again.dump() == site.engine.dump()
    assert site.said(What.CLEAR, rule="rise") == ["0:05:20 clear rise"]


def test_a_mistake_of_the_program_is_not_hidden() -> None:
    site = lab(RISE)

    def mistaken(*_: object) -> None:
        raise KeyError("no such key")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site.engine._site.monitors["rise"], "measure", mistaken)
        with pytest.raises(KeyError):
            site.sample("0:00:00", 37.0)
