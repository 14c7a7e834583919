"""Calendars over a real local HTTP server and from files, in fair weather and foul."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from alerts.policy import Person
from alerts.rota import feeds as feeds_module
from alerts.rota.feeds import LARGEST_BYTES, Feed, FeedError, Feeds, Fetched
from alerts.rota.pattern import Calendar, Rota
from alerts.rota.resolve import Shift
from culturewatch.fetch import fetch
from devices.duration import Duration

pytestmark = pytest.mark.long

CALENDARS = Path(__file__).parent / "calendars"
GOOD = (CALENDARS / "nights-and-days.ics").read_bytes()
PEOPLE = (Person(id="A", name="Ada"), Person(id="B", name="Ben Bird"))
NOON = 1_781_085_600_000
"""2026-06-10 10:00 UTC."""
NO_COPY = "there is no copy of it, so it puts nobody on call"
DAY_SHIFT = Shift(1_781_064_000_000, 1_781_121_600_000, "B")
"""06:00 to 22:00 in Vienna on that day."""


class Server:
    """Says what ``answer`` is, byte for byte, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer = ok(GOOD)
        self.asked: list[str] = []
        self.port = 0
        self.hangs = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(request)
        if self.hangs:
            await reader.read()
        else:
            writer.write(self.answer)
            with suppress(ConnectionError):
                await writer.drain()
        writer.close()


def ok(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close")
    return "\r\n".join((*lines, "", "")).encode() + body


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()


def feed(
    folder: Path,
    url: str = "",
    file: str = "",
    *,
    within_s: float = 5.0,
    every: Duration = Duration(900_000),  # noqa: B008 # frozen
    now: Callable[[], int] = lambda: NOON,
) -> Feed:
    calendar = Calendar(name="lab calendar", url=url, file=file, every=every)

    async def bounded(address: str, etag: str) -> Fetched:
        return await fetch(address, etag, within_s=within_s)

    rota = Rota(id="cryo", zone="Europe/Vienna", feed=(calendar,))
    return Feed(
        rota, calendar, PEOPLE, folder=folder / "copies", base=folder, fetch=bounded, now=now
    )


def address(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}/private/8c1f/rota.ics"


def copies(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((folder / "copies").glob("*"))]


async def test_a_calendar_is_had_and_a_copy_kept(tmp_path: Path) -> None:
    async with serving() as server:
        one = feed(tmp_path, address(server))
        await one.refresh()
    assert DAY_SHIFT in one.state.read.shifts
    assert (one.state.error, one.state.good_at) == ("", NOON)
    assert copies(tmp_path) == [GOOD]


async def test_what_has_not_changed_is_not_sent_again(tmp_path: Path) -> None:
    async with serving() as server:
        server.answer = ok(GOOD, 'ETag: "v1"')
        one = feed(tmp_path, address(server))
        await one.refresh()
        server.answer = ok(b"", status="304 Not Modified")
        await one.refresh()
    assert 'if-none-match: "v1"' in server.asked[1].lower()
    assert DAY_SHIFT in one.state.read.shifts
    assert one.state.error == ""


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (ok(b"", status="503 Service Unavailable"), "its server answers 503"),
        (ok(b"", status="304 Not Modified"), "its server answers 304"),
        (ok(b"<html>sign in</html>"), "not a calendar"),
        (ok(GOOD[: len(GOOD) // 2]), "not a calendar"),
        (b"220 mail.lab.example ESMTP\r\n", "cannot be reached: RemoteProtocolError"),
        (ok(GOOD)[:-500], "cannot be reached: RemoteProtocolError"),
        (ok(b"x" * 10_000_000), f"is larger than {LARGEST_BYTES} bytes"),
    ],
    ids=["503", "304 unasked", "a page", "half", "not HTTP", "cut off", "10 MB"],
)
async def test_the_last_good_copy_counts_when_the_server_fails(
    tmp_path: Path, answer: bytes, why: str
) -> None:
    async with serving() as server:
        first = feed(tmp_path, address(server))
        await first.refresh()
        server.answer = answer
        again = feed(tmp_path, address(server), now=lambda: NOON + 3_600_000)
        await again.open()
        assert DAY_SHIFT in again.state.read.shifts
        await again.refresh()
    assert why in again.state.error
    assert DAY_SHIFT in again.state.read.shifts
    assert copies(tmp_path) == [GOOD]
    assert "8c1f" not in again.state.error


async def test_nobody_listens_and_there_is_no_copy(tmp_path: Path) -> None:
    async with serving() as server:
        gone = address(server)
    one = feed(tmp_path, gone)
    await one.open()
    await one.refresh()
    assert one.state.read.shifts == ()
    assert one.state.good_at is None
    assert one.state.error == "its server cannot be reached: ConnectError"


async def test_a_server_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    async with serving() as server:
        server.hangs = True
        one = feed(tmp_path, address(server), within_s=0.2)
        await one.refresh()
    assert one.state.error == "its server does not answer within 0.2 s"


async def test_endless_redirects_end() -> None:
    async with serving() as server:
        server.answer = ok(b"", f"Location: {address(server)}", status="302 Found")
        with pytest.raises(FeedError, match="TooManyRedirects"):
            await fetch(address(server), "")
    assert len(server.asked) == 4


async def test_a_file_is_read_and_its_copy_counts_while_somebody_writes_it(tmp_path: Path) -> None:
    place = tmp_path / "rota.ics"
    place.write_bytes(GOOD)
    one = feed(tmp_path, file="rota.ics")
    await one.open()
    assert DAY_SHIFT in one.state.read.shifts
    place.write_bytes(GOOD[:100])
    await one.refresh()
    assert "not a calendar" in one.state.error
    assert DAY_SHIFT in one.state.read.shifts
    place.unlink()
    again = feed(tmp_path, file="rota.ics")
    await again.open()
    assert again.state.error == "cannot be read: No such file or directory"
    assert DAY_SHIFT in again.state.read.shifts


async def test_when_a_copy_was_last_good_outlives_a_restart(tmp_path: Path) -> None:
    async with serving() as server:
        await feed(tmp_path, address(server)).refresh()
        (copy,) = (tmp_path / "copies").glob("*")
        os.utime(copy, (NOON / 1000 - 90_000, NOON / 1000 - 90_000))
        again = feed(tmp_path, address(server))
        await again.open()
        assert again.state.good_at == NOON - 90_000_000
        await again.refresh()
        assert again.state.good_at == NOON


async def test_failing_and_working_again_are_each_told_once(tmp_path: Path) -> None:
    lines: list[str] = []
    looked = asyncio.Event()
    async with serving() as server:
        server.answer = ok(b"", status="500 Internal Server Error")
        one = feed(tmp_path, address(server), every=Duration(10))
        feeds = Feeds([one], on_trouble=lines.append, changed=looked.set)
        task = asyncio.create_task(feeds.run(), name="calendars under test")
        for wanted in (3, 6):
            while len(server.asked) < wanted:
                looked.clear()
                await looked.wait()
            server.answer = ok(GOOD)
        task.cancel()
        await asyncio.wait([task])
    assert lines == [
        f"rota cryo: calendar lab calendar: its server answers 500; {NO_COPY}",
        "rota cryo: calendar lab calendar is read again",
    ]


async def test_a_file_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds_module, "FILE_S", 0.1)
    place = tmp_path / "rota.ics"
    os.mkfifo(place)
    one = feed(tmp_path, file="rota.ics")
    await one.open()
    assert one.state.error == "cannot be read within 0.1 s"
    # Somebody writes at last, and the thread that waits for it ends.
    await asyncio.to_thread(place.write_bytes, b"")
