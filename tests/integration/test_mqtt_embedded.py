"""MQTT collection from the broker that the demo embeds, which knows 3.1.1 only."""

import asyncio
from contextlib import suppress
from pathlib import Path

from collector.mqtt import MqttCollector
from simulators.broker import Broker
from tests.integration.mqtt_peers import (
    clock,
    freezer,
    journal_in,
    message,
    publish,
    running,
    scans,
    settings,
    subscriptions,
    until,
)


async def test_what_the_embedded_broker_delivers_is_stored_and_acknowledged(tmp_path: Path) -> None:
    said = [message(n, level=n) for n in range(100)]
    async with Broker("127.0.0.1", 0) as broker, journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings("127.0.0.1", broker.port), subscriptions(freezer(), "tank"), journal, clock()
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            await publish("127.0.0.1", broker.port, "lab/tank", said)
            await until(lambda: collector.stats.stored == 100)
            await until(lambda: collector.stats.unacknowledged == 0)
    assert sorted(scan.values[0] or 0 for scan in scans(tmp_path)) == list(range(100))


async def test_the_embedded_broker_keeps_what_comes_while_the_collector_is_away(
    tmp_path: Path,
) -> None:
    async with Broker("127.0.0.1", 0) as broker, journal_in(tmp_path) as journal:
        topics = subscriptions(freezer(), "tank")
        collector = MqttCollector(settings("127.0.0.1", broker.port), topics, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.connected)
        said = [message(n) for n in range(10)]
        await publish("127.0.0.1", broker.port, "lab/tank", said)
        async with running(collector):
            await until(lambda: collector.stats.stored == 10)


async def test_what_was_taken_in_is_stored_though_the_embedded_broker_forgets_it(
    tmp_path: Path,
) -> None:
    # amqtt 0.12 drops what is not acknowledged when the connection ends, or after 5 s; a
    # session of Mosquitto sends it again.
    topics = subscriptions(freezer(), "tank")
    async with journal_in(tmp_path, group_ms=1_000) as journal:
        async with Broker("127.0.0.1", 0) as broker:
            collector = MqttCollector(settings("127.0.0.1", broker.port), topics, journal, clock())
            task = asyncio.create_task(collector.run(), name="collector under test")
            await until(lambda: collector.stats.connected)
            said = [message(n) for n in range(5)]
            await publish("127.0.0.1", broker.port, "lab/tank", said)
            await until(lambda: journal.stats.pending == 5)
        await until(lambda: not collector.stats.connected)
        await until(lambda: collector.stats.stored == 5)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert len(scans(tmp_path)) == 5
