"""MQTT collection against real brokers: what is acknowledged is stored, and silence is told."""

import asyncio
import logging
import signal
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import uvloop

from collector.mqtt import MqttCollector
from collector.mqtt_topics import TopicMemory
from devices.quality import Quality
from devices.scan import Source
from storage.reader import JournalReader
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


@pytest.fixture(params=["3.1.1", "5"])
def protocol(request: pytest.FixtureRequest) -> str:
    """Both versions of MQTT."""
    version: str = request.param
    return version


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
