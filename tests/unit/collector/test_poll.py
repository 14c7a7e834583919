"""Polling on loopback: one scan a device and period, whatever the wire does."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import msgspec
import pytest

from collector import breaker, poll, reconnect, unit
from collector.address import TcpAddress
from collector.modbus_collector import ModbusCollector, endpoints
from collector.unit import DeviceStats, ModbusDevice
from devices.duration import Duration
from devices.identity import Identity
from devices.profile import Channel, Profile, layout
from devices.quality import Quality
from devices.scan import Scan
from devices.source import Register
from devices.transport import Modbus
from tests.unit.collector.responder import (  # a test's own double
    Behaviour,
    Peer,
    Query,
    Responder,
    responding,
    rightly,
    until,
    word,
)

PERIOD = Duration(60)
TIMEOUT = Duration(40)
GOOD, NO_ANSWER = bytes((Quality.GOOD,)), bytes((Quality.NO_ANSWER,))


@pytest.fixture(autouse=True)
def soon_connected_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "FIRST_PAUSE_S", 0.01)


class SteadyClock:
    """Stamps from the loop's clock; unsure when a test says so."""

    is_unsure = False

    def now(self) -> int:
        return round(asyncio.get_running_loop().time() * 1000)


def a_profile(*addresses: int, window: int = 1, timeout: Duration = TIMEOUT) -> Profile:
    return Profile(
        model="M",
        maker="m",
        manual="by hand",
        period=PERIOD,
        modbus=Modbus(timeout=timeout, window=window),
        channels=tuple(
            Channel(
                key=f"c{address}",
                quantity="state",
                unit="1",
                range=(0, 65535),
                resolution=1,
                source=Register(table="input", address=address, type="u16"),
            )
            for address in addresses
        ),
    )


def a_device(
    port: int, number: int = 1, profile: Profile | None = None, period: Duration = PERIOD
) -> ModbusDevice:
    profile = profile or a_profile(0, 1)
    return ModbusDevice(
        layout=layout(f"inc{number}", profile),
        profile=profile,
        address=TcpAddress(host="127.0.0.1", port=port),
        unit=number,
        period=period,
    )


class Room:
    """A running collector and the scans it delivered."""

    def __init__(self, devices: Iterable[ModbusDevice], clock: SteadyClock) -> None:
        self.scans: list[Scan] = []
        self.crashes: list[str] = []
        self.collector = ModbusCollector(
            devices,
            clock=clock,
            deliver=self.deliver,
            on_crash=lambda name, error: self.crashes.append(f"{name}: {error}"),
        )

    def deliver(self, scan: Scan) -> None:
        self.scans.append(scan)

    def of(self, device: str) -> list[Scan]:
        return [scan for scan in self.scans if scan.device == device]

    def good(self, device: str) -> list[Scan]:
        return [scan for scan in self.of(device) if None not in scan.values]

    def stats(self, device: str) -> DeviceStats:
        return next(
            found
            for endpoint in self.collector.stats()
            for found in endpoint.devices
            if found.device == device
        )


@asynccontextmanager
async def polling(
    devices: Sequence[ModbusDevice], clock: SteadyClock | None = None
) -> AsyncIterator[Room]:
    room = Room(devices, clock or SteadyClock())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(room.collector.run(), name="collector")
        yield room
        running.cancel()


async def test_a_device_gives_one_scan_a_period_with_the_registers_it_holds() -> None:
    async with responding() as responder, polling([a_device(responder.port)]) as room:
        await until(lambda: len(room.good("inc1")) >= 5)
    for scan in room.good("inc1"):
        assert list(scan.values) == [word(1, 0), word(1, 1)]
        assert scan.qualities == GOOD * 2
        assert scan.at <= scan.received


async def test_beats_keep_their_distance_and_no_tick_is_lost() -> None:
    async with responding() as responder, polling([a_device(responder.port)]) as room:
        await until(lambda: len(room.good("inc1")) >= 12)
        stats = room.stats("inc1")
    stamps = [scan.at for scan in room.of("inc1")]
    # One extra scan when the link came up; then the grid of the period, missed ticks included.
    ticks = (stamps[-1] - stamps[0]) / PERIOD
    assert len(stamps) - 1 + stats.missed == pytest.approx(ticks, abs=2)


