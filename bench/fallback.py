"""``python -m bench.fallback``: how long a page takes to its next channel when one fails.

Real outbox, store, SMTP and HTTP on loopback, and the patience of a running core. Each case is one
person with two channels: the first fails in its way, the second takes the page. Measured is from
the refusal, from the beginning of the attempt, or from the acceptance without a receipt, to the
second one's acceptance on disk. It lasts a little over a minute: so long a receipt is waited for.
"""

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Literal, NamedTuple

from rich.console import Console
from rich.table import Table

from alerts.channel import ChannelSpec
from alerts.delivery import Event
from alerts.directory import Directory
from alerts.enqueue import enqueue
from alerts.notify.http import open_http
from alerts.notify.mail import MailNotifier, MailServer
from alerts.notify.notifier import Notifier
from alerts.notify.webhook import WebhookNotifier
from alerts.outbox import Outbox
from alerts.pace import Pace
from alerts.page import Composer
from alerts.policy import Person, Policy, Step
from alerts.schema import open_read_only
from alerts.store import AlarmStore, Batch, Caused, save
from alerts.transition import Transition, What
from bench.pages import mail_sink
from devices.duration import Duration
from storage.wall import wall_ms

WITHIN_S = 90.0
SECRET = "of the bench"  # noqa: S105 # of this benchmark
Says = Literal["refuses", "hangs", "hangs at the greeting", "errors", "asks for a minute", "takes"]


class Case(NamedTuple):
    """The first channel does ``says``; ``since`` is the event from which time counts."""

    name: str
    way: Literal["mail", "webhook"]
    says: Says
    since: Event
    goal_s: float


CASES = (
    Case("SMTP 550", "mail", "refuses", Event.PERMANENT, 5),
    Case("HTTP 404", "webhook", "refuses", Event.PERMANENT, 5),
    Case("SMTP hangs after DATA", "mail", "hangs", Event.CLAIM, 15),
    Case("SMTP does not greet", "mail", "hangs at the greeting", Event.CLAIM, 15),
    Case("HTTP hangs", "webhook", "hangs", Event.CLAIM, 15),
    Case("SMTP 451 for ever", "mail", "errors", Event.CLAIM, 20),
    Case("HTTP 503 for ever", "webhook", "errors", Event.CLAIM, 20),
    Case("HTTP 429, Retry-After 60", "webhook", "asks for a minute", Event.CLAIM, 5),
    Case("SMTP 250, no receipt", "mail", "takes", Event.ACCEPT, 61),
    Case("HTTP 202, no receipt", "webhook", "takes", Event.ACCEPT, 61),
)
_HTTP: Mapping[Says, str] = {
    "refuses": "404 Not Found",
    "errors": "503 Service Unavailable",
    "asks for a minute": "429 Too Many Requests\r\nRetry-After: 60",
    "takes": "202 Accepted",
}
_DATA: Mapping[Says, str] = {"refuses": "550 no", "errors": "451 later", "takes": "250 taken"}


