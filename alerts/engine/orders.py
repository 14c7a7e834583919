"""What people order of an alarm: acknowledge, take back, reset, edit, remove."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from msgspec.structs import replace

from alerts.engine import telling
from alerts.engine.alarm import Phase
from alerts.engine.annunciator import Act, Annunciator
from alerts.engine.core import Event
from alerts.engine.definition import changed, described
from alerts.engine.filter import Event as Seen
from alerts.engine.filter import Result, Sample, step
from alerts.engine.filter_state import Filter, Stage
from alerts.engine.given import signed_time, wall_time
from alerts.engine.limits import Side
from alerts.engine.monitor import Monitor, Touched
from alerts.engine.shelving import OF_DEVICES
from alerts.engine.shelving import ORDERS as SHELVING
from alerts.engine.signal import Trust
from alerts.engine.site import Site
from alerts.engine.site_orders import SITE_ORDERS
from alerts.engine.timing import OF_TIME
from alerts.engine.watch import Channel
from alerts.rule import Rule, Severity
from alerts.rulebook import Rulebook, RuleError
from alerts.transition import Transition, What
from storage.entry import Command

LEDGER = "ledger"
"""The way (``via``) of commands that tell what stands in the ledger."""

JUDGED = frozenset({"limit", "deadband", "steps", "count", "window"})
"""Fields that decide whether the condition holds."""
RETURNED = frozenset({Phase.R, Phase.LU, Phase.LA})
TEXTS = frozenset({"cause", "consequence", "action", "respond_within"})
"""Fields that only tell people something; a change of another one is a change of the definition."""


class Orders:
    """Carries out commands. ``book`` is the rulebook with all edits."""

    def __init__(self, site: Site, book: Rulebook, annunciator: Annunciator) -> None:
        self.site = site
        self.book = book
        self.annunciator = annunciator

    def take(self, command: Command) -> None:
        """Do it, or say why not; either carries the command's id."""
        if not command.by.strip():
            self._refuse(command, "it needs the name of a person")
        elif command.verb not in {*ORDERS, *SHELVING}:
            known = ", ".join((*ORDERS, *SHELVING, *SITE_ORDERS))
            self._refuse(command, f"{command.verb!r} is not known here; known: {known}")
        else:
            monitors = self._meant(command)
            if not monitors:
                self._refuse(command, f"there is no rule {command.target!r}")
            for monitor in monitors:
                if command.verb in SHELVING:
                    SHELVING[command.verb](self.annunciator, monitor, command)
                else:
                    ORDERS[command.verb](self, monitor, command)

    def _meant(self, command: Command) -> tuple[Monitor, ...]:
        """The rule of that id, or all of a device but those that guard it."""
        one = self.site.monitors.get(command.target)
        if one is not None:
            return () if one.removed else (one,)
        if command.verb not in OF_DEVICES:
            return ()
        return tuple(
            monitor
            for monitor in self.site.monitors.values()
            if monitor.spec.device == command.target
            and not monitor.removed
            and not monitor.rule.guard
        )

    def adopt(self, rule: Rule) -> None:
        """``rule`` is what runs in the place of the one with its id."""
        self.book = _with(self.book, rule)

    def acknowledge(self, monitor: Monitor, command: Command) -> None:
        """Ack: for the occurrence and severity that the person saw, when they say so."""
        word = command.arguments.get("severity")
        if word and word.upper() not in Severity.__members__:
            self._refuse(command, f"no severity is called {word!r}")
        elif self._is_this_occurrence(monitor, command):
            moment = self.annunciator.moment(monitor, _act(command))
            moment.seen = Severity[word.upper()] if word else None
            self.annunciator.run(monitor, Event.ACK, moment)

    def unacknowledge(self, monitor: Monitor, command: Command) -> None:
        """Unack: nobody has it any more."""
        self._simply(monitor, command, Event.UNACK)

    def reset(self, monitor: Monitor, command: Command) -> None:
        """Reset a latched alarm."""
        self._simply(monitor, command, Event.RESET)

    def edit(self, monitor: Monitor, command: Command) -> None:
        """Change the definition; the newest good value is judged by it at once."""
        fields = {name: text for name, text in command.arguments.items() if name != "note"}
        if not fields:
            self._refuse(command, "no field to change is named")
            return
        try:
            after = changed(monitor.rule, self.book, fields)
        except RuleError as error:
            self._refuse(command, "; ".join(str(error).splitlines()))
            return
        monitor.edits = {**monitor.edits, **fields}
        self.redefine(monitor, monitor.rule, after, _act(command))

    def remove(self, monitor: Monitor, command: Command) -> None:
        """Take the rule away; what is open is closed, and its people hear of it."""
        moment = self.annunciator.moment(monitor, _act(command))
        moment.removed = True
        moment.why = f"rule removed by {command.by}"
        moment.say(monitor.alarm, What.REMOVED, why=command.arguments.get("note", moment.why))
        monitor.filters = tuple(Filter() for _ in monitor.filters)
        monitor.removed = True
        self.annunciator.run(monitor, Event.EDIT, moment)
        self._redraw(monitor)
        self._reconsider(monitor)

    def note_done(self, monitor: Monitor, command: Command) -> None:
        """What an ``overdue`` rule waits for was done, ``at`` then (epoch ms) or just now.

        What was done and ``failed`` is overdue at once.
        """
        moment = self.annunciator.moment(monitor, _act(command))
        at = wall_time(command.arguments.get("at", ""))
        when = moment.now if at is None else at - moment.offset
        if monitor.rule.kind not in OF_TIME:
            telling.refuse(monitor.alarm, moment, "its rule waits for nothing to be done")
        elif not moment.note.strip():
            telling.refuse(monitor.alarm, moment, "say with a note what was found")
        elif when > moment.now:
            telling.refuse(monitor.alarm, moment, "it cannot have been done in the future")
        elif command.arguments.get("failed") == "true":
            moment.say(monitor.alarm, What.DONE, why=moment.note, detail={"failed": "true"})
            self.annunciator.apply(monitor.note_failed(moment.now), _act(command))
        else:
            done = moment.clock(when)
            moment.say(monitor.alarm, What.DONE, since=when, why=moment.note, detail={"at": done})
            self.annunciator.apply(monitor.note_done(when, moment.now), _act(command))

    def note_due(self, monitor: Monitor, command: Command) -> None:
        """When the sensor of a ``calibration-due`` rule is due, ``at`` (epoch ms; empty: unknown).

        The ledger of certificates says so, no person: it would be forgotten with the next one.
        """
        moment = self.annunciator.moment(monitor, _act(command))
        at = signed_time(command.arguments.get("at", ""))
        if monitor.rule.kind != "calibration-due" or command.via != LEDGER:
            why = "when a sensor is due is entered with its certificate (culturewatch calibration)"
            telling.refuse(monitor.alarm, moment, why)
            return
        due = None if at is None else at - moment.offset
        why = "no certificate is known" if due is None else "as its certificate says"
        moment.say(
            monitor.alarm,
            What.DUE,
            since=due,
            why=why,
            detail={"at": "" if at is None else str(at)},
        )
        self.annunciator.apply(monitor.note_due(due, moment.now), _act(command))

    def redefine(self, monitor: Monitor, before: Rule, after: Rule, act: Act) -> None:
        """Work by ``after`` from now on, and write down what differs from ``before``."""
        differing = described(before, after)
        fields = ", ".join(differing) or "nothing"
        moment = self.annunciator.moment(monitor, act)
        moment.why = f"{fields} edited by {act.by}"
        moment.say(monitor.alarm, What.EDITED, why=moment.why, detail=differing)
        monitor.define(after, self.site.policies.get(after.policy))
        self.adopt(after)
        self._redraw(monitor)
        self.reassess(monitor, moment.why, act, differing=frozenset(differing))
        self._reconsider(monitor)

    def reassess(self, monitor: Monitor, why: str, act: Act, *, differing: frozenset[str]) -> None:
        """Judge the newest good value by a definition that changed in the fields ``differing``.

        Where nothing that decides changed, only what is timed is timed anew. What had returned
        under another definition is closed (table A2), and stays open when only texts changed.
        """
        judged = bool(JUDGED & differing)
        returned = monitor.alarm.phase in RETURNED and bool(differing - TEXTS)
        watch, channel = self.site.of_channel[monitor.spec.id]
        shown = _judged_anew(monitor, channel, self.annunciator.clock.now, judged=judged)
        ends = shown.before >= 0 and monitor.level < 0
        if not ends:
            self.annunciator.apply(shown, act)
        if ends or ((judged or returned) and monitor.level < 0):
            moment = self.annunciator.moment(monitor, act)
            moment.why = why
            moment.still = False
            moment.since = moment.now
            moment.value = channel.signal.value
            self.annunciator.run(monitor, Event.EDIT, moment)
        watch.refresh()

    def _reconsider(self, monitor: Monitor) -> None:
        """What it suppresses may page again when it no longer holds."""
        for suppressed in monitor.suppresses:
            self.annunciator.design(suppressed)

    def _redraw(self, monitor: Monitor) -> None:
        watch, channel = self.site.of_channel[monitor.spec.id]
        channel.define()
        watch.define()
        self.annunciator.timers.note(watch)

    def _simply(self, monitor: Monitor, command: Command, event: Event) -> None:
        if self._is_this_occurrence(monitor, command):
            moment = self.annunciator.moment(monitor, _act(command))
            self.annunciator.run(monitor, event, moment)

    def _is_this_occurrence(self, monitor: Monitor, command: Command) -> bool:
        meant, now = command.arguments.get("occurrence"), monitor.alarm.occurrence
        if not meant or meant == str(now):
            return True
        why = f"that was for occurrence {meant}; now it is {now}, which stays as it is"
        telling.refuse(monitor.alarm, self.annunciator.moment(monitor, _act(command)), why)
        return False

    def _refuse(self, command: Command, why: str) -> None:
        self._say(command, What.REFUSED, why)

    def _say(self, command: Command, what: What, why: str) -> None:
        clock = self.annunciator.clock
        known = command.target if command.target in self.site.monitors else ""
        self.annunciator.said.append(
            Transition(
                at=clock.now + clock.offset,
                what=what,
                rule=known,
                why=why,
                by=command.by,
                command=command.id,
                detail={"verb": command.verb, "target": command.target},
            )
        )


