"""One rule at work: its limits, filters and alarm. Times are steady milliseconds."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import msgspec

from alerts.channel import ChannelSpec
from alerts.engine import filter as a1
from alerts.engine.alarm import Alarm, Phase
from alerts.engine.filter import Delays, Event, Filter, Found, Sample, Stage
from alerts.engine.limits import Side, compiled
from alerts.engine.signal import Signal, Trust
from alerts.engine.trend import with_point
from alerts.policy import Policy
from alerts.rule import Rule, Severity

PERIODS = 3
"""A channel is silent after so many periods without a sample, where no rule says otherwise."""

SIDE_EVENTS: Mapping[Side, Event] = {
    Side.TRUE: Event.TRUE,
    Side.FALSE: Event.FALSE,
    Side.INSIDE: Event.INSIDE,
}


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


class Monitor:
    """A rule with its state. ``order`` is the place in which it is worked off.

    ``filters`` has one A1 filter for each limit; the alarm's level is that of the highest one
    that is set, -1 for none. ``foreign`` marks a definition that changed while nothing ran,
    ``changed`` a state that differs from what was stored.
    """

    def __init__(self, rule: Rule, spec: ChannelSpec, policy: Policy | None, order: int) -> None:
        self.base = rule
        self.spec = spec
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
        self.delays = _delays(rule, self.spec)
        self.low, self.high = self.limits.calm()
        self.allowance = int(rule.on_delay) or PERIODS * self.spec.period_ms
        wanted = len(self.limits.levels)
        kept = self.filters[:wanted]
        self.filters = kept + (Filter(),) * (wanted - len(kept))

    @property
    def judges_values(self) -> bool:
        """Whether it looks at values, not at whether and how they come."""
        return self.rule.kind not in {"silence", "out-of-range"}

    @property
    def level(self) -> int:
        """The highest limit whose condition holds, -1 for none."""
        for index in range(len(self.filters) - 1, -1, -1):
            if self.filters[index].active:
                return index
        return -1

    @property
    def holds(self) -> bool:
        """Whether its condition is known to hold, delays aside: what suppresses others."""
        trusted = self.channel is not None and self.channel.signal.trust is Trust.GOOD
        return trusted and any(state.stage is not Stage.F0 for state in self.filters)

    @property
    def calm(self) -> bool:
        """Whether no good value on the safe side would change anything."""
        return all(f.stage is Stage.F0 and f.past is None for f in self.filters)

    def is_unmoved_by(self, value: float) -> bool:
        """Whether a live good ``value`` surely changes nothing."""
        return self.low < value < self.high and self.calm

    def severity(self, level: int) -> Severity:
        """The severity of a limit."""
        return self.limits.levels[level].severity

    def due(self) -> int | None:
        """The earliest of its timers."""
        timers = [f.due for f in self.filters if f.due is not None]
        alarm = self.alarm.due
        if alarm is not None:
            timers.append(alarm)
        return min(timers, default=None)

    def show(self, event: Event, sample: Sample) -> Touched:
        """Let all filters see the same event."""
        return self.show_each([(event, sample)] * len(self.filters))

    def show_each(self, shown: list[tuple[Event, Sample]]) -> Touched:
        """Let each filter see an event of its own."""
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

    def show_value(self, sample: Sample, *, late: bool) -> Touched:
        """Let each filter see a good value from its own side."""
        shown = []
        for state, side in zip(self.filters, self.limits.sides(sample.value), strict=True):
            event = Event.LATE if late or self._reopens(state, side, sample) else SIDE_EVENTS[side]
            shown.append((event, sample._replace(side=side)))
        if not late:
            self._remember(sample)
        return self.show_each(shown)

    def show_due(self, now: int, limit: int, *, late: bool) -> Touched:
        """Work off the filter timers that were due by ``limit``."""
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
        return RulePart(self.definition, self.filters, self.alarm, self.edits, self.removed)

    def restore(self, part: RulePart) -> None:
        """Go on from what was stored; a definition that changed meanwhile is ``foreign``."""
        self.alarm = part.alarm
        wanted = len(self.filters)
        self.filters = (part.filters + (Filter(),) * wanted)[:wanted]
        self.foreign = part.definition != self.definition
        if not self.foreign:
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


def _delays(rule: Rule, spec: ChannelSpec) -> Delays:
    on: int | None = int(rule.on_delay)
    if rule.kind == "silence" or (rule.kind == "count" and not on):
        on = 0 if rule.kind == "silence" else None
    return Delays(
        on=on,
        off=int(rule.off_delay),
        needed=rule.count,
        window=None if rule.window is None else int(rule.window),
        sign=-1 if rule.kind == "low" else 1,
        bridge=PERIODS * spec.period_ms,
    )
