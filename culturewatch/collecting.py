"""The collectors of a site, over one journal and one clock."""

import time
from collections import deque
from collections.abc import Callable

from collector.clock import AnchoredClock
from collector.http import HttpCollector
from collector.line import LineCollector
from collector.modbus_collector import ModbusCollector
from collector.mqtt import MqttCollector
from collector.mqtt_topics import TopicMemory
from collector.reconnect import ConnectBudget
from culturewatch.parts import (
    broker_settings,
    http_devices,
    line_devices,
    modbus_devices,
    subscriptions,
)
from culturewatch.site import Site
from culturewatch.troubles import Troubles
from devices.scan import Scan
from storage.entry import ClockStep, Entry
from storage.journal import Journal, JournalFullError, MessageKey, Outcome

EPISODE_S = 60.0
"""So long after the last refusal of the journal, the next one is news again."""


class StepsFirst:
    """The journal, into which a step of the wall clock goes before all that is stamped after it.

    While the journal takes nothing, a step waits; whatever comes next tries it first. ``mark``
    gives a scan the marks with which it is kept.
    """

    def __init__(self, journal: Journal, mark: Callable[[Scan], Scan]) -> None:
        self._journal = journal
        self._mark = mark
        self._steps: deque[ClockStep] = deque()

    def step(self, step: ClockStep) -> None:
        """Keep a step until the journal has it."""
        self._steps.append(step)

    def append(
        self,
        entry: Entry,
        *,
        key: MessageKey | None = None,
        done: Callable[[Outcome], None] | None = None,
    ) -> None:
        """``Journal.append``, after the steps that wait."""
        self._write_steps()
        kept = self._mark(entry) if isinstance(entry, Scan) else entry
        self._journal.append(kept, key=key, done=done)

    def quarantine(
        self, origin: str, reason: str, payload: bytes, *, done: Callable[[], None] | None = None
    ) -> None:
        """``Journal.quarantine``, after the steps that wait."""
        self._write_steps()
        self._journal.quarantine(origin, reason, payload, done=done)

    def _write_steps(self) -> None:
        while self._steps:
            self._journal.append(self._steps[0])
            self._steps.popleft()


class Collecting:
    """All that brings readings in. ``refused`` counts scans that the journal could not take."""

    def __init__(
        self, site: Site, journal: Journal, troubles: Troubles, mark: Callable[[Scan], Scan]
    ) -> None:
        self.refused = 0
        self._refused_s = float("-inf")
        self._log = StepsFirst(journal, mark)
        self._troubles = troubles
        self.clock = AnchoredClock(self._clock_was_set)
        self.modbus = ModbusCollector(
            modbus_devices(site),
            clock=self.clock,
            deliver=self.deliver,
            on_crash=troubles.crashed,
        )
        self.lines = LineCollector(
            line_devices(site),
            clock=self.clock,
            deliver=self.deliver,
            on_crash=troubles.crashed,
        )
        self.http = HttpCollector(
            http_devices(site),
            clock=self.clock,
            deliver=self.deliver,
            on_crash=troubles.crashed,
        )
        self.brokers = {
            broker.id: MqttCollector(
                broker_settings(site, broker),
                subscriptions(site, broker),
                self._log,
                self.clock,
                memory=TopicMemory(site.data / f"topics-{broker.id}.json"),
                budget=ConnectBudget(),
            )
            for broker in site.file.broker
            if site.behind(broker)
        }

    def deliver(self, scan: Scan) -> None:
        """Hand a scan to the journal; one that it cannot take is counted and told of."""
        try:
            self._log.append(scan)
        except JournalFullError as error:
            now_s = time.monotonic()
            if now_s - self._refused_s > EPISODE_S:
                self._troubles.say(f"readings are being LOST: {error}")
            self._refused_s = now_s
            self.refused += 1

    def _clock_was_set(self, step: ClockStep) -> None:
        self._troubles.say(f"the wall clock was set by {step.step / 1000:+.1f} s")
        self._log.step(step)
