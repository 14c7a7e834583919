"""Only the answer that was asked for is used, whatever gateways were seen to do."""

import asyncio
import random
import time

import pytest

from collector import connection
from collector.errors import LinkError, NoAnswerError, RefusedError
from collector.modbus import ModbusClient
from tests.unit.collector.asking import LONG_S, SHORT_S, connected_to, here, words
from tests.unit.collector.responder import (  # a test's own double
    Behaviour,
    Peer,
    Query,
    responding,
    rightly,
    until,
    word,
)

pytestmark = pytest.mark.usefixtures("soon_connected_again")


PATIENT_S = 0.1
"""Longer than a busy machine keeps the two ends from talking to each other."""


async def test_a_late_answer_is_counted_and_never_taken_for_the_next_one() -> None:
    def first_is_late(peer: Peer, query: Query) -> None:
        if query.address == 16:
            peer.later(2 * SHORT_S, query.answer())
        else:
            peer.later(4 * SHORT_S, query.answer())

    async with responding(first_is_late) as responder, connected_to(responder) as client:
        with pytest.raises(NoAnswerError, match="unit 1: no answer within"):
            await client.read(1, "input", 16, 1, SHORT_S)
        assert words(await client.read(1, "input", 18, 1, LONG_S)) == [word(1, 18)]
        assert client.stats().late_answers == 1
        assert client.stats().connects == 1


async def test_an_answer_that_waited_in_the_socket_while_we_slept_is_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asleep_s = 0.0
    monkeypatch.setattr(connection, "RUNNING_S", lambda: time.monotonic() + asleep_s)

    def while_we_sleep(peer: Peer, query: Query) -> None:
        nonlocal asleep_s
        asleep_s += 3_600.0
        rightly(peer, query)

    async with responding(while_we_sleep) as responder, connected_to(responder) as client:
        with pytest.raises(NoAnswerError):
            await client.read(1, "holding", 0, 2, LONG_S)
        assert client.stats().late_answers == 1
        responder.behave = rightly
        assert words(await client.read(1, "holding", 9, 1, LONG_S)) == [word(1, 9)]
        assert client.stats().connects == 1


def twice(peer: Peer, query: Query) -> None:
    peer.send(query.answer() * 2)


def byte_by_byte(peer: Peer, query: Query) -> None:
    for number, byte in enumerate(query.answer()):
        peer.later(number * 0.001, bytes((byte,)))


def after_an_unknown_one(peer: Peer, query: Query) -> None:
    stranger = query.answer(transaction=query.transaction ^ 0x5555, data=b"\0\0" * query.number)
    peer.send(stranger + query.answer())


def after_another_unit(peer: Peer, query: Query) -> None:
    peer.send(query.answer(unit=query.unit + 1, data=b"\0\0" * query.number) + query.answer())


def after_another_function(peer: Peer, query: Query) -> None:
    peer.send(query.answer(function=query.function ^ 7) + query.answer())


def after_a_longer_one(peer: Peer, query: Query) -> None:
    peer.send(query.answer(data=query.data() + b"\0\0") + query.answer())


@pytest.mark.parametrize(
    ("behave", "counted"),
    [
        (twice, "stray_answers"),
        (byte_by_byte, None),
        (after_an_unknown_one, "stray_answers"),
        (after_another_unit, "wrong_unit"),
        (after_another_function, "mismatched"),
        (after_a_longer_one, "mismatched"),
    ],
)
async def test_only_the_answer_that_was_asked_for_is_used(
    behave: Behaviour, counted: str | None
) -> None:
    async with responding(behave) as responder, connected_to(responder) as client:
        for address in (5, 6, 7):
            payload = await client.read(9, "holding", address, 3, LONG_S)
            assert words(payload) == [word(9, a) for a in range(address, address + 3)]
        if counted:
            assert getattr(client.stats(), counted) >= 2


async def test_a_device_that_answers_without_end_what_nobody_asked_is_hung_up_on() -> None:
    def babbles(peer: Peer, query: Query) -> None:
        peer.send(query.answer(transaction=query.transaction ^ 0x5555) * 300)

    async with responding(babbles) as responder, connected_to(responder) as client:
        with pytest.raises(LinkError, match="300 answers in a row to nothing that was asked"):
            await client.read(1, "holding", 0, 1, LONG_S)
        responder.behave = rightly
        await until(lambda: client.is_connected)
        assert words(await client.read(1, "holding", 9, 1, LONG_S)) == [word(1, 9)]


