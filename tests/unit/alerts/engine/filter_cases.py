"""Filters of an alarm in each stage, samples, and cases: what an event makes of a filter."""

from typing import NamedTuple

from msgspec.structs import replace

from alerts.engine.filter import Delays, Event, Found, Sample
from alerts.engine.filter_state import Filter, Past, Stage
from alerts.engine.limits import Side
from alerts.transition import What

ON = Delays(on=100, off=50, bridge=30)
AT_ONCE = Delays(on=0, off=0, bridge=30)
LOW = Delays(on=100, off=50, sign=-1, bridge=30)
CLEAR = Filter()
RUNNING = Filter(
    stage=Stage.F1,
    anchor=100,
    due=200,
    latest=Side.TRUE,
    known=90,
    trues=(100,),
    peak=38.5,
)
SET = replace(RUNNING, stage=Stage.F2, due=None, trues=(100, 150, 200))
ENDING = replace(SET, stage=Stage.F3, due=350, latest=Side.FALSE, returned=300, peak=37.0)


class Case(NamedTuple):
    """From ``before`` by ``event`` to ``after``, with what is ``found``."""

    before: Filter
    event: Event
    sample: Sample
    after: Filter
    found: tuple[Found, ...] = ()
    delays: Delays = ON


def at(
    time: int,
    value: float = 38.5,
    *,
    now: int | None = None,
    newest: int | None = 95,
    side: Side = Side.FALSE,
    late: bool = False,
) -> Sample:
    now = time if now is None else now
    return Sample(at=time, now=now, side=side, value=value, newest=newest, late=late)


def set_since(since: int, value: float = 38.5, *, late: bool = False) -> tuple[Found, ...]:
    return (Found(What.SET, since, value, late=late),)


PAST = Past(40, 60, 39.0)
LONG = Past(40, 140, 39.0)
CORRECTED = (Found(What.CORRECTION, 40, 39.0, 140, late=True),)
