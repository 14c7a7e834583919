"""Cores that are killed one after another: journal, engine, store, outbox, mail and webhook.

Arguments: folder, port of the mail server, port of the HTTP server. For each line on stdin, a kill
point (or ``-``) and a channel, it forks a core, which takes milliseconds where a fresh interpreter
takes a second, and says ``pid <n>``, then ``ended <n>``. A core says ``hot <ms>`` when the reading
that must page somebody is acknowledged by the journal.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from alerts import configuration
from alerts.channel import ChannelSpec
from alerts.directory import Directory
from alerts.engine.engine import Engine
from alerts.notify.http import open_http
from alerts.notify.mail import MailNotifier, MailServer
from alerts.notify.notifier import Notifier
from alerts.notify.webhook import WebhookNotifier
from alerts.outbox import Bounds, Outbox
from alerts.pace import Pace
from alerts.page import Composer
from alerts.policy import Person, Policy, Step
from alerts.reader import AlarmReader
from alerts.rule import Rule
from alerts.rulebook import build
from alerts.service import AlarmService
from alerts.store import AlarmStore
from devices.duration import Duration
from devices.scan import Layout, Scan
from storage.entry import Command, Started
from storage.journal import Journal
from storage.wall import wall_ms

LAYOUT = Layout("inc1", ("temperature",), ("temperature",))
RULE = Rule(
    id="hot",
    channel="inc1.temperature",
    kind="high",
    limit=38.0,
    deadband=0.2,
    severity="critical",
    policy="standard",
)
POLICY = Policy(id="standard", steps=(Step(after=Duration(0), to=("A",)),))
BOOK = build(
    [RULE],
    channels=[
        ChannelSpec(
            id="inc1.temperature", quantity="temperature", period_ms=3_600_000, resolution=0.01
        )
    ],
    policies=[POLICY],
)


def main() -> None:
    folder, mail, hook = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for line in sys.stdin:
        point, channel = line.split()
        pid = os.fork()
        if not pid:
            asyncio.run(Core(folder, mail, hook, point, channel).run())
            os._exit(0)
        say(f"pid {pid}")
        os.waitpid(pid, 0)
        say(f"ended {pid}")


def say(line: str) -> None:
    """In one write: several processes share the pipe."""
    os.write(1, f"{line}\n".encode())


class Core:
    """One of them. It lives alarm after alarm: hot, paged, acknowledged, cool, all clear."""

    def __init__(self, folder: Path, mail: int, hook: int, point: str, channel: str) -> None:
        self.folder = folder
        self.server = MailServer(
            host="127.0.0.1", port=mail, sender="watch@lab.example", security="none"
        )
        addresses = {"mail": "a@lab.example", "webhook": f"http://127.0.0.1:{hook}/"}
        person = Person(id="A", channels=(channel,), addresses=addresses)
        self.people = Directory([person], [POLICY], {RULE.id: RULE}.get)
        self.point = point

    def at_point(self, name: str) -> None:
        if name == self.point:
            os.kill(os.getpid(), signal.SIGKILL)

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            opened = stack.enter_async_context
            journal = await opened(Journal(self.folder, group_ms=1))
            store = await opened(AlarmStore(self.folder / "alarms.db"))
            client = await opened(open_http())
            ways: dict[str, Notifier] = {
                "mail": MailNotifier(self.server),
                "webhook": WebhookNotifier(client, "secret"),
            }
            saved = await store.load()
            engine = Engine(BOOK, saved.parts)
            outbox = Outbox(
                store,
                ways,
                Composer(self.people, BOOK.channels),
                self.people,
                pace=Pace(lease_ms=100, again_ms=200, skew_ms=0),
                bounds=Bounds(idle_s=0.05),
                on_trouble=lambda _: None,
                at_point=self.at_point,
            )
            service = AlarmService(
                journal,
                engine,
                store,
                self.people,
                cursor=saved.cursor,
                on_trouble=lambda _: None,
                committed=lambda _: outbox.wake(),
                at_point=self.at_point,
            )
            configuration.keep(self.folder, BOOK)
            await journal.put(Started(at=wall_ms(), version="0", configuration=BOOK.digest))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(service.run(), name="alarm engine")
                await service.caught_up.wait()
                tasks.create_task(outbox.run(), name="outbox")
                await self.live(journal, engine)

    async def live(self, journal: Journal, engine: Engine) -> None:
        """From whatever its predecessor left, one alarm after another."""
        with AlarmReader(self.folder / "alarms.db") as reader:
            while True:
                state = engine.view("hot").state
                if state == "N":
                    await until(lambda: not waiting(reader))
                    at = fresh(engine)
                    await journal.put(Scan(LAYOUT, at, at, (38.5,), b"\0"))
                    say(f"hot {at}")
                elif state == "U":
                    occurrence = engine.view("hot").occurrence
                    await until(lambda: handed(reader, occurrence))  # noqa: B023 # awaited here
                    await journal.put(acknowledgement(fresh(engine)))
                else:
                    at = fresh(engine)
                    await journal.put(Scan(LAYOUT, at, at, (37.0,), b"\0"))
                await until(lambda: engine.view("hot").state != state)  # noqa: B023 # awaited here


def fresh(engine: Engine) -> int:
    """A time later than that of any reading so far."""
    return max(wall_ms(), (engine.view("hot").value_at or 0) + 1)


def acknowledgement(at: int) -> Command:
    return Command(id=f"ack-{at}", at=at, by="A", verb="ack", target="hot", via="cli")


def waiting(reader: AlarmReader) -> bool:
    """Whether a message is still to be handed over."""
    return any(row.state.value in {"queued", "claimed"} for row in reader.pages(limit=5))


def handed(reader: AlarmReader, occurrence: int) -> bool:
    rows = [row for row in reader.pages(limit=5) if row.occurrence == occurrence]
    return any(row.notice.value == "page" and row.handed is not None for row in rows)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 # it is in another connection's hands
        await asyncio.sleep(0.002)


if __name__ == "__main__":
    main()
