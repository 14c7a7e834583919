"""A whole simulated site: what a collector would see of it over its sockets."""

import asyncio
import json
from typing import Any

import aiomqtt
import pytest
from pymodbus.client import AsyncModbusTcpClient

from devices import catalog
from devices.source import JsonPath, Register
from simulators.faults import Faults
from simulators.live import LiveFreezer, LiveIncubator, LiveProbe, LiveRoom
from simulators.rooms import Rooms
from simulators.scenario import (
    Door,
    Lid,
    Rates,
    Scenario,
    ScenarioError,
    Step,
    Supply,
    Ventilation,
    Wire,
    demo,
)
from simulators.site import (
    SimulatedBroker,
    SimulatedFreezer,
    SimulatedGateway,
    SimulatedIncubator,
    SimulatedRoom,
    SimulatedSite,
)
from simulators.vaisala import gmp251, hmp

BOUND_S = 10.0
SITE = SimulatedSite(
    incubators=tuple(SimulatedIncubator(id=f"incubator-{n}") for n in (1, 2, 3)),
    gateways=(SimulatedGateway(co2_id="co2", humidity_id="humidity", inside="incubator-1"),),
    freezers=tuple(SimulatedFreezer(id=f"freezer-{n}", topic=f"lab/freezer-{n}") for n in (1, 2)),
    room=SimulatedRoom(id="room", topic="lab/room"),
)


@pytest.mark.long
async def test_every_device_of_the_site_answers_or_publishes() -> None:
    async with Rooms(SITE) as rooms:
        for name, unit, table in (
            ("incubator-1", 1, "input"),
            ("incubator-3", 1, "input"),
            ("co2", 240, "holding"),
            ("humidity", 241, "holding"),
        ):
            client = AsyncModbusTcpClient("127.0.0.1", port=rooms.ports[name], reconnect_delay=0)
            assert await client.connect()
            read = client.read_input_registers
            ask = read if table == "input" else client.read_holding_registers
            answer = await ask(0x10 if table == "input" else 0, count=2, device_id=unit)
            assert not answer.isError()
            client.close()
        topics = set()
        async with aiomqtt.Client("127.0.0.1", rooms.broker_port, identifier="me") as listener:
            await listener.subscribe("lab/#", qos=1)
            async with asyncio.timeout(BOUND_S):
                async for message in listener.messages:
                    topics.add(str(message.topic))
                    if len(topics) == 3:
                        break
    assert topics == {"lab/freezer-1", "lab/freezer-2", "lab/room"}


async def test_the_gateway_is_one_port_and_incubators_have_their_own() -> None:
    async with Rooms(SITE) as rooms:
        assert rooms.ports["co2"] == rooms.ports["humidity"]
        assert len(set(rooms.ports.values())) == 4


async def test_devices_with_one_address_share_its_server(unused_tcp_port: int) -> None:
    bus = tuple(
        SimulatedIncubator(id=f"incubator-{unit}", port=unused_tcp_port, unit=unit)
        for unit in (1, 2)
    )
    async with Rooms(SimulatedSite(incubators=bus)) as rooms:
        assert set(rooms.ports.values()) == {unused_tcp_port}


@pytest.mark.long
async def test_the_story_is_told_in_order_and_ends_on_time() -> None:
    told: list[str] = []
    incubators, freezers = ("incubator-1", "incubator-2", "incubator-3"), ("freezer-1", "freezer-2")
    loop = asyncio.get_running_loop()
    async with Rooms(SITE) as rooms:
        began = loop.time()
        story = demo(incubators, freezers, span_s=1.0)
        await rooms.run(story, lambda _at_s, words: told.append(words))
        assert loop.time() - began >= 1.0
    assert told.index("incubator-1: door opened") < told.index("incubator-1: door closed")
    assert told[-1] == "incubator-3: answers as it should"
    assert len(told) == len(story.steps)


@pytest.mark.long
async def test_a_scenario_runs_the_physics_faster_and_only_while_it_lasts() -> None:
    frozen = SimulatedSite(freezers=(SimulatedFreezer(id="freezer-1", topic="lab/1"),))
    async with Rooms(frozen) as rooms:
        levels: list[Any] = []
        async with aiomqtt.Client("127.0.0.1", rooms.broker_port, identifier="me") as listener:
            await listener.subscribe("lab/1", qos=1)
            day = Scenario(
                span_s=1.5,
                steps=(Step(at_s=0, action=Supply(device="freezer-1", open=False)),),
                rates=Rates(freezers=2 * 86_400.0),
            )
            await rooms.run(day)
            rooms.act(Lid(device="freezer-1", open=True))
            async with asyncio.timeout(BOUND_S):
                async for message in listener.messages:
                    said = json.loads(bytes(message.payload))
                    levels.append(said["level_mm"])
                    if said["lid"] == "open":
                        break
    # Two days and more at 24 mm a day.
    assert levels[0] > levels[-1] + 24


