"""Table A1 to the millisecond: what each cell leaves behind, field by field."""

import pytest
from msgspec.structs import replace

from alerts.engine.filter import Delays, Event, Found, Sample, step
from alerts.engine.filter_state import Filter, Stage
from alerts.engine.limits import Side
from alerts.engine.remembered import KEPT
from alerts.transition import What
from tests.unit.alerts.engine.filter_cases import (
    AT_ONCE,
    CLEAR,
    CORRECTED,
    ENDING,
    LONG,
    LOW,
    ON,
    PAST,
    RUNNING,
    SET,
    Case,
    at,
    set_since,
)

COUNTED = Delays(on=100, needed=2, window=100)
ONLY_COUNTED = Delays(on=None, needed=2, window=100)


def true(time: int, *, newest: int) -> Sample:
    return at(time, newest=newest, side=Side.TRUE)


BEGUN = replace(RUNNING, known=95)
WITH_PAST = replace(RUNNING, anchor=40, due=140, known=None, trues=(40, 100))
CASES = {
    "begins": Case(CLEAR, Event.TRUE, at(100), BEGUN),
    "sets at once": Case(
        CLEAR,
        Event.TRUE,
        at(100),
        replace(BEGUN, stage=Stage.F2, due=None),
        set_since(100),
        AT_ONCE,
    ),
    "begins without a duration": Case(
        CLEAR,
        Event.TRUE,
        at(100),
        replace(BEGUN, due=None, pulses=(100,)),
        delays=ONLY_COUNTED,
    ),
    "goes on from what was late": Case(
        replace(CLEAR, past=PAST), Event.TRUE, at(100, newest=59), WITH_PAST
    ),
    "goes on from what was late, nothing else is known": Case(
        replace(CLEAR, past=PAST), Event.TRUE, true(100, newest=0), WITH_PAST
    ),
    "what was late is apart": Case(
        replace(CLEAR, past=PAST), Event.TRUE, at(100, newest=60), replace(RUNNING, known=60)
    ),
    "what was late ends with it": Case(
        replace(CLEAR, past=replace(PAST, until=100)), Event.TRUE, at(100, newest=50), WITH_PAST
    ),
    "what was late is of later": Case(
        replace(CLEAR, past=replace(PAST, until=101)),
        Event.TRUE,
        at(100, newest=50),
        replace(BEGUN, known=50),
    ),
    "what was late was an excursion": Case(
        replace(CLEAR, past=LONG),
        Event.TRUE,
        at(200, newest=150),
        replace(RUNNING, anchor=200, due=300, known=150, trues=(200,)),
        CORRECTED,
    ),
    "what was late was too short for one": Case(
        replace(CLEAR, past=replace(LONG, until=139)),
        Event.TRUE,
        at(200, newest=150),
        replace(RUNNING, anchor=200, due=300, known=150, trues=(200,)),
    ),
    "long enough with what was late": Case(
        replace(CLEAR, past=PAST),
        Event.TRUE,
        at(140, newest=50),
        replace(SET, anchor=40, known=None, trues=(40, 140)),
        set_since(40),
    ),
    "not long enough with what was late": Case(
        replace(CLEAR, past=PAST),
        Event.TRUE,
        at(139, newest=50),
        replace(WITH_PAST, trues=(40, 139)),
    ),
    "often enough": Case(
        replace(CLEAR, pulses=(5,)),
        Event.TRUE,
        at(105),
        Filter(Stage.F2, 5, None, Side.TRUE, 95, (105,), (5, 105), 38.5, counted=True),
        set_since(5),
        COUNTED,
    ),
    "not often enough within the window": Case(
        replace(CLEAR, pulses=(4,)),
        Event.TRUE,
        at(105),
        Filter(Stage.F1, 105, 205, Side.TRUE, 95, (105,), (105,), 38.5),
        (),
        COUNTED,
    ),
    "often enough without a window": Case(
        replace(CLEAR, pulses=(4,)),
        Event.TRUE,
        at(1_005),
        Filter(Stage.F2, 4, None, Side.TRUE, 95, (1_005,), (4, 1_005), 38.5, counted=True),
        set_since(4),
        Delays(on=100, needed=2),
    ),
    "a timer of before says nothing": Case(
        replace(CLEAR, past=LONG), Event.DUE, at(190), replace(CLEAR, past=LONG)
    ),
    "nothing trustworthy ends no excursion": Case(
        replace(CLEAR, past=LONG), Event.BAD, at(190), replace(CLEAR, past=LONG)
    ),
    "still true": Case(
        RUNNING, Event.TRUE, at(199, 39.0), replace(RUNNING, trues=(100, 199), peak=39.0)
    ),
    "still true, no worse": Case(
        RUNNING, Event.TRUE, at(199, 38.4), replace(RUNNING, trues=(100, 199))
    ),
    "still true, less is worse": Case(
        RUNNING, Event.TRUE, at(199, 38.4), replace(RUNNING, trues=(100, 199), peak=38.4), (), LOW
    ),
    "true for long enough": Case(
        RUNNING,
        Event.TRUE,
        at(200, 39.0),
        replace(SET, trues=(100, 200), peak=39.0),
        set_since(100, 39.0),
    ),
    "true again counts": Case(
        replace(RUNNING, latest=Side.INSIDE, pulses=(100,)),
        Event.TRUE,
        at(150),
        replace(SET, trues=(100, 150), pulses=(100, 150), counted=True),
        set_since(100),
        COUNTED,
    ),
    "still true does not count": Case(
        replace(RUNNING, pulses=(100,)),
        Event.TRUE,
        at(150),
        replace(RUNNING, trues=(100, 150), pulses=(100,)),
        (),
        COUNTED,
    ),
    "a near miss": Case(
        replace(RUNNING, pulses=(100,), peak=39.0),
        Event.FALSE,
        at(199, 37.0),
        replace(CLEAR, pulses=(100,)),
        (Found(What.NEAR_MISS, 100, 39.0, 199),),
    ),
    "not often enough is no near miss": Case(
        replace(RUNNING, pulses=(100,)),
        Event.FALSE,
        at(199, 37.0),
        replace(CLEAR, pulses=(100,)),
        (),
        ONLY_COUNTED,
    ),
    "inside": Case(RUNNING, Event.INSIDE, at(150), replace(RUNNING, latest=Side.INSIDE)),
    "due": Case(
        RUNNING, Event.DUE, at(200), replace(RUNNING, stage=Stage.F2, due=None), set_since(100)
    ),
    "due, long ago": Case(
        RUNNING,
        Event.DUE,
        at(200, late=True),
        replace(RUNNING, stage=Stage.F2, due=None),
        set_since(100, late=True),
    ),
    "due, inside": Case(
        replace(RUNNING, latest=Side.INSIDE),
        Event.DUE,
        at(200),
        replace(RUNNING, latest=Side.INSIDE, due=None),
    ),
    "set and true": Case(SET, Event.TRUE, at(210), SET),
    "set and inside": Case(SET, Event.INSIDE, at(210), replace(SET, latest=Side.INSIDE)),
    "set and true again": Case(replace(SET, latest=Side.INSIDE), Event.TRUE, at(210), SET),
    "set, carried on": Case(
        replace(SET, trues=(100, 150)), Event.TRUE, at(210), replace(SET, trues=(100, 150, 210))
    ),
    "over at once": Case(
        replace(SET, pulses=(100,)),
        Event.FALSE,
        at(300, 37.0),
        replace(CLEAR, pulses=(100,)),
        (Found(What.CLEAR, 300, 37.0),),
        AT_ONCE,
    ),
    "over after a while": Case(SET, Event.FALSE, at(300, 37.0), ENDING),
    "over": Case(
        replace(ENDING, pulses=(100,)),
        Event.DUE,
        at(350, 0.0, late=True),
        replace(CLEAR, pulses=(100,)),
        (Found(What.CLEAR, 300, 37.0, late=True),),
    ),
    "relapsed": Case(
        replace(ENDING, flutter=2),
        Event.TRUE,
        at(310),
        replace(ENDING, stage=Stage.F2, due=None, latest=Side.TRUE, flutter=3),
    ),
    "relapsed before the delay would have been over": Case(
        replace(ENDING, trues=(100, 150)),
        Event.TRUE,
        at(310),
        replace(
            ENDING, stage=Stage.F2, due=None, latest=Side.TRUE, flutter=1, trues=(100, 150, 310)
        ),
    ),
    "not proven": Case(
        replace(ENDING, flutter=2),
        Event.BAD,
        at(310),
        replace(ENDING, stage=Stage.F2, due=None, latest=Side.INSIDE, flutter=2),
    ),
    "judged anew": Case(
        CLEAR,
        Event.RESTART,
        true(100, newest=95),
        replace(RUNNING, known=None),
    ),
    "nothing to judge": Case(CLEAR, Event.RESTART, at(100), CLEAR),
    "the rest is waited for": Case(RUNNING, Event.RESTART, at(150, now=199), RUNNING),
    "it fell due": Case(
        RUNNING,
        Event.RESTART,
        at(150, now=200),
        replace(RUNNING, stage=Stage.F2, due=None),
        set_since(100, late=True),
    ),
    "nothing is due": Case(
        replace(RUNNING, due=None), Event.RESTART, at(150, now=900), replace(RUNNING, due=None)
    ),
    "the return is waited for": Case(ENDING, Event.RESTART, at(300, now=349), ENDING),
    "the return fell due": Case(
        ENDING,
        Event.RESTART,
        at(300, now=350),
        CLEAR,
        (Found(What.CLEAR, 300, 37.0, late=True),),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_event_leaves_the_filter_so(name: str) -> None:
    case = CASES[name]
    assert step(case.delays, case.before, case.event, case.sample) == (case.after, case.found)


def test_what_does_not_change_is_the_same() -> None:
    for event, sample in ((Event.TRUE, at(210)), (Event.DUE, at(210)), (Event.BAD, at(210))):
        assert step(ON, SET, event, sample)[0] is SET


def test_of_very_many_true_samples_every_other_is_remembered() -> None:
    state = replace(RUNNING, trues=tuple(range(100, 100 + KEPT - 1)), due=9_000)
    delays = ON._replace(on=9_000)
    full, _ = step(delays, state, Event.TRUE, at(1_000))
    assert len(full.trues) == KEPT == 256
    halved, _ = step(delays, full, Event.TRUE, at(1_010))
    assert halved.trues == (*range(100, 355, 2), 1_010)


def test_a_filter_and_its_delays_begin_with_nothing() -> None:
    assert Filter() == Filter(
        Stage.F0, 0, None, Side.FALSE, None, (), (), 0.0, counted=False, returned=0, flutter=0
    )
    assert Delays() == Delays(0, 0, None, None, 1, 0)
    assert Sample(1, 2) == Sample(1, 2, Side.FALSE, 0.0, None, late=False)
    assert Found(What.SET, 1, 2.0) == Found(What.SET, 1, 2.0, None, late=False)
