"""Asking a unit who it is: pages, refusals, and what is out of step. Frames by hand after 6.21."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from collector.address import TcpAddress
from collector.errors import NoAnswerError, RefusedError
from collector.identification import Introduce, identified
from collector.modbus import ModbusClient
from devices.identity import Identity, IdentityError
from tests.unit.collector.responder import Behaviour, Peer, Query, responding, until

pytestmark = pytest.mark.virtual_time

PAGES = {
    (2, 0): "2B0E 02 83 FF 01 01 00 04 41636D65",
    (2, 1): "2B0E 02 83 00 00 02 01 02 5831 02 02 5632",
    (3, 128): "2B0E 03 83 00 00 01 80 02 5337",
}
"""Acme in two pages, and a serial number of its maker's own."""
ACME = Identity(vendor="Acme", product_code="X1", revision="V2", more={"0x80": "S7"})


def saying(pages: dict[tuple[int, int], str], *, otherwise: int = 3) -> Behaviour:
    def behave(peer: Peer, query: Query) -> None:
        said = pages.get((query.address, query.number))
        peer.send(query.exception(otherwise) if said is None else query.whole(bytes.fromhex(said)))

    return behave


@asynccontextmanager
async def asking(behave: Behaviour, timeout_s: float = 5.0) -> AsyncIterator[Introduce]:
    async with responding() as responder, asyncio.TaskGroup() as tasks:
        responder.introduce = behave
        client = ModbusClient(TcpAddress(host="127.0.0.1", port=responder.port))
        link = tasks.create_task(client.run(), name="link")
        await until(lambda: client.is_connected)
        try:
            yield lambda level, first: client.introduce(9, level, first, timeout_s)
        finally:
            link.cancel()


async def test_all_pages_are_read_and_what_is_the_makers_own() -> None:
    async with asking(saying(PAGES)) as introduce:
        assert await identified(introduce) == ACME


async def test_a_device_that_refuses_regular_is_asked_for_basic() -> None:
    basic = {(1, 0): "2B0E 01 01 00 00 01 00 04 41636D65"}
    async with asking(saying(basic)) as introduce:
        assert await identified(introduce) == Identity(vendor="Acme")


async def test_a_device_that_keeps_to_its_own_level_is_understood() -> None:
    async with asking(saying({(2, 0): "2B0E 01 01 00 00 01 00 04 41636D65"})) as introduce:
        assert await identified(introduce) == Identity(vendor="Acme")


async def test_a_device_without_that_function_says_nothing() -> None:
    async with asking(saying({}, otherwise=1)) as introduce:
        assert await identified(introduce) is None


async def test_a_device_whose_words_are_empty_says_nothing() -> None:
    empty = {(2, 0): "2B0E 02 01 00 00 03 00 00 01 01 20 02 00"}
    async with asking(saying(empty)) as introduce:
        assert await identified(introduce) is None


@pytest.mark.parametrize("code", [6, 11])
async def test_one_that_is_busy_or_not_reached_is_not_one_that_says_nothing(code: int) -> None:
    async with asking(saying({}, otherwise=code)) as introduce:
        with pytest.raises(RefusedError):
            await identified(introduce)


async def test_pages_that_lead_in_a_circle_come_to_an_end() -> None:
    circle = {(2, 0): "2B0E 02 02 FF 00 01 00 04 41636D65"}
    async with asking(saying(circle)) as introduce:
        with pytest.raises(IdentityError, match="back to 0"):
            await identified(introduce)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("2B0D 02 02 00 00 01 00 04 41636D65", id="another envelope"),
        pytest.param("2B0E 03 02 00 00 01 00 04 41636D65", id="another level"),
        pytest.param("2B0E 02 02 00 00 02 00 04 41636D65", id="cut"),
        pytest.param("2B0E 02 02 00 00 01 00 04 41636D6565", id="too long"),
        pytest.param("03 02 0001", id="another function"),
    ],
)
async def test_what_does_not_fit_is_no_answer(said: str) -> None:
    async with asking(saying({(2, 0): said}), timeout_s=0.05) as introduce:
        with pytest.raises(NoAnswerError, match="did not fit"):
            await identified(introduce)


async def test_a_late_answer_is_not_taken_for_that_of_the_next_page() -> None:
    def late(peer: Peer, query: Query) -> None:
        peer.later(0.06, query.whole(bytes.fromhex(PAGES[2, 0])))

    async with asking(late, timeout_s=0.02) as introduce:
        with pytest.raises(NoAnswerError):
            await identified(introduce)
        with pytest.raises(NoAnswerError):
            await partial(introduce, 3, 128)()
