"""The hardware of a site, simulated: which simulator stands for which declared device."""

import asyncio
import logging
from collections.abc import Callable

from culturewatch.site import Site, SiteDevice, SiteError
from simulators.rooms import Rooms
from simulators.scenario import Scenario, demo
from simulators.site import (
    SimulatedBroker,
    SimulatedFreezer,
    SimulatedGateway,
    SimulatedIncubator,
    SimulatedRoom,
    SimulatedSite,
)

log = logging.getLogger(__name__)

INCUBATOR, FREEZER, OXYGEN = "sim-incubator", "sim-freezer", "sim-room-oxygen"
CO2_PROBE, HUMIDITY_PROBE = "vaisala-gmp251", "vaisala-hmp"
KNOWN = (INCUBATOR, FREEZER, OXYGEN, CO2_PROBE, HUMIDITY_PROBE)


def simulated_site(site: Site, *, seed: int = 1) -> SimulatedSite:
    """The simulators that serve ``site`` where its file says its devices are.

    Raises:
        SiteError: a device has no simulator, or is not on loopback.
    """
    mistakes = [
        f"{site.path}: device {device.id}: {device.declared.profile} cannot be simulated; "
        f"only {', '.join(KNOWN)}"
        for device in site.devices
        if device.declared.profile not in KNOWN
    ]
    mistakes += _not_on_loopback(site)
    rooms = _by_profile(site, OXYGEN)
    if len(rooms) > 1:
        mistakes.append(f"{site.path}: only one {OXYGEN} can be simulated; {len(rooms)} declared")
    if len(site.file.broker) > 1:
        mistakes.append(f"{site.path}: devices of one broker can be simulated, not of more")
    if mistakes:
        raise SiteError(mistakes)
    incubators = tuple(_incubator(site, device) for device in _by_profile(site, INCUBATOR))
    try:
        return SimulatedSite(
            incubators=incubators,
            gateways=_gateways(site, incubators),
            freezers=tuple(
                SimulatedFreezer(id=d.id, topic=d.declared.topic)
                for d in _by_profile(site, FREEZER)
            ),
            room=SimulatedRoom(id=rooms[0].id, topic=rooms[0].declared.topic) if rooms else None,
            broker=_broker(site),
            seed=seed,
        )
    except ValueError as error:
        raise SiteError([f"{site.path}: {error}"]) from error


def demo_scenario(site: Site, span_s: float) -> Scenario:
    """The demonstration's story for the devices of ``site``, told within ``span_s`` seconds."""
    return demo(
        tuple(device.id for device in _by_profile(site, INCUBATOR)),
        tuple(device.id for device in _by_profile(site, FREEZER)),
        span_s=span_s,
    )


async def serve(
    site: Site,
    stop: asyncio.Event,
    *,
    scenario: Scenario | None,
    ready: Callable[[], None],
) -> None:
    """Serve the simulated devices until ``stop`` is set; ``ready`` is called when they answer.

    Raises:
        SiteError: they cannot be simulated.
        simulators.modbus.ServeError: an address cannot be served.
    """
    async with Rooms(simulated_site(site)) as rooms:
        ready()
        async with asyncio.TaskGroup() as tasks:
            told = tasks.create_task(_tell(rooms, scenario), name="scenario")
            await stop.wait()
            told.cancel()


async def _tell(rooms: Rooms, scenario: Scenario | None) -> None:
    if scenario is not None:
        await rooms.run(scenario)


def _by_profile(site: Site, profile: str) -> list[SiteDevice]:
    return [device for device in site.devices if device.declared.profile == profile]


def _not_on_loopback(site: Site) -> list[str]:
    places = [(f"endpoint {e.id}", e.host) for e in site.file.endpoint]
    places += [(f"broker {b.id}", b.host) for b in site.file.broker]
    return [
        f"{site.path}: {name} is at {host}; simulators serve on loopback only (127.0.0.1)"
        for name, host in places
        if host not in {"127.0.0.1", "localhost"}
    ]


def _incubator(site: Site, device: SiteDevice) -> SimulatedIncubator:
    endpoint = site.endpoint_of(device)
    return SimulatedIncubator(
        id=device.id, host=endpoint.host, port=site.port_of(device), unit=device.unit
    )


def _gateways(
    site: Site, incubators: tuple[SimulatedIncubator, ...]
) -> tuple[SimulatedGateway, ...]:
    humidity = {d.declared.endpoint: d for d in _by_profile(site, HUMIDITY_PROBE)}
    gateways = []
    for co2 in _by_profile(site, CO2_PROBE):
        partner = humidity.pop(co2.declared.endpoint, None)
        if partner is None:
            raise SiteError([f"{site.path}: {co2.id} has no {HUMIDITY_PROBE} at its endpoint"])
        endpoint = site.endpoint_of(co2)
        gateways.append(
            SimulatedGateway(
                co2_id=co2.id,
                humidity_id=partner.id,
                host=endpoint.host,
                port=site.port_of(co2),
                co2_unit=co2.unit,
                humidity_unit=partner.unit,
                inside=incubators[0].id if incubators else None,
            )
        )
    if humidity:
        lonely = ", ".join(device.id for device in humidity.values())
        raise SiteError([f"{site.path}: {lonely}: no {CO2_PROBE} at the same endpoint"])
    return tuple(gateways)


def _broker(site: Site) -> SimulatedBroker:
    if not site.file.broker:
        return SimulatedBroker()
    broker = site.file.broker[0]
    return SimulatedBroker(host=broker.host, port=broker.port)
