"""The collectors of a site, over one journal and one clock."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from collector.clock import AnchoredClock
from collector.http import HttpCollector
from collector.line import LineCollector
from collector.modbus_collector import ModbusCollector
from collector.mqtt import MqttCollector
from collector.mqtt_settings import BrokerSettings, Subscription
from collector.mqtt_topics import TopicMemory
from collector.reconnect import ConnectBudget
from collector.supervise import supervise
from culturewatch.acquaintance import Acquaintance, AcquaintanceError
from culturewatch.parts import (
    broker_settings,
    http_devices,
    line_devices,
    modbus_devices,
    subscriptions,
)
from culturewatch.site import Site
from culturewatch.troubles import Troubles
from devices.identity import Identity, difference
from devices.scan import Scan
from storage import introduced
from storage.entry import ClockStep, Entry, Introduced, Note
from storage.journal import Journal, JournalError, JournalFullError, MessageKey, Outcome

EPISODE_S = 60.0
"""So long after the last refusal of the journal, the next one is news again."""
KEEP_S = 10.0
"""How long it may take to keep what a device says of itself."""
LINES, HTTP = "lines of text", "http"


Wanted = tuple[BrokerSettings, dict[str, Subscription]]
"""How a broker is reached, and what is expected on each of its topics."""


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

    async def put(self, note: Note) -> None:
        """``Journal.put``, after the steps that wait."""
        self._write_steps()
        await self._journal.put(note)

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


def wanted(site: Site) -> dict[str, Wanted]:
    """How each broker that is needed is reached, and what is expected there."""
    return {
        broker.id: (broker_settings(site, broker), subscriptions(site, broker))
        for broker in site.file.broker
        if site.behind(broker)
    }


class Collecting:
    """All that brings readings in. ``refused`` counts scans that the journal could not take."""

    def __init__(
        self, site: Site, journal: Journal, troubles: Troubles, mark: Callable[[Scan], Scan]
    ) -> None:
        self.refused = 0
        self._refused_s = float("-inf")
        self.mark = mark
        self._log = StepsFirst(journal, self._marked)
        self._troubles = troubles
        self.clock = AnchoredClock(self._clock_was_set)
        self.modbus = ModbusCollector(
            modbus_devices(site),
            clock=self.clock,
            deliver=self.deliver,
            on_crash=troubles.crashed,
            on_identity=self._introduced,
        )
        self._acquaintance = Acquaintance(site.data / introduced.NAME)
        self._line_devices, self._http_devices = line_devices(site), http_devices(site)
        self.lines, self.http = self._asked_in_turn(site)
        self._wanted = wanted(site)
        self.brokers = {name: self._broker(site, name) for name in self._wanted}
        self._tasks: asyncio.TaskGroup | None = None
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Collect until cancelled; each part is supervised by itself."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                for name, run in (("clock", self.clock.watch), ("modbus", self.modbus.run)):
                    self._tasks.create_task(self._supervised(name, run), name=name)
                self._start(LINES, self.lines.run)
                self._start(HTTP, self.http.run)
                for name, broker in self.brokers.items():
                    self._start(name, broker.run)
                await asyncio.Event().wait()
        finally:
            self._tasks = None
            self._running.clear()

    async def adopt(self, site: Site) -> None:
        """Collect what ``site`` declares from now on; what stays as it is misses nothing.

        A broker of which anything changed is connected to anew: it keeps what comes meanwhile.
        Where a device of text or HTTP changed, all of its kind are.
        """
        now = wanted(site)
        for name in [name for name in self.brokers if now.get(name) != self._wanted[name]]:
            del self.brokers[name]
            await self._stop(name)
        self._wanted = now
        for name in now:
            if name not in self.brokers:
                self.brokers[name] = self._broker(site, name)
                self._start(name, self.brokers[name].run)
        await self.modbus.adopt(modbus_devices(site))
        lines, http = self._asked_in_turn(site)
        if line_devices(site) != self._line_devices:
            await self._stop(LINES)
            self.lines = lines
            self._start(LINES, lines.run)
        if http_devices(site) != self._http_devices:
            await self._stop(HTTP)
            self.http = http
            self._start(HTTP, http.run)
        self._line_devices, self._http_devices = line_devices(site), http_devices(site)

    def _asked_in_turn(self, site: Site) -> tuple[LineCollector, HttpCollector]:
        lines = LineCollector(
            line_devices(site),
            clock=self.clock,
            deliver=self.deliver,
            on_crash=self._troubles.crashed,
        )
        http = HttpCollector(
            http_devices(site),
            clock=self.clock,
            deliver=self.deliver,
            on_crash=self._troubles.crashed,
        )
        return lines, http

    def _marked(self, scan: Scan) -> Scan:
        return self.mark(scan)

    def _broker(self, site: Site, name: str) -> MqttCollector:
        settings, topics = self._wanted[name]
        return MqttCollector(
            settings,
            topics,
            self._log,
            self.clock,
            memory=TopicMemory(site.data / f"topics-{name}.json"),
            budget=ConnectBudget(),
        )

    def _start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        if self._tasks is not None:
            self._running[name] = self._tasks.create_task(self._supervised(name, run), name=name)

    async def _stop(self, name: str) -> None:
        if (task := self._running.pop(name, None)) is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def _supervised(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        await supervise(name, run, on_crash=self._troubles.crashed)

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

    async def _introduced(self, device: str, said: Identity) -> None:
        """Keep what a device says of itself; that it says otherwise than before is news."""
        try:
            # Whoever polls waits for this: a disk that hangs must not keep readings from coming.
            async with asyncio.timeout(KEEP_S):
                before = await self._kept(device, said)
        except TimeoutError:
            self._troubles.say(f"{device}: who it is was not kept within {KEEP_S:g} s")
            return
        except (JournalError, JournalFullError, AcquaintanceError) as error:
            self._troubles.say(f"{device}: who it is was not kept: {error}")
            return
        if before is not None and before != said:
            self._troubles.say(
                f"{device} says it is another than before: {difference(before, said)}; if it was "
                "exchanged, enter its calibration and service, else look who changed the wiring"
            )

    async def _kept(self, device: str, said: Identity) -> Identity | None:
        """What it said before; what is new is remembered once it is in the log, and not sooner."""
        before = await self._acquaintance.of(device)
        if before != said:
            note = Introduced(
                at=self.clock.now(),
                device=device,
                said=said.said,
                before={} if before is None else before.said,
            )
            await self._log.put(note)
            await self._acquaintance.keep(device, said)
        return before

    def _clock_was_set(self, step: ClockStep) -> None:
        self._troubles.say(f"the wall clock was set by {step.step / 1000:+.1f} s")
        self._log.step(step)
