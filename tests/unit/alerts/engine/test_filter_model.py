"""Table A1 once more, told plainly over the whole past, against the filter that keeps little of it.

The model knows every good sample and looks the answer up; the filter knows a few times. Late true
samples in F0, which make up past excursions, are judged elsewhere.
"""

from typing import NamedTuple

from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.engine.filter import Delays, Event, Sample, step
from alerts.engine.filter_state import Filter, Stage
from alerts.engine.limits import Side
from alerts.engine.monitor import SIDE_EVENTS
from alerts.transition import What

Told = list[tuple[What, int]]


class Deed(NamedTuple):
    """``wait`` later a sample of ``side``; a late one is ``age`` older than the newest."""

    kind: str
    wait: int
    side: Side
    age: int


class Model:
    """The words of the table. ``past`` is every good sample: its time, side, and whether late."""

    def __init__(self, delays: Delays) -> None:
        self.delays = delays
        self.state = "F0"
        self.anchor = self.returned = 0
        self.due: int | None = None
        self.past: dict[int, tuple[Side, bool]] = {}
        self.activations: list[int] = []
        self.counted = False
        self.told: Told = []

    def newest(self) -> Side:
        return self.past[max(self.past)][0]

    def true_after(self, at: int) -> int | None:
        return min(
            (t for t, (side, _) in self.past.items() if t > at and side is Side.TRUE), default=None
        )

    def live(self, at: int, side: Side) -> None:
        activated = not self.past or self.newest() is not Side.TRUE
        self.past[at] = (side, False)
        if side is Side.TRUE:
            self.true(at, activated=activated)
        elif side is Side.FALSE:
            self.false(at)
        elif self.state == "F3":
            self.state, self.due = "F2", None

    def true(self, at: int, *, activated: bool) -> None:
        if self.state == "F3":
            self.state, self.due = "F2", None
        if self.state == "F2":
            return
        if self.state == "F0":
            self.begin(at)
        elif not activated:
            self.judge(at)
            return
        self.activations.append(at)
        self.judge(at)

    def judge(self, at: int) -> None:
        needed, window = self.delays.needed, self.delays.window
        if needed is not None and window is not None:
            recent = [one for one in self.activations if one >= self.activations[-1] - window]
            if len(recent) >= needed:
                self.anchor, self.counted = recent[-needed], True
                self.set()
                return
        if self.delays.on is not None and at - self.anchor >= self.delays.on:
            self.set()

    def begin(self, anchor: int) -> None:
        self.state, self.anchor, self.counted = "F1", anchor, False
        self.due = None if self.delays.on is None else anchor + self.delays.on

    def set(self) -> None:
        self.state, self.due = "F2", None
        self.told.append((What.SET, self.anchor))

    def false(self, at: int) -> None:
        if self.state == "F1":
            self.give_up()
        elif self.state == "F2" and self.delays.off == 0:
            self.state = "F0"
            self.told.append((What.CLEAR, at))
        elif self.state == "F2":
            self.state, self.returned, self.due = "F3", at, at + self.delays.off

    def give_up(self) -> None:
        self.state, self.due = "F0", None
        if self.delays.on is not None:
            self.told.append((What.NEAR_MISS, self.anchor))

    def fall_due(self) -> None:
        self.due = None
        if self.state == "F3":
            self.state = "F0"
            self.told.append((What.CLEAR, self.returned))
        elif self.newest() is Side.TRUE:
            self.set()

    def bad(self) -> None:
        if self.state == "F3":
            self.state, self.due = "F2", None

    def late(self, at: int, side: Side, now: int) -> None:
        newest = max(self.past)
        self.past[at] = (side, True)
        if self.state == "F1" and side is Side.TRUE and at < self.anchor:
            if any(
                at < t < self.anchor and side_ is Side.FALSE for t, (side_, _) in self.past.items()
            ):
                return
            self.begin(at)
        elif self.state == "F1" and side is Side.FALSE and at > self.anchor:
            self.begin_after(at)
        elif self.state == "F2" and side is Side.FALSE and not self.counted:
            self.doubt_set(at, newest)
        elif self.state == "F3" and side is Side.TRUE and at > self.returned:
            self.state, self.due = "F2", None
        over = self.state == "F1" and self.due is not None and self.due <= now
        if over and side is Side.TRUE and self.newest() is Side.TRUE:
            self.set()

    def doubt_set(self, at: int, newest: int) -> None:
        on = self.delays.on or 0
        first = self.true_after(at)
        inside = self.anchor <= at < self.anchor + on
        if inside and (first is None or newest - first < on):
            self.told.append((What.VOID, self.anchor))
            self.begin_after(at, silently=True)

    def begin_after(self, at: int, *, silently: bool = False) -> None:
        first = self.true_after(at)
        if first is not None:
            self.begin(first)
        elif silently:
            self.state, self.due = "F0", None
        else:
            self.give_up()


