"""A device is asked who it is when it begins to answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from collector import poll
from collector.modbus_collector import ModbusCollector
from devices.identity import Identity
from devices.scan import Scan
from devices.transport import Modbus
from tests.unit.collector.polling import TIMEOUT, a_device, a_profile
from tests.unit.collector.responder import (  # a test's own double
    Behaviour,
    Peer,
    Query,
    Responder,
    responding,
    until,
    word,
)
from tests.unit.collector.steady_clock import SteadyClock

pytestmark = [pytest.mark.usefixtures("soon_connected_again"), pytest.mark.virtual_time]


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
