"""One rule at work: its limits, filters and alarm. Times are steady milliseconds."""

from collections.abc import Callable, Mapping
from math import inf, isfinite
from typing import NamedTuple, Protocol

import msgspec

from alerts.channel import ChannelSpec
from alerts.engine import filter as a1
from alerts.engine.alarm import Alarm, Phase
from alerts.engine.filter import Event, Found, Sample
from alerts.engine.filter_state import Filter, Stage
from alerts.engine.gauge import Frame, Seen, State, jump, measure_of
from alerts.engine.limits import Side, compiled
from alerts.engine.signal import Signal, Trust
from alerts.engine.timing import NO_VALUES, PERIODS, delays_of
from alerts.engine.trend import with_point
from alerts.policy import Policy
from alerts.rule import Rule, Severity

SIDE_EVENTS: Mapping[Side, Event] = {
    Side.TRUE: Event.TRUE,
    Side.FALSE: Event.FALSE,
    Side.INSIDE: Event.INSIDE,
}


EVALUATION_ERRORS = (ArithmeticError, ValueError)
"""What judging one rule may raise: numbers that no formula of it can take. All else is a mistake
of the program, and is the supervisor's to survive."""


class Touched(NamedTuple):
    """A monitor whose filters were shown something, its level before, and what they found."""

    monitor: "Monitor"
    before: int
    found: tuple[tuple[int, Found], ...]


class Heard(Protocol):
    """What a monitor must know of its channel."""

    signal: Signal


class RulePart(msgspec.Struct, frozen=True, array_like=True):
    """What is stored of a monitor: ``definition`` is the digest of the rule in its file."""

    definition: str
    filters: tuple[Filter, ...]
    alarm: Alarm
    edits: dict[str, str]
    removed: bool = False
    gauge: State | None = None
    done_at: int | None = None
    awaited_at: int | None = None
    error: str = ""
    due_at: int | None = None


