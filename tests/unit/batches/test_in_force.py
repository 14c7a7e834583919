"""The rules of then: which limits judged a stay, when they changed, and what nobody can say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from alerts.channel import ChannelSpec
from alerts.reader import AlarmReader
from alerts.rule import Rule
from alerts.rulebook import Rulebook, RuleError
from alerts.transition import Transition, What
from batches.in_force import InForce, in_force
from batches.ledger import Ledger
from batches.placement import Interval
from batches.policy import Verdict
from batches.record import BatchRecord, Made, assemble
from batches.setting import Setting
from batches.survey import Part, Readings
from devices.scan import Layout, Scan
from storage.archive.pieces import Piece
from storage.entry import ClockStep, Command, Note, Started, Stopped, Tick
from storage.journal import Journal
from storage.reader import JournalReader

B = "B-2026-0001"
MINUTE = 60_000
HOUR = 60 * MINUTE
MONDAY = 1_767_596_400_000
"""2026-01-05 07:00:00 UTC."""


class Clock(Protocol):
    def at(self, hours: float) -> None: ...


def hot(limit: float, name: str = "inc1-hot", channel: str = "inc1.temperature") -> Rule:
    return Rule(id=name, channel=channel, kind="high", limit=limit)


CHANNELS = tuple(
    ChannelSpec(
        id=f"{device}.temperature",
        quantity="temperature",
        period_ms=MINUTE,
        resolution=0.1,
        range=(0.0, 50.0),
    )
    for device in ("inc1", "inc2")
)
BOOKS = {
    name: Rulebook(rules=(hot(limit), hot(39.0, "inc2-hot", "inc2.temperature")), channels=CHANNELS)
    for name, limit in (("a", 39.0), ("b", 38.0))
}


def book(digest: str) -> Rulebook:
    try:
        return BOOKS[digest]
    except KeyError:
        raise RuleError(f"{digest} was not kept") from None


def started(hours: float, digest: str) -> Started:
    return Started(at=MONDAY + round(hours * HOUR), version="0.1.0", configuration=digest)


def edit(hours: float, command: str, limit: str, verb: str = "edit") -> Command:
    at = MONDAY + round(hours * HOUR)
    arguments = {"limit": limit, "note": "the door seal was changed"} if limit else {}
    return Command(
        id=command, at=at, by="ben", verb=verb, target="inc1-hot", via="cli", arguments=arguments
    )


def taken(what: What, command: str) -> Transition:
    return Transition(at=MONDAY, what=what, rule="inc1-hot", command=command)


def limits(found: InForce, hours: float) -> list[float | None]:
    held = found.at(MONDAY + round(hours * HOUR))
    assert held is not None
    assert held.rules is not None
    return [rule.limit for rule in held.rules]


def test_each_start_brings_its_rules_and_the_same_ones_bring_nothing() -> None:
    notes: list[Note] = [started(0, "a"), started(1, "a"), started(2, "b"), started(3, "a")]
    found = in_force(notes, [], book)
    assert [each.since - MONDAY for each in found.rules] == [0, 2 * HOUR, 3 * HOUR]
    assert [limits(found, hours) for hours in (1.5, 2, 4)] == [[39, 39], [38, 39], [39, 39]]
    # What a journal held before any core ran is judged as the first one judges it.
    assert limits(found, -1) == [39, 39]
    assert [run.at - MONDAY for run in found.runs] == [0, HOUR, 2 * HOUR, 3 * HOUR]


def test_an_edit_that_the_engine_took_counts_and_one_that_it_refused_does_not() -> None:
    notes: list[Note] = [
        started(0, "a"),
        edit(1, "c1", "37.5"),
        edit(2, "c2", "35"),
        edit(3, "c3", "", "remove"),
    ]
    history = [taken(What.EDITED, "c1"), taken(What.REFUSED, "c2"), taken(What.REMOVED, "c3")]
    found = in_force(notes, history, book)
    assert [limits(found, hours) for hours in (0.5, 2.5, 3.5)] == [[39, 39], [37.5, 39], [39]]
    assert found.rules[1].why == "inc1-hot was edited by ben: the door seal was changed"
    assert found.rules[2].why == "inc1-hot was removed by ben"


def test_an_edit_outlasts_a_restart_until_the_files_give_the_rule_anew() -> None:
    notes: list[Note] = [started(0, "a"), edit(1, "c1", "37.5"), started(2, "a"), started(3, "b")]
    found = in_force(notes, [taken(What.EDITED, "c1")], book)
    assert [limits(found, hours)[0] for hours in (1.5, 2.5, 3.5)] == [37.5, 37.5, 38]


def test_a_rulebook_that_was_not_kept_sets_no_limits() -> None:
    found = in_force([started(0, "a"), started(1, "gone")], [], book)
    assert found.rules[1].rules is None
    assert "gone was not kept" in found.rules[1].why
    keys = ["temperature"]
    span = Interval(MONDAY, MONDAY + 2 * HOUR)
    assert found.cuts("inc1", keys, span) == [
        Interval(MONDAY, MONDAY + HOUR),
        Interval(MONDAY + HOUR, MONDAY + 2 * HOUR),
    ]


def test_a_stay_is_cut_only_where_its_own_limits_changed() -> None:
    found = in_force([started(0, "a"), started(2, "b"), started(3, "a")], [], book)
    span = Interval(MONDAY + HOUR, MONDAY + 5 * HOUR)
    pieces = found.cuts("inc1", ["temperature", "door"], span)
    assert [(p.start - MONDAY, p.end - MONDAY) for p in pieces] == [
        (HOUR, 2 * HOUR),
        (2 * HOUR, 3 * HOUR),
        (3 * HOUR, 5 * HOUR),
    ]
    assert found.cuts("inc2", ["temperature", "door"], span) == [span]
    assert found.over(span).rules == found.rules
    assert InForce().cuts("inc1", ["temperature"], span) == [span]


def test_a_clock_that_was_set_back_between_two_starts_cuts_no_time_in_reverse() -> None:
    found = in_force([started(3, "a"), started(1, "b"), started(4, "a")], [], book)
    span = Interval(MONDAY, MONDAY + 5 * HOUR)
    pieces = found.over(span).cuts("inc1", ["temperature"], span)
    assert pieces[0].start == span.start
    assert pieces[-1].end == span.end
    assert all(piece.length > 0 for piece in pieces)
    assert [one.end for one in pieces[:-1]] == [two.start for two in pieces[1:]]
    # What was started last counts, from when its clock said.
    assert [limits(found, hours)[0] for hours in (1.5, 3.5, 4.5)] == [38, 38, 39]


def test_only_what_concerns_a_time_is_in_its_record() -> None:
    notes = [started(0, "a"), started(1, "b"), started(4, "a")]
    steps = [ClockStep(at=MONDAY + n * HOUR, step=-250) for n in range(5)]
    found = in_force([*notes, *steps], [], book)
    part = found.over(Interval(MONDAY + 2 * HOUR, MONDAY + 4 * HOUR))
    assert [each.digest for each in part.rules] == ["b"]
    assert [each.at - MONDAY for each in part.clock] == [2 * HOUR, 3 * HOUR]
    assert part.runs == ()


@pytest.fixture
def record(
    lived: Ledger, journal: Readings, alarms: AlarmReader, setting: Setting, made: Made
) -> Callable[[InForce], BatchRecord]:
    def record(past: InForce) -> BatchRecord:
        def unseen(_: int, __: Interval, ___: Part, ____: Piece) -> None:
            return

        given: dict[str, Any] = {"readings": journal, "alarms": alarms, "setting": setting}
        return assemble(B, ledger=lived, made=made, visit=unseen, past=past, **given)

    return record


def test_the_rules_of_then_judge_and_not_those_of_today(
    record: Callable[[InForce], BatchRecord],
) -> None:
    # Today's rules (the setting) say 38.0 degC; inc1 was at 38.5 from 9:00 to 9:05.
    past = in_force([started(0, "a"), started(2, "b")], [], book)
    found = record(past)
    assert [(s.rules, s.span.length // MINUTE) for s in found.stays] == [
        ("a", 120),
        ("b", 120),
        ("b", 230),
    ]
    heat = [stay.channels[0].exposure for stay in found.stays]
    assert [exposure.limits.high for exposure in heat] == [39.0, 38.0, 39.0]
    assert [exposure.verdict for exposure in heat][:2] == [Verdict.IN, Verdict.IN]
    assert [each.digest for each in found.rules] == ["a", "b"]
    # 240 polls in inc1, none counted twice and none lost at the cut.
    assert [exposure.received for exposure in heat] == [120, 120, 230]


def test_where_the_rules_were_not_kept_nothing_is_in_limits(
    record: Callable[[InForce], BatchRecord],
) -> None:
    found = record(in_force([started(0, "gone")], [], book))
    assert found.verdict is Verdict.UNKNOWN
    assert found.open_items[0] == (
        "The alarm rules gone that ran then were not kept; what the limits were is not known."
    )


async def test_the_journal_gives_what_stands_beside_scans(tmp_path: Path) -> None:
    shape = Layout("inc1", ("temperature",), ("temperature",))
    beside: list[Note] = [
        started(0, "a"),
        ClockStep(at=MONDAY - HOUR, step=-3_600_000),
        edit(1, "c1", "38"),
        Stopped(at=MONDAY + HOUR, reason="asked to"),
    ]
    async with Journal(tmp_path) as journal:
        for note in beside:
            await journal.put(note)
            await journal.put(Scan(shape, note.at, note.at, (37.0,), bytes(1)))
            await journal.put(Tick(note.at))
    with JournalReader(tmp_path) as reader:
        assert reader.notes() == beside
