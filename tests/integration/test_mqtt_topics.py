"""Topics that were taken out of the site, and what becomes of messages on them."""

from pathlib import Path

import pytest

from collector.mqtt import MqttCollector
from collector.mqtt_topics import TopicMemory
from storage.reader import JournalReader
from tests.integration.mqtt_peers import (
    clock,
    freezer,
    journal_in,
    message,
    publish,
    running,
    settings,
    subscriptions,
    until,
)
from tests.services import (
    MosquittoServer,
)

pytestmark = pytest.mark.mosquitto


async def test_a_topic_taken_out_of_the_site_is_sent_no_more(
    mosquitto: MosquittoServer, tmp_path: Path, protocol: str
) -> None:
    broker = settings(mosquitto.host, mosquitto.port, protocol=protocol)
    memory = TopicMemory(tmp_path / "topics.json")
    async with journal_in(tmp_path) as journal:
        both = subscriptions(freezer(), "tank", "old")
        collector = MqttCollector(broker, both, journal, clock(), memory=memory)
        async with running(collector):
            await until(lambda: collector.stats.connected)
        rest = subscriptions(freezer(), "tank")
        collector = MqttCollector(broker, rest, journal, clock(), memory=memory)
        async with running(collector):
            await until(lambda: collector.stats.connected)
            await publish(mosquitto.host, mosquitto.port, "lab/old", [message(0)])
            await publish(mosquitto.host, mosquitto.port, "lab/tank", [message(1)])
            await until(lambda: collector.stats.stored == 1)
            assert collector.stats.messages == 1
    assert await memory.read() == frozenset({"lab/tank"})


@pytest.mark.parametrize("fault", ["a damaged file", "no folder"])
async def test_without_its_memory_of_topics_it_still_collects_and_says_so_once(
    mosquitto: MosquittoServer, tmp_path: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "topics.json" if fault == "a damaged file" else tmp_path / "no" / "topics"
    if fault == "a damaged file":
        path.write_bytes(b'["lab/ta\x00')
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port),
            subscriptions(freezer(), "tank"),
            journal,
            clock(),
            memory=TopicMemory(path),
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            await publish(mosquitto.host, mosquitto.port, "lab/tank", [message(0)])
            await until(lambda: collector.stats.stored == 1)
    (line,) = [r.getMessage() for r in caplog.records if "taken out of the site" in r.getMessage()]
    assert str(path) in line


async def test_a_topic_that_the_broker_alone_remembers_is_put_aside_once_and_given_back(
    mosquitto: MosquittoServer, tmp_path: Path, protocol: str
) -> None:
    broker = settings(mosquitto.host, mosquitto.port, protocol=protocol)
    async with journal_in(tmp_path) as journal:
        both = subscriptions(freezer(), "tank", "old")
        collector = MqttCollector(broker, both, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.connected)
        collector = MqttCollector(broker, subscriptions(freezer(), "tank"), journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.connected)
            await publish(mosquitto.host, mosquitto.port, "lab/old", [message(0)])
            await until(lambda: collector.stats.poison == 1)
            # The broker handles this after the collector's unsubscribe, which went out before.
            await until(lambda: collector.stats.unacknowledged == 0)
            await publish(mosquitto.host, mosquitto.port, "lab/old", [message(1)])
            await publish(mosquitto.host, mosquitto.port, "lab/tank", [message(2)])
            await until(lambda: collector.stats.stored == 1)
            assert collector.stats.poison == 1
    with JournalReader(tmp_path) as reader:
        (aside,) = reader.quarantined()
    assert (aside.origin, aside.reason) == ("lab/old", "no device is expected on this topic")
