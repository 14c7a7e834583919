"""Two rulebooks over the same readings: won, lost and moved, worked out by hand."""

from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from alerts.contrast import Change, Contrast, Summary, Total
from alerts.engine.engine import Engine
from alerts.rule import Rule
from alerts.rulebook import Rulebook
from alerts.transition import What
from alerts.trial import DAY_MS, Trial, warm_up
from devices.duration import parse
from devices.scan import Scan
from storage.entry import ClockStep, Command, Entry, Started, Stopped, Tick
from tests.unit.alerts.engine.lab import HOT, START, ms, rulebook  # a test's own
from tests.unit.alerts.engine.test_replay import journals, site, with_ticks  # a test's own
from tests.unit.alerts.plain_judge import sample  # a test's own

pytestmark = pytest.mark.long

HOUR = 3_600_000
SET, CLEAR = "1:05:00", "1:22:10"
"""Of 38.2 from 1:00:00 to 1:20:00: five minutes after the first, two after 37.0 at 1:20:10."""


def day(*warm: tuple[str, str, float], until: str = "4:00:00") -> list[Entry]:
    """A start, then a sample each 10 s: 37.0, but for the spans from, to (included), value."""
    entries: list[Entry] = [Started(at=START, version="0", configuration="")]
    for at in range(0, ms(until) + 1, 10_000):
        value = next((v for begin, end, v in warm if ms(begin) <= at <= ms(end)), 37.0)
        entries.append(sample(value, START + at))
    return entries


WARM = ("1:00:00", "1:20:00", 38.2)


def compared(
    entries: Iterable[Entry],
    proposed: Rule | Rulebook,
    *,
    in_force: Rule = HOT,
    start: str = "0:00:00",
    end: str = "4:00:00",
) -> tuple[list[Change], Summary]:
    book = proposed if isinstance(proposed, Rulebook) else rulebook([proposed])
    contrast = Contrast(rulebook([in_force]), book, start=START + ms(start), end=START + ms(end))
    found = [change for entry in entries for change in contrast.take(entry)]
    found += contrast.finish(START + ms(end))
    return found, contrast.summary


def at(offset: str) -> int:
    return START + ms(offset)


def test_a_higher_limit_loses_the_alarm_below_it_and_keeps_the_one_above() -> None:
    hot = ("2:00:00", "2:20:00", 39.0)
    found, summary = compared(day(WARM, hot), replace(HOT, limit=38.5))
    assert [(one.how, one.rule, one.now) for one in found] == [("lost", "hot", None)]
    was = found[0].was
    assert was is not None
    assert (was.since, was.start, was.end) == (at("1:00:00"), at(SET), at(CLEAR))
    assert (was.severity, was.pages) == ("critical", 1)
    assert summary == Summary(
        in_force=Total(alarms=2, pages=2),
        proposed=Total(alarms=1, pages=1),
        same=1,
        won=0,
        lost=1,
        moved=0,
    )


def test_a_lower_limit_wins_an_alarm() -> None:
    found, _ = compared(day(("1:00:00", "1:20:00", 37.9)), replace(HOT, limit=37.5))
    assert [one.how for one in found] == ["won"]
    now = found[0].now
    assert now is not None
    assert (now.start, now.end) == (at(SET), at(CLEAR))


@pytest.mark.parametrize(
    ("changed", "field", "expected"),
    [
        pytest.param({"on_delay": parse("10m")}, "start", at("1:10:00"), id="announced later"),
        pytest.param({"off_delay": parse("10m")}, "end", at("1:30:10"), id="returns later"),
        pytest.param({"severity": "low"}, "severity", "low", id="less grave"),
        pytest.param({"policy": ""}, "pages", 0, id="pages nobody"),
    ],
)
def test_an_alarm_that_both_give_differently_has_moved(
    changed: dict[str, object], field: str, expected: object
) -> None:
    found, summary = compared(day(WARM), replace(HOT, **changed))
    assert [one.how for one in found] == ["moved"]
    was, now = found[0].was, found[0].now
    assert was is not None
    assert now is not None
    assert getattr(now, field) == expected
    assert replace(now, **{field: getattr(was, field)}) == was
    assert summary.moved == 1


