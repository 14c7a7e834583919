"""Table A4 cell by cell: how far a channel can be trusted."""

from itertools import product
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from alerts.engine.signal import A4, Event, Fact, Signal, Trust, judge

NEVER = Signal(since=100, floor=100)
GOOD = Signal(trust=Trust.GOOD, since=100, floor=100, heard=200, good_at=200, value=37.0, run=1)
SUSPECT = replace(GOOD, trust=Trust.SUSPECT, run=0, code="spike")
BAD = replace(GOOD, trust=Trust.BAD, run=0, code="sensor_fault", heard=230)
STALE = replace(GOOD, trust=Trust.STALE, run=0)
NOW = Fact(300)
CODE = Fact(300, code="out_of_range")


class Cell(NamedTuple):
    """From ``signal`` by ``event`` to ``trust``, and what is told."""

    signal: Signal
    event: Event
    trust: Trust
    told: str = ""
    fact: Fact = NOW
    case: str = ""


SECOND = Fact(300, needed=2)
CELLS = [
    Cell(NEVER, Event.GOOD, Trust.GOOD, "first sample"),
    Cell(NEVER, Event.SUSPECT, Trust.SUSPECT, "suspect: out_of_range", CODE),
    Cell(NEVER, Event.FAIL, Trust.BAD, "bad: out_of_range", CODE),
    Cell(NEVER, Event.SILENT, Trust.NEVER, "never reported"),
    Cell(NEVER, Event.RESTART, Trust.NEVER),
    Cell(GOOD, Event.GOOD, Trust.GOOD),
    Cell(GOOD, Event.SUSPECT, Trust.SUSPECT, "suspect: out_of_range", CODE),
    Cell(GOOD, Event.FAIL, Trust.BAD, "bad: out_of_range", CODE),
    Cell(GOOD, Event.SILENT, Trust.STALE, "no sample"),
    Cell(GOOD, Event.RESTART, Trust.GOOD),
    Cell(SUSPECT, Event.GOOD, Trust.GOOD, "good again, was spike"),
    Cell(SUSPECT, Event.GOOD, Trust.SUSPECT, "", SECOND, "one of two"),
    Cell(replace(SUSPECT, run=1), Event.GOOD, Trust.GOOD, "good again, was spike", SECOND, "two"),
    Cell(SUSPECT, Event.SUSPECT, Trust.SUSPECT, "", CODE),
    Cell(SUSPECT, Event.FAIL, Trust.BAD, "bad: out_of_range", CODE),
    Cell(SUSPECT, Event.SILENT, Trust.STALE, "no sample, after spike"),
    Cell(SUSPECT, Event.RESTART, Trust.SUSPECT),
    Cell(BAD, Event.GOOD, Trust.GOOD, "good again, was sensor_fault"),
    Cell(BAD, Event.GOOD, Trust.BAD, "", SECOND, "one of two"),
    Cell(BAD, Event.SUSPECT, Trust.BAD, "", CODE),
    Cell(BAD, Event.FAIL, Trust.BAD, "", CODE),
    Cell(BAD, Event.SILENT, Trust.STALE, "no sample, after sensor_fault"),
    Cell(BAD, Event.RESTART, Trust.BAD),
    Cell(STALE, Event.GOOD, Trust.GOOD, "samples again"),
    Cell(STALE, Event.GOOD, Trust.STALE, "", Fact(300, live=False), "only back-fill"),
    Cell(STALE, Event.SUSPECT, Trust.STALE, "", CODE),
    Cell(STALE, Event.FAIL, Trust.BAD, "bad: out_of_range", CODE),
    Cell(STALE, Event.SILENT, Trust.STALE),
    Cell(STALE, Event.RESTART, Trust.STALE),
]


@pytest.mark.parametrize(
    "cell", CELLS, ids=lambda cell: f"{cell.signal.trust}-{cell.event}-{cell.case}".rstrip("-")
)
def test_each_cell_of_a4_does_what_the_table_says(cell: Cell) -> None:
    after, told = judge(cell.signal, cell.event, cell.fact)
    assert (after.trust, told) == (cell.trust, cell.told)


def test_no_cell_of_a4_is_forgotten() -> None:
    wanted = set(product(Trust, Event))
    assert len(wanted) == 25
    assert set(A4) == wanted
    assert {(cell.signal.trust, cell.event) for cell in CELLS} == wanted


def test_the_grace_of_a_channel_that_never_reported_survives_a_restart() -> None:
    assert NEVER.silent_from(30) == 130
    after, _ = judge(NEVER, Event.RESTART, Fact(120))
    assert (after.silent_from(30), after.blind_from(30)) == (130, 130)


def test_that_it_never_reported_is_said_once() -> None:
    after, _ = judge(NEVER, Event.SILENT, NOW)
    assert after.silent_from(30) is None


def test_silence_is_measured_from_the_newest_sample() -> None:
    assert GOOD.silent_from(30) == 230
    assert BAD.silent_from(30) == 260
    assert STALE.silent_from(30) is None


def test_good_samples_are_missed_from_the_newest_good_one() -> None:
    assert BAD.blind_from(30) == 230
    assert replace(BAD, good_at=None).blind_from(30) == 130


def test_a_restart_allows_the_same_silence_again() -> None:
    for signal in (GOOD, SUSPECT, BAD):
        after, _ = judge(signal, Event.RESTART, Fact(1_000))
        assert (after.silent_from(30), after.blind_from(30)) == (1_030, 1_030)


def test_bad_samples_break_a_run_of_good_ones() -> None:
    for signal, event in product((SUSPECT, BAD), (Event.SUSPECT, Event.FAIL)):
        assert judge(replace(signal, run=1), event, CODE)[0].run == 0


def test_the_newest_code_is_shown() -> None:
    assert judge(BAD, Event.FAIL, CODE)[0].code == "out_of_range"
    assert judge(BAD, Event.GOOD, NOW)[0].code == ""


def test_a_channel_that_nobody_awaits_yet_is_not_silent() -> None:
    assert Signal().silent_from(30) is None
    assert Signal().blind_from(30) is None


@pytest.mark.parametrize(
    ("signal", "at", "gap"),
    [
        pytest.param(NEVER, 50, (0, 300), id="nothing was ever heard"),
        pytest.param(GOOD, 250, (200, 300), id="since the newest good sample"),
        pytest.param(GOOD, 200, None, id="of the newest itself"),
        pytest.param(GOOD, 150, None, id="among samples that came in time"),
        pytest.param(replace(GOOD, gap=(100, 180)), 101, (100, 180), id="just behind the gap"),
        pytest.param(replace(GOOD, gap=(100, 180)), 179, (100, 180), id="just before its end"),
        pytest.param(replace(GOOD, gap=(100, 180)), 100, None, id="where it begins"),
        pytest.param(replace(GOOD, gap=(100, 180)), 180, None, id="where it ends"),
    ],
)
def test_a_late_sample_lies_in_the_newest_gap_or_nobody_knows(
    signal: Signal, at: int, gap: tuple[int, int] | None
) -> None:
    assert signal.gap_around(at, 300) == gap


def test_a_gap_is_longer_than_what_is_allowed() -> None:
    assert GOOD.heard_after(230, 30).gap is None
    assert GOOD.heard_after(231, 30).gap == (200, 231)
    assert NEVER.heard_after(900, 30).gap is None
