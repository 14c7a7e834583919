"""What of the engine is stored, part by part, and read again."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from alerts.engine import telling, upgrade
from alerts.engine.alarm import Phase
from alerts.engine.annunciator import Act, Annunciator
from alerts.engine.clock import Clock
from alerts.engine.moment import Moment
from alerts.engine.monitor import Monitor, RulePart
from alerts.engine.parts import (
    CLOCK,
    DEVICE,
    DRILLS,
    ROTA,
    RULE,
    RULEBOOK,
    ClockPart,
    DevicePart,
    DrillPart,
    RotaPart,
    decoded,
    encoded,
)
from alerts.engine.site import Site
from alerts.engine.watch import Watch
from alerts.rule import Rule
from alerts.rulebook import Rulebook, decode, encode
from alerts.transition import What


def rulebook_of(parts: Mapping[str, bytes]) -> Rulebook | None:
    """The rulebook that the stored state was judged by, None when nothing is stored.

    Entries that were written before the next ``Started`` are to be replayed with it.

    Raises:
        RuleError: it cannot be read.
    """
    data = parts.get(RULEBOOK)
    return None if data is None else decode(data)


class Memory:
    """Parts as they were read, and what of them has to be written.

    ``previous`` are the rules, by id, that the stored state was judged by.
    """

    def __init__(self, rulebook: Rulebook, site: Site, parts: Mapping[str, bytes]) -> None:
        """Put the stored ``parts`` into ``site``.

        Raises:
            StateError: one cannot be read.
        """
        self._site = site
        self._rulebook = encode(rulebook)
        self.clock = decoded(parts, CLOCK, ClockPart)
        self.rota: RotaPart = decoded(parts, ROTA, RotaPart) or {}
        self.drills: DrillPart = decoded(parts, DRILLS, DrillPart) or {}
        before = rulebook_of(parts)
        self.previous = {} if before is None else {rule.id: rule for rule in before.rules}
        self._written: dict[str, bytes | None] = {}
        if parts.get(RULEBOOK) != self._rulebook:
            self._written[RULEBOOK] = self._rulebook
        self._rota = encoded(self.rota)
        self._drills = encoded(self.drills)
        self._orphans: dict[str, RulePart] = {}
        for key in sorted(parts):
            if key.startswith(RULE):
                self._restore_rule(parts, key)
            elif key.startswith(DEVICE):
                self._restore_device(parts, key)
        for rule_id, monitor in site.monitors.items():
            if RULE + rule_id not in parts:
                monitor.foreign = self.previous.get(rule_id, monitor.base) != monitor.base

    def changed(
        self, clock: Clock, monitors: Iterable[Monitor], watches: Iterable[Watch]
    ) -> dict[str, bytes | None]:
        """What is to be written: these monitors and watches, and whatever else differs."""
        written = self._written
        self._written = {}
        written[CLOCK] = encoded(clock.part())
        rota = encoded(self.rota)
        if rota != self._rota:
            written[ROTA] = self._rota = rota
        drills = encoded(self.drills)
        if drills != self._drills:
            written[DRILLS] = self._drills = drills
        for monitor in monitors:
            written[RULE + monitor.base.id] = encoded(monitor.part())
        for watch in watches:
            written[DEVICE + watch.device] = encoded(_device_part(watch))
        return dict(sorted(written.items()))

    def dump(self, clock: Clock) -> dict[str, bytes]:
        """All of it."""
        parts = {CLOCK: encoded(clock.part()), ROTA: encoded(self.rota), RULEBOOK: self._rulebook}
        parts[DRILLS] = encoded(self.drills)
        for monitor in self._site.monitors.values():
            parts[RULE + monitor.base.id] = encoded(monitor.part())
        for watch in self._site.watches.values():
            parts[DEVICE + watch.device] = encoded(_device_part(watch))
        for rule_id, part in self._orphans.items():
            parts[RULE + rule_id] = encoded(part)
        return dict(sorted(parts.items()))

    def close_orphans(self, annunciator: Annunciator, act: Act) -> None:
        """Close what is open of rules that the rulebook no longer has.

        Their occurrences stay counted, so that an old link never fits a new alarm.
        """
        for rule_id, part in self._orphans.items():
            if part.alarm.phase is Phase.N:
                continue
            clock = annunciator.clock
            moment = Moment(
                now=clock.now,
                offset=clock.offset,
                rule=Rule(id=rule_id, channel="", kind="high"),
                by=act.by,
                said=annunciator.said,
            )
            closed = telling.close(part.alarm, moment, f"rule removed by {act.by}", What.CLOSED)
            self._orphans[rule_id] = replace(part, alarm=closed, filters=())
            self._written[RULE + rule_id] = encoded(self._orphans[rule_id])

    def _restore_rule(self, parts: Mapping[str, bytes], key: str) -> None:
        part = decoded({key: upgrade.rule_part(parts[key])}, key, RulePart)
        if part is None:
            return
        monitor = self._site.monitors.get(key.removeprefix(RULE))
        if monitor is None:
            self._orphans[key.removeprefix(RULE)] = part
        else:
            monitor.restore(part, before=self.previous.get(monitor.base.id))

    def _restore_device(self, parts: Mapping[str, bytes], key: str) -> None:
        watch = self._site.watches.get(key.removeprefix(DEVICE))
        if watch is None:
            self._written[key] = None
            return
        signals = decoded(parts, key, DevicePart) or {}
        for channel in watch.channels:
            channel.signal = signals.get(channel.spec.key, channel.signal)


def _device_part(watch: Watch) -> DevicePart:
    watch.settle()
    return {channel.spec.key: channel.signal for channel in watch.channels}
