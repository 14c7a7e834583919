"""Brokers and devices that are away, hang or say nothing new are told, once and on time."""

import asyncio
import logging
import signal
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from collector.mqtt import MqttCollector
from devices.quality import Quality
from tests.integration.mqtt_peers import (
    clock,
    freezer,
    journal_in,
    message,
    now,
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


async def test_a_wrong_password_is_one_clear_line_that_does_not_tell_it(
    mosquitto: MosquittoServer, tmp_path: Path, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    _lock_door(mosquitto)
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(
                mosquitto.host,
                mosquitto.port,
                protocol=protocol,
                username="collector",
                password="s3cret-and-wrong",  # noqa: S106 # wrong on purpose
            ),
            subscriptions(freezer(), "tank"),
            journal,
            clock(),
        )
        async with running(collector):
            await until(lambda: "no connection" in caplog.text)
            attempts = mosquitto.log.read_text().count("not authorised")
            await until(lambda: mosquitto.log.read_text().count("not authorised") > attempts)
    (line,) = [record.getMessage() for record in caplog.records if record.name == "collector.mqtt"]
    assert f"{mosquitto.host}:{mosquitto.port}" in line
    assert "check username" in line
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr(collector._settings)


def _lock_door(mosquitto: MosquittoServer) -> None:
    mosquitto.stop()
    configuration = mosquitto.log.parent / "mosquitto.conf"
    text = configuration.read_text().replace("allow_anonymous true", "allow_anonymous false")
    configuration.write_text(text)
    mosquitto.start()


async def test_a_device_that_never_speaks_and_one_that_stops_are_told_as_no_answer_on_time(
    mosquitto: MosquittoServer, tmp_path: Path, protocol: str
) -> None:
    topics = subscriptions(freezer(), "stops", "never", period_ms=200)
    async with journal_in(tmp_path) as journal:
        # One clock for both: the periods are granted from when the collector was made.
        watch = clock()
        began = watch.now()
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port, protocol=protocol), topics, journal, watch
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            for sequence in range(10):
                await publish(mosquitto.host, mosquitto.port, "lab/stops", [message(sequence)])
                await asyncio.sleep(0.1)
            await until(lambda: sum(scan.device == "stops" for scan in scans(tmp_path)) == 13)
    found = scans(tmp_path)
    never = [scan for scan in found if scan.device == "never"]
    stops = [scan for scan in found if scan.device == "stops"]
    assert {scan.values for scan in never} == {(None,) * 5}
    assert {scan.qualities for scan in never} == {bytes([Quality.NO_ANSWER]) * 5}
    assert never[0].at - began >= 600, "three periods are granted"
    assert never[0].at - began < 1_200
    live, silent = stops[:10], stops[10:]
    assert {scan.qualities for scan in live} == {bytes(5)}
    assert {scan.qualities for scan in silent} == {bytes([Quality.NO_ANSWER]) * 5}
    assert 600 <= silent[0].at - live[-1].received < 1_000
    assert all(100 < later.at - sooner.at < 400 for sooner, later in pairwise(silent))


async def test_without_a_broker_there_is_one_line_and_every_device_is_silent_on_time(
    mosquitto: MosquittoServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mosquitto.stop()
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port),
            subscriptions(freezer(), "tank", period_ms=200),
            journal,
            clock(),
        )
        async with running(collector):
            await until(lambda: collector.stats.absent >= 5)
            assert not collector.stats.connected
            (line,) = [r.getMessage() for r in caplog.records if r.name == "collector.mqtt"]
            assert f"no connection to broker {mosquitto.host}:{mosquitto.port}" in line
            assert "check that it runs there; trying again until it answers" in line
            await asyncio.to_thread(mosquitto.start)
            await until(lambda: collector.stats.connected, within_s=40)


async def test_two_collectors_of_one_name_are_told_what_may_be_the_cause(
    mosquitto: MosquittoServer, tmp_path: Path, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    broker = settings(mosquitto.host, mosquitto.port, protocol=protocol)
    topics = subscriptions(freezer(), "tank")
    async with journal_in(tmp_path) as journal:
        first = MqttCollector(broker, topics, journal, clock())
        second = MqttCollector(broker, topics, journal, clock())
        async with running(first):
            await until(lambda: first.stats.connected)
            async with running(second):
                await until(lambda: not first.stats.connected)
    assert "give each collector a client_id of its own" in caplog.text


async def test_a_broker_that_hangs_is_left(
    mosquitto: MosquittoServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("collector.mqtt_link.KEEP_ALIVE_S", 1)
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port),
            subscriptions(freezer(), "tank"),
            journal,
            clock(),
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            process = mosquitto._process
            assert process is not None
            process.send_signal(signal.SIGSTOP)
            try:
                await until(lambda: not collector.stats.connected)
            finally:
                process.send_signal(signal.SIGCONT)
            await until(lambda: collector.stats.connects == 2)
    assert "Keep alive timeout" in caplog.text


@pytest.mark.parametrize("fault", ["an hour late", "its clock stands still"])
async def test_a_device_of_which_nothing_new_comes_is_silent_though_it_sends(
    mosquitto: MosquittoServer, tmp_path: Path, fault: str
) -> None:
    topics = subscriptions(freezer(), "tank", period_ms=100)
    stands = now()
    async with journal_in(tmp_path) as journal:
        collector = MqttCollector(
            settings(mosquitto.host, mosquitto.port), topics, journal, clock()
        )
        async with running(collector):
            await until(lambda: collector.stats.connected)
            with publisher(mosquitto.host, mosquitto.port) as device:
                for level in range(20):
                    late = now() - timedelta(hours=1)
                    at = late if fault == "an hour late" else stands
                    device.send("lab/tank", message(1, at=at, level=level))
                    await asyncio.sleep(0.05)
            # 1 s of this: silent from 0.3 s on, or 0.3 s after the one reading that was new.
            await until(lambda: collector.stats.absent >= 5)
            assert collector.stats.messages == 20
    absent = [scan for scan in scans(tmp_path) if scan.values == (None,) * 5]
    assert {scan.qualities for scan in absent} == {bytes([Quality.NO_ANSWER]) * 5}
