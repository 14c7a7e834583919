"""Incubators that answer HTTP, on loopback: good ones, slow ones, and ones that answer nonsense."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import msgspec
import pytest

from collector import http
from collector.http import HttpCollector, HttpDevice
from collector.rounds import TalkLinkStats
from devices import catalog
from devices.duration import Duration
from devices.profile import Profile, layout
from devices.quality import Quality
from devices.scan import Scan
from devices.transport import Http
from tests.unit.collector.responder import until
from tests.unit.collector.steady_clock import SteadyClock

SOON = Duration(60)
NO_ANSWER = Quality.NO_ANSWER
MEMMERT = catalog.find("memmert-atmoweb")
BODY = b'{"Temp1Read": 37.0, "HumRead": 93.5, "CO2Read": 5.0}'


def whole(body: bytes, status: str = "200 OK", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def unsized(body: bytes) -> bytes:
    """As old firmware does it: the end of the answer is that of the connection."""
    return b"HTTP/1.0 200 OK\r\n\r\n" + body


class Incubator:
    """What was got, and what is answered; None where it says nothing."""

    def __init__(self, answer: Callable[[], bytes | None]) -> None:
        self.answer = answer
        self.port = 0
        self.asked: list[str] = []
        self.heads: list[bytes] = []


@asynccontextmanager
async def incubator(answer: Callable[[], bytes | None]) -> AsyncIterator[Incubator]:
    """An incubator that listens while the block runs."""
    found = Incubator(answer)
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        found.heads.append(head)
        found.asked.append(head.split(b"\r\n")[0].decode())
        said = found.answer()
        if said is not None:
            writer.write(said)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


@asynccontextmanager
async def collecting(port: int, profile: Profile = MEMMERT) -> AsyncIterator[list[Scan]]:
    before = len(asyncio.all_tasks())
    scans: list[Scan] = []
    crashes: list[str] = []
    device = HttpDevice(
        layout=layout("inc1", profile), profile=profile, host="127.0.0.1", port=port, period=SOON
    )
    collector = HttpCollector(
        [device],
        clock=SteadyClock(),
        deliver=scans.append,
        on_crash=lambda name, error: crashes.append(f"{name}: {error!r}"),
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(collector.run(), name="http")
        yield scans
        running.cancel()
    # What httpx was in the middle of reading is closed in tasks of the loop's own.
    await until(lambda: len(asyncio.all_tasks()) <= before)
    assert crashes == []


async def test_how_it_has_answered_is_counted() -> None:
    device = HttpDevice(
        layout=layout("inc1", MEMMERT), profile=MEMMERT, host="127.0.0.1", port=1, period=SOON
    )
    scans: list[Scan] = []

    async def asked(port: int) -> TalkLinkStats:
        collector = HttpCollector(
            [msgspec.structs.replace(device, port=port)],
            clock=SteadyClock(),
            deliver=scans.append,
            on_crash=lambda _name, _error: None,
        )
        assert collector.stats() == ()
        scans.clear()
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(collector.run(), name="http")
            await until(lambda: len(scans) == 2)
            (found,) = collector.stats()
            running.cancel()
        return found

    before = len(asyncio.all_tasks())
    async with incubator(lambda: whole(BODY)) as found:
        there = await asked(found.port)
        assert (there.endpoint, there.connected) == (f"127.0.0.1:{found.port}", True)
    assert [(one.device, one.polls, one.answered) for one in there.devices] == [("inc1", 2, 2)]
    nobody = await asked(1)
    assert not nobody.connected
    assert [(one.polls, one.answered) for one in nobody.devices] == [(2, 0)]
    await until(lambda: len(asyncio.all_tasks()) <= before)


async def test_an_incubator_is_asked_by_get_without_any_value() -> None:
    async with incubator(lambda: whole(BODY)) as found, collecting(found.port) as scans:
        await until(lambda: len(scans) >= 2)
    assert scans[0].values == (37.0, 93.5, 5.0)
    assert set(found.asked) == {"GET /atmoweb?Temp1Read=&HumRead=&CO2Read= HTTP/1.1"}


async def test_what_old_firmware_writes_is_read() -> None:
    said = unsized('“Temp1Read”: 37.0,\n"HumRead": N/A,\n"CO2Read": 5.0,\n'.encode())
    async with incubator(lambda: said) as found, collecting(found.port) as scans:
        await until(lambda: scans)
    assert scans[0].values == (37.0, None, 5.0)
    assert scans[0].qualities[1] == Quality.SENSOR_FAULT


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(whole(b"", "404 Not Found"), id="not there"),
        pytest.param(whole(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n"), id="elsewhere"),
        pytest.param(whole(b"<html>busy</html>"), id="a page"),
        pytest.param(whole(b"[1, 2]"), id="a list"),
        pytest.param(whole(b"\xff\xfe\x00"), id="no text"),
        pytest.param(whole(BODY)[:-9], id="shorter than it says"),
        pytest.param(unsized(BODY[: BODY.index(b"7.0") + 1]), id="cut within a number"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 300_000, id="without an end"),
        pytest.param(whole(gzip.compress(BODY), more="Content-Encoding: gzip\r\n"), id="packed"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="not HTTP"),
        pytest.param(whole(b'{"a":' * 20_000), id="nested too deeply"),
    ],
)
async def test_what_is_no_answer_is_an_absence(said: bytes) -> None:
    async with incubator(lambda: said) as found, collecting(found.port) as scans:
        await until(lambda: len(scans) >= 2)
    assert all(set(scan.qualities) == {NO_ANSWER} for scan in scans)


async def test_nothing_that_an_incubator_wants_kept_is_kept() -> None:
    said = whole(BODY, more="Set-Cookie: session=1\r\n")
    async with incubator(lambda: said) as found, collecting(found.port) as scans:
        await until(lambda: len(scans) >= 2)
    assert scans[1].values == (37.0, 93.5, 5.0)
    assert all(b"cookie" not in head.lower() for head in found.heads)


async def test_a_hundred_that_hang_keep_no_other_from_being_asked() -> None:
    def device(number: int, port: int) -> HttpDevice:
        return HttpDevice(
            layout=layout(f"inc{number}", MEMMERT),
            profile=MEMMERT,
            host="127.0.0.1",
            port=port,
            period=SOON,
        )

    scans: list[Scan] = []
    before = len(asyncio.all_tasks())
    async with incubator(lambda: None) as hung, incubator(lambda: whole(BODY)) as good:
        devices = [device(number, hung.port) for number in range(100)]
        collector = HttpCollector(
            [*devices, device(100, good.port)],
            clock=SteadyClock(),
            deliver=scans.append,
            on_crash=lambda _name, _error: None,
        )
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(collector.run(), name="http")
            await until(lambda: len(hung.asked) == 100)
            count = len(good.asked)
            await until(lambda: len(good.asked) >= count + 2)
            running.cancel()
        assert {scan.values for scan in scans} == {(37.0, 93.5, 5.0)}
    await until(lambda: len(asyncio.all_tasks()) <= before)


async def test_an_incubator_that_does_not_answer_in_time_is_an_absence() -> None:
    impatient = Profile(
        model="M",
        maker="m",
        manual="by hand",
        channels=MEMMERT.channels,
        period=SOON,
        http=Http(path="/atmoweb?Temp1Read=", timeout=Duration(40)),
    )
    async with incubator(lambda: None) as found, collecting(found.port, impatient) as scans:
        await until(lambda: len(scans) >= 2)
    assert all(set(scan.qualities) == {NO_ANSWER} for scan in scans)


async def test_where_nobody_listens_there_is_an_absence_each_period() -> None:
    async with incubator(lambda: None) as found:
        port = found.port
    async with collecting(port) as scans:
        await until(lambda: len(scans) >= 2)
    assert all(set(scan.qualities) == {NO_ANSWER} for scan in scans)


async def test_an_incubator_that_comes_back_is_read_again() -> None:
    answers = iter([whole(b"", "503 Busy")])
    async with (
        incubator(lambda: next(answers, whole(BODY))) as found,
        collecting(found.port) as scans,
    ):
        await until(lambda: scans and None not in scans[-1].values)
    assert scans[0].values == (None, None, None)


def test_a_host_of_numbers_and_colons_is_put_into_brackets() -> None:
    device = HttpDevice(
        layout=layout("i", MEMMERT), profile=MEMMERT, host="fe80::1", port=80, period=SOON
    )
    assert device.url == "http://[fe80::1]:80/atmoweb?Temp1Read=&HumRead=&CO2Read="


def test_the_collector_of_no_devices_ends_at_once() -> None:
    collector = HttpCollector(
        [], clock=SteadyClock(), deliver=lambda _: None, on_crash=lambda _n, _e: None
    )
    done: Coroutine[None, None, None] = collector.run()
    asyncio.run(done)
    assert http.GOOD == 200
