"""Publishers through the embedded broker, heard by an aiomqtt client of the test's own."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import aiomqtt
import pytest

from simulators import freezer, room
from simulators.broker import Broker
from simulators.faults import HEALTHY, Faults
from simulators.live import LiveFreezer
from simulators.loopback import ServeError
from simulators.mqtt import Publisher, freezer_body, room_body
from simulators.scenario import Lid

BOUND_S = 10.0
NOON = datetime(2026, 1, 5, 12, 0, 0, 250_000, tzinfo=UTC)


@asynccontextmanager
async def publishing(publisher: Publisher, port: int) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(publisher.run("127.0.0.1", port))
        yield
        task.cancel()


@asynccontextmanager
async def listening(
    port: int, topic: str, *, name: str = "listener", clean: bool = True
) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(
        "127.0.0.1", port, identifier=name, clean_session=clean, timeout=BOUND_S
    ) as client:
        await client.subscribe(topic, qos=1)
        yield client


async def heard(client: aiomqtt.Client, count: int) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    async with asyncio.timeout(BOUND_S):
        async for message in client.messages:
            messages.append(json.loads(bytes(message.payload)))
            if len(messages) == count:
                return messages
    raise AssertionError


def sequences(messages: Iterable[dict[str, Any]]) -> list[int]:
    return [message["sequence"] for message in messages]


class Cable:
    """A TCP connection to the broker that the test can cut."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._whole = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._threads: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._plug, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        self.cut()
        if self._threads:
            await asyncio.wait(self._threads, timeout=BOUND_S)

    def cut(self) -> None:
        self._whole = False
        for writer in self._writers:
            writer.close()

    def mend(self) -> None:
        self._whole = True

    async def _plug(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._threads.add(task)
        if not self._whole:
            writer.close()
            return
        from_broker, to_broker = await asyncio.open_connection("127.0.0.1", self._to)
        ends = {writer, to_broker}
        self._writers |= ends
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._carry(reader, to_broker))
                ways.create_task(self._carry(from_broker, writer))
        finally:
            self._writers -= ends
            for end in ends:
                end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        writer.close()


def fast(device: LiveFreezer) -> Publisher:
    return Publisher(name="freezer-1", topic="lab/freezer-1", device=device, period_s=0.02)


@pytest.fixture
def device() -> LiveFreezer:
    return LiveFreezer("freezer-1", seed=1)


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    async with Broker("127.0.0.1", 0) as broker:
        yield broker


def test_a_freezers_message_is_the_documented_one(device: LiveFreezer) -> None:
    publisher = fast(device)
    message = publisher.measure(NOON)
    assert message is not None
    said = json.loads(message)
    assert said["time"] == "2026-01-05T12:00:00.250Z"
    assert said["sequence"] == 1
    assert said["level_mm"] == pytest.approx(550, abs=3)
    assert said["temperature"]["top"] == pytest.approx(-170.7, abs=0.5)
    assert said["temperature"]["bottom"] == pytest.approx(-196.0, abs=0.5)
    assert said["lid"] == "closed"
    assert said["filling"] is False


def test_a_stamp_is_utc_with_milliseconds_whatever_zone_it_comes_from(device: LiveFreezer) -> None:
    message = fast(device).measure(NOON.astimezone().replace(microsecond=0))
    assert message is not None
    assert json.loads(message)["time"] == "2026-01-05T12:00:00.000Z"


def test_missing_measurements_are_null_and_switches_go_on() -> None:
    shown = freezer.read(freezer.State(), freezer.Inputs(lid_open=True), seed=1)
    said = freezer_body(shown, Faults(not_a_number=True))
    assert said["level_mm"] is None
    assert said["temperature"] == {"top": None, "bottom": None}
    assert said["lid"] == "open"


def test_a_room_monitor_says_oxygen_or_a_fault() -> None:
    healthy = room.read(room.State(), room.Inputs(), seed=1)
    assert room_body(healthy, HEALTHY) == {"oxygen": pytest.approx(20.9, abs=0.2), "fault": False}
    broken = room.read(room.State(), room.Inputs(sensor_fault=True), seed=1)
    assert room_body(broken, HEALTHY) == {"oxygen": None, "fault": True}


def test_a_stuck_device_goes_on_counting_and_stamping(device: LiveFreezer) -> None:
    publisher = fast(device)
    first = publisher.measure(NOON)
    device.faults = Faults(stuck=True)
    device.act(Lid(device="freezer-1", open=True))
    device.advance(600)
    second = publisher.measure(NOON + timedelta(seconds=1))
    assert first is not None
    assert second is not None
    before, after = json.loads(first), json.loads(second)
    assert after.pop("sequence") == before.pop("sequence") + 1
    assert after.pop("time") != before.pop("time")
    assert after == before