async def test_a_late_tick_is_skipped_and_counted() -> None:
    def slowly(peer: Peer, query: Query) -> None:
        peer.later(2.5 * PERIOD.seconds, query.answer())

    patient = a_profile(0, timeout=Duration(5000))
    async with (
        responding(slowly) as responder,
        polling([a_device(responder.port, profile=patient)]) as room,
    ):
        await until(lambda: len(room.good("inc1")) >= 3)
        stats = room.stats("inc1")
    assert stats.missed >= 3
    assert stats.on_time == 0


async def test_the_stamp_is_the_middle_of_request_and_answer() -> None:
    def slowly(peer: Peer, query: Query) -> None:
        peer.later(0.03, query.answer())

    async with responding(slowly) as responder, polling([a_device(responder.port)]) as room:
        await until(lambda: len(room.good("inc1")) >= 3)
        scan, round_trip_ms = room.good("inc1")[-1], room.stats("inc1").round_trip_ms
    assert round_trip_ms >= 29
    assert scan.received - scan.at == round(round_trip_ms / 2)


async def test_without_a_device_every_period_still_has_a_scan_and_says_no_answer() -> None:
    async with responding() as responder:
        port = responder.port
    async with polling([a_device(port)]) as room:
        await until(lambda: len(room.scans) >= 4)
    assert all(scan.qualities == NO_ANSWER * 2 for scan in room.scans)
    assert all(scan.values == (None, None) for scan in room.scans)


async def test_a_lost_device_is_told_once_and_so_is_its_return(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So late that only a new link can end the silence.
    monkeypatch.setattr(breaker, "FIRST_PROBE_S", 300.0)
    silent = False

    def sometimes(peer: Peer, query: Query) -> None:
        if not silent:
            rightly(peer, query)

    with caplog.at_level(logging.INFO, "collector.poll"):
        async with responding(sometimes) as responder, polling([a_device(responder.port)]) as room:
            await until(lambda: room.good("inc1"))
            silent = True
            await until(lambda: room.stats("inc1").is_probed)
            seen = len(room.of("inc1"))
            # While only probed, absence comes every period without a question.
            await until(lambda: len(room.of("inc1")) >= seen + 4)
            silent = False
            responder.hang_up()
            await until(lambda: room.stats("inc1").is_answering)
    lines = [found.message for found in caplog.records if found.name == "collector.poll"]
    assert lines[0].startswith("inc1 stopped answering: 127.0.0.1")
    assert lines[1:] == ["inc1 answers again"]


@pytest.mark.long
async def test_a_silent_unit_does_not_delay_its_neighbours_beyond_one_timeout() -> None:
    def two_is_silent(peer: Peer, query: Query) -> None:
        if query.unit != 2:
            rightly(peer, query)

    async with responding(two_is_silent) as responder:
        devices = [a_device(responder.port, number) for number in (1, 2, 3)]
        async with polling(devices) as room:
            await until(lambda: len(room.good("inc3")) >= 25)
            assert room.stats("inc2").is_probed
        assert responder.asked[2] <= 4
        assert responder.accepted == 1
    # Between two questions to a healthy unit, the silent one costs at most one timeout.
    order = [query.unit for query in responder.queries]
    for neighbour in (1, 3):
        places = [place for place, asked in enumerate(order) if asked == neighbour]
        assert max(order[start:end].count(2) for start, end in pairwise(places)) == 1
    assert not room.good("inc2")
    assert len(room.of("inc2")) >= 20


async def test_every_unit_of_an_endpoint_is_read_over_one_connection() -> None:
    async with responding() as responder:
        devices = [a_device(responder.port, number) for number in range(1, 9)]
        async with polling(devices) as room:
            await until(lambda: all(len(room.good(f"inc{n}")) >= 3 for n in range(1, 9)))
        assert responder.accepted == 1
        assert responder.most_at_once == 1
    for number in range(1, 9):
        assert room.good(f"inc{number}")[0].values == (word(number, 0), word(number, 1))


def refusing(refused: set[int], code: int = 2) -> Behaviour:
    def behave(peer: Peer, query: Query) -> None:
        if refused & set(range(query.address, query.address + query.number)):
            peer.send(query.exception(code))
        else:
            rightly(peer, query)

    return behave


async def test_a_refused_block_loses_only_its_own_channels_and_is_remembered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    profile = a_profile(0, 1, 2, 3, 4, 5, 6, 7)
    async with (
        responding(refusing({5})) as responder,
        polling([a_device(responder.port, profile=profile)]) as room,
    ):
        await until(lambda: len([s for s in room.scans if s.values[0] is not None]) >= 3)
        stats = room.stats("inc1")
        before = len(responder.queries)
        scans = len(room.scans)
        await until(lambda: len(room.scans) >= scans + 3)
        asked = responder.queries[before:]
    heard = [scan for scan in room.scans if scan.values[0] is not None]
    for scan in heard:
        assert scan.values == tuple(None if a == 5 else word(1, a) for a in range(8))
        assert scan.qualities == GOOD * 5 + NO_ANSWER + GOOD * 2
    assert stats.refused_blocks == 1
    # 0 to 3, 4, and 6 to 7: what is refused is not asked for again.
    assert {(query.address, query.number) for query in asked} == {(0, 4), (4, 1), (6, 2)}
    told = [r.message for r in caplog.records if "does not give" in r.message]
    assert told == ["inc1 does not give input 5 to 5: c5 without values. Mend its profile"]


async def test_what_was_refused_is_tried_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unit, "RETRY_REFUSED_S", 0.1)
    refused = {1}
    async with (
        responding(refusing(refused)) as responder,
        polling([a_device(responder.port)]) as room,
    ):
        await until(lambda: room.stats("inc1").refused_blocks)
        refused.clear()
        await until(lambda: room.good("inc1"))
        assert room.stats("inc1").refused_blocks == 0


