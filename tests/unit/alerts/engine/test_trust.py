"""What is left of a channel's quality after each cell of table A4, field by field."""

import pytest
from msgspec.structs import replace

from alerts.engine.signal import Event, Fact, Signal, Trust, judge

NEVER = Signal(since=100, floor=100)
GOOD = Signal(trust=Trust.GOOD, since=100, floor=100, heard=200, good_at=200, value=37.0, run=3)
SUSPECT = replace(GOOD, trust=Trust.SUSPECT, run=1, code="spike")
BAD = replace(GOOD, trust=Trust.BAD, run=1, code="sensor_fault", heard=230)
STALE = replace(GOOD, trust=Trust.STALE, run=0, code="sensor_fault")
FACT = Fact(300, code="out_of_range", needed=3)
LAST = Fact(300, needed=2)


@pytest.mark.parametrize(
    ("signal", "event", "fact", "after"),
    [
        (NEVER, Event.GOOD, LAST, replace(NEVER, trust=Trust.GOOD, run=1)),
        (NEVER, Event.SUSPECT, FACT, replace(NEVER, trust=Trust.SUSPECT, code="out_of_range")),
        (NEVER, Event.FAIL, FACT, replace(NEVER, trust=Trust.BAD, code="out_of_range")),
        (NEVER, Event.SILENT, FACT, replace(NEVER, overdue=True)),
        (NEVER, Event.RESTART, FACT, NEVER),
        (GOOD, Event.GOOD, LAST, GOOD),
        (GOOD, Event.SUSPECT, FACT, replace(GOOD, trust=Trust.SUSPECT, run=0, code=FACT.code)),
        (GOOD, Event.FAIL, FACT, replace(GOOD, trust=Trust.BAD, run=0, code=FACT.code)),
        (GOOD, Event.SILENT, FACT, replace(GOOD, trust=Trust.STALE, run=0)),
        (GOOD, Event.RESTART, FACT, replace(GOOD, floor=300)),
        (SUSPECT, Event.GOOD, FACT, replace(SUSPECT, run=2)),
        (SUSPECT, Event.GOOD, LAST, replace(SUSPECT, trust=Trust.GOOD, run=2, code="")),
        (SUSPECT, Event.SUSPECT, FACT, replace(SUSPECT, run=0)),
        (SUSPECT, Event.SILENT, FACT, replace(SUSPECT, trust=Trust.STALE, run=0)),
        (BAD, Event.GOOD, FACT, replace(BAD, run=2)),
        (BAD, Event.GOOD, LAST, replace(BAD, trust=Trust.GOOD, run=2, code="")),
        (BAD, Event.SUSPECT, FACT, replace(BAD, run=0)),
        (BAD, Event.FAIL, FACT, replace(BAD, run=0, code=FACT.code)),
        (STALE, Event.GOOD, LAST, replace(STALE, trust=Trust.GOOD, run=1, code="")),
        (STALE, Event.GOOD, Fact(300, live=False), STALE),
        (STALE, Event.SUSPECT, FACT, STALE),
        (STALE, Event.FAIL, FACT, replace(STALE, trust=Trust.BAD, code=FACT.code)),
        (STALE, Event.RESTART, FACT, STALE),
    ],
)
def test_each_cell_leaves_the_channel_so(
    signal: Signal, event: Event, fact: Fact, after: Signal
) -> None:
    assert judge(signal, event, fact)[0] == after


def test_a_fact_is_live_and_one_good_sample_is_enough_where_nothing_else_is_said() -> None:
    assert Fact(300) == Fact(300, live=True, code="", needed=1)
    assert Signal() == Signal(Trust.NEVER, None, 0, None, None, None, 0, "", overdue=False)


@pytest.mark.parametrize(
    ("signal", "silent", "blind"),
    [
        (NEVER, 130, 130),
        (replace(NEVER, since=None), None, None),
        (replace(NEVER, overdue=True), None, 130),
        (GOOD, 230, 230),
        (replace(GOOD, floor=500), 530, 530),
        (BAD, 260, 230),
        (replace(BAD, good_at=None), 260, 130),
        (replace(BAD, good_at=None, since=None), 260, None),
        (replace(BAD, heard=None), None, 230),
        (STALE, None, 230),
        (replace(STALE, floor=500), None, 530),
    ],
)
def test_silence_and_blindness_are_due_after_the_allowance(
    signal: Signal, silent: int | None, blind: int | None
) -> None:
    assert (signal.silent_from(30), signal.blind_from(30)) == (silent, blind)
