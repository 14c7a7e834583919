"""The late column of table A1 to the millisecond: what each cell leaves behind."""

import pytest
from msgspec.structs import replace

from alerts.engine.filter import Delays, Event, Found, Sample, step
from alerts.engine.filter_state import Filter, Past, Stage
from alerts.engine.limits import Side
from alerts.transition import What
from tests.unit.alerts.engine.filter_cases import (
    AT_ONCE,
    CLEAR,
    CORRECTED,
    ENDING,
    LONG,
    LOW,
    PAST,
    RUNNING,
    SET,
    Case,
    at,
    set_since,
)


def late(
    time: int, side: Side, value: float = 38.5, *, now: int = 190, newest: int | None = 180
) -> Sample:
    return at(time, value, side=side, now=now, newest=newest)


HELD = replace(RUNNING, trues=(100, 130, 180))
CASES = {
    "a first one": Case(CLEAR, Event.LATE, late(40, Side.TRUE), Filter(past=Past(40, 40, 38.5))),
    "inside says nothing": Case(
        Filter(past=PAST), Event.LATE, late(50, Side.INSIDE), Filter(past=PAST)
    ),
    "a bridge before": Case(
        Filter(past=PAST),
        Event.LATE,
        late(10, Side.TRUE, 38.5),
        Filter(past=Past(10, 60, 39.0)),
    ),
    "further before": Case(
        Filter(past=LONG),
        Event.LATE,
        late(9, Side.TRUE, 38.5),
        Filter(past=Past(9, 9, 38.5)),
        CORRECTED,
    ),
    "a bridge after": Case(
        Filter(past=PAST),
        Event.LATE,
        late(90, Side.TRUE, 39.5),
        Filter(past=Past(40, 90, 39.5)),
    ),
    "further after": Case(
        Filter(past=LONG),
        Event.LATE,
        late(171, Side.TRUE, 39.5),
        Filter(past=Past(171, 171, 39.5)),
        CORRECTED,
    ),
    "further after, in a gap in which both lie": Case(
        Filter(past=LONG),
        Event.LATE,
        late(171, Side.TRUE, 39.5)._replace(gap=(39, 180)),
        Filter(past=Past(40, 171, 39.5)),
    ),
    "further before, in a gap in which both lie": Case(
        Filter(past=LONG),
        Event.LATE,
        late(9, Side.TRUE)._replace(gap=(8, 141)),
        Filter(past=Past(9, 140, 39.0)),
    ),
    "in a gap that began within what is known": Case(
        Filter(past=LONG),
        Event.LATE,
        late(171, Side.TRUE, 39.5)._replace(gap=(40, 180)),
        Filter(past=Past(171, 171, 39.5)),
        CORRECTED,
    ),
    "in a gap that ended within what is known": Case(
        Filter(past=LONG),
        Event.LATE,
        late(9, Side.TRUE)._replace(gap=(8, 140)),
        Filter(past=Past(9, 9, 38.5)),
        CORRECTED,
    ),
    "within": Case(Filter(past=PAST), Event.LATE, late(50, Side.TRUE, 38.5), Filter(past=PAST)),
    "the worst of what is low": Case(
        Filter(past=PAST),
        Event.LATE,
        late(50, Side.TRUE, 38.5),
        Filter(past=replace(PAST, peak=38.5)),
        (),
        LOW,
    ),
    "a false one ends it": Case(
        Filter(past=LONG), Event.LATE, late(41, Side.FALSE), CLEAR, CORRECTED
    ),
    "an older false one than is known, inside": Case(
        Filter(latest=Side.INSIDE, known=50),
        Event.LATE,
        late(40, Side.FALSE),
        Filter(latest=Side.INSIDE, known=50),
    ),
    "a false one from before it": Case(
        Filter(past=LONG), Event.LATE, late(40, Side.FALSE), Filter(past=LONG)
    ),
    "a live false one ends it": Case(
        Filter(past=LONG), Event.FALSE, late(190, Side.FALSE), CLEAR, CORRECTED
    ),
    "moves the anchor back": Case(
        HELD,
        Event.LATE,
        late(95, Side.TRUE),
        replace(HELD, anchor=95, due=195, trues=(95, 100, 130, 180)),
    ),
    "moves the anchor back far enough": Case(
        HELD,
        Event.LATE,
        late(91, Side.TRUE, now=191),
        replace(HELD, stage=Stage.F2, anchor=91, due=None, trues=(91, 100, 130, 180)),
        set_since(91, late=True),
    ),
    "moves the anchor back, the newest is inside": Case(
        replace(HELD, latest=Side.INSIDE),
        Event.LATE,
        late(91, Side.TRUE, now=191),
        replace(HELD, latest=Side.INSIDE, anchor=91, due=191, trues=(91, 100, 130, 180)),
    ),
    "one from behind what is known": Case(
        HELD, Event.LATE, late(90, Side.TRUE), replace(HELD, past=Past(90, 90, 38.5))
    ),
    "more from behind what is known": Case(
        replace(HELD, past=Past(80, 80, 38.5)),
        Event.LATE,
        late(50, Side.TRUE, 39.0),
        replace(HELD, past=Past(50, 80, 39.0)),
    ),
    "one more at the anchor, which a false one of a buffer has as well": Case(
        replace(HELD, known=100),
        Event.LATE,
        late(100, Side.TRUE),
        replace(HELD, known=100, trues=(100, 100, 130, 180)),
    ),
    "moves the anchor back where only a count sets it": Case(
        replace(HELD, due=None),
        Event.LATE,
        late(95, Side.TRUE),
        replace(HELD, anchor=95, due=None, trues=(95, 100, 130, 180)),
        (),
        Delays(on=None, needed=2, window=100),
    ),
    "nothing is known before": Case(
        replace(HELD, known=None),
        Event.LATE,
        late(95, Side.TRUE),
        replace(HELD, known=None, anchor=95, due=195, trues=(95, 100, 130, 180)),
    ),
    "between changes no anchor": Case(
        HELD, Event.LATE, late(120, Side.TRUE), replace(HELD, trues=(100, 120, 130, 180))
    ),
    "a false one moves the anchor on": Case(
        HELD,
        Event.LATE,
        late(110, Side.FALSE),
        replace(HELD, anchor=130, due=230, known=110, trues=(130, 180)),
    ),
    "a false one at a true one": Case(
        HELD,
        Event.LATE,
        late(130, Side.FALSE),
        replace(HELD, anchor=180, due=280, known=130, trues=(180,)),
    ),
    "a false one after all of them": Case(
        HELD, Event.LATE, late(180, Side.FALSE), CLEAR, (Found(What.NEAR_MISS, 100, 38.5, 180),)
    ),
    "a false one after all of them, the newest is inside": Case(
        replace(HELD, latest=Side.INSIDE),
        Event.LATE,
        late(180, Side.FALSE),
        Filter(latest=Side.INSIDE, known=180),
        (Found(What.NEAR_MISS, 100, 38.5, 180),),
    ),
    "an older false one than is known after all of them, the newest is inside": Case(
        replace(HELD, latest=Side.INSIDE, known=185),
        Event.LATE,
        late(180, Side.FALSE),
        Filter(latest=Side.INSIDE, known=185),
        (Found(What.NEAR_MISS, 100, 38.5, 180),),
    ),
    "a false one before the anchor": Case(
        HELD, Event.LATE, late(95, Side.FALSE), replace(HELD, known=95)
    ),
    "an older false one before the anchor": Case(HELD, Event.LATE, late(80, Side.FALSE), HELD),
    "a first false one before the anchor": Case(
        replace(HELD, known=None), Event.LATE, late(80, Side.FALSE), replace(HELD, known=80)
    ),
    "inside on the way": Case(HELD, Event.LATE, late(120, Side.INSIDE), HELD),
    "set, one more on the way": Case(
        SET, Event.LATE, late(180, Side.TRUE), replace(SET, trues=(100, 150, 180, 200))
    ),
    "set, one at the end": Case(SET, Event.LATE, late(200, Side.TRUE), SET),
    "set, one at the anchor": Case(SET, Event.LATE, late(100, Side.TRUE), SET),
    "set, one after the anchor": Case(
        SET, Event.LATE, late(101, Side.TRUE), replace(SET, trues=(100, 101, 150, 200))
    ),
    "disproved at the anchor": Case(
        SET,
        Event.LATE,
        late(100, Side.FALSE, 37.0, newest=249),
        replace(HELD, anchor=150, due=250, known=100, trues=(150, 200)),
        (Found(What.VOID, 100, 37.0, 100, late=True),),
    ),
    "disproved at the end of the delay": Case(
        SET,
        Event.LATE,
        late(199, Side.FALSE, 37.0, newest=299),
        replace(HELD, anchor=200, due=300, known=199, trues=(200,)),
        (Found(What.VOID, 100, 37.0, 199, late=True),),
    ),
    "disproved wholly": Case(
        replace(SET, trues=(100,)),
        Event.LATE,
        late(150, Side.FALSE, 37.0),
        CLEAR,
        (Found(What.VOID, 100, 37.0, 150, late=True),),
    ),
    "disproved by the first sample of another probe": Case(
        SET,
        Event.LATE,
        late(150, Side.FALSE, 37.0, newest=None),
        replace(HELD, anchor=200, due=300, known=150, trues=(200,)),
        (Found(What.VOID, 100, 37.0, 150, late=True),),
    ),
    "true for long enough since": Case(
        SET, Event.LATE, late(199, Side.FALSE, newest=300), replace(SET, known=199)
    ),
    "after the delay": Case(SET, Event.LATE, late(200, Side.FALSE), replace(SET, known=200)),
    "before the anchor": Case(SET, Event.LATE, late(99, Side.FALSE), replace(SET, known=99)),
    "before the anchor, older than is known": Case(SET, Event.LATE, late(80, Side.FALSE), SET),
    "set by a count": Case(
        replace(SET, counted=True), Event.LATE, late(150, Side.FALSE), replace(SET, counted=True)
    ),
    "set at once": Case(
        SET, Event.LATE, late(100, Side.FALSE), replace(SET, known=100), (), AT_ONCE
    ),
    "set at once by the only true one": Case(
        replace(SET, trues=(100,)),
        Event.LATE,
        late(100, Side.FALSE),
        replace(SET, trues=(100,), known=100),
        (),
        AT_ONCE,
    ),
    "set, inside": Case(SET, Event.LATE, late(150, Side.INSIDE), SET),
    "it never ended": Case(
        replace(ENDING, flutter=2),
        Event.LATE,
        late(301, Side.TRUE),
        replace(ENDING, stage=Stage.F2, due=None, flutter=3),
    ),
    "before it returned": Case(ENDING, Event.LATE, late(300, Side.TRUE), ENDING),
    "on the way, before it returned": Case(
        ENDING, Event.LATE, late(120, Side.TRUE), replace(ENDING, trues=(100, 120, 150, 200))
    ),
    "false while it ends": Case(ENDING, Event.LATE, late(310, Side.FALSE), ENDING),
}


@pytest.mark.parametrize("name", CASES)
def test_each_event_leaves_the_filter_so(name: str) -> None:
    case = CASES[name]
    assert step(case.delays, case.before, case.event, case.sample) == (case.after, case.found)