class Servers:
    """Mail and web servers that do what a case says."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()

    @asynccontextmanager
    async def serving(self, case: Case) -> AsyncIterator[int]:
        """The port of one."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await (self._mail if case.way == "mail" else self._web)(case.says, reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]
            self._ended.set()

    async def _mail(
        self, says: Says, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if says == "hangs at the greeting":
            await self._ended.wait()
            return
        writer.write(b"220 bench\r\n")
        while line := (await reader.readline()).decode().upper():
            if line.startswith("DATA"):
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                if says == "hangs":
                    await self._ended.wait()
                    return
                writer.write(f"{_DATA[says]}\r\n".encode())
            else:
                writer.write(b"221 bye\r\n" if line.startswith("QUIT") else b"250 ok\r\n")
            await writer.drain()

    async def _web(
        self, says: Says, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if says == "hangs":
            await self._ended.wait()
            return
        writer.write(f"HTTP/1.1 {_HTTP[says]}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()


async def measure(folder: Path) -> dict[Case, float]:
    """Seconds to the second channel, for each case."""
    people: list[Person] = []
    ways: dict[str, Notifier] = {}
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(open_http(timeout_s=15.0))
        sink = await stack.enter_async_context(mail_sink())
        ways["second"] = _mail(sink)
        for number, case in enumerate(CASES):
            servers = Servers()
            port = await stack.enter_async_context(servers.serving(case))
            first = f"first-{number}"
            ways[first] = _mail(port) if case.way == "mail" else WebhookNotifier(http, SECRET)
            address = "a@lab.example" if case.way == "mail" else f"http://127.0.0.1:{port}/"
            people.append(
                Person(
                    id=case.name,
                    channels=(first, "second"),
                    addresses={first: address, "second": "b@lab.example"},
                )
            )
        return await _sent(folder / "alarms.db", people, ways)


def _mail(port: int) -> MailNotifier:
    server = MailServer(host="127.0.0.1", port=port, sender="w@lab.example", security="none")
    return MailNotifier(server)


async def _sent(
    path: Path, people: list[Person], ways: Mapping[str, Notifier]
) -> dict[Case, float]:
    steps = (Step(after=Duration(0), to=tuple(person.id for person in people)),)
    directory = Directory(people, [Policy(id="standard", steps=steps)], lambda _: None)
    channel = ChannelSpec(
        id="inc1.temperature", quantity="temperature", period_ms=10_000, resolution=0.01
    )
    async with AlarmStore(path) as store:
        await store.write(lambda db: _queue(db, people, directory))
        outbox = Outbox(
            store,
            ways,
            Composer(directory, [channel]),
            directory,
            pace=Pace(bundle_ms=30_000, skew_ms=0),
            on_trouble=lambda _: None,
        )
        running = asyncio.create_task(outbox.run(), name="outbox")
        try:
            return await _found(path)
        finally:
            running.cancel()
            await asyncio.wait([running])


def _queue(db: sqlite3.Connection, people: list[Person], directory: Directory) -> None:
    now = wall_ms()
    caused = tuple(
        Caused(
            1,
            now,
            Transition(
                at=now,
                what=What.QUEUED,
                rule=f"rule of {person.id}",
                channel="inc1.temperature",
                occurrence=1,
                severity="critical",
                to=person.id,
            ),
        )
        for person in people
    )
    batch = Batch(after=0, cursor=1, parts={}, caused=caused)
    for number, one in zip(save(db, batch), caused, strict=True):
        enqueue(db, number, one, directory, now=now)


async def _found(path: Path) -> dict[Case, float]:
    found: dict[Case, float] = {}
    async with asyncio.timeout(WITHIN_S):
        while len(found) < len(CASES):
            await asyncio.sleep(0.2)
            found = await asyncio.to_thread(_read, path)
    return found


def _read(path: Path) -> dict[Case, float]:
    found = {}
    with closing(open_read_only(path)) as db:
        for case in CASES:
            handed = db.execute(
                "SELECT handed FROM outbox WHERE person = ? AND channel = 'second'", (case.name,)
            ).fetchone()
            since = db.execute(
                "SELECT min(l.at) FROM delivery_log l JOIN outbox o ON o.id = l.row"
                " WHERE o.person = ? AND o.channel != 'second' AND l.event = ?",
                (case.name, case.since.value),
            ).fetchone()
            if handed and handed[0] is not None:
                found[case] = (handed[0] - since[0]) / 1000
    return found


def main() -> None:
    """Measure, print a table and JSON; exit 1 when a goal is missed."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Path(folder)))
    table = Table("first channel", "time counts from", "next channel has it, s", "goal, s")
    for case, took_s in found.items():
        table.add_row(case.name, case.since.value, f"{took_s:.2f}", f"≤ {case.goal_s:g}")
    Console().print(table)
    print(json.dumps({case.name: took_s for case, took_s in found.items()}))
    sys.exit(any(took_s > case.goal_s for case, took_s in found.items()))


if __name__ == "__main__":
    main()
