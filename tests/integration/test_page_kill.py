"""SIGKILL at random moments and at every named point: no page is lost, one more a kill at most.

The engine, the store, the outbox and the notifiers are those of the product; the mail server and
the HTTP server live here and outlive every core. CULTUREWATCH_PAGE_KILLS says how often
(``make page-kill-test N=10000``); 200 without it.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from alerts.notify.notifier import Message
from alerts.reader import AlarmReader, SentPage
from alerts.replayed import replay
from alerts.transition import What
from tests.unit.alerts.mail_server import Postbox, serving, until  # a test's own

KILLS = int(os.environ.get("CULTUREWATCH_PAGE_KILLS", "200"))
POINTS = ("after-commit", "after-claim", "after-accept", "after-record")
CHANNELS = ("mail", "webhook")
ROOT = Path(__file__).parents[2]


class Heard(NamedTuple):
    """A message that a server took: its id, and whether it says that it may be a repeat."""

    id: str
    marked: bool


class Ears(Postbox):
    """Everything that reached somebody, whichever way, in the order in which it came.

    A core may page by mail and the next by the webhook: which came first says which is the repeat.
    """

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Heard] = []

    async def handle_DATA(  # noqa: N802 # the name aiosmtpd looks for
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        answer = await super().handle_DATA(server, session, envelope)
        mail = self.mails.pop()
        self.heard.append(
            Heard(
                str(mail["Message-ID"]).strip("<>").partition("@")[0],
                str(mail["Subject"]).startswith("(repeat?)"),
            )
        )
        return answer

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer POSTs, several on a connection, until the other side is gone."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
                message = msgspec.json.decode(await reader.readexactly(length), type=Message)
                self.heard.append(Heard(message.id, message.may_repeat))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        writer.close()


class Nursery:
    """Gives birth to cores and notes what they say."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.hot: list[int] = []
        self._alive: int | None = None
        self._words: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    async def note(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            word, number = line.decode().split()
            if word == "hot":
                self.hot.append(int(number))
            else:
                await self._words.put((word, int(number)))

    async def bear(self, point: str = "-", channel: str = "mail") -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{point} {channel}\n".encode())
        self._alive = await self._next("pid")
        return self._alive

    async def end(self, pid: int | None = None) -> None:
        """Kill it, or wait until it has died by itself."""
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        await self._next("ended")
        self._alive = None

    def clear(self) -> None:
        """Leave nothing behind, also where a test ends early."""
        if self._alive is not None:
            os.kill(self._alive, signal.SIGKILL)

    async def _next(self, wanted: str) -> int:
        async with asyncio.timeout(30):
            word, number = await self._words.get()
        assert word == wanted
        return number


@asynccontextmanager
async def born(folder: Path, mail: int, hook: int) -> AsyncIterator[Nursery]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.page_kill_child",
        str(folder),
        str(mail),
        str(hook),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    nursery = Nursery(process)
    noting = asyncio.create_task(nursery.note(), name="what cores say")
    try:
        yield nursery
    finally:
        nursery.clear()
        if process.stdin is not None:
            process.stdin.close()
        await asyncio.wait_for(process.wait(), 30)
        await noting


@asynccontextmanager
async def laboratory(folder: Path) -> AsyncIterator[tuple[Nursery, Ears]]:
    ears = Ears()
    server = await asyncio.start_server(ears.listen, "127.0.0.1", 0)
    hook = server.sockets[0].getsockname()[1]
    async with serving(ears) as mail, born(folder, mail, hook) as nursery:
        yield nursery, ears
    server.close()
    await server.wait_closed()


def rows(folder: Path) -> list[SentPage]:
    with AlarmReader(folder / "alarms.db") as reader:
        return reader.pages(limit=1_000_000)


def settled(folder: Path) -> bool:
    with AlarmReader(folder / "alarms.db") as reader:
        return not {row.state.value for row in reader.pages(limit=20)} & {"queued", "claimed"}


@pytest.mark.slow
@pytest.mark.timeout(7_200)
async def test_kills_lose_no_page_and_repeat_at_most_one_each_which_says_so(
    tmp_path: Path,
) -> None:
    dice = random.Random(20_260_105)
    named = [(point, channel) for point in POINTS for channel in CHANNELS]
    began = time.monotonic()
    async with laboratory(tmp_path) as (nursery, ears):
        for number in range(KILLS):
            pid = await nursery.bear(channel=dice.choice(CHANNELS))
            await asyncio.sleep(dice.uniform(0.0, 0.3))
            await nursery.end(pid)
            if number < len(named):
                # It comes to the point by itself, and dies there.
                await nursery.bear(*named[number])
                await nursery.end()
        pid = await nursery.bear()
        enough = len(nursery.hot) + 2
        await until(lambda: len(nursery.hot) >= enough, within_s=60)
        await until(lambda: settled(tmp_path), within_s=30)
        await nursery.end(pid)
        heard, hot = list(ears.heard), list(nursery.hot)
    kills = KILLS + min(KILLS, len(named)) + 1
    found = Found(tmp_path, heard, hot)
    sys.stdout.write(
        f"\n{kills} kills in {time.monotonic() - began:.0f} s: {len(hot)} readings that must page, "
        f"{len(heard)} messages heard, {len(found.lost)} lost, {found.extra} extra, "
        f"{len(found.unmarked)} of them unmarked, {sum(one.marked for one in heard)} marked\n"
    )
    assert found.lost == []
    assert found.unmarked == []
    # Both channels were killed between the provider's yes and its record: at least these.
    assert 2 <= found.extra <= kills
    assert len(hot) >= kills // 10
    # The last core was alive when it was judged: what it had not committed is not in the history.
    replayed = replay(tmp_path)
    assert replayed.difference is None
    assert replayed.rows > len(hot)


class Found:
    """What was heard against what had to be: by the readings, and by the rows of the outbox.

    A row whose sender died too often is given up for a fresh one, so people may hear of one alarm
    by several rows: an extra is whatever is heard of it again, by the same row or another.
    """

    def __init__(self, folder: Path, heard: list[Heard], hot: list[int]) -> None:
        sent = {named(row): row for row in rows(folder)}
        self.lost = [f"unknown {one.id}" for one in heard if one.id not in sent]
        about: dict[tuple[str, int], list[Heard]] = {}
        for one in heard:
            row = sent[one.id]
            about.setdefault((row.notice.value, row.occurrence), []).append(one)
        with AlarmReader(folder / "alarms.db") as reader:
            set_ = {one.since: one.occurrence for one in reader.told() if one.what is What.SET}
        # The last one was in hand when the last core was killed: nobody has judged it yet.
        self.lost += [
            f"reading at {at}" for at in hot[:-1] if ("page", set_.get(at) or 0) not in about
        ]
        ids = {one.id for one in heard}
        self.lost += [
            name for name, row in sent.items() if row.handed is not None and name not in ids
        ]
        self.extra = sum(len(all_) - 1 for all_ in about.values())
        self.unmarked = [all_ for all_ in about.values() if not all(one.marked for one in all_[1:])]


def named(row: SentPage) -> str:
    """The id under which a row of the outbox reaches people."""
    return f"page-{row.row}-{row.arrived}"