class Real:
    """The filter, shown what the engine would show it."""

    def __init__(self, delays: Delays) -> None:
        self.delays = delays
        self.state = Filter()
        self.told: Told = []

    def show(self, event: Event, sample: Sample) -> None:
        self.state, found = step(self.delays, self.state, event, sample)
        self.told += [(one.what, one.since) for one in found if one.what is not What.CORRECTION]


TIMED = st.tuples(st.sampled_from([0, 3, 6]), st.sampled_from([0, 2, 5]))
COUNTED = st.tuples(
    st.sampled_from([None, 6, 20]), st.sampled_from([0, 3]), st.integers(2, 3), st.just(10)
)
limits = st.one_of(TIMED, TIMED, COUNTED).map(lambda fields: Delays(*fields))
deeds = st.lists(
    st.builds(
        Deed,
        kind=st.sampled_from(["live"] * 6 + ["late"] * 3 + ["bad", "wait", "restart"]),
        wait=st.integers(1, 4),
        side=st.sampled_from([Side.TRUE, Side.TRUE, Side.FALSE, Side.INSIDE]),
        age=st.integers(1, 12),
    ),
    max_size=40,
)


def live(wait: int, side: Side) -> Deed:
    return Deed("live", wait, side, 1)


RELAPSED = [live(1, Side.TRUE), Deed("wait", 7, Side.TRUE, 1), live(1, Side.FALSE)]
RELAPSED += [live(1, Side.TRUE), Deed("late", 1, Side.FALSE, 5)]
FILLED = [live(1, Side.TRUE), live(9, Side.TRUE), Deed("late", 1, Side.TRUE, 1)]
FILLED += [Deed("late", 1, Side.FALSE, 8)]


HOVERED = [live(1, Side.FALSE), live(6, Side.INSIDE), live(1, Side.TRUE)]
HOVERED += [Deed("late", 1, Side.TRUE, 3)]


@settings(max_examples=300, deadline=None)
@example(delays=Delays(6, 5), story=HOVERED)
@example(delays=Delays(6, 5), story=RELAPSED)
@example(delays=Delays(3, 0), story=FILLED)
@given(limits, deeds)
def test_the_filter_does_what_the_words_of_the_table_say(delays: Delays, story: list[Deed]) -> None:
    model, real, now = Model(delays), Real(delays), 100
    for deed in story:
        now += deed.wait
        if deed.kind == "restart":
            # What fell due meanwhile is done at the start.
            newest = Sample(at=max(model.past, default=now), now=now)
            if model.state != "F0":
                real.show(Event.RESTART, newest)
            if model.due is not None and model.due <= now:
                model.fall_due()
        if real.state.due is not None and real.state.due < now:
            real.show(Event.DUE, Sample(at=real.state.due, now=now))
        if model.due is not None and model.due < now:
            model.fall_due()
        play(deed, now, model, real)
        assert real.told == model.told
        assert real.state.stage == Stage(model.state)
        if model.state == "F1":
            assert real.state.anchor == model.anchor


def play(deed: Deed, now: int, model: Model, real: Real) -> None:
    """Show one sample to both."""
    newest = max(model.past, default=None)
    if deed.kind == "live":
        real.show(SIDE_EVENTS[deed.side], Sample(at=now, now=now, side=deed.side, newest=newest))
        model.live(now, deed.side)
    elif deed.kind == "bad":
        real.show(Event.BAD, Sample(at=now, now=now, newest=newest))
        model.bad()
    elif deed.kind == "late" and newest is not None:
        at = newest - deed.age
        in_f0 = model.state == "F0" and deed.side is Side.TRUE
        if at in model.past or in_f0:
            return
        real.show(Event.LATE, Sample(at=at, now=now, side=deed.side, newest=newest))
        model.late(at, deed.side, now)
