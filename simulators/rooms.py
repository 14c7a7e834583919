"""The rooms of a site, simulated: real sockets on loopback, one clock for the physics.

    async with Rooms(site) as rooms:
        await rooms.run(demo(("incubator-1",), ("freezer-1",), span_s=45.0))

Without a scenario the rooms live in real time until the context is closed. Nothing is shared with
a collector but the sockets, so it may run in another process.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from simulators import vaisala
from simulators.broker import Broker
from simulators.live import LiveFreezer, LiveIncubator, LiveProbe, LiveRoom, unit
from simulators.modbus import Server, Unit
from simulators.mqtt import Publisher
from simulators.scenario import (
    Action,
    FreezerAction,
    IncubatorAction,
    Rates,
    RoomAction,
    Scenario,
    ScenarioError,
    Wire,
    words,
)
from simulators.site import SimulatedGateway, SimulatedSite

TICK_S = 0.2
"""Real time between two steps of the physics."""
LONGEST_TICK_S = 1.0
"""After a stalled loop the physics go on from here; they do not make up for the rest."""
log = logging.getLogger(__name__)


class Rooms:
    """Serves a site while the context is open.

    ``ports`` has the bound port of each Modbus device by its id, ``broker_port`` the broker's.

    Raises:
        ServeError: an address cannot be served; it names it.
    """

    def __init__(self, site: SimulatedSite, *, rates: Rates | None = None) -> None:
        self.ports: dict[str, int] = {}
        self.broker_port = site.broker.port
        self._site = site
        self._rates = rates or Rates()
        self._stack = AsyncExitStack()
        self._incubators = {one.id: LiveIncubator(one.id, site.seed) for one in site.incubators}
        self._alone: list[LiveIncubator] = []
        self._probes: dict[str, LiveProbe] = {}
        self._freezers = {one.id: LiveFreezer(one.id, site.seed) for one in site.freezers}
        everyone = tuple(self._freezers.values())
        self._room = LiveRoom(site.room.id, site.seed, everyone) if site.room else None
        self._publishers = {one.name: one for one in self._publishing()}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            if self._site.publishes and self._site.broker.embedded:
                broker = Broker(self._site.broker.host, self._site.broker.port)
                self.broker_port = (await stack.enter_async_context(broker)).port
            for names, server in self._servers():
                opened = await stack.enter_async_context(server)
                self.ports |= dict.fromkeys(names, opened.port)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            running = [tasks.create_task(self._live(), name="simulators.physics")]
            for publisher in self._publishers.values():
                work = publisher.run(self._site.broker.host, self.broker_port)
                running.append(tasks.create_task(work, name=f"simulators.{publisher.name}"))
            for task in running:
                stack.callback(task.cancel)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Not told of the error: a TaskGroup would wrap it, and callers name what they expect.
        await self._stack.__aexit__(None, None, None)

    async def run(
        self, scenario: Scenario, told: Callable[[float, str], None] | None = None
    ) -> None:
        """Plays the scenario to its end; ``told`` hears each action (seconds, words) as it is done.

        Raises:
            ScenarioError: it names a device or a part that is not there; nothing was done then.
        """
        for step in scenario.steps:
            self._check(step.action)
        loop = asyncio.get_running_loop()
        began, before = loop.time(), self._rates
        self._rates = scenario.rates
        try:
            for step in scenario.ordered():
                await asyncio.sleep(began + step.at_s - loop.time())
                self.act(step.action)
                if told is not None:
                    told(step.at_s, words(step.action))
            await asyncio.sleep(began + scenario.span_s - loop.time())
        finally:
            self._rates = before

    def act(self, action: Action) -> None:
        """Does one thing now.

        Raises:
            ScenarioError: the device or the part is not there.
        """
        self._check(action)
        log.info("%s", words(action))
        name = action.device
        if isinstance(action, Wire):
            self._wired()[name].faults = action.faults
        elif isinstance(action, IncubatorAction):
            self._incubators[name].act(action)
        elif isinstance(action, FreezerAction):
            self._freezers[name].act(action)
            self._publishers[name].nudge()
        elif self._room is not None:
            self._room.act(action)

    def _check(self, action: Action) -> None:
        if action.device not in self._wired():
            known = ", ".join(sorted(self._wired())) or "none"
            raise ScenarioError(f"no simulated device {action.device!r}; there are: {known}")
        fits = (
            isinstance(action, Wire)
            or (isinstance(action, IncubatorAction) and action.device in self._incubators)
            or (isinstance(action, FreezerAction) and action.device in self._freezers)
            or (isinstance(action, RoomAction) and self._room is self._wired()[action.device])
        )
        if not fits:
            raise ScenarioError(f"{words(action)}: this device has no such part")

    def _wired(self) -> dict[str, LiveIncubator | LiveProbe | LiveFreezer | LiveRoom]:
        rooms = {self._site.room.id: self._room} if self._site.room and self._room else {}
        return {**self._incubators, **self._probes, **self._freezers, **rooms}

    def _servers(self) -> list[tuple[tuple[str, ...], Server]]:
        """The servers to open, with the ids of the devices behind each.

        Devices with one address share its server, unless the port is free to choose.
        """
        addresses: dict[tuple[str, int, str], dict[str, Unit]] = {}
        for one in self._site.incubators:
            at = (one.host, one.port, "" if one.port else one.id)
            addresses.setdefault(at, {})[one.id] = unit(self._incubators[one.id], one.unit)
        for pair in self._site.gateways:
            at = (pair.host, pair.port, "" if pair.port else pair.co2_id)
            addresses.setdefault(at, {}).update(self._pair(pair))
        return [
            (tuple(units), Server(host, port, tuple(units.values())))
            for (host, port, _), units in addresses.items()
        ]

    def _pair(self, gateway: SimulatedGateway) -> dict[str, Unit]:
        if gateway.inside is None:
            chamber = LiveIncubator(f"around {gateway.co2_id}", self._site.seed)
            self._alone.append(chamber)
        else:
            chamber = self._incubators[gateway.inside]
        seed = self._site.seed
        co2 = LiveProbe(gateway.co2_id, seed, chamber, vaisala.gmp251)
        humidity = LiveProbe(gateway.humidity_id, seed, chamber, vaisala.hmp)
        self._probes |= {gateway.co2_id: co2, gateway.humidity_id: humidity}
        return {
            gateway.co2_id: unit(co2, gateway.co2_unit),
            gateway.humidity_id: unit(humidity, gateway.humidity_unit),
        }

    def _publishing(self) -> list[Publisher]:
        publishers = [
            Publisher(name=one.id, topic=one.topic, device=self._freezers[one.id])
            for one in self._site.freezers
        ]
        if self._site.room is not None and self._room is not None:
            publishers.append(
                Publisher(name=self._site.room.id, topic=self._site.room.topic, device=self._room)
            )
        return publishers

    async def _live(self) -> None:
        """Lets time pass for all physics; the only clock they know."""
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            await asyncio.sleep(TICK_S)
            now = loop.time()
            self._advance(min(now - last, LONGEST_TICK_S))
            last = now

    def _advance(self, real_s: float) -> None:
        for incubator in (*self._incubators.values(), *self._alone):
            incubator.advance(real_s * self._rates.incubators)
        for name, freezer in self._freezers.items():
            before = freezer.switches()
            freezer.advance(real_s * self._rates.freezers)
            if freezer.switches() != before:
                self._publishers[name].nudge()
        if self._room is not None:
            self._room.advance(real_s * self._rates.freezers)