async def test_an_answer_of_another_unit_alone_is_no_answer_and_the_error_names_it() -> None:
    def as_unit_7(peer: Peer, query: Query) -> None:
        peer.send(query.answer(unit=7))

    async with responding(as_unit_7) as responder, connected_to(responder) as client:
        with pytest.raises(NoAnswerError, match=r"unit 2.*an answer of unit 7 was dropped"):
            await client.read(2, "input", 0, 1, SHORT_S)


async def test_an_exception_says_its_code_in_the_words_of_the_specification() -> None:
    def refuse(peer: Peer, query: Query) -> None:
        peer.send(query.exception(2))

    async with responding(refuse) as responder, connected_to(responder) as client:
        with pytest.raises(RefusedError, match="exception 2, illegal data address") as caught:
            await client.read(1, "input", 40, 1, LONG_S)
        assert caught.value.is_lasting


class Mischief:
    """Answers each query rightly in the end, but not alone, not whole, or not in time."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.held: list[bytes] = []
        self.ways = (
            self.hold,
            self.hand_over,
            twice,
            self.split,
            after_an_unknown_one,
            after_another_unit,
            after_another_function,
            after_a_longer_one,
            self.refuse,
            self.break_off,
        )

    def __call__(self, peer: Peer, query: Query) -> None:
        way = self.chance.choice(self.ways) if self.chance.random() < 0.3 else rightly
        way(peer, query)

    def hold(self, _peer: Peer, query: Query) -> None:
        self.held.append(query.answer())

    def hand_over(self, peer: Peer, query: Query) -> None:
        late = b"".join(self.held)
        self.held.clear()
        peer.send(late + query.answer())

    def split(self, peer: Peer, query: Query) -> None:
        answer = query.answer()
        peer.split(answer, self.chance.randrange(1, len(answer)))

    def refuse(self, peer: Peer, query: Query) -> None:
        peer.send(query.exception(6))

    def break_off(self, peer: Peer, query: Query) -> None:
        # Each of these costs the connection, and the next one begins half a second later.
        match self.chance.randrange(150):
            case 0:
                peer.send(query.answer()[:-1])
            case 1:
                peer.send(self.chance.randbytes(30))
            case _:
                rightly(peer, query)


async def ask_at_random(client: ModbusClient, seed: int, times: int) -> int:
    """Read random registers; gives how many answers were used, all of them right."""
    chance = random.Random(seed)
    used = 0
    for _ in range(times):
        unit, first, number = chance.randrange(200), chance.randrange(60000), chance.randrange(1, 9)
        try:
            payload = await client.read(unit, "holding", first, number, PATIENT_S)
        except RefusedError:
            continue
        except LinkError:
            await until(lambda: client.is_connected)
            continue
        assert words(payload) == [word(unit, first + i) for i in range(number)]
        used += 1
    return used


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(800, id="20,000 requests"),
        pytest.param(
            40_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)], id="1,000,000 requests"
        ),
    ],
)
async def test_no_answer_is_misattributed_whatever_happens_on_the_wire(times: int) -> None:
    """Of all requests, whatever is used is the answer to its own."""
    async with responding(Mischief(20260101)) as responder, asyncio.TaskGroup() as tasks:
        clients = [ModbusClient(here(responder.port), window=w) for w in (1, 4, 8, 8, 4)]
        links = [tasks.create_task(client.run(), name="link") for client in clients]
        await until(lambda: all(client.is_connected for client in clients))
        used = await asyncio.gather(
            *(
                ask_at_random(client, 100 * number + lane, times)
                for number, client in enumerate(clients)
                for lane in range(client.window)
            )
        )
        for link in links:
            link.cancel()
    lanes = sum(client.window for client in clients)
    assert sum(used) > 0.9 * lanes * times
    seen = [client.stats() for client in clients]
    assert sum(stats.requests for stats in seen) > 0.9 * lanes * times
    for kind in ("late_answers", "stray_answers", "wrong_unit", "mismatched", "garbage"):
        assert sum(getattr(stats, kind) for stats in seen) > 0, kind
