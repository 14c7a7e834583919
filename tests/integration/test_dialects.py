"""Each dialect through a real broker into a real journal: what a device said, and its silence."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.mqtt import MqttCollector
from collector.mqtt_settings import Subscription
from devices.catalog import find
from devices.profile import layout
from devices.quality import Quality
from devices.scan import Scan, Source
from tests.integration.mqtt_peers import (
    clock,
    journal_in,
    now,
    publish,
    running,
    scans,
    settings,
    until,
)
from tests.services import MosquittoServer

pytestmark = pytest.mark.mosquitto

CHIRPSTACK = "application/7b1a/device/24e124136b50221"


def expected(addresses: dict[str, str], *, period_ms: int = 600_000) -> dict[str, Subscription]:
    """Devices d0, d1 … at addresses, with their profiles."""
    return {
        address: Subscription(layout(f"d{n}", find(profile)), find(profile), period_ms)
        for n, (address, profile) in enumerate(addresses.items())
    }


async def heard(
    broker: MosquittoServer,
    folder: Path,
    devices: dict[str, Subscription],
    *said: tuple[str, str],
    count: int,
) -> list[Scan]:
    """What the journal holds once ``count`` things are in it."""
    async with journal_in(folder) as journal:
        collector = MqttCollector(settings(broker.host, broker.port), devices, journal, clock())
        async with running(collector):
            await until(lambda: collector.stats.connected)
            for topic, text in said:
                await publish(broker.host, broker.port, topic, [text.encode()])
            await until(
                lambda: (
                    collector.stats.stored + collector.stats.duplicates == count
                    and collector.stats.unacknowledged == 0
                )
            )
            assert collector.stats.refused_topics == ()
    return scans(folder)


def told(found: list[Scan]) -> list[tuple[str, dict[str, float | str]]]:
    """Devices and their channels."""
    return [
        (
            scan.device,
            {
                key: Quality(code).word if value is None else value
                for key, value, code in zip(
                    scan.layout.keys, scan.values, scan.qualities, strict=True
                )
            },
        )
        for scan in found
    ]


def uplink(data: str, count: int, at: datetime) -> str:
    said = {"time": at.isoformat(), "fPort": 85, "data": data, "deviceInfo": {"devEui": "x"}}
    return json.dumps(said | ({"fCnt": count} if count else {}))


async def test_an_application_of_chirpstack_is_one_subscription_and_its_memory_is_backfill(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    devices = expected(
        {f"{CHIRPSTACK}7": "milesight-em500-pt100", f"{CHIRPSTACK}8": "milesight-em500-pt100"}
    )
    at = now()
    found = await heard(
        mosquitto,
        tmp_path,
        devices,
        (f"{CHIRPSTACK}7/event/up", uplink("A2dY+A==", 0, at)),
        (f"{CHIRPSTACK}8/event/up", uplink("AXVkA2cZAQ==", 5, at)),
        (f"{CHIRPSTACK}8/event/up", uplink("AXVkA2cZAQ==", 5, at)),
        (f"{CHIRPSTACK}8/event/up", uplink("A2cZASDOx5r6ZL3/", 6, at)),
        count=5,
    )
    assert told(found) == [
        ("d0", {"temperature": -196.0}),
        ("d1", {"temperature": 28.1, "battery": 100.0}),
        ("d1", {"temperature": 28.1}),
        ("d1", {"temperature": -6.7}),
    ]
    assert [scan.source for scan in found] == [*[Source.LIVE] * 3, Source.BACKFILL]
    stamp = datetime.fromtimestamp(found[3].at / 1000, UTC)
    assert stamp.isoformat() == "2023-09-08T03:53:43+00:00"


async def test_the_things_stack_is_read_from_its_bytes(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    at = now().isoformat()
    up = {"f_port": 2, "f_cnt": 9, "frm_payload": "DjwBs3CAAWCgbpA=", "received_at": at}
    said = {"received_at": at, "uplink_message": {**up, "decoded_payload": {"Temp_Channel1": 0}}}
    found = await heard(
        mosquitto,
        tmp_path,
        expected({"v3/cryo@lab/devices/ln2": "dragino-ltc2"}),
        ("v3/cryo@lab/devices/ln2/up", json.dumps(said)),
        count=1,
    )
    assert told(found) == [
        ("d0", {"temperature_1": -196.0, "temperature_2": "sensor_fault", "battery": 3.644})
    ]


async def test_a_bridge_that_goes_offline_takes_its_devices_with_it(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    seen = (now() - timedelta(seconds=1)).isoformat()
    state = {"temperature": 4.27, "humidity": 41.3, "battery": 87, "last_seen": seen}
    gone = {"temperature": "no_answer", "relative_humidity": "no_answer", "battery": "no_answer"}
    found = await heard(
        mosquitto,
        tmp_path,
        expected(
            {
                "zigbee2mqtt/cold room/1": "zigbee2mqtt-climate",
                "zigbee2mqtt/2": "zigbee2mqtt-climate",
            }
        ),
        ("zigbee2mqtt/cold room/1", json.dumps(state)),
        ("zigbee2mqtt/2/availability", '{"state": "offline"}'),
        ("zigbee2mqtt/bridge/state", '{"state": "offline"}'),
        count=4,
    )
    assert told(found) == [
        ("d0", {"temperature": 4.27, "relative_humidity": 41.3, "battery": 87.0}),
        ("d1", gone),
        ("d0", gone),
        ("d1", gone),
    ]


async def test_a_shelly_that_tells_a_change_tells_nothing_of_the_rest(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    change = {"ts": now().timestamp(), "temperature:0": {"id": 0, "tC": 22.4}}
    found = await heard(
        mosquitto,
        tmp_path,
        expected({"shellyplusht-c049": "shelly-plus-ht"}),
        ("shellyplusht-c049/events/rpc", json.dumps({"method": "NotifyStatus", "params": change})),
        ("shellyplusht-c049/online", "false"),
        count=1,
    )
    assert told(found) == [("d0", {"temperature": 22.4})]


async def test_probes_of_a_tasmota_board_are_told_apart_by_their_id(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    two = (
        '{"Time": "2026-03-01T05:30:00", "DS18B20-1": {"Id": "AA", "Temperature": 4.1},'
        ' "DS18B20-2": {"Id": "BB", "Temperature": -18.3}, "TempUnit": "C"}'
    )
    renumbered = (
        '{"Time": "2026-03-01T05:35:00", "DS18B20-1": {"Id": "BB", "Temperature": -18.4},'
        ' "TempUnit": "C"}'
    )
    found = await heard(
        mosquitto,
        tmp_path,
        expected({"tele/bench#AA": "tasmota-ds18b20", "tele/bench#BB": "tasmota-ds18b20"}),
        ("tele/bench/SENSOR", two),
        ("tele/bench/SENSOR", renumbered),
        ("tele/bench/LWT", "Offline"),
        count=6,
    )
    assert told(found) == [
        ("d0", {"temperature": 4.1}),
        ("d1", {"temperature": -18.3}),
        ("d0", {"temperature": "no_answer"}),
        ("d1", {"temperature": -18.4}),
        ("d0", {"temperature": "no_answer"}),
        ("d1", {"temperature": "no_answer"}),
    ]


async def test_word_that_a_device_is_gone_does_not_count_as_its_voice(
    mosquitto: MosquittoServer, tmp_path: Path
) -> None:
    devices = expected({"tele/bench#AA": "tasmota-ds18b20"}, period_ms=300)
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port), devices, journal, clock()
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            while collector.stats.absent == 0:
                await publish(mosquitto.host, mosquitto.port, "tele/bench/LWT", [b"Offline"])
