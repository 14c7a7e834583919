"""Moves alarms on by what their filters found, and says what happened."""

from collections.abc import Iterable
from typing import NamedTuple

from msgspec.structs import replace

from alerts.engine import core, suppression, telling
from alerts.engine.alarm import Phase
from alerts.engine.calling import calm_down
from alerts.engine.clock import Clock
from alerts.engine.core import Event
from alerts.engine.escalation import Event as Next
from alerts.engine.escalation import escalate
from alerts.engine.filter import Found
from alerts.engine.moment import Moment
from alerts.engine.monitor import Monitor, Touched
from alerts.engine.paging import inhibit
from alerts.engine.parts import RotaPart
from alerts.engine.signal import Trust
from alerts.engine.site import explained, explanation, newly_explained
from alerts.engine.suppression import Event as Overlaid
from alerts.engine.timers import Timers
from alerts.engine.watch import Channel, News
from alerts.engine.words import cleared_because, set_because
from alerts.policy import Policy
from alerts.transition import Transition, What


class Act(NamedTuple):
    """Who did it, with which command and note."""

    by: str = ""
    command: str = ""
    note: str = ""


NOBODY = Act()


class Annunciator:
    """Collects transitions in ``said`` and the monitors that changed in ``dirty``."""

    def __init__(self, clock: Clock, timers: Timers, rota: RotaPart) -> None:
        self.clock = clock
        self.timers = timers
        self.rota = rota
        self.said: list[Transition] = []
        self.dirty: set[Monitor] = set()

    def moment(self, monitor: Monitor, act: Act = NOBODY, *, late: bool = False) -> Moment:
        """This instant, for one monitor."""
        return Moment(
            now=self.clock.now,
            offset=self.clock.offset,
            rule=monitor.rule,
            policy=monitor.policy,
            on_call=self.on_call,
            cause=explanation(monitor),
            late=late,
            by=act.by,
            command=act.command,
            note=act.note,
            said=self.said,
        )

    def on_call(self, policy: Policy, step: int) -> tuple[str, ...]:
        """The people of a step, as the rota has them now."""
        standing_in = self.rota.get(policy.id, {}).get(str(step))
        return policy.steps[step].people if standing_in is None else standing_in

    def announce(
        self, news: Iterable[News], touched: Iterable[Touched] = (), *, late: bool = False
    ) -> None:
        """Tell of the quality of channels, then move the alarms: causes before consequences."""
        news, every = tuple(news), list(touched)
        for one in news:
            if one.told:
                self._tell_quality(one.channel, one.told)
            every += one.touched
        self._suppress(every, news)
        for shown in sorted(every, key=lambda one: one.monitor.order):
            self.apply(shown, late=late)

    def apply(self, shown: Touched, act: Act = NOBODY, *, late: bool = False) -> None:
        """Move one alarm by what its filters found."""
        monitor = shown.monitor
        if monitor.changed:
            monitor.changed = False
            self.keep(monitor)
        if monitor.failed:
            monitor.failed = False
            self.moment(monitor, act, late=late).say(
                monitor.alarm, What.SYSTEM, why=f"cannot be judged: {monitor.error}"
            )
        for level, found in shown.found:
            if found.what is What.CORRECTION or (found.what is What.NEAR_MISS and level == 0):
                self._tell_past(monitor, found, level)
        before, after = shown.before, monitor.level
        if before != after:
            moment = self.moment(monitor, act, late=late)
            self._describe(moment, monitor, shown, after)
            self.run(monitor, _event(shown, before, after), moment)

    def run(self, monitor: Monitor, event: Event | None, moment: Moment) -> None:
        """Take the cell of table A2 (None: the occurrence is void) and what follows from it."""
        was_active = monitor.alarm.active
        if event is None:
            monitor.alarm = core.void(monitor.alarm, moment)
        else:
            monitor.alarm = core.apply(monitor.alarm, event, moment)
        self.keep(monitor)
        if monitor.alarm.active and not was_active:
            for below in newly_explained(monitor):
                below.alarm = inhibit(below.alarm, self.moment(below))
                self.keep(below)
        elif was_active and not monitor.alarm.active:
            for below in explained(monitor):
                self._release(below)

    def overlay(self, monitor: Monitor, event: Overlaid, moment: Moment) -> None:
        """Take the cell of table A3."""
        before = monitor.alarm
        monitor.alarm = suppression.overlay(before, event, moment)
        if monitor.alarm is not before:
            self.keep(monitor)

    def design(self, monitor: Monitor, event: Overlaid = Overlaid.DESIGN_TRUE) -> None:
        """See whether what suppresses ``monitor`` holds."""
        cause = monitor.suppressor
        if cause is None:
            return
        moment = self.moment(monitor)
        moment.still = cause.holds and not cause.removed
        moment.why = f"{cause.rule.id} holds"
        if event is Overlaid.DESIGN_TRUE and not moment.still:
            event = Overlaid.DESIGN_FALSE
        self.overlay(monitor, event, moment)

    def work_off(self, monitor: Monitor, limit: int, *, late: bool) -> None:
        """Do what the alarm's own timers were set for, up to ``limit`` (steady ms)."""
        if _is_due(monitor.alarm.overlay.due, limit):
            self.overlay(monitor, Overlaid.EXPIRY, self.moment(monitor, late=late))
        if _is_due(monitor.alarm.flapping.due, limit):
            monitor.alarm = calm_down(monitor.alarm, self.moment(monitor, late=late))
        if _is_due(monitor.alarm.release_due, limit):
            self._start_released(monitor, late=late)
        if _is_due(monitor.alarm.page_due, limit):
            moment = self.moment(monitor, late=late)
            moment.why = "active again; the gap between repeated pages is over"
            monitor.alarm = telling.page_again(replace(monitor.alarm, page_due=None), moment)
        if _is_due(monitor.alarm.remind_due, limit):
            monitor.alarm = replace(monitor.alarm, remind_due=None)
            self.run(monitor, Event.RE_ALARM, self.moment(monitor, late=late))
        if _is_due(monitor.alarm.escalation.due, limit):
            moment = self.moment(monitor, late=late)
            monitor.alarm = escalate(monitor.alarm, Next.DUE, moment)
        self.keep(monitor)

    def keep(self, monitor: Monitor) -> None:
        """The monitor changed: it is to be stored, and may be due earlier."""
        self.dirty.add(monitor)
        self.timers.note(monitor)

    def _suppress(self, every: Iterable[Touched], news: Iterable[News]) -> None:
        """What suppresses others counts before they are moved: a door opens, then it warms."""
        causes = {shown.monitor for shown in every}
        causes |= {m for one in news if one.told for m in one.channel.monitors}
        for cause in sorted(causes, key=lambda one: one.order):
            for monitor in cause.suppresses:
                self.design(monitor)

    def _release(self, monitor: Monitor) -> None:
        alarm = replace(monitor.alarm, under="")
        if alarm.phase is Phase.U:
            wait = int(monitor.rule.on_delay) if monitor.judges_values else 0
            if monitor.rule.kind == "silence":
                # What was cut off is heard again only with its next sample.
                wait = monitor.allowance
            alarm = replace(alarm, release_due=self.clock.now + wait)
        monitor.alarm = alarm
        if _is_due(alarm.release_due, self.clock.now):
            self._start_released(monitor, late=False)
        self.keep(monitor)

    def _start_released(self, monitor: Monitor, *, late: bool) -> None:
        moment = self.moment(monitor, late=late)
        moment.why = "still active although what explained it is over"
        monitor.alarm = telling.start(monitor.alarm, moment)

    def _describe(self, moment: Moment, monitor: Monitor, shown: Touched, level: int) -> None:
        ends, falls = level < 0, level < shown.before
        wanted = What.CLEAR if falls else What.SET
        told = [found for _, found in shown.found if found.what in {wanted, What.VOID}]
        found = told[-1] if told else Found(wanted, self.clock.now, 0.0)
        moment.severity = None if ends else monitor.severity(level)
        began = monitor.filters[0].anchor if told else self.clock.now
        moment.since = found.since if shown.before >= 0 else began
        moment.late = moment.late or found.late
        moment.value = _value(monitor, found) if told else None
        if monitor.error and not told:
            moment.why = f"cannot be judged: {monitor.error}"
        elif ends and not told:
            moment.why = "it can be judged again, and its condition does not hold"
        elif falls and not told:
            moment.why = "by its definition now, a higher limit does not hold"
        elif falls:
            moment.why = cleared_because(monitor, found)
        else:
            moment.why = set_because(monitor, level, found)

    def _tell_past(self, monitor: Monitor, found: Found, level: int) -> None:
        moment = self.moment(monitor, late=found.late)
        if found.what is What.NEAR_MISS:
            why = f"over the limit for less than {monitor.rule.on_delay}"
        else:
            why = "an excursion that late samples tell of; it is over and pages nobody"
        detail = {}
        if found.until is not None:
            detail["until"] = moment.clock(found.until)
        no_occurrence = replace(monitor.alarm, occurrence=0, activation=0, worst=None)
        moment.say(
            no_occurrence,
            found.what,
            why=why,
            since=found.since,
            value=found.value if monitor.judges_values and monitor.measure is None else None,
            severity=monitor.severity(level),
            detail=detail,
        )
        if found.what is What.CORRECTION and level == 0:
            telling.inform(no_occurrence, moment, found)

    def _tell_quality(self, channel: Channel, told: str) -> None:
        signal = channel.signal
        rules = (*channel.faults, *channel.silences, *channel.values)
        if not rules:
            return
        suspect = signal.trust in {Trust.SUSPECT, Trust.GOOD}
        self.said.append(
            Transition(
                at=self.clock.now + self.clock.offset,
                what=What.QUALITY,
                rule=rules[0].rule.id,
                channel=channel.spec.id,
                severity="advisory" if suspect else rules[0].rule.severity,
                since=None if signal.heard is None else signal.heard + self.clock.offset,
                why=told,
                detail={"quality": signal.trust.value},
            )
        )


def _value(monitor: Monitor, found: Found) -> float | None:
    """The value of the channel that it was judged by; a measure is told in words."""
    if not monitor.judges_values:
        return None
    if monitor.measure is None:
        return found.value
    return None if monitor.channel is None else monitor.channel.signal.value


def _event(shown: Touched, before: int, after: int) -> Event | None:
    if before < 0:
        return Event.SET
    if after < 0:
        void = any(found.what is What.VOID for _, found in shown.found)
        return None if void else Event.CLEAR
    return Event.SEV_UP if after > before else Event.SEV_DOWN


def _is_due(due: int | None, limit: int) -> bool:
    return due is not None and due <= limit
