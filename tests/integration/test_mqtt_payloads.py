"""Messages that are poison, misdated or retained are never taken for good ones."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.mqtt import MqttCollector
from devices.quality import Quality
from storage.reader import JournalReader
from tests.integration.mqtt_peers import (
    clock,
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
    MosquittoServer,
)

pytestmark = pytest.mark.mosquitto


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(b"not json", "not JSON", id="no JSON"),
        pytest.param(b"[1, 2]", "not a JSON object", id="a list"),
        pytest.param(b"{" + b" " * 10_000_000, "10000001 bytes", id="10 MB"),
    ],
)
async def test_poison_is_put_aside_and_the_stream_goes_on(
    mosquitto: MosquittoServer,
    tmp_path: Path,
    protocol: str,
    *,
    payload: bytes,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    said = [message(0), payload, payload, message(1)]
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port, protocol=protocol),
            subscriptions(freezer(), "tank"),
            journal,
            clock(),
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            await publish(mosquitto.host, mosquitto.port, "lab/tank", said)
            await until(lambda: collector.stats.stored == 2)
            assert collector.stats.poison == 2
            await until(lambda: collector.stats.unacknowledged == 0)
    with JournalReader(tmp_path) as reader:
        aside = reader.quarantined()
    assert [(odd.origin, odd.length) for odd in aside] == [("lab/tank", len(payload))] * 2
    assert all(reason in odd.reason and payload.startswith(odd.payload) for odd in aside)
    assert sum("put aside" in record.message for record in caplog.records) == 1
    assert await kept_by_broker(mosquitto.host, mosquitto.port, 0) == []


async def test_62_a_stamp_of_1970_is_rejected_and_counted_and_the_reading_is_of_its_arrival(
    mosquitto: MosquittoServer, tmp_path: Path, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    never_set = datetime(1970, 1, 1, 0, 10, tzinfo=UTC)
    said = [message(0), message(1, at=never_set), message(2, at=never_set), message(3)]
    begun = now()
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port, protocol=protocol),
            subscriptions(freezer(), "tank"),
            journal,
            clock(),
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            await publish(mosquitto.host, mosquitto.port, "lab/tank", said)
            await until(lambda: collector.stats.stored == len(said))
            assert collector.stats.misdated == 2
            assert collector.stats.poison == 0
    kept = scans(tmp_path)
    assert min(scan.at for scan in kept) >= int(begun.timestamp() * 1000) - 1
    unsure = [Quality.CLOCK_UNSURE in scan.qualities for scan in kept]
    assert unsure == [False, True, True, False]
    told = [record.message for record in caplog.records if "before the year 2000" in record.message]
    assert len(told) == 1


async def test_what_a_broker_retains_and_says_no_time_is_stale(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    with publisher(mosquitto.host, mosquitto.port) as device:
        device.send("lab/probe", b'{"t": 21.5}', retain=True)
        await until(lambda: device.taken == 1)
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port),
            subscriptions(plain(), "probe"),
            journal,
            clock(),
        )
        async with running(collector):
            await until(lambda: collector.stats.stored == 1)
    (scan,) = scans(tmp_path)
    assert (scan.values, scan.qualities) == ((None,), bytes([Quality.STALE]))
