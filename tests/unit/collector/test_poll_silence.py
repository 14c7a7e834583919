"""Polling around silent and slow units: absence each period, and no delay of their neighbours."""

import asyncio
import logging
from itertools import pairwise

import pytest

from collector import breaker, patience, poll
from devices.duration import Duration
from tests.unit.collector.polling import a_device, a_profile, polling
from tests.unit.collector.responder import (  # a test's own double
    Peer,
    Query,
    responding,
    rightly,
    until,
)

pytestmark = [pytest.mark.usefixtures("soon_connected_again"), pytest.mark.virtual_time]


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


@pytest.mark.long
async def test_a_unit_that_has_become_slow_answers_late_once_and_is_then_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "LEAST_S", 0.02)
    delay_s = 0.0

    def slower(peer: Peer, query: Query) -> None:
        peer.later(delay_s if query.unit == 2 else 0.0, query.answer())

    patient = a_profile(0, timeout=Duration(2000))
    async with responding(slower) as responder:
        devices = [a_device(responder.port, number, patient) for number in (1, 2)]
        async with polling(devices) as room:
            await until(lambda: len(room.good("inc2")) > patience.LEARNT)
            delay_s = 0.3
            await until(lambda: room.stats("inc2").unanswered)
            good = len(room.good("inc2"))
            await until(lambda: len(room.good("inc2")) >= good + 2)
            assert not room.stats("inc2").is_probed
            assert room.stats("inc2").unanswered <= 2
            assert room.collector.stats()[0].link.late_answers >= 1


@pytest.mark.long
async def test_a_gateway_that_waits_for_a_silent_unit_costs_its_neighbours_no_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "LEAST_S", 0.02)
    monkeypatch.setattr(patience, "ALLOWED_S", 0.06)
    # A look would be taken each time; only what the neighbours wait for speaks against it.
    monkeypatch.setattr(patience, "SHARE", 1.0)
    monkeypatch.setattr(breaker, "FIRST_PROBE_S", 0.01)
    monkeypatch.setattr(poll, "SHARE", 0.001)
    is_silent, held_until_s = False, 0.0

    def gateway(peer: Peer, query: Query) -> None:
        nonlocal held_until_s
        now_s = asyncio.get_running_loop().time()
        if is_silent and query.unit == 2:
            held_until_s = max(held_until_s, now_s) + 0.25
        else:
            peer.later(max(0.0, held_until_s - now_s), query.answer())

    patient = a_profile(0, timeout=Duration(3000))
    async with responding(gateway) as responder:
        devices = [a_device(responder.port, number, patient) for number in (1, 2)]
        async with polling(devices) as room:
            await until(lambda: min(len(room.good("inc1")), len(room.good("inc2"))) > 9)
            is_silent, asked, lost = True, responder.asked[2], room.stats("inc1").unanswered
            await until(lambda: room.stats("inc2").is_probed)
            good = len(room.good("inc1"))
            await until(lambda: len(room.good("inc1")) >= good + 8)
            assert room.stats("inc1").unanswered == lost
            assert responder.asked[2] - asked <= 3


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
