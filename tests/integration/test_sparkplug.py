"""A Sparkplug edge node behind a real broker: births, data, death by its will, and its rebirth."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import SHUT_RDWR, socket

import pytest
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from collector.mqtt import MqttCollector
from collector.mqtt_settings import Subscription
from devices.document import parse
from devices.profile import Profile, layout
from devices.quality import Quality
from devices.scan import Scan, Source
from tests.integration.mqtt_peers import (
    SESSION,
    clock,
    journal_in,
    running,
    scans,
    settings,
    until,
)
from tests.services import MosquittoServer
from tests.sparkplug_messages import DOUBLE, INT64, metric, payload

pytestmark = pytest.mark.mosquitto

TOPIC = "spBv1.0/lab"
STATE = f"spBv1.0/STATE/{SESSION}"
PROFILE = """
model = "A probe behind an edge node"
maker = "nobody"
manual = "these tests"
period = "1m"
[mqtt]
dialect = "sparkplug"
[[channels]]
key = "temperature"
quantity = "temperature"
unit = "degC"
resolution = 0.1
range = [-200.0, 60.0]
source = { via = "sparkplug", metric = "T" }
[[channels]]
key = "humidity"
quantity = "relative_humidity"
unit = "%"
resolution = 0.1
range = [0, 100]
source = { via = "sparkplug", metric = "H" }
"""


def now() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


class Edge:
    """An edge node ``cryo`` with a device ``probe``; paho is its client, the test its program."""

    def __init__(self, host: str, port: int, *, bdseq: int) -> None:
        self.bdseq = bdseq
        self.seq = 0
        self.asked = 0
        self.states: list[dict[str, object]] = []
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"edge-{bdseq}")
        number = metric("bdSeq", datatype=INT64, long_value=bdseq)
        self.client.will_set(f"{TOPIC}/NDEATH/cryo", payload([number]), qos=1)
        self.client.on_message = self._on_message
        self.client.connect(host, port)
        self.client.subscribe([(f"{TOPIC}/NCMD/cryo", 1), (STATE, 1)])
        self.client.loop_start()

    def _on_message(self, _client: paho.Client, _data: object, sent: paho.MQTTMessage) -> None:
        if sent.topic == STATE:
            self.states.append(json.loads(sent.payload))
        else:
            self.asked += 1

    def say(self, kind: str, *metrics: object, device: str = "", at: int | None = None) -> None:
        """One message, in its turn."""
        self.skip()
        topic = f"{TOPIC}/{kind}/cryo" + (f"/{device}" if device else "")
        said = payload(metrics, at=now() if at is None else at, seq=(self.seq - 1) % 256)
        self.client.publish(topic, said, qos=0).wait_for_publish(10)

    def skip(self) -> None:
        """A message that nobody hears."""
        self.seq = (self.seq + 1) % 256

    def bear(self, temperature: float) -> None:
        """All births."""
        self.seq = 0
        self.say("NBIRTH", metric("bdSeq", datatype=INT64, long_value=self.bdseq))
        self.say(
            "DBIRTH",
            metric("T", alias=1, datatype=DOUBLE, double_value=temperature),
            metric("H", alias=2, datatype=DOUBLE, is_null=True),
            device="probe",
        )

    def die(self) -> None:
        """As a machine does: without a word."""
        wire = self.client.socket()
        assert isinstance(wire, socket)
        self.client.loop_stop()
        wire.shutdown(SHUT_RDWR)


@contextmanager
def edge(broker: MosquittoServer, *, bdseq: int = 0) -> Iterator[Edge]:
    """An edge node that is gone at the end."""
    made = Edge(broker.host, broker.port, bdseq=bdseq)
    try:
        yield made
    finally:
        made.client.disconnect()
        made.client.loop_stop()


def expected(period_ms: int = 60_000) -> dict[str, Subscription]:
    """The one device."""
    profile = parse(PROFILE, Profile, name="probe")
    return {f"{TOPIC}/cryo/probe": Subscription(layout("probe", profile), profile, period_ms)}


def told(found: list[Scan]) -> list[tuple[str, float | str]]:
    """Channels in their order."""
    return [
        (key, Quality(code).word if value is None else value)
        for scan in found
        for key, value, code in zip(scan.layout.keys, scan.values, scan.qualities, strict=True)
    ]


async def test_the_life_of_an_edge_node(mosquitto: MosquittoServer, tmp_path: Path) -> None:
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port), expected(), journal, clock()
        )
        with edge(mosquitto) as node:
            async with running(collector):
                await until(lambda: node.asked == 1)
                await until(lambda: bool(node.states) and node.states[-1]["online"] is True)
                node.bear(-150.0)
                await until(lambda: collector.stats.stored == 2)
                node.say("DDATA", metric(alias=1, double_value=-151.0), device="probe")
                hour = now() - 3_600_000
                past = metric(alias=1, double_value=-149.0, timestamp=hour, is_historical=True)
                node.say("DDATA", past, device="probe")
                await until(lambda: collector.stats.stored == 4)
                # A message is lost: what follows it is not believed, and births are asked for.
                node.skip()
                node.say("DDATA", metric(alias=1, double_value=-152.0), device="probe")
                await until(lambda: node.asked == 2)
                await until(lambda: collector.stats.absent == 1)
                assert collector.stats.poison == 1
                node.bear(-153.0)
                await until(lambda: collector.stats.stored == 6)
                await asyncio.to_thread(node.die)
                await until(lambda: collector.stats.absent == 2)
    stale = [("temperature", "stale"), ("humidity", "stale")]
    found = scans(tmp_path)
    assert told(found) == [
        ("temperature", -150.0),
        ("humidity", "sensor_fault"),
        ("temperature", -151.0),
        ("temperature", -149.0),
        *stale,
        ("temperature", -153.0),
        ("humidity", "sensor_fault"),
        *stale,
    ]
    sources = [scan.source for scan in found if scan.values[0] == -149.0]
    assert sources == [Source.BACKFILL]


async def test_a_birth_that_repeats_a_value_of_its_time_tells_it_once(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    at = now()
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port), expected(), journal, clock()
        )
        with edge(mosquitto) as node:
            async with running(collector):
                await until(lambda: node.asked == 1)
                for stored in (1, 1):
                    node.seq = 0
                    node.say("NBIRTH", metric("bdSeq", datatype=INT64, long_value=0))
                    same = metric("T", alias=1, datatype=DOUBLE, timestamp=at, double_value=4.5)
                    node.say("DBIRTH", same, device="probe")
                    await until(lambda: collector.stats.stored == stored)  # noqa: B023 # at once
                await until(lambda: collector.stats.duplicates == 1)
    assert told([s for s in scans(tmp_path) if len(s.values) == 1]) == [("temperature", 4.5)]


async def test_the_host_shows_when_it_came_and_that_it_left(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    began = now()
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port), expected(), journal, clock()
        )
        with edge(mosquitto) as node:
            async with running(collector):
                await until(lambda: bool(node.states))
            await until(lambda: len(node.states) == 2)
    came, left = node.states
    assert (came["online"], left["online"]) == (True, False)
    assert isinstance(came["timestamp"], int)
    assert isinstance(left["timestamp"], int)
    assert began <= came["timestamp"] <= left["timestamp"] <= now()