async def test_a_unit_that_refuses_everything_is_probed_and_keeps_its_plan() -> None:
    starting = True

    def behave(peer: Peer, query: Query) -> None:
        peer.send(query.exception(2) if starting else query.answer())

    async with responding(behave) as responder, polling([a_device(responder.port)]) as room:
        await until(lambda: room.stats("inc1").is_probed)
        assert room.stats("inc1").refused_blocks == 0
        assert room.scans[-1].qualities == NO_ANSWER * 2
        starting = False
        responder.hang_up()
        await until(lambda: room.good("inc1"))


async def test_a_busy_device_is_alive_and_keeps_its_plan() -> None:
    busy = True

    def sometimes(peer: Peer, query: Query) -> None:
        peer.send(query.exception(6) if busy else query.answer())

    async with responding(sometimes) as responder, polling([a_device(responder.port)]) as room:
        await until(lambda: len(room.scans) >= 4)
        assert not room.stats("inc1").is_probed
        assert not room.good("inc1")
        busy = False
        await until(lambda: room.good("inc1"))
        assert room.stats("inc1").refused_blocks == 0


async def test_a_gateway_that_reports_a_silent_unit_opens_its_breaker() -> None:
    def eleven(peer: Peer, query: Query) -> None:
        peer.send(query.exception(11))

    async with responding(eleven) as responder, polling([a_device(responder.port)]) as room:
        await until(lambda: room.stats("inc1").is_probed)
        assert room.stats("inc1").unanswered >= 2


async def test_a_block_that_is_met_with_silence_does_not_hide_the_others() -> None:
    def silent_at_0(peer: Peer, query: Query) -> None:
        if query.address:
            rightly(peer, query)

    profile = a_profile(0, 100, 200)
    async with (
        responding(silent_at_0) as responder,
        polling([a_device(responder.port, profile=profile)]) as room,
    ):
        await until(lambda: len([s for s in room.scans if s.values[1] is not None]) >= 5)
        await until(lambda: room.stats("inc1").refused_blocks == 1)
    last = room.scans[-1]
    assert last.values == (None, word(1, 100), word(1, 200))


