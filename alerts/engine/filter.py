"""Table A1: raw samples in, a debounced condition out. Times are steady milliseconds."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from msgspec.structs import replace

from alerts.engine.filter_state import Filter, Past, Stage
from alerts.engine.limits import Side
from alerts.engine.remembered import newer, pulses, with_time
from alerts.transition import What


class Event(StrEnum):
    """Columns of the table."""

    TRUE = "true"
    FALSE = "false"
    INSIDE = "inside"
    DUE = "due"
    BAD = "bad"
    LATE = "late"
    RESTART = "restart"


class Delays(NamedTuple):
    """``on`` (None: no duration sets it) and ``off`` in ms; ``needed`` activations in ``window``.

    ``sign`` is -1 where less is worse; a late sample ``bridge`` ms from its neighbour continues
    it.
    """

    on: int | None = 0
    off: int = 0
    needed: int | None = None
    window: int | None = None
    sign: int = 1
    bridge: int = 0


class Sample(NamedTuple):
    """What the filter is shown: a good sample, a time, or both.

    ``newest`` is the time of the newest good sample before this one; ``late`` marks a timer that
    was found due after nothing ran. A late sample that lies in a ``gap`` of the channel has the
    good samples before and after it: what came late since is all that is known of that time.
    """

    at: int
    now: int
    side: Side = Side.FALSE
    value: float = 0.0
    newest: int | None = None
    late: bool = False
    gap: tuple[int, int] | None = None


class Found(NamedTuple):
    """What the filter decided: ``set``, ``clear``, ``near_miss``, ``void`` or ``correction``."""

    what: What
    since: int
    value: float
    until: int | None = None
    late: bool = False


Result = tuple[Filter, tuple[Found, ...]]
Action = Callable[[Delays, Filter, Sample], Result]


def step(delays: Delays, state: Filter, event: Event, sample: Sample) -> Result:
    """The cell of table A1 for this state and event."""
    return A1[state.stage, event](delays, state, sample)


def stay(_delays: Delays, state: Filter, _sample: Sample) -> Result:
    """No change, nothing to say."""
    return state, ()


def activate(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F0, true: set at once without a delay, else begin the on-delay at the sample's time."""
    found: tuple[Found, ...] = ()
    anchor, known = sample.at, state.known if state.latest is Side.INSIDE else sample.newest
    past = state.past
    if past is not None and past.until <= sample.at:
        if known is None or known < past.until:
            anchor, known = past.since, None
        else:
            found = _reported(delays, past)
    begun = Filter(
        stage=Stage.F1,
        anchor=anchor,
        due=None if delays.on is None else anchor + delays.on,
        latest=Side.TRUE,
        known=known,
        trues=(sample.at,) if anchor == sample.at else (anchor, sample.at),
        pulses=pulses(delays.needed, delays.window, state.pulses, sample.at),
        peak=sample.value,
    )
    after, more = _ripened(delays, begun, sample)
    return after, (*found, *more)


