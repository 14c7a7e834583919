"""Polling on loopback: one scan a device and period, whatever the wire does."""

import asyncio

import pytest

from collector import poll
from collector.modbus_collector import endpoints
from devices.duration import Duration
from devices.quality import Quality
from devices.scan import Scan
from tests.unit.collector.polling import GOOD, NO_ANSWER, PERIOD, Room, a_device, a_profile, polling
from tests.unit.collector.responder import (  # a test's own double
    Peer,
    Query,
    responding,
    until,
    word,
)
from tests.unit.collector.steady_clock import SteadyClock

pytestmark = [pytest.mark.usefixtures("soon_connected_again"), pytest.mark.virtual_time]


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


async def test_every_unit_of_an_endpoint_is_read_over_one_connection() -> None:
    async with responding() as responder:
        devices = [a_device(responder.port, number) for number in range(1, 9)]
        async with polling(devices) as room:
            await until(lambda: all(len(room.good(f"inc{n}")) >= 3 for n in range(1, 9)))
        assert responder.accepted == 1
        assert responder.most_at_once == 1
    for number in range(1, 9):
        assert room.good(f"inc{number}")[0].values == (word(number, 0), word(number, 1))


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