def test_one_that_is_announced_after_the_other_was_over_is_still_the_same_alarm() -> None:
    # In force it returns at 1:20:10 at once; proposed it is announced at 1:25:00 only.
    entries = day(("1:00:00", "1:20:00", 38.2), ("1:20:10", "1:40:00", 37.9))
    quick = replace(HOT, deadband=0.0, off_delay=parse("0s"))
    slow = replace(HOT, limit=37.9, on_delay=parse("25m"))
    found, _ = compared(entries, slow, in_force=quick)
    assert [one.how for one in found] == ["moved"]
    now = found[0].now
    assert now is not None
    assert (now.since, now.start) == (at("1:00:00"), at("1:25:00"))


def test_what_is_still_active_at_the_end_has_no_end() -> None:
    entries = day(("3:00:00", "4:00:00", 38.2))
    found, _ = compared(entries, replace(HOT, limit=38.5))
    assert found[0].was is not None
    assert found[0].was.end is None


def test_only_alarms_of_the_period_are_told_with_their_true_start() -> None:
    hot = ("2:00:00", "2:20:00", 38.2)
    proposed = replace(HOT, limit=39.0)
    found, summary = compared(day(WARM, hot), proposed, start="1:30:00", end="3:00:00")
    assert [one.was and one.was.start for one in found] == [at("2:05:00")]
    assert summary.in_force == Total(alarms=1, pages=1)
    # One that was active when the period began is part of it, from when it really began.
    found, _ = compared(day(WARM, hot), proposed, start="1:10:00", end="1:30:00")
    assert [one.was and one.was.start for one in found] == [at(SET)]


def command(when: str, verb: str, target: str = "hot", **arguments: str) -> Command:
    return Command(
        id=f"{verb}-{when}",
        at=at(when),
        by="A",
        verb=verb,
        target=target,
        via="cli",
        arguments=arguments,
    )


def with_command(entries: list[Entry], order: Command) -> list[Entry]:
    place = next(n for n, e in enumerate(entries) if isinstance(e, Scan) and e.at >= order.at)
    return [*entries[:place], order, *entries[place:]]


@pytest.mark.parametrize(
    "order",
    [
        command("0:30:00", "shelve", **{"for": "3h"}, reason="r"),
        command("1:06:00", "unack"),
        command("0:30:00", "edit", limit="40"),
        command("0:30:00", "remove"),
    ],
    ids=lambda order: order.verb,
)
def test_what_people_did_to_alarms_that_these_rules_never_had_is_not_taken(order: Command) -> None:
    found, _ = compared(with_command(day(WARM), order), replace(HOT, limit=39.0))
    assert [(one.how, one.was and one.was.pages) for one in found] == [("lost", 1)]


@pytest.mark.parametrize(
    ("order", "pages"),
    [
        (command("0:30:00", "out_of_service", "inc1", until=str(at("3:00:00")), reason="r"), 0),
        (command("0:30:00", "rota", "chain", step="0", to="A,B,C"), 3),
    ],
    ids=["out of service", "rota"],
)
def test_what_tells_of_the_plant_is_taken_by_both(order: Command, pages: int) -> None:
    found, summary = compared(with_command(day(WARM), order), replace(HOT, limit=39.0))
    assert [one.was and one.was.pages for one in found] == [pages]
    assert summary.in_force == Total(alarms=1, pages=pages)


def test_an_overdue_check_is_not_overdue_once_it_was_done() -> None:
    check = Rule(id="check", channel=HOT.channel, kind="overdue", every=parse("1h"))
    order = command("0:30:00", "done", "check", note="probe is in its place")
    found, _ = compared(with_command(day(), order), check)
    won = [one.now and one.now.start for one in found if one.how == "won"]
    # Never done it is overdue from the beginning; done at 0:30:00, an hour later.
    assert won == [at("0:00:00"), at("1:30:00")]


def test_a_latched_alarm_ends_when_it_is_gone_and_can_come_again() -> None:
    hot = ("2:00:00", "2:20:00", 38.2)
    found, summary = compared(day(WARM, hot), replace(HOT, latching=True))
    assert found == []
    assert summary.same == 2