class Monitor:
    """A rule with its state. ``order`` is the place in which it is worked off.

    ``filters`` has one A1 filter for each limit; the alarm's level is that of the highest one
    that is set, -1 for none. ``error`` is why it cannot be judged: then its alarm is active, and
    each further value is tried. ``foreign`` marks a definition that changed while nothing ran,
    ``changed`` a state that differs from what was stored.
    """

    def __init__(
        self,
        rule: Rule,
        spec: ChannelSpec,
        policy: Policy | None,
        order: int,
        *,
        others: tuple[ChannelSpec, ...] = (),
    ) -> None:
        self.base = rule
        self.spec = spec
        self.others = others
        self.gauge: State | None = None
        self.done_at: int | None = None
        self.awaited_at: int | None = None
        self.due_at: int | None = None
        self.error = ""
        self.failed = False
        self.order = order
        self.scheduled: int | None = None
        self.definition = ""
        self.foreign = False
        self.changed = False
        self.edits: dict[str, str] = {}
        self.removed = False
        self.alarm = Alarm()
        self.filters: tuple[Filter, ...] = ()
        self.cause: Monitor | None = None
        self.siblings: tuple[Monitor, ...] = ()
        self.consequences: list[Monitor] = []
        self.suppressor: Monitor | None = None
        self.suppresses: list[Monitor] = []
        self.channel: Heard | None = None
        self.define(rule, policy)

    def define(self, rule: Rule, policy: Policy | None) -> None:
        """Work by this rule from now on; filters that remain keep their state."""
        self.rule = rule
        self.policy = policy
        self.limits = compiled(rule, self.spec.resolution)
        self.delays = delays_of(rule, self.spec, self.limits.sign)
        self.measure = measure_of(rule)
        periods = tuple(one.period_ms for one in (self.spec, *self.others))
        self.frame = Frame(rule, self.spec.resolution, periods)
        self.low, self.high = self.limits.calm() if self.measure is None else (inf, -inf)
        self.allowance = int(rule.on_delay) or PERIODS * self.spec.period_ms
        wanted = len(self.limits.levels)
        kept = self.filters[:wanted]
        self.filters = kept + (Filter(),) * (wanted - len(kept))

    @property
    def judges_values(self) -> bool:
        """Whether it looks at values, not at whether and how they come."""
        return self.rule.kind not in NO_VALUES

    @property
    def level(self) -> int:
        """The highest limit whose condition holds, -1 for none."""
        for index in range(len(self.filters) - 1, -1, -1):
            if self.filters[index].active:
                return index
        return 0 if self.error else -1

    @property
    def holds(self) -> bool:
        """Whether its condition is known to hold, delays aside: what suppresses others."""
        trusted = self.channel is not None and self.channel.signal.trust is Trust.GOOD
        return trusted and any(state.stage is not Stage.F0 for state in self.filters)

    @property
    def calm(self) -> bool:
        """Whether no good value on the safe side would change anything."""
        if self.error:
            return False
        # A loop, not all(): this is asked of every monitor for nearly every sample.
        for state in self.filters:
            if state.stage is not Stage.F0 or state.past is not None:
                return False
            if state.latest is not Side.FALSE:
                return False
        return True

    def is_unmoved_by(self, value: float) -> bool:
        """Whether a live good ``value`` surely changes nothing."""
        return self.low < value < self.high and self.calm

    def severity(self, level: int) -> Severity:
        """The severity of a limit."""
        return self.limits.levels[level].severity

    def due(self) -> int | None:
        """The earliest of its timers."""
        timers = [f.due for f in self.filters if f.due is not None]
        overdue = self.overdue_from
        if overdue is not None:
            timers.append(overdue)
        alarm = self.alarm.due
        if alarm is not None:
            timers.append(alarm)
        return min(timers, default=None)

    def show(self, event: Event, sample: Sample) -> Touched:
        """Let all filters see the same event."""
        return self.show_each([(event, sample)] * len(self.filters))

    def show_each(self, shown: list[tuple[Event, Sample]]) -> Touched:
        """Let each filter see an event of its own."""
        return self._judged(lambda: self._step(shown))

    def _judged(self, judge: Callable[[], Touched], *, mends: bool = False) -> Touched:
        """What ``judge`` finds. One rule that cannot be judged is in error, not the engine.

        Nothing of its state has changed then; ``mends`` says that a value was judged.
        """
        before = self.level
        try:
            touched = judge()
        except EVALUATION_ERRORS as error:
            self.failed = self.failed or not self.error
            self.error = self.error or f"{type(error).__name__}: {error}"
            self.changed = True
            return Touched(self, before, ())
        if mends and self.error:
            self.error, self.changed = "", True
        return touched

    def _step(self, shown: list[tuple[Event, Sample]]) -> Touched:
        before, found = self.level, []
        states = list(self.filters)
        for index, (event, sample) in enumerate(shown):
            states[index], told = a1.step(self.delays, states[index], event, sample)
            found += [(index, one) for one in told]
        self.changed = self.changed or any(
            a is not b for a, b in zip(states, self.filters, strict=True)
        )
        self.filters = tuple(states)
        return Touched(self, before, tuple(found))

    def show_value(self, sample: Sample, *, late: bool, place: int = 0) -> Touched:
        """Let each filter see a good value from its own side.

        A measure is taken of live samples in their order; late ones say nothing of it.
        """
        return self._judged(lambda: self._value(sample, late=late, place=place), mends=not late)

    def _value(self, sample: Sample, *, late: bool, place: int) -> Touched:
        if self.measure is not None:
            if late:
                return Touched(self, self.level, ())
            measured = self.take(sample, place)
            if measured is None:
                return Touched(self, self.level, ())
            sample = sample._replace(value=measured)
        shown = []
        for state, side in zip(self.filters, self.limits.sides(sample.value), strict=True):
            event = Event.LATE if late or self._reopens(state, side, sample) else SIDE_EVENTS[side]
            shown.append((event, sample._replace(side=side)))
        if not late:
            self._remember(sample)
        return self._step(shown)

    @property
    def overdue_from(self) -> int | None:
        """When the next of its levels is reached without that being done; None after the last."""
        following = self.level + 1
        if self.rule.every is None or self.removed or following >= len(self.limits.levels):
            return None
        return self._reached_at(following)

    def _reached_at(self, level: int) -> int | None:
        """When ``level`` is reached; the lowest at once where nobody knows when it was done."""
        due = self.due_at
        if due is None and self.done_at is not None:
            due = self.done_at + int(self.rule.every or 0)
        if due is None:
            return self.awaited_at if level == 0 else None
        return due + self.limits.levels[level].set_at

    def note_due(self, at: int | None, now: int) -> Touched:
        """The certificate of the sensor says when it is due; None: there is no certificate."""
        self.due_at, self.changed = at, True
        return self._show_reached(now, Sample(at=now, now=now), Event.FALSE)

    def _show_reached(self, by: int, sample: Sample, otherwise: Event) -> Touched:
        """Let each filter see whether its level was reached by then."""
        times = map(self._reached_at, range(len(self.filters)))
        return self.show_each(
            [(Event.TRUE if at is not None and at <= by else otherwise, sample) for at in times]
        )

    def note_done(self, at: int, now: int) -> Touched:
        """What it waits for was done at ``at``; over, unless that is too long ago as well."""
        self.done_at = at if self.done_at is None else max(at, self.done_at)
        self.changed = True
        if self.rule.kind == "calibration-due":
            return self._show_reached(now, Sample(at=now, now=now), Event.FALSE)
        if self.level < 0 or self.done_at + int(self.rule.every or 0) <= now:
            return Touched(self, self.level, ())
        return self.show(Event.FALSE, Sample(at=now, now=now))

    def note_failed(self, now: int) -> Touched:
        """What it waits for was done and failed: it has to be done again, now."""
        self.done_at, self.awaited_at, self.due_at, self.changed = None, now, None, True
        return self._show_reached(now, Sample(at=now, now=now), Event.FALSE)

    def screen(self, sample: Sample) -> tuple[str, Touched]:
        """Why a sample is not to be trusted, empty if it is, and what that did to the filters.

        A screen that cannot be judged holds nothing back.
        """
        codes: list[str] = []

        def judge() -> Touched:
            code, shown = self._screen(sample)
            codes.append(code)
            return self._step(shown * len(self.filters))

        touched = self._judged(judge, mends=True)
        return "".join(codes), touched

    def overhear(self, sample: Sample, place: int) -> Touched:
        """Take in a sample of another channel, by which its own will be judged."""

        def judge() -> Touched:
            self.take(sample, place)
            return Touched(self, self.level, ())

        return self._judged(judge)

    def _screen(self, sample: Sample) -> tuple[str, list[tuple[Event, Sample]]]:
        if self.rule.kind == "spike":
            seen = Seen(sample.at, sample.value)
            self.gauge, jumps = jump(self.frame, self.gauge, seen)
            self.changed = True
            return ("spike", [(Event.TRUE, sample)]) if jumps else ("", [(Event.FALSE, sample)])
        apart = self.take(sample)
        if apart is None:
            return "", []
        side = self.limits.sides(apart)[0]
        disagrees = side is Side.TRUE or (side is Side.INSIDE and self.level >= 0)
        code = "disagrees with the other probes" if disagrees else ""
        return code, [(SIDE_EVENTS[side], sample._replace(value=apart))]

    def take(self, sample: Sample, place: int = 0) -> float | None:
        """What the rule judges instead of the value, None where this sample says nothing."""
        if self.measure is None:
            return sample.value
        seen = Seen(sample.at, sample.value, place)
        self.gauge, measured = self.measure(self.frame, self.gauge, seen)
        self.changed = True
        # Values at the end of what a float can hold give measures that are none.
        return measured if measured is not None and isfinite(measured) else None

    def show_due(self, now: int, limit: int, *, late: bool) -> Touched:
        """Work off the filter timers that were due by ``limit``."""
        overdue = self.overdue_from
        if overdue is not None and overdue <= limit:
            sample = Sample(at=overdue, now=now, late=late)
            return self._show_reached(overdue, sample, Event.INSIDE)
        return self._judged(lambda: self._due_by(now, limit, late=late))

    def _due_by(self, now: int, limit: int, *, late: bool) -> Touched:
        before, found = self.level, []
        states = list(self.filters)
        for index, state in enumerate(states):
            if state.due is not None and state.due <= limit:
                sample = Sample(at=state.due, now=now, late=late)
                states[index], told = a1.step(self.delays, state, Event.DUE, sample)
                found += [(index, one) for one in told]
                self.changed = True
        self.filters = tuple(states)
        return Touched(self, before, tuple(found))

    def part(self) -> RulePart:
        """What is to be stored."""
        return RulePart(
            self.definition,
            self.filters,
            self.alarm,
            self.edits,
            self.removed,
            self.gauge,
            self.done_at,
            self.awaited_at,
            self.error,
            self.due_at,
        )

    def restore(self, part: RulePart, *, before: Rule | None) -> None:
        """Go on from what was stored; a definition that changed meanwhile is ``foreign``.

        ``before`` is the rule that it was judged by. Where that is not known, as of a rule that
        was away for a while, the digest tells; it differs too after an upgrade that knows more
        fields, which is no change.
        """
        self.alarm = part.alarm
        self.gauge = part.gauge
        self.done_at = part.done_at
        self.awaited_at = part.awaited_at
        self.error = part.error
        self.due_at = part.due_at
        wanted = len(self.filters)
        self.filters = (part.filters + (Filter(),) * wanted)[:wanted]
        same = part.definition == self.definition if before is None else before == self.base
        self.foreign = not same
        if same:
            self.edits, self.removed = part.edits, part.removed

    def _reopens(self, state: Filter, side: Side, sample: Sample) -> bool:
        """Whether a false sample was taken before the on-delay ended that set the alarm."""
        on = self.delays.on
        set_later = on is not None and sample.at < state.anchor + on
        return side is Side.FALSE and state.stage is Stage.F2 and set_later and not state.counted

    def _remember(self, sample: Sample) -> None:
        if self.alarm.phase is Phase.A and self.rule.re_alarm is not None:
            trend = with_point(self.alarm.trend, sample.at, self.limits.excess(sample.value))
            if trend is not self.alarm.trend:
                self.alarm = msgspec.structs.replace(self.alarm, trend=trend)
                self.changed = True