@pytest.mark.long
async def test_answers_lost_now_and_then_do_not_add_up_to_a_block_that_is_left_out() -> None:
    asked = 0

    def now_and_then_silent_at_100(peer: Peer, query: Query) -> None:
        nonlocal asked
        asked += query.address == 100
        if query.address != 100 or asked % 3:
            rightly(peer, query)

    profile = a_profile(0, 100)
    async with (
        responding(now_and_then_silent_at_100) as responder,
        polling([a_device(responder.port, profile=profile)]) as room,
    ):
        await until(lambda: asked >= 20)
        assert room.stats("inc1").refused_blocks == 0


async def test_blocks_are_asked_for_together_where_the_profile_allows_it() -> None:
    profile = a_profile(0, 100, 200, 300, window=4)
    waiting: list[tuple[Peer, Query]] = []

    def all_at_once(peer: Peer, query: Query) -> None:
        waiting.append((peer, query))
        if len(waiting) == 4:
            for asker, held in reversed(waiting):
                asker.send(held.answer())
            waiting.clear()

    async with (
        responding(all_at_once) as responder,
        polling([a_device(responder.port, profile=profile)]) as room,
    ):
        await until(lambda: room.good("inc1"))
    assert room.good("inc1")[0].values == tuple(word(1, a) for a in (0, 100, 200, 300))


async def test_readings_around_a_clock_step_are_marked_but_keep_their_values() -> None:
    clock = SteadyClock()
    clock.is_unsure = True
    async with responding() as responder, polling([a_device(responder.port)], clock) as room:
        await until(lambda: room.good("inc1"))
    assert room.good("inc1")[0].qualities == bytes((Quality.CLOCK_UNSURE,)) * 2


async def test_a_device_that_comes_back_is_asked_at_once_not_at_its_next_tick() -> None:
    async with responding() as responder:
        device = a_device(responder.port, period=Duration(3_600_000))
        async with polling([device]) as room:
            await until(lambda: room.good("inc1"))


@pytest.mark.long
async def test_a_crash_in_delivery_is_told_and_polling_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with responding() as responder:
        room = Room([a_device(responder.port)], SteadyClock())
        crashed = False

        def once(scan: Scan) -> None:
            nonlocal crashed
            if not crashed:
                crashed = True
                raise ZeroDivisionError("full")
            room.scans.append(scan)

        for poller in room.collector.pollers:
            monkeypatch.setattr(poller, "_deliver", once)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(room.collector.run(), name="collector")
            await until(lambda: room.good("inc1"))
            running.cancel()
        assert room.crashes == [f"poll 127.0.0.1:{responder.port}: full"]


async def test_reconnecting_devices_never_have_two_connections() -> None:
    async with responding() as responder, polling([a_device(responder.port)]) as room:
        for _ in range(3):
            count = len(room.good("inc1"))
            await until(lambda: len(room.good("inc1")) > count)  # noqa: B023 # awaited here
            responder.hang_up()
            await until(lambda: not responder.peers)
        count = len(room.good("inc1"))
        await until(lambda: len(room.good("inc1")) > count)
        assert responder.accepted == 4
        assert responder.most_at_once == 1


def test_two_devices_of_one_unit_are_refused_with_both_names() -> None:
    first, second = a_device(5020), a_device(5020)
    with pytest.raises(ValueError, match="inc1 and inc1 are both unit 1 of 127"):
        endpoints([first, second])


def test_devices_of_one_gateway_share_an_endpoint() -> None:
    groups = endpoints([a_device(5021, 1), a_device(5020, 1), a_device(5021, 2)])
    assert [[(d.address.name, d.unit) for d in group] for group in groups] == [
        [("127.0.0.1:5020", 1)],
        [("127.0.0.1:5021", 1), ("127.0.0.1:5021", 2)],
    ]


def test_timers_are_never_waited_for_in_a_spin() -> None:
    # uvloop's timers have whole milliseconds: a shorter wait would come back at once.
    assert poll.TIMER_S >= 0.001


