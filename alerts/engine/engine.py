"""The alarm engine: entries of the journal in, transitions out, and nothing else."""

from collections.abc import Mapping

from msgspec.structs import replace

from alerts.engine.annunciator import Act, Annunciator
from alerts.engine.clock import LATE_MS, Clock
from alerts.engine.definition import changed
from alerts.engine.memory import Memory
from alerts.engine.monitor import Monitor, Touched
from alerts.engine.orders import Orders
from alerts.engine.site import Site
from alerts.engine.site_orders import SiteOrders
from alerts.engine.suppression import Event as Overlaid
from alerts.engine.timers import Timers
from alerts.engine.view import AlarmView, view_of
from alerts.engine.watch import News, Watch
from alerts.policy import Policy
from alerts.rule import Rule
from alerts.rulebook import Rulebook, RuleError
from alerts.transition import Transition, What
from devices.duration import Duration
from devices.scan import Scan
from storage.entry import ClockStep, Command, Entry, Note, Started, Tick

CONFIGURATION = Act(by="configuration")


class Engine:
    """A rulebook and the state of its alarms.

    It has no clock, no I/O and no randomness: the same entries in the same order give the same
    transitions and the same ``dump`` byte for byte, however they are batched, and wherever in
    between the state was dumped and loaded again. What it is given when it is made must be the
    rulebook under which the entries were written: a changed one takes effect, as an edit by
    ``configuration``, with the ``Started`` entry of the run that brought it.

    Commands it knows (``storage.entry.Command``): ``ack`` (target a rule; optional arguments
    ``occurrence``, ``severity``: what the person saw, ``note``), ``unack``, ``reset``, ``edit``
    (arguments: the changed fields of the rule, as text), ``remove``, ``rota`` (target a policy;
    arguments ``step``, ``to``: names with commas, empty for nobody), ``override``, ``swap`` and
    ``withdraw`` (``alerts.rota.act``), ``drill`` (target a person; argument ``channel``), ``tell``
    (target a person; arguments ``text``, ``severity``, ``about``), and those of
    ``alerts.engine.shelving``. Every command is answered by
    at least one transition that carries its id; what cannot be done by ``refused`` with why.
    """

    def __init__(self, rulebook: Rulebook, parts: Mapping[str, bytes] | None = None) -> None:
        """Start fresh, or where ``parts``, collected from all ``changed`` so far, left off.

        Raises:
            StateError: a part cannot be read.
        """
        self._site = Site(rulebook)
        self._memory = Memory(rulebook, self._site, parts or {})
        self._clock = Clock(self._memory.clock)
        self._timers = Timers()
        self._annunciator = Annunciator(self._clock, self._timers, self._memory.rota)
        self._orders = Orders(self._site, rulebook, self._annunciator)
        self._site_orders = SiteOrders(self._site, self._annunciator, self._memory.drills)
        self._heard: set[Watch] = set()
        for monitor in self._site.monitors.values():
            self._restore_edits(monitor)
        for watch in self._site.watches.values():
            for channel in watch.channels:
                channel.define()
            watch.define()
        self._schedule()

    @property
    def cursor(self) -> int:
        """Sequence number of the last entry taken, -1 before the first."""
        return self._clock.cursor

    def advance(self, seq: int, entry: Entry) -> tuple[Transition, ...]:
        """Take the journal's entry ``seq``; what happened because of it, in order.

        An entry that was taken before (``seq`` not above ``cursor``) changes nothing.
        """
        clock = self._clock
        if seq <= clock.cursor:
            return ()
        clock.cursor = seq
        if isinstance(entry, Scan):
            self._take_scan(entry)
        else:
            self._take_note(entry)
        said = self._annunciator.said
        if not said:
            return ()
        told = tuple(said)
        said.clear()
        return told

    def next_due(self) -> int | None:
        """When the next timer is due, in epoch milliseconds by the wall clock, or None.

        The shell appends a ``Tick`` to the journal at that time, or later if it slept.
        """
        due = self._timers.next()
        return None if due is None else due + self._clock.offset

    def changed(self) -> dict[str, bytes | None]:
        """The parts of the state that changed since the last call; None where one is gone.

        Written over those stored before, they are the state at ``cursor``. Keys sort as text.
        """
        parts = self._memory.changed(self._clock, self._annunciator.dirty, self._heard)
        self._annunciator.dirty.clear()
        self._heard.clear()
        return parts

    def dump(self) -> dict[str, bytes]:
        """All parts, without touching what ``changed`` will say."""
        return self._memory.dump(self._clock)

    def on_call(self, policy: Policy, step: int) -> tuple[str, ...]:
        """The people of a step, as the rota has them now."""
        return self._annunciator.on_call(policy, step)

    def rule(self, rule_id: str) -> Rule:
        """The rule as it runs now, edits included.

        Raises:
            KeyError: there is none.
        """
        return self._site.monitors[rule_id].rule

    def due_of(self, rule_id: str) -> int | None:
        """When the sensor of a rule has to be calibrated (epoch ms), as it was told; or None."""
        monitor = self._site.monitors.get(rule_id)
        due = None if monitor is None else monitor.due_at
        return None if due is None else due + self._clock.offset

    @property
    def rulebook(self) -> Rulebook:
        """The rules as they run now: edits included, what was removed left out."""
        book = self._orders.book
        alive = {name for name, monitor in self._site.monitors.items() if not monitor.removed}
        rules = tuple(
            replace(
                rule,
                inhibited_by=rule.inhibited_by if rule.inhibited_by in alive else None,
                suppress_by=rule.suppress_by if rule.suppress_by in alive else None,
            )
            for rule in book.rules
            if rule.id in alive
        )
        return replace(book, rules=rules)

    def view(self, rule_id: str) -> AlarmView:
        """Where the alarm of a rule stands.

        Raises:
            KeyError: there is none.
        """
        monitor = self._site.monitors[rule_id]
        watch, channel = self._site.of_channel[monitor.spec.id]
        watch.settle()
        return view_of(monitor, channel.signal, self._clock.offset)

    def views(self) -> tuple[AlarmView, ...]:
        """All alarms, in the order of the rulebook."""
        return tuple(self.view(rule_id) for rule_id in self._site.monitors)

    def _take_scan(self, scan: Scan) -> None:
        clock = self._clock
        received = scan.received - clock.offset
        clock.now = max(clock.now, received)
        if not clock.begun:
            self._begin()
        heap = self._timers.heap
        if heap and heap[0][0] < clock.now:
            self._work_off(clock.now - 1)
        watch = self._site.watches.get(scan.layout.device)
        if watch is None:
            return
        at = scan.at - clock.offset
        self._heard.add(watch)
        if watch.passes(scan, at, received):
            return
        news = watch.hear(scan, at, received, clock.now)
        self._timers.note(watch)
        self._annunciator.announce(news)

    def _take_note(self, note: Note) -> None:
        clock = self._clock
        if isinstance(note, ClockStep):
            clock.offset += note.step
        elif isinstance(note, Started) and clock.begun and not note.reloaded:
            self._resume_clock(note)
        clock.reach(note.at)
        if not clock.begun:
            self._begin()
        if isinstance(note, Started):
            self._restart(reloaded=note.reloaded)
            return
        if isinstance(note, Tick):
            # One from before what came last is no leave to go ahead of samples of this instant.
            self._work_off(note.at - clock.offset)
            return
        self._work_off(clock.now if isinstance(note, Command) else clock.now - 1)
        if isinstance(note, Command):
            (self._site_orders if self._site_orders.knows(note) else self._orders).take(note)

    def _work_off(self, limit: int) -> None:
        """Everything due by ``limit`` (steady ms), in order of due time, then of the rules."""
        while (due := self._timers.next()) is not None and due <= limit:
            late = self._clock.is_late(due)
            monitors: list[Monitor] = []
            news: list[News] = []
            touched: list[Touched] = []
            for timed in self._timers.take(due):
                if isinstance(timed, Watch):
                    news += timed.miss(due, self._clock.now)
                    timed.refresh()
                    self._heard.add(timed)
                    self._timers.note(timed)
                elif isinstance(timed, Monitor):
                    touched.append(timed.show_due(self._clock.now, due, late=late))
                    monitors.append(timed)
            self._annunciator.announce(news, touched, late=late)
            for monitor in monitors:
                self._annunciator.work_off(monitor, due, late=late)

    def _begin(self) -> None:
        """From the first entry on, channels that are new are awaited."""
        self._clock.begun = True
        for watch in self._site.watches.values():
            watch.await_new(self._clock.now)
            self._heard.add(watch)
        self._await_new()
        self._schedule()

    def _await_new(self) -> None:
        """What was never done is due from when it was first waited for."""
        for monitor in self._site.monitors.values():
            if monitor.rule.every is not None and monitor.awaited_at is None:
                monitor.awaited_at = self._clock.now
                self._annunciator.keep(monitor)

    def _restart(self, *, reloaded: bool) -> None:
        """A run began: silence is allowed anew, then what fell due meanwhile is done, late.

        Where only the configuration was read anew, nothing was away: who is silent stays so.
        """
        clock = self._clock
        for watch in self._site.watches.values():
            if reloaded:
                watch.await_new(clock.now)
            else:
                watch.restart(clock.now)
            self._heard.add(watch)
        self._await_new()
        clock.resuming = not reloaded
        self._work_off(clock.now)
        clock.resuming = False
        touched = []
        for _, channel in self._site.of_channel.values():
            touched += [channel.rejudge(m, clock.now) for m in channel.monitors if not m.removed]
        self._annunciator.announce((), touched)
        for monitor in self._site.monitors.values():
            if not reloaded or monitor.suppressor is None:
                self._reconsider(monitor)
        self._adopt()
        for watch in self._site.watches.values():
            watch.refresh()
        self._schedule()

    def _resume_clock(self, started: Started) -> None:
        # Left as it is, every reading until the clock has caught up would count as a late one.
        back = self._clock.resume(started.at)
        if back > LATE_MS:
            why = f"the wall clock was set back by {Duration(back)} or more while nothing ran"
            self._annunciator.said.append(Transition(at=started.at, what=What.SYSTEM, why=why))

    def _reconsider(self, monitor: Monitor) -> None:
        """Suppression by design goes on only while its cause is known to hold.

        Causes that are judged were asked already; one that was removed is not judged.
        """
        if monitor.suppressor is not None:
            self._annunciator.design(monitor, Overlaid.RESTART)
        elif monitor.alarm.overlay.design is not None:
            moment = self._annunciator.moment(monitor)
            moment.still = False
            self._annunciator.overlay(monitor, Overlaid.RESTART, moment)

    def _adopt(self) -> None:
        """Take what the configuration changed since the state was stored as an edit."""
        self._memory.close_orphans(self._annunciator, CONFIGURATION)
        for monitor in self._site.monitors.values():
            if monitor.foreign:
                monitor.foreign = False
                before = self._memory.previous.get(monitor.rule.id, monitor.rule)
                self._orders.redefine(monitor, before, monitor.rule, CONFIGURATION)

    def _restore_edits(self, monitor: Monitor) -> None:
        if not monitor.edits:
            return
        try:
            rule = changed(monitor.base, self._orders.book, monitor.edits)
        except RuleError:
            # The rules around it changed so that the edit no longer fits: the file counts.
            monitor.edits, monitor.foreign = {}, True
            return
        self._orders.adopt(rule)
        monitor.define(rule, self._site.policies.get(rule.policy))

    def _schedule(self) -> None:
        for watch in self._site.watches.values():
            self._timers.note(watch)
        for monitor in self._site.monitors.values():
            self._timers.note(monitor)
