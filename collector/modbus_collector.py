"""All Modbus devices of a site: one poller an endpoint, each supervised."""

import asyncio
from collections.abc import Iterable
from itertools import groupby

from collector.address import TcpAddress
from collector.clock import Clock
from collector.poll import EndpointPoller, EndpointStats, Heard, unheard
from collector.reconnect import ConnectBudget
from collector.rounds import Deliver
from collector.schedule import phase
from collector.supervise import OnCrash, supervise
from collector.unit import ModbusDevice


class ModbusCollector:
    """Polls all Modbus devices of a site, one connection an endpoint, beats spread in time.

    ``deliver`` takes each scan at once (``journal.append``); ``on_crash`` is told the name of a
    part that crashed and why, and raises the system alarm; ``on_identity`` what a device says of
    itself, each time it was asked.

    Raises:
        ValueError: two devices are the same unit of the same endpoint.
    """

    def __init__(
        self,
        devices: Iterable[ModbusDevice],
        *,
        clock: Clock,
        deliver: Deliver,
        on_crash: OnCrash,
        on_identity: Heard = unheard,
        connects_per_second: float = 50.0,
    ) -> None:
        self._clock = clock
        self._deliver = deliver
        self._budget = ConnectBudget(connects_per_second)
        self._on_crash = on_crash
        self._on_identity = on_identity
        self._tasks: asyncio.TaskGroup | None = None
        self._running: dict[str, tuple[asyncio.Task[None], ...]] = {}
        self.pollers: tuple[EndpointPoller, ...] = ()
        self._have(endpoints(devices))

    async def run(self) -> None:
        """Poll for ever; only cancellation ends this."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                for poller in self.pollers:
                    self._start(poller)
                await asyncio.Event().wait()
        finally:
            self._tasks = None
            self._running.clear()

    async def adopt(self, devices: Iterable[ModbusDevice]) -> None:
        """Poll ``devices`` from now on; endpoints and devices that stay miss nothing.

        Raises:
            ValueError: two devices are the same unit of the same endpoint; all is as before.
        """
        before = self.pollers
        self._have(endpoints(devices))
        gone = [
            task for poller in before if poller not in self.pollers for task in self._stop(poller)
        ]
        if gone:
            await asyncio.wait(gone)
        for poller in self.pollers:
            if poller not in before and self._tasks is not None:
                self._start(poller)

    def _have(self, groups: list[tuple[ModbusDevice, ...]]) -> None:
        held = {poller.address: poller for poller in self.pollers}
        pollers = []
        for index, group in enumerate(groups):
            poller = held.get(group[0].address)
            if poller is None:
                poller = EndpointPoller(
                    group,
                    clock=self._clock,
                    deliver=self._deliver,
                    budget=self._budget,
                    on_identity=self._on_identity,
                    offset=phase(index, len(groups)),
                )
            else:
                poller.adopt(group)
            pollers.append(poller)
        self.pollers = tuple(pollers)

    def _start(self, poller: EndpointPoller) -> None:
        assert self._tasks is not None  # noqa: S101 # asked for only while it runs
        self._running[poller.name] = tuple(
            self._tasks.create_task(supervise(name, run, on_crash=self._on_crash), name=name)
            for name, run in (
                (f"link {poller.name}", poller.client.run),
                (f"poll {poller.name}", poller.run),
            )
        )

    def _stop(self, poller: EndpointPoller) -> tuple[asyncio.Task[None], ...]:
        running = self._running.pop(poller.name, ())
        for task in running:
            task.cancel()
        return running

    def stats(self) -> tuple[EndpointStats, ...]:
        """A snapshot of every endpoint's counters."""
        return tuple(poller.stats() for poller in self.pollers)


def endpoints(devices: Iterable[ModbusDevice]) -> list[tuple[ModbusDevice, ...]]:
    """The devices by endpoint, in order of where it is.

    Raises:
        ValueError: two devices are the same unit of the same endpoint, or say differently how
            its frames or its line look.
    """
    ordered = sorted(devices, key=_place)
    groups = [tuple(group) for _, group in groupby(ordered, key=_place)]
    for group in groups:
        seen: dict[int, str] = {}
        for device in group:
            name, place = device.layout.device, device.address.name
            if device.address != group[0].address:
                first = group[0].layout.device
                raise ValueError(f"{name} and {first} do not agree on how {place} speaks")
            if device.unit in seen:
                raise ValueError(
                    f"{name} and {seen[device.unit]} are both unit {device.unit} "
                    f"of {place}; give each its own"
                )
            seen[device.unit] = name
    return groups


def _place(device: ModbusDevice) -> tuple[str, int]:
    address = device.address
    if isinstance(address, TcpAddress):
        return address.host, address.port
    return address.path, 0