async def test_devices_that_stay_miss_no_poll_and_keep_their_connection_over_a_change() -> None:
    async with responding() as stays, responding() as leaves, responding() as comes:
        devices = [
            a_device(stays.port, 1),
            a_device(stays.port, 2),
            a_device(leaves.port, 3),
        ]
        async with polling(devices) as room:
            await until(lambda: all(room.good(f"inc{n}") for n in (1, 2, 3)))
            slower = a_device(stays.port, 4, period=Duration(90))
            await room.collector.adopt([devices[0], slower, a_device(comes.port, 5)])
            await until(lambda: not leaves.peers)
            await until(lambda: len(room.good("inc5")) > 4 and len(room.good("inc4")) > 2)
            left = len(room.of("inc2")), len(room.of("inc3"))
            polls = room.stats("inc1").polls
            await until(lambda: room.stats("inc1").polls > polls + 3)
            assert (len(room.of("inc2")), len(room.of("inc3"))) == left
            assert (stays.accepted, leaves.accepted, comes.accepted) == (1, 1, 1)
            assert stays.most_at_once == 1
            kept = room.stats("inc1")
            # One may be under way.
            assert kept.polls - len(room.of("inc1")) in {0, 1}
            span_ms = room.of("inc1")[-1].at - room.of("inc1")[0].at
            assert kept.polls + kept.missed >= int(span_ms / PERIOD)


async def test_a_change_that_cannot_be_changes_nothing() -> None:
    async with responding() as responder, polling([a_device(responder.port)]) as room:
        await until(lambda: room.good("inc1"))
        with pytest.raises(ValueError, match="both unit 1"):
            await room.collector.adopt([a_device(responder.port), a_device(responder.port)])
        before = len(room.good("inc1"))
        await until(lambda: len(room.good("inc1")) > before)
        assert responder.accepted == 1


def naming(*names: bytes) -> Behaviour:
    """Says it is each of ``names`` in turn, and the last from then on. By hand after 6.21."""
    left = list(names)

    def introduce(peer: Peer, query: Query) -> None:
        name = left.pop(0) if len(left) > 1 else left[0]
        head = bytes((0x2B, 0x0E, query.address, 1, 0, 0, 1, 0, len(name)))
        peer.send(query.whole(head + name))

    return introduce


@asynccontextmanager
async def meeting(responder: Responder) -> AsyncIterator[list[tuple[str, Identity]]]:
    met: list[tuple[str, Identity]] = []

    async def meet(device: str, said: Identity) -> None:
        met.append((device, said))

    profile = msgspec.structs.replace(a_profile(0), modbus=Modbus(timeout=TIMEOUT, identity=True))
    scans: list[Scan] = []
    collector = ModbusCollector(
        [a_device(responder.port, 1, profile), a_device(responder.port, 2)],
        clock=SteadyClock(),
        deliver=scans.append,
        on_crash=lambda _name, _error: None,
        on_identity=meet,
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(collector.run(), name="collector")
        yield met
        await until(lambda: any(scan.values == (word(1, 0),) for scan in scans))
        running.cancel()


async def test_a_device_is_asked_who_it_is_when_it_begins_to_answer_again() -> None:
    async with responding() as responder:
        responder.introduce = naming(b"Acme", b"Other")
        async with meeting(responder) as met:
            await until(lambda: met)
            responder.hang_up()
            await until(lambda: len(met) == 2)
    assert met == [("inc1", Identity(vendor="Acme")), ("inc1", Identity(vendor="Other"))]
    assert {query.unit for query in responder.introductions} == {1}


async def test_one_that_does_not_say_who_it_is_is_read_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with responding() as responder, meeting(responder) as met:
        await until(lambda: responder.asked[1] > 3)
    assert met == []
    told = [record.message for record in caplog.records if "who it is" in record.message]
    assert told == ["inc1 does not say who it is: it has no word for that"]


async def test_one_that_is_silent_at_that_question_is_asked_again_later_and_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "INTRODUCE_AGAIN_S", 0.0)
    async with responding() as responder:
        responder.introduce = lambda _peer, _query: None
        async with meeting(responder) as met:
            await until(lambda: len(responder.introductions) > 2)
    assert met == []
    assert sum("who it is" in record.message for record in caplog.records) == 1
