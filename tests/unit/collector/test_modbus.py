"""The client and its connections, against a responder that does what gateways were seen to do."""

import ast
import asyncio
import random
from pathlib import Path

import pytest

import collector
from collector.errors import LinkError, NoAnswerError
from collector.frame import READ
from collector.modbus import ModbusClient
from tests.unit.collector.asking import LONG_S, SHORT_S, connected_to, here, words
from tests.unit.collector.responder import (  # a test's own double
    Peer,
    Query,
    responding,
    rightly,
    until,
    word,
)

pytestmark = pytest.mark.usefixtures("soon_connected_again")


async def test_registers_come_as_the_device_holds_them() -> None:
    async with responding() as responder, connected_to(responder) as client:
        payload = await client.read(3, "holding", 16, 4, LONG_S)
        assert words(payload) == [word(3, address) for address in range(16, 20)]
        query = responder.queries[0]
        assert (query.unit, query.function, query.address, query.number) == (3, 3, 16, 4)


@pytest.mark.parametrize(
    ("table", "function"), [("coil", 1), ("discrete", 2), ("holding", 3), ("input", 4)]
)
async def test_each_table_is_read_with_its_function(table: str, function: int) -> None:
    async with responding() as responder, connected_to(responder) as client:
        await client.read(1, table, 0, 9, LONG_S)  # type: ignore[arg-type] # a parametrised literal
        assert responder.queries[0].function == function


@pytest.mark.parametrize(
    "garbage",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(40), b"\0\0\0\0\xff\xff\1\3\2\0\0", b"\0\1\0\7"],
)
async def test_garbage_closes_the_connection_and_a_new_one_is_right_again(garbage: bytes) -> None:
    def once_garbage(peer: Peer, query: Query) -> None:
        if peer.responder.accepted == 1:
            peer.send(garbage)
        else:
            rightly(peer, query)

    async with responding(once_garbage) as responder, connected_to(responder) as client:
        with pytest.raises(LinkError, match="not Modbus TCP"):
            await client.read(1, "input", 0, 1, LONG_S)
        await until(lambda: client.connects == 2)
        assert words(await client.read(1, "input", 3, 1, LONG_S)) == [word(1, 3)]
        assert client.stats().garbage == 1
        assert responder.most_at_once == 1


async def test_what_follows_a_cut_answer_is_not_read_as_its_end() -> None:
    def cut_then_whole(peer: Peer, query: Query) -> None:
        if peer.responder.accepted == 1:
            peer.send(query.answer()[:-2])
            peer.later(SHORT_S, query.answer())
        else:
            rightly(peer, query)

    async with responding(cut_then_whole) as responder, connected_to(responder) as client:
        with pytest.raises(LinkError):
            await client.read(1, "input", 0, 4, LONG_S)
        await until(lambda: client.connects == 2)
        assert words(await client.read(1, "input", 0, 1, LONG_S)) == [word(1, 0)]


async def test_a_cut_answer_that_never_ends_costs_one_timeout_and_the_connection() -> None:
    def cut(peer: Peer, query: Query) -> None:
        peer.send(query.answer()[:-1])

    async with responding(cut) as responder, connected_to(responder) as client:
        with pytest.raises(NoAnswerError):
            await client.read(1, "input", 0, 4, SHORT_S)
        await until(lambda: client.connects == 2)


async def test_requests_beyond_the_window_wait_and_lose_nothing() -> None:
    most = 0

    def slowly(peer: Peer, query: Query) -> None:
        nonlocal most
        open_now = len(peer.responder.queries) - answered
        most = max(most, open_now)
        asyncio.get_running_loop().call_later(0.005, finish, peer, query)

    answered = 0

    def finish(peer: Peer, query: Query) -> None:
        nonlocal answered
        answered += 1
        peer.send(query.answer())

    async with responding(slowly) as responder, connected_to(responder, window=4) as client:
        payloads = await asyncio.gather(
            *(client.read(1, "input", address, 1, LONG_S) for address in range(20))
        )
        assert [words(payload) for payload in payloads] == [[word(1, a)] for a in range(20)]
        assert most == 4


async def test_three_silences_in_a_row_replace_the_connection() -> None:
    async with (
        responding(lambda _peer, _query: None) as responder,
        connected_to(responder) as client,
    ):
        for _ in range(3):
            with pytest.raises(NoAnswerError):
                await client.read(1, "input", 0, 1, 0.01)
        await until(lambda: client.connects == 2)
        assert responder.most_at_once == 1


async def test_a_lost_connection_fails_what_is_open_and_comes_back() -> None:
    def hang_up(peer: Peer, query: Query) -> None:
        if peer.responder.accepted == 1:
            peer.close()
        else:
            rightly(peer, query)

    async with responding(hang_up) as responder, connected_to(responder, window=2) as client:
        outcomes = await asyncio.gather(
            *(client.read(1, "input", a, 1, LONG_S) for a in range(5)), return_exceptions=True
        )
        assert all(isinstance(outcome, LinkError) for outcome in outcomes)
        await until(lambda: client.connects == 2)
        assert words(await client.read(1, "input", 1, 1, LONG_S)) == [word(1, 1)]


@pytest.mark.parametrize(
    ("asked", "pauses"),
    [
        pytest.param(False, [0, 1, 2, 3, 4], id="never answered: longer and longer"),
        pytest.param(True, [0, 0, 0, 0, 0], id="answered: from the beginning each time"),
    ],
)
async def test_a_device_that_only_accepts_is_not_tried_without_end(
    monkeypatch: pytest.MonkeyPatch,
    asked: bool,  # noqa: FBT001 # a parameter of the table above
    pauses: list[int],
) -> None:
    seen: list[int] = []

    def pause_s(failures: int, _chance: random.Random) -> float:
        seen.append(failures)
        return 0.001

    monkeypatch.setattr("collector.endpoint_link.pause_s", pause_s)
    async with responding() as responder, connected_to(responder) as client:
        for connects in range(1, 6):
            await until(lambda: client.connects >= connects and responder.peers)  # noqa: B023 # awaited here
            if asked:
                await client.read(1, "input", 0, 1, LONG_S)
            responder.hang_up()
            await until(lambda: not client.is_connected or client.connects > connects)  # noqa: B023 # awaited here
        await until(lambda: len(seen) >= 5)
    assert seen[:5] == pauses


async def test_ending_the_client_closes_its_connection() -> None:
    async with responding() as responder:
        async with connected_to(responder) as client:
            await until(lambda: responder.peers)
        await until(lambda: not responder.peers)
        with pytest.raises(LinkError):
            await client.read(1, "input", 0, 1, LONG_S)


async def test_without_a_connection_a_read_fails_at_once_and_says_why() -> None:
    client = ModbusClient(here(9))
    with pytest.raises(LinkError, match=r"127\.0\.0\.1:9: not connected yet"):
        await client.read(1, "input", 0, 1, LONG_S)


def test_the_client_has_no_way_to_write() -> None:
    folder = Path(next(iter(collector.__path__)))
    for path in folder.glob("*.py"):
        if path.name.startswith("mqtt"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                # That of a transport of asyncio: bytes, whatever they say.
                allowed = path.name == "tty.py" and node.name == "write"
                assert allowed or "write" not in node.name, f"{path.name}: {node.name}"


async def test_only_reading_functions_were_ever_sent() -> None:
    async with responding() as responder, connected_to(responder) as client:
        for table in READ:
            await client.read(1, table, 0, 1, LONG_S)
        assert {query.function for query in responder.queries} == {1, 2, 3, 4}