def test_an_alarm_that_gets_no_better_calls_again_and_one_acknowledged_does_not_escalate() -> None:
    entries = day(("1:00:00", "1:59:00", 38.2), ("1:59:10", "2:30:00", 38.3))
    found, _ = compared(entries, replace(HOT, re_alarm=parse("20m")))
    now = found[0].now
    assert now is not None
    # Acknowledged at 1:05, at 1:25, at 1:45, at 2:05 and at 2:25 still no better: five calls.
    assert now.pages == 5


def test_ticks_of_the_rules_in_force_do_not_wake_those_proposed() -> None:
    entries = day(("1:00:00", "1:20:00", 38.2))
    place = next(n for n, e in enumerate(entries) if isinstance(e, Scan) and e.at == at("1:03:00"))
    ticked = [*entries[:place], Tick(at("2:00:00")), *entries[place:]]
    assert compared(ticked, replace(HOT, limit=39.0)) == compared(entries, replace(HOT, limit=39.0))


def test_what_fell_due_while_no_core_ran_falls_at_the_next_start() -> None:
    entries: list[Entry] = [
        Started(at=START, version="0", configuration=""),
        *(sample(38.2, START + n * 10_000) for n in range(10)),
        Stopped(at=at("0:01:40"), reason="asked to stop"),
        Started(at=at("1:00:00"), version="0", configuration=""),
        sample(38.2, at("1:00:10")),
        sample(37.0, at("1:00:20")),
    ]
    found, _ = compared(entries, replace(HOT, limit=39.0))
    assert [one.was and one.was.start for one in found] == [at("1:00:00")]


def test_a_clock_that_was_set_moves_no_alarm_against_the_readings() -> None:
    shift = HOUR
    entries = day(WARM, until="1:02:00")
    entries.append(ClockStep(at=at("1:02:00") + shift, step=shift))
    entries += [sample(38.2, at("1:02:10") + shift + n * 10_000) for n in range(60)]
    found, _ = compared(entries, replace(HOT, limit=39.0))
    # Steady time counts: five minutes after it began, the step left out.
    assert [one.was and one.was.start for one in found] == [at(SET) + shift]


def test_only_what_can_still_change_is_held() -> None:
    spans = [(f"{h}:00:00", f"{h}:20:00", 38.2) for h in range(24)]
    contrast = Contrast(
        rulebook([HOT]), rulebook([replace(HOT, limit=39.0)]), start=START, end=START + DAY_MS
    )
    most, lost = 0, 0
    for entry in day(*spans, until="24:00:00"):
        lost += len(list(contrast.take(entry)))
        most = max(most, sum(len(side) for both in contrast._found.values() for side in both))
    assert lost == 24
    assert most == 1


def test_the_readings_before_a_period_fill_what_the_rules_remember() -> None:
    plain = rulebook([HOT])
    # A day, five minutes and two.
    assert warm_up(plain) == DAY_MS + 7 * 60_000
    tank = Rule(
        id="boils",
        channel=HOT.channel,
        kind="evaporation",
        limit=2.0,
        deadband=5.0,
        window=parse("6h"),
    )
    assert warm_up(rulebook([tank])) == DAY_MS + 29 * 6 * HOUR


quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.long
@quick
@given(journals())
def test_the_same_rules_never_differ_from_themselves(entries: list[Entry]) -> None:
    book = site()
    contrast = Contrast(book, book, start=0, end=START + 2**40)
    assert [one for entry in entries for one in contrast.take(entry)] == []
    assert list(contrast.finish(START + 24 * HOUR)) == []


@pytest.mark.long
@quick
@given(journals())
def test_without_orders_a_trial_sets_what_the_engine_sets(entries: list[Entry]) -> None:
    # Without restarts: at the instant of one, what is due is done before it if somebody
    # acknowledges in that instant, and after a new allowance if nobody does.
    first, *others = entries
    plain: list[Entry] = [first]
    plain += [one for one in others if not isinstance(one, Command | Tick | Started)]
    engine, trial = Engine(site()), Trial(site())
    # Acknowledged or not, the condition is judged alike; only latched alarms differ by the reset.
    wanted = [
        (one.rule, one.at)
        for seq, entry in enumerate(with_ticks(plain))
        for one in engine.advance(seq, entry)
        if one.what is What.SET
    ]
    begun: dict[tuple[str, int], None] = {}
    for entry in plain:
        for one in trial.take(entry):
            begun[one.rule, one.start] = None
    assert set(begun) == set(wanted)