ORDERS: Mapping[str, Callable[[Orders, Monitor, Command], None]] = MappingProxyType(
    {
        "ack": Orders.acknowledge,
        "unack": Orders.unacknowledge,
        "reset": Orders.reset,
        "edit": Orders.edit,
        "remove": Orders.remove,
        "done": Orders.note_done,
        "due": Orders.note_due,
    }
)


def _judged_anew(monitor: Monitor, channel: Channel, now: int, *, judged: bool) -> Touched:
    """Filters shown the newest good value; without one that counts nothing ends."""
    value = channel.signal.value
    plain = judged and monitor.judges_values and monitor.measure is None
    if value is None or not plain or channel.signal.trust is not Trust.GOOD:
        sides = (Side.INSIDE,) * len(monitor.filters)
    else:
        sides = monitor.limits.sides(value)
    before, found = monitor.level, []
    states = []
    for index, (state, side) in enumerate(zip(monitor.filters, sides, strict=True)):
        after, told = _shown(monitor, state, side, Sample(at=now, now=now, value=value or 0.0))
        states.append(after)
        found += [(index, one) for one in told]
    monitor.filters = tuple(states)
    monitor.changed = True
    return Touched(monitor, before, tuple(found))


def _shown(monitor: Monitor, state: Filter, side: Side, sample: Sample) -> Result:
    if state.stage is Stage.F0:
        return step(monitor.delays, state, Seen.TRUE, sample) if side is Side.TRUE else (state, ())
    if side is Side.FALSE:
        return Filter(), ()
    if state.stage is Stage.F1:
        on = monitor.delays.on
        return replace(state, due=None if on is None else state.anchor + on), ()
    return state, ()


def _with(book: Rulebook, rule: Rule) -> Rulebook:
    rules = tuple(rule if old.id == rule.id else old for old in book.rules)
    return replace(book, rules=rules)


def _act(command: Command) -> Act:
    return Act(command.by, command.id, command.arguments.get("note", ""))
