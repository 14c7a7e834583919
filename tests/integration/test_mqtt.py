"""MQTT collection against real brokers: what is acknowledged is stored."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop

from collector.mqtt import MqttCollector
from devices.quality import Quality
from devices.scan import Source
from tests.integration.mqtt_peers import (
    clock,
    counted,
    freezer,
    journal_in,
    kept_by_broker,
    message,
    now,
    plain,
    publish,
    publisher,
    running,
    scans,
    settings,
    subscriptions,
    until,
)
from tests.services import (
    MosquittoFactory,
    MosquittoServer,
)

pytestmark = pytest.mark.mosquitto


NEVER_MS = 3_600_000
"""A group commit that does not come about within a test."""


async def test_a_message_that_is_not_on_disk_is_not_acknowledged(
    mosquitto: MosquittoServer, tmp_path: Path, protocol: str
) -> None:
    said = [message(n) for n in range(5)]
    async with journal_in(tmp_path, group_ms=NEVER_MS, group_size=NEVER_MS) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port, protocol=protocol),
            subscriptions(freezer(), "tank"),
            journal,
            clock(),
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            await publish(mosquitto.host, mosquitto.port, "lab/tank", said)
            await until(lambda: journal.stats.pending == 5)
            assert collector.stats.unacknowledged == 5
    kept = await kept_by_broker(mosquitto.host, mosquitto.port, 5)
    assert kept == [(payload, True) for payload in said]


async def test_a_message_on_disk_is_acknowledged(
    mosquitto: MosquittoServer, tmp_path: Path, protocol: str
) -> None:
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port, protocol=protocol),
            subscriptions(freezer(), "tank"),
            journal,
            clock(),
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            await publish(
                mosquitto.host, mosquitto.port, "lab/tank", [message(n) for n in range(5)]
            )
            await until(lambda: collector.stats.stored == 5)
            assert collector.stats.unacknowledged == 0
    assert await kept_by_broker(mosquitto.host, mosquitto.port, 0) == []
    assert [scan.values for scan in scans(tmp_path)] == [(412.0, -150.5, -190.25, 0.0, 0.0)] * 5


async def test_what_is_sent_again_after_a_reconnect_is_stored_once(
    mosquitto: MosquittoServer, tmp_path: Path, protocol: str
) -> None:
    said = [message(n) for n in range(20)]
    broker = settings(mosquitto.host, mosquitto.port, protocol=protocol)
    topics = subscriptions(freezer(), "tank")
    # The first life ends between the commit and the acknowledgement.
    async with journal_in(tmp_path, group_ms=NEVER_MS, group_size=NEVER_MS) as journal:
        collector = MqttCollector(broker, topics, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.connected)
            await publish(mosquitto.host, mosquitto.port, "lab/tank", said)
            await until(lambda: journal.stats.pending == 20)
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(broker, topics, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.duplicates == 20)
            await publish(mosquitto.host, mosquitto.port, "lab/tank", [message(20)])
            await until(lambda: collector.stats.stored == 1)
    assert len(scans(tmp_path)) == 21
    assert await kept_by_broker(mosquitto.host, mosquitto.port, 0) == []


async def test_a_message_sent_again_with_nothing_to_tell_it_by_is_kept_and_marked(
    mosquitto: MosquittoServer, tmp_path: Path, protocol: str
) -> None:
    broker = settings(mosquitto.host, mosquitto.port, protocol=protocol)
    topics = subscriptions(plain(), "probe")
    async with journal_in(tmp_path, group_ms=NEVER_MS, group_size=NEVER_MS) as journal:
        collector = MqttCollector(broker, topics, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.connected)
            await publish(mosquitto.host, mosquitto.port, "lab/probe", [b'{"t": 21.5}'])
            await until(lambda: journal.stats.pending == 1)
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(broker, topics, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.stored == 1)
    first, again = scans(tmp_path)
    assert (first.repeat, again.repeat) == (False, True)
    assert first.values == again.values == (21.5,)
    assert again.qualities == bytes([Quality.CLOCK_UNSURE]), "nobody knows when it was said"


async def test_a_device_that_counts_anew_loses_no_reading(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    topics = subscriptions(counted(), "probe")
    said = [b'{"n": 0, "t": 20.0}', b'{"n": 1, "t": 21.0}', b'{"n": 0, "t": 22.0}']
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port), topics, journal, clock()
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            for payload in [*said, said[2], b'{"n": 1, "t": 23.0}']:
                before = collector.stats.stored
                await publish(mosquitto.host, mosquitto.port, "lab/probe", [payload])
                await until(lambda before=before: collector.stats.stored == before + 1)  # type: ignore[misc] # bound above
    stored = [(scan.values[0], scan.repeat) for scan in scans(tmp_path)]
    assert [value for value, _ in stored] == [20.0, 21.0, 22.0, 22.0, 23.0]
    assert await kept_by_broker(mosquitto.host, mosquitto.port, 0) == []


async def test_a_broker_that_restarts_under_load_loses_nothing(
    mosquitto_with: MosquittoFactory, tmp_path: Path, protocol: str
) -> None:
    mosquitto = mosquitto_with(max_queued_messages=0)
    total = 1_500
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port, protocol=protocol),
            subscriptions(freezer(), "tank"),
            journal,
            clock(),
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            with publisher(mosquitto.host, mosquitto.port) as device:
                for sequence in range(total):
                    device.send("lab/tank", message(sequence))
                    if sequence == total // 2:
                        await asyncio.to_thread(mosquitto.stop)
                        await asyncio.to_thread(mosquitto.start)
                    await asyncio.sleep(0)
                await until(lambda: device.taken == total)
                await until(lambda: journal.stats.entries == total)
            assert collector.stats.connects == 2
    found = [scan.at for scan in scans(tmp_path)]
    assert len(found) == total


@pytest.mark.parametrize("age_s", [0, 3_600])
async def test_what_came_while_the_collector_was_away_is_drained(
    mosquitto_with: MosquittoFactory, tmp_path: Path, protocol: str, age_s: int
) -> None:
    mosquitto = mosquitto_with(max_queued_messages=0)
    broker = settings(mosquitto.host, mosquitto.port, protocol=protocol)
    topics = subscriptions(freezer(), "tank")
    first = now() - timedelta(seconds=age_s)
    taken_at = [first - timedelta(milliseconds=n) for n in range(2_000)]
    said = [message(n, at=at) for n, at in enumerate(taken_at)]
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(broker, topics, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.connected)
        await publish(mosquitto.host, mosquitto.port, "lab/tank", said)
        async with running(collector):
            await until(lambda: journal.stats.entries == len(said))
    found = scans(tmp_path)
    assert {scan.at for scan in found} == {int(at.timestamp() * 1000) for at in taken_at}
    assert {scan.source for scan in found} == {Source.BACKFILL if age_s else Source.LIVE}


async def test_a_journal_that_takes_nothing_delays_and_loses_nothing(
    mosquitto: MosquittoServer, tmp_path: Path, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    said = [message(n, level=n) for n in range(30)]
    async with journal_in(tmp_path, group_ms=200, group_size=NEVER_MS, max_pending=8) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port, protocol=protocol, window=20),
            subscriptions(freezer(), "tank"),
            journal,
            clock(),
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            await publish(mosquitto.host, mosquitto.port, "lab/tank", said)
            await until(lambda: collector.stats.waiting_for_journal)
            assert collector.stats.unacknowledged <= 21
            await until(lambda: collector.stats.stored == 30)
    assert [scan.values[0] for scan in scans(tmp_path)] == list(range(30))
    assert "messages wait and are not acknowledged" in caplog.text
    assert await kept_by_broker(mosquitto.host, mosquitto.port, 0) == []


async def test_a_backlog_that_takes_longer_than_an_answer_may_is_drained_on_one_connection(
    mosquitto_with: MosquittoFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without a limit the broker sends all that it kept before it answers a subscribe.
    mosquitto = mosquitto_with(max_queued_messages=0, max_inflight=0)
    broker = settings(mosquitto.host, mosquitto.port)
    topics = subscriptions(freezer(), "tank")
    async with journal_in(tmp_path, group_ms=200, group_size=NEVER_MS) as journal:
        collector = MqttCollector(broker, topics, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.connected)
        said = [message(n) for n in range(500)]
        await publish(mosquitto.host, mosquitto.port, "lab/tank", said)
        monkeypatch.setattr("collector.mqtt_link.ANSWER_S", 0.5)
        collector = MqttCollector(broker, topics, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.stored == 500)
            await until(lambda: collector.stats.connected)
            assert collector.stats.messages == 500, "none was sent twice"


def test_it_works_in_the_loop_that_production_runs(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    async def collect() -> int:
        async with journal_in(tmp_path) as journal:
            collector = MqttCollector(
                settings(mosquitto.host, mosquitto.port),
                subscriptions(freezer(), "tank"),
                journal,
                clock(),
            )
            async with running(collector):
                await until(lambda: collector.stats.connected)
                said = [message(n) for n in range(200)]
                await publish(mosquitto.host, mosquitto.port, "lab/tank", said)
                await until(lambda: collector.stats.stored == 200)
                return collector.stats.unacknowledged

    assert uvloop.run(collect()) == 0