async def test_a_closed_room_runs_out_of_oxygen_by_what_its_freezers_lose() -> None:
    broken = LiveFreezer("freezer-1", 1)
    room = LiveRoom("room", 1, (broken,))
    room.act(Ventilation(device="room", works=False))
    for _ in range(24):
        broken.advance(3600)
        room.advance(3600)
    # 12 L in 60 m3: 20.9 exp(-0.695 x 12 / 60).
    assert room.state.oxygen_pct == pytest.approx(18.19, abs=0.01)


async def test_a_silenced_freezer_stops_and_comes_back() -> None:
    site = SimulatedSite(freezers=(SimulatedFreezer(id="freezer-1", topic="lab/1"),))
    async with Rooms(site) as rooms:
        rooms.act(Wire(device="freezer-1", faults=Faults(silent=True)))
        rooms.act(Lid(device="freezer-1", open=True))
        rooms.act(Wire(device="freezer-1"))
        async with aiomqtt.Client("127.0.0.1", rooms.broker_port, identifier="me") as listener:
            await listener.subscribe("lab/1", qos=1)
            async with asyncio.timeout(BOUND_S):
                message = await anext(listener.messages)
    assert json.loads(bytes(message.payload))["lid"] == "open"


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (Door(device="incubator-9", open=True), "no simulated device 'incubator-9'.*incubator-1"),
        (Door(device="freezer-1", open=True), "freezer-1: door opened.*no such part"),
        (Lid(device="incubator-1", open=True), "incubator-1: lid opened.*no such part"),
        (Ventilation(device="co2", works=False), "co2: ventilation broken.*no such part"),
    ],
)
async def test_a_scenario_for_other_rooms_is_refused_before_it_begins(
    action: Door | Lid | Ventilation, said: str
) -> None:
    told: list[str] = []
    first = Step(at_s=0, action=Door(device="incubator-1", open=True))
    async with Rooms(SITE) as rooms:
        with pytest.raises(ScenarioError, match=said):
            await rooms.run(
                Scenario(span_s=1, steps=(first, Step(at_s=1, action=action))),
                lambda _at_s, words: told.append(words),
            )
    assert told == []


async def test_cancelling_a_running_site_leaves_nothing_behind() -> None:
    opened = asyncio.Event()

    async def lived() -> None:
        async with Rooms(SITE) as rooms:
            opened.set()
            await rooms.run(Scenario(span_s=3600))

    task = asyncio.create_task(lived())
    await asyncio.wait_for(opened.wait(), BOUND_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_site_can_publish_to_somebody_elses_broker() -> None:
    async with Rooms(SITE) as rooms:
        theirs = SimulatedBroker(port=rooms.broker_port, embedded=False)
        site = SimulatedSite(
            freezers=(SimulatedFreezer(id="freezer-9", topic="lab/9"),), broker=theirs
        )
        async with aiomqtt.Client("127.0.0.1", rooms.broker_port, identifier="me") as listener:
            await listener.subscribe("lab/9", qos=1)
            async with Rooms(site):
                async with asyncio.timeout(BOUND_S):
                    message = await anext(listener.messages)
    assert str(message.topic) == "lab/9"


def test_a_device_that_stands_twice_is_refused() -> None:
    twice = (SimulatedIncubator(id="a"), SimulatedIncubator(id="a"))
    with pytest.raises(ValueError, match="'a' stands twice"):
        SimulatedSite(incubators=twice)


def test_a_gateway_in_an_unknown_incubator_is_refused() -> None:
    with pytest.raises(ValueError, match="no incubator 'x'"):
        SimulatedSite(gateways=(SimulatedGateway(co2_id="c", humidity_id="h", inside="x"),))


@pytest.mark.parametrize("name", ["sim-incubator", "vaisala-gmp251", "vaisala-hmp"])
def test_every_register_of_the_profile_is_served(name: str) -> None:
    chamber = LiveIncubator("incubator-1", 1)
    tables = {
        "sim-incubator": chamber.tables(),
        "vaisala-gmp251": LiveProbe("co2", 1, chamber, gmp251).tables(),
        "vaisala-hmp": LiveProbe("humidity", 1, chamber, hmp).tables(),
    }[name]
    for channel in catalog.find(name).channels:
        source = channel.source
        assert isinstance(source, Register)
        served = tables[source.table]
        assert set(range(source.address, source.address + source.count)) <= served.keys()


@pytest.mark.parametrize("name", ["sim-freezer", "sim-room-oxygen"])
def test_every_path_of_the_profile_is_published(name: str) -> None:
    bodies = {"sim-freezer": LiveFreezer("f", 1).body, "sim-room-oxygen": LiveRoom("r", 1, ()).body}
    said = bodies[name]()
    for channel in catalog.find(name).channels:
        source = channel.source
        assert isinstance(source, JsonPath)
        found: Any = said
        for key in source.path.split("."):
            found = found[key]
        if source.words:
            assert str(found).lower() in source.words
        else:
            low, high = channel.range
            assert low <= found <= high
