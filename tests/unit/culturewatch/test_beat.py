"""When a site says that it lives, and that it says so as its watcher expects."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from msgspec.structs import replace

from culturewatch.beat import ENGINE_S, LEAST_GROWTH_S, OUTBOX_S, Heart, Pulse, Signs
from culturewatch.watchdog.http import Answer, Door, Request
from tests.services import free_port

WELL = Signs(last=10, waiting_ms=20, cursor=10, turned_s=0.0, unsound="")
SECRET = "of this test"  # noqa: S105 # guards nothing


async def until(holds: Callable[[], bool], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 # any condition, also one without an event
            await asyncio.sleep(0.01)


class Sink:
    """Takes posts, and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[Request] = []
        self.status = HTTPStatus.OK

    async def answer(self, request: Request) -> Answer:
        self.got.append(request)
        return Answer(status=self.status)


@asynccontextmanager
async def sink() -> AsyncIterator[tuple[Sink, str]]:
    opened, port = Sink(), free_port()
    with Door("127.0.0.1", port, opened.answer) as door:
        serving = asyncio.create_task(door.run(), name="sink")
        try:
            yield opened, f"http://127.0.0.1:{port}/some/path"
        finally:
            serving.cancel()
            await asyncio.wait([serving])


@asynccontextmanager
async def beating(
    url: str, signs: Callable[[], Signs], *, secret: str = SECRET
) -> AsyncIterator[list[str]]:
    said: list[str] = []
    pulse = Pulse(period_s=10, now_s=0.0)
    heart = Heart(
        signs, pulse, site="lab", url=url, every_ms=20, secret=secret, on_trouble=said.append
    )
    running = asyncio.create_task(heart.run(), name="beat under test")
    try:
        yield said
    finally:
        running.cancel()
        await asyncio.wait([running])


def growing() -> Callable[[], Signs]:
    """A core that is well: its journal grows, and its sender looked just now."""
    last = 0

    def signs() -> Signs:
        nonlocal last
        last += 1
        now_s = asyncio.get_running_loop().time()
        return replace(WELL, last=last, cursor=last, turned_s=now_s)

    return signs


async def test_a_beat_is_a_signed_post_that_counts_up() -> None:
    async with sink() as (taken, url), beating(url, growing()) as said:
        await until(lambda: len(taken.got) >= 3)
    assert said == []
    beats = [json.loads(request.body) for request in taken.got]
    assert [beat["sequence"] for beat in beats] == list(range(1, len(beats) + 1))
    assert len({beat["run"] for beat in beats}) == 1
    first = taken.got[0]
    assert (first.method, first.path) == ("POST", "/some/path")
    assert beats[0] | {"at": 0, "run": 0} == {
        "site": "lab",
        "at": 0,
        "run": 0,
        "sequence": 1,
        "every_ms": 20,
        "journal": True,
        "engine": True,
        "outbox": True,
    }
    timestamp = first.headers["x-culturewatch-timestamp"]
    digest = hmac.new(SECRET.encode(), timestamp.encode() + b"." + first.body, hashlib.sha256)
    assert first.headers["x-culturewatch-signature"] == f"sha256={digest.hexdigest()}"


async def test_a_receiver_of_somebody_else_gets_a_plain_post() -> None:
    async with sink() as (taken, url), beating(url, growing(), secret=""):
        await until(lambda: bool(taken.got))
    assert "x-culturewatch-signature" not in taken.got[0].headers


async def test_nothing_is_posted_while_a_part_is_not_fresh_and_both_edges_are_told() -> None:
    well = growing()
    stuck = False
    looks = 0

    def signs() -> Signs:
        nonlocal looks
        looks += 1
        return replace(well(), unsound="2 pages wait" if stuck else "")

    async with sink() as (taken, url), beating(url, signs) as said:
        await until(lambda: len(taken.got) >= 2)
        stuck = True
        await until(lambda: len(said) == 1)
        before, looked = len(taken.got), looks
        await until(lambda: looks > looked + 5)
        assert len(taken.got) == before
        stuck = False
        await until(lambda: len(taken.got) > before)
        await until(lambda: len(said) == 2)
    assert said == [
        "no beat is sent, so that the watcher elsewhere pages: outbox: 2 pages wait",
        "beats are sent again",
    ]


async def test_a_receiver_that_does_not_take_it_is_told_once_without_its_address() -> None:
    async with sink() as (taken, url), beating(f"{url}?key=hidden", growing()) as said:
        taken.status = HTTPStatus.FORBIDDEN
        await until(lambda: len(taken.got) >= 3)
        taken.status = HTTPStatus.OK
        await until(lambda: len(said) == 2)
    assert said == [
        "no beat reaches 127.0.0.1: it answered 403; look at the network",
        "beats are sent again",
    ]


async def test_nobody_there_is_a_trouble_and_not_a_crash() -> None:
    async with beating(f"http://127.0.0.1:{free_port()}/", growing()) as said:
        await until(lambda: len(said) == 1)
    assert said[0].startswith("no beat reaches 127.0.0.1: ")


@pytest.mark.parametrize(
    ("signs", "missing"),
    [
        (WELL, {}),
        (replace(WELL, waiting_ms=5_000), {"journal": "readings wait for the disk for 5 s"}),
        (replace(WELL, turned_s=None), {"outbox": "has not begun to send"}),
        (replace(WELL, turned_s=-31.0), {"outbox": "has not looked for 31 s"}),
        (replace(WELL, unsound="a page waits"), {"outbox": "a page waits"}),
    ],
)
def test_what_is_not_fresh_is_named(signs: Signs, missing: dict[str, str]) -> None:
    assert Pulse(period_s=10, now_s=0.0).missing(signs, 0.0) == missing
    assert OUTBOX_S == 30


def test_a_journal_that_hears_nothing_for_a_minute_is_not_fresh() -> None:
    pulse = Pulse(period_s=10, now_s=0.0)
    signs = replace(WELL, turned_s=1_000.0)
    assert pulse.missing(signs, 1.0) == {}
    assert pulse.missing(signs, 1.0 + LEAST_GROWTH_S) == {}
    assert pulse.missing(signs, 2.0 + LEAST_GROWTH_S) == {"journal": "nothing came for 61 s"}
    assert pulse.missing(replace(signs, last=11, cursor=11), 80.0) == {}


def test_devices_that_are_read_seldom_are_given_their_time() -> None:
    pulse = Pulse(period_s=600, now_s=0.0)
    signs = replace(WELL, turned_s=10_000.0)
    assert pulse.missing(signs, 0.0) == {}
    assert pulse.missing(signs, 2_400.0) == {}
    assert "journal" in pulse.missing(signs, 2_401.0)


def test_an_engine_that_is_a_little_behind_for_ever_is_fresh_and_one_that_stands_is_not() -> None:
    pulse = Pulse(period_s=10, now_s=0.0)
    for second in range(100):
        signs = replace(WELL, last=100 + second, cursor=99 + second, turned_s=float(second))
        assert pulse.missing(signs, float(second)) == {}
    stands = [
        pulse.missing(replace(WELL, last=200 + s, cursor=190, turned_s=100.0 + s), 100.0 + s)
        for s in range(40)
    ]
    first = next(second for second, missing in enumerate(stands) if missing)
    # The entry that it has not taken was there at second 99.
    assert first == ENGINE_S
    assert list(stands[first]) == ["engine"]