def confirm(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F1, true: the anchor stays; an activation counts; the delay may be over."""
    counted = state.pulses
    if state.latest is not Side.TRUE:
        counted = pulses(delays.needed, delays.window, counted, sample.at)
    worse = delays.sign * sample.value > delays.sign * state.peak
    after = replace(
        state,
        latest=Side.TRUE,
        trues=with_time(state.trues, sample.at),
        pulses=counted,
        peak=sample.value if worse else state.peak,
    )
    return _ripened(delays, after, sample)


def cancel(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F1, false: the delay is off, and noted as a near miss."""
    found: tuple[Found, ...] = ()
    if delays.on is not None:
        found = (Found(What.NEAR_MISS, state.anchor, state.peak, sample.at),)
    return Filter(pulses=state.pulses), found


def hover(_delays: Delays, state: Filter, _sample: Sample) -> Result:
    """F1 and F2, inside the deadband: only remembered as the newest."""
    return replace(state, latest=Side.INSIDE), ()


def expire_on(_delays: Delays, state: Filter, sample: Sample) -> Result:
    """F1, due: set if the newest sample is true, else wait for the next true one."""
    if state.latest is Side.TRUE:
        return _set(state, sample)
    return replace(state, due=None), ()


def persist(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F2, true."""
    trues = _carrying(delays, state, sample.at)
    if state.latest is Side.TRUE and trues is state.trues:
        return state, ()
    return replace(state, latest=Side.TRUE, trues=trues), ()


def recede(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F2, false: clear, or begin the off-delay."""
    if delays.off == 0:
        return _clear(state, sample, sample.at)
    due = sample.at + delays.off
    after = replace(
        state, stage=Stage.F3, due=due, latest=Side.FALSE, returned=sample.at, peak=sample.value
    )
    return after, ()


def expire_off(_delays: Delays, state: Filter, sample: Sample) -> Result:
    """F3, due: the condition is over."""
    return _clear(state, sample._replace(value=state.peak), state.returned)


def relapse(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F3, true: set all along, no new page."""
    carried = replace(state, trues=_carrying(delays, state, sample.at))
    return _back(carried, Side.TRUE, flutter=1), ()


def doubt(_delays: Delays, state: Filter, _sample: Sample) -> Result:
    """F3, inside the deadband, or nothing trustworthy: the return is not proven."""
    return _back(state, Side.INSIDE), ()


def linger(_delays: Delays, state: Filter, sample: Sample) -> Result:
    """F0, inside the deadband: nothing, but a late true sample before it may belong to the next."""
    if state.latest is Side.INSIDE:
        return state, ()
    return replace(state, latest=Side.INSIDE, known=sample.newest), ()


def settle(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F0, false: what came before is over."""
    if state.latest is Side.INSIDE:
        state = replace(state, latest=Side.FALSE, known=None)
    return learn(delays, state, sample)


def learn(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F0, late: history is judged again; what is over is told, nobody is paged."""
    past = state.past
    if sample.side is Side.INSIDE:
        return state, ()
    if sample.side is Side.FALSE:
        if state.latest is Side.INSIDE:
            state = replace(state, known=newer(state.known, sample.at))
        if past is None or not past.since < sample.at:
            return state, ()
        return replace(state, past=None), _reported(delays, past)
    if past is None or not _continues(delays, past, sample):
        told = () if past is None else _reported(delays, past)
        return replace(state, past=Past(sample.at, sample.at, sample.value)), told
    worst = max(past.peak * delays.sign, sample.value * delays.sign) * delays.sign
    wider = Past(min(past.since, sample.at), max(past.until, sample.at), worst)
    return replace(state, past=wider), ()


def revise(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F1, late: a true one may move the anchor back, a false one moves it on or cancels."""
    if sample.side is Side.TRUE:
        if sample.at < state.anchor and state.known is not None and sample.at <= state.known:
            return learn(delays, state, sample)
        anchor = min(state.anchor, sample.at)
        trues = with_time(state.trues, sample.at)
        moved = _delayed(delays, replace(state, trues=trues), anchor)
        if moved.due is not None and moved.due <= sample.now and moved.latest is Side.TRUE:
            return _set(moved, sample._replace(late=True))
        return moved, ()
    if sample.side is Side.FALSE:
        return _undone(delays, state, sample)
    return state, ()


def disprove(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F2, late: a false one inside the on-delay takes the alarm back, unless it holds anyway."""
    if sample.side is Side.TRUE:
        return replace(state, trues=_carrying(delays, state, sample.at)), ()
    if sample.side is not Side.FALSE or state.counted:
        return state, ()
    on = delays.on or 0
    inside = state.anchor <= sample.at < state.anchor + on
    rest = tuple(at for at in state.trues if at > sample.at)
    newest = sample.at if sample.newest is None else sample.newest
    if not inside or (rest and newest - rest[0] >= on):
        return replace(state, known=newer(state.known, sample.at)), ()
    after, _ = _undone(delays, replace(state, stage=Stage.F1), sample)
    return after, (Found(What.VOID, state.anchor, sample.value, sample.at, late=True),)


def recall(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F3, late: a true one in the off-delay says that it never ended."""
    if sample.side is Side.TRUE:
        state = replace(state, trues=_carrying(delays, state, sample.at))
        state = _back(state, Side.FALSE, flutter=1) if sample.at > state.returned else state
    return state, ()


def rejudge(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F0, restart: the newest stored sample is judged."""
    if sample.side is Side.TRUE:
        return activate(delays, state, sample._replace(newest=None))
    return state, ()


def resume_on(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F1, restart: what fell due meanwhile is done now and marked late."""
    if state.due is not None and state.due <= sample.now:
        return expire_on(delays, state, sample._replace(late=True))
    return state, ()


def resume_off(delays: Delays, state: Filter, sample: Sample) -> Result:
    """F3, restart: the same; the last known sample is false and good, or it were not F3."""
    if state.due is not None and state.due <= sample.now:
        return expire_off(delays, state, sample._replace(late=True))
    return state, ()


A1: Mapping[tuple[Stage, Event], Action] = MappingProxyType(
    {
        (Stage.F0, Event.TRUE): activate,
        (Stage.F0, Event.FALSE): settle,
        (Stage.F0, Event.INSIDE): linger,
        (Stage.F0, Event.DUE): stay,
        (Stage.F0, Event.BAD): stay,
        (Stage.F0, Event.LATE): learn,
        (Stage.F0, Event.RESTART): rejudge,
        (Stage.F1, Event.TRUE): confirm,
        (Stage.F1, Event.FALSE): cancel,
        (Stage.F1, Event.INSIDE): hover,
        (Stage.F1, Event.DUE): expire_on,
        (Stage.F1, Event.BAD): stay,
        (Stage.F1, Event.LATE): revise,
        (Stage.F1, Event.RESTART): resume_on,
        (Stage.F2, Event.TRUE): persist,
        (Stage.F2, Event.FALSE): recede,
        (Stage.F2, Event.INSIDE): hover,
        (Stage.F2, Event.DUE): stay,
        (Stage.F2, Event.BAD): stay,
        (Stage.F2, Event.LATE): disprove,
        (Stage.F2, Event.RESTART): stay,
        (Stage.F3, Event.TRUE): relapse,
        (Stage.F3, Event.FALSE): stay,
        (Stage.F3, Event.INSIDE): doubt,
        (Stage.F3, Event.DUE): expire_off,
        (Stage.F3, Event.BAD): doubt,
        (Stage.F3, Event.LATE): recall,
        (Stage.F3, Event.RESTART): resume_off,
    }
)


def _ripened(delays: Delays, state: Filter, sample: Sample) -> Result:
    if delays.needed is not None and len(state.pulses) >= delays.needed:
        return _set(replace(state, anchor=state.pulses[0], counted=True), sample)
    if delays.on is not None and sample.at - state.anchor >= delays.on:
        return _set(state, sample)
    return state, ()


def _set(state: Filter, sample: Sample) -> Result:
    after = replace(state, stage=Stage.F2, due=None)
    return after, (Found(What.SET, state.anchor, state.peak, late=sample.late),)


def _clear(state: Filter, sample: Sample, since: int) -> Result:
    return Filter(pulses=state.pulses), (Found(What.CLEAR, since, sample.value, late=sample.late),)


def _back(state: Filter, latest: Side, *, flutter: int = 0) -> Filter:
    return replace(state, stage=Stage.F2, due=None, latest=latest, flutter=state.flutter + flutter)


def _undone(delays: Delays, state: Filter, sample: Sample) -> Result:
    """The true samples up to a late false one do not count towards the on-delay."""
    if sample.at < state.anchor:
        return replace(state, known=newer(state.known, sample.at)), ()
    rest = tuple(at for at in state.trues if at > sample.at)
    if not rest:
        after, found = cancel(delays, state, sample)
        hovers = replace(after, latest=Side.INSIDE, known=newer(state.known, sample.at))
        return hovers if state.latest is Side.INSIDE else after, found
    kept = replace(state, trues=rest, known=sample.at)
    return _delayed(delays, kept, rest[0]), ()


def _delayed(delays: Delays, state: Filter, anchor: int) -> Filter:
    due = None if delays.on is None else anchor + delays.on
    return replace(state, anchor=anchor, due=due)


def _continues(delays: Delays, past: Past, sample: Sample) -> bool:
    """Whether no good sample can be missing between ``past`` and a late true one."""
    if past.since - delays.bridge <= sample.at <= past.until + delays.bridge:
        return True
    return sample.gap is not None and sample.gap[0] < past.since and past.until < sample.gap[1]


def _reported(delays: Delays, past: Past) -> tuple[Found, ...]:
    if delays.on is None or past.until - past.since < delays.on:
        return ()
    return (Found(What.CORRECTION, past.since, past.peak, past.until, late=True),)


def _carrying(delays: Delays, state: Filter, at: int) -> tuple[int, ...]:
    """True samples up to the first after the on-delay, which may have to carry a new one."""
    if not delays.on or at <= state.anchor:
        return state.trues
    if state.trues and at >= state.trues[-1] >= state.anchor + delays.on:
        return state.trues
    return with_time(state.trues, at)