def test_a_wrong_clock_stamps_wrongly(device: LiveFreezer) -> None:
    device.faults = Faults(clock_off_s=-3600)
    message = fast(device).measure(NOON)
    assert message is not None
    assert json.loads(message)["time"] == "2026-01-05T11:00:00.250Z"


def test_a_silent_device_says_nothing_and_counts_nothing(device: LiveFreezer) -> None:
    publisher = fast(device)
    device.faults = Faults(silent=True)
    assert publisher.measure(NOON) is None
    device.faults = HEALTHY
    message = publisher.measure(NOON)
    assert message is not None
    assert json.loads(message)["sequence"] == 1


async def test_messages_come_in_order_without_holes(broker: Broker, device: LiveFreezer) -> None:
    async with (
        listening(broker.port, "lab/+") as client,
        publishing(fast(device), broker.port),
    ):
        counted = sequences(await heard(client, 20))
    assert counted == list(range(1, 21))


async def test_they_are_stamped_with_the_time_of_day(broker: Broker, device: LiveFreezer) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    async with (
        listening(broker.port, "lab/+") as client,
        publishing(fast(device), broker.port),
    ):
        (message,) = await heard(client, 1)
    assert before <= datetime.fromisoformat(message["time"]) <= datetime.now(UTC)


async def test_a_change_is_told_without_waiting_for_the_period(
    broker: Broker, device: LiveFreezer
) -> None:
    slow = Publisher(name="freezer-1", topic="lab/freezer-1", device=device, period_s=3600)
    async with listening(broker.port, "lab/+") as client, publishing(slow, broker.port):
        await heard(client, 1)
        device.act(Lid(device="freezer-1", open=True))
        slow.nudge()
        (message,) = await heard(client, 1)
    assert message["lid"] == "open"
    assert message["sequence"] == 2


async def test_nothing_is_lost_and_order_is_kept_when_the_cable_is_cut_and_mended(
    broker: Broker, device: LiveFreezer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="simulators")
    async with (
        Cable(broker.port) as cable,
        listening(broker.port, "lab/+") as client,
        publishing(fast(device), cable.port),
    ):
        counted = sequences(await heard(client, 5))
        for _ in range(2):
            cable.cut()
            await asyncio.sleep(0.1)
            cable.mend()
            counted += sequences(await heard(client, 20))
    # A message may come twice (QoS 1) but none is missing and none overtakes.
    assert sorted(set(counted)) == list(range(1, max(counted) + 1))
    assert counted == sorted(counted)
    assert "is back" in caplog.text


async def test_a_subscriber_with_a_session_gets_what_was_said_while_it_was_away(
    broker: Broker, device: LiveFreezer
) -> None:
    async with (
        listening(broker.port, "lab/+", name="collector", clean=False) as client,
        publishing(fast(device), broker.port),
    ):
        first = sequences(await heard(client, 3))
    async with publishing(fast(LiveFreezer("freezer-1", seed=1)), broker.port):
        async with listening(broker.port, "lab/+", name="witness") as witness:
            await heard(witness, 3)
        async with listening(broker.port, "lab/+", name="collector", clean=False) as client:
            second = sequences(await heard(client, 3))
    assert first == [1, 2, 3]
    assert 1 in second


async def test_a_publisher_waits_for_a_broker_that_comes_later(
    device: LiveFreezer, unused_tcp_port: int
) -> None:
    port = unused_tcp_port
    async with publishing(fast(device), port):
        await asyncio.sleep(0.1)
        async with Broker("127.0.0.1", port), listening(port, "lab/+") as client:
            assert len(await heard(client, 3)) == 3


async def test_a_taken_port_is_named_without_a_traceback(broker: Broker) -> None:
    with pytest.raises(ServeError, match=rf"127\.0\.0\.1:{broker.port}.*another port"):
        async with Broker("127.0.0.1", broker.port):
            pass


async def test_the_broker_leaves_the_loggers_as_they_were() -> None:
    level = logging.getLogger("amqtt").level
    async with Broker("127.0.0.1", 0):
        assert logging.getLogger("amqtt").level == logging.CRITICAL
    assert logging.getLogger("amqtt").level == level


def test_the_broker_does_not_serve_beyond_this_machine() -> None:
    with pytest.raises(ServeError, match="loopback only"):
        Broker("0.0.0.0", 1883)  # noqa: S104 # refused
