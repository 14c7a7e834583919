"""Polls Modbus devices: one scan a device and period, also when nobody answers."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

import msgspec

from collector import breaker
from collector.clock import Clock
from collector.errors import DeviceError
from collector.identification import identified
from collector.inquiry import Answers, inquire
from collector.modbus import LinkStats, ModbusClient
from collector.reconnect import ConnectBudget
from collector.rounds import Deliver, stamped
from collector.schedule import Beat
from collector.unit import NEVER_S, DeviceStats, ModbusDevice, Unit
from devices.identity import Identity, IdentityError, Level
from devices.plan import Block, called
from devices.scan import Scan, absent

log = logging.getLogger(__name__)

Heard = Callable[[str, Identity], Awaitable[None]]
"""Is told what a device says of itself."""


async def unheard(_device: str, _said: Identity) -> None:
    """Whom it does not matter who a device is."""


INTRODUCE_EVERY_S = 3600.0
"""How often a device is asked who it is while it answers: one can be changed under power."""
INTRODUCE_AGAIN_S = 60.0
TIMER_S = 0.001
"""How exact timers are: one that is so near is due, as waiting for it could only spin."""


class EndpointStats(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint's link and its devices."""

    link: LinkStats
    devices: tuple[DeviceStats, ...]


class EndpointPoller:
    """Polls the devices at one address over one connection, one after another.

    ``offset`` is the share of its period by which each device begins later.
    """

    def __init__(
        self,
        devices: Sequence[ModbusDevice],
        *,
        clock: Clock,
        deliver: Deliver,
        budget: ConnectBudget,
        on_identity: Heard = unheard,
        offset: float = 0.0,
    ) -> None:
        first = devices[0]
        self.client = ModbusClient(
            first.address,
            window=self._window(devices),
            budget=budget,
            on_connect=self._connected,
        )
        self.name = self.client.name
        self.address = first.address
        self._clock = clock
        self._deliver = deliver
        self._on_identity = on_identity
        self._offset = offset
        self._units = tuple(Unit(device, self._beat(device)) for device in devices)
        self._nap_end: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Poll for ever; only cancellation ends this. ``client.run`` keeps the connection."""
        for unit in self._units:
            if unit.polls == 0:
                unit.beat = self._beat(unit.device)
        while True:
            now_s = time.monotonic()
            due = [unit for unit in self._units if unit.wanted_s - now_s < TIMER_S]
            if due:
                await self._tick(min(due, key=lambda unit: _urgency(unit, now_s)))
            else:
                await self._nap(min(unit.beat.due_s for unit in self._units) - now_s)

    def adopt(self, devices: Sequence[ModbusDevice]) -> None:
        """Poll ``devices`` from now on; those that are as before keep their beat and memory."""
        kept = {unit.device: unit for unit in self._units}
        self._units = tuple(
            kept.get(device) or Unit(device, self._beat(device)) for device in devices
        )
        self.client.window = self._window(devices)
        self._wake()

    @staticmethod
    def _window(devices: Sequence[ModbusDevice]) -> int:
        # Only frames of Modbus TCP carry a number by which answers are told apart.
        if devices[0].address.framing != "tcp":
            return 1
        return min(device.modbus.window for device in devices)

    def stats(self) -> EndpointStats:
        """A snapshot of the counters."""
        return EndpointStats(
            link=self.client.stats(),
            devices=tuple(unit.stats(self.name) for unit in self._units),
        )

    def _beat(self, device: ModbusDevice) -> Beat:
        now_s, period_s = time.monotonic(), device.period.seconds
        # All beats of a period lie on one grid, whenever their pollers began.
        start_s = now_s - now_s % period_s + self._offset * period_s
        return Beat(start_s=start_s, period_s=period_s)

    async def _nap(self, for_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._nap_end = loop.create_future()
        timer = loop.call_later(for_s, self._wake)
        try:
            await self._nap_end
        finally:
            timer.cancel()

    def _wake(self) -> None:
        if self._nap_end is not None and not self._nap_end.done():
            self._nap_end.set_result(None)

    def _connected(self) -> None:
        """Ask at once whoever could not be asked, rather than at its next tick."""
        now_s = time.monotonic()
        for unit in self._units:
            unit.breaker = breaker.wake(unit.breaker, now_s)
            unit.returned()
            if not unit.is_answering:
                unit.hurried_s = now_s
        self._wake()

    async def _tick(self, unit: Unit) -> None:
        began_s = time.monotonic()
        unit.hurried_s = NEVER_S
        if unit.beat.due_s - began_s < TIMER_S:
            unit.beat.advance(began_s)
        unit.polls += 1
        if not self.client.is_connected or not unit.breaker.may_ask(began_s):
            unit.is_answering = False
            self._deliver(self._absence(unit))
            return
        unit.reconsider(began_s)
        answers = await inquire(self.client, unit.device.unit, unit.blocks, unit.timeout_s)
        ended_s = time.monotonic()
        if answers.is_replanned:
            unit.adopt(answers.blocks, answers.refused, ended_s)
            _tell_refused(unit, answers.refused)
        if not answers.is_heard:
            self._lose(unit, answers, ended_s)
            return
        unit.round_trip_s = ended_s - began_s
        self._deliver(self._scan(unit, answers))
        self._hear(unit)
        if answers.is_whole:
            unit.answered()
            unit.on_time += ended_s < unit.beat.due_s
        if answers.failed is not None and answers.is_silence:
            _tell_refused(unit, unit.postpone(answers.failed, ended_s))
        elif ended_s >= unit.introduce_s:
            await self._meet(unit, ended_s)

    async def _meet(self, unit: Unit, now_s: float) -> None:
        """Ask the unit who it is; readings do not depend on what comes of it."""
        device = unit.device

        def introduce(level: Level, first: int) -> Awaitable[bytes]:
            return self.client.introduce(device.unit, level, first, unit.timeout_s)

        try:
            said = await identified(introduce)
        except (DeviceError, IdentityError) as error:
            unit.introduce_s = now_s + INTRODUCE_AGAIN_S
            unit.tell_shy(str(error))
            return
        unit.introduce_s = now_s + INTRODUCE_EVERY_S
        if said is None:
            unit.tell_shy("it has no word for that")
        else:
            unit.is_told_shy = False
            await self._on_identity(device.layout.device, said)

    def _scan(self, unit: Unit, answers: Answers) -> Scan:
        decoded = unit.decoder.decode(answers.payloads)
        return stamped(self._clock, unit.device.layout, decoded, unit.round_trip_s)

    def _absence(self, unit: Unit) -> Scan:
        return absent(unit.device.layout, at=self._clock.now())

    def _hear(self, unit: Unit) -> None:
        unit.breaker = breaker.HEALTHY
        if not unit.is_answering:
            unit.returned()
        unit.is_answering = True
        if unit.is_told_lost:
            log.info("%s answers again", unit.device.layout.device)
            unit.is_told_lost = False

    def _lose(self, unit: Unit, answers: Answers, now_s: float) -> None:
        self._deliver(self._absence(unit))
        unit.unanswered += 1
        unit.is_answering = False
        if not answers.is_silence:
            # The link is to blame, and its client says so.
            return
        unit.breaker = breaker.missed(unit.breaker, now_s, alone=len(self._units) == 1)
        if answers.failed is not None:
            # Perhaps it is only this block that is met with silence: begin with another.
            unit.ask_last(answers.failed)
        if not unit.is_told_lost:
            log.warning("%s stopped answering: %s", unit.device.layout.device, answers.failure)
            unit.is_told_lost = True


def _tell_refused(unit: Unit, refused: Iterable[Block]) -> None:
    for block in refused:
        log.warning(
            "%s does not give %s %d to %d: %s without values. Mend its profile",
            unit.device.layout.device,
            block.table,
            block.address,
            block.address + block.count - 1,
            ", ".join(called(unit.device.profile, field.channel) for field in block.fields),
        )


def _urgency(unit: Unit, now_s: float) -> tuple[int, float]:
    """Least first: who costs no time, then the healthy, then the silent ones."""
    if not unit.breaker.may_ask(now_s):
        return 0, unit.wanted_s
    is_starved = now_s >= unit.beat.ends_s
    return (2 if unit.breaker.is_open and not is_starved else 1), unit.wanted_s
