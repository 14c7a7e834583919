"""The whole way of an alarm: reading, engine, mail, link, acknowledgement, all-clear."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from alerts.directory import Directory
from alerts.engine.engine import Engine
from alerts.notify.mail import MailNotifier, MailServer
from alerts.outbox import Bounds, Outbox
from alerts.page import Composer
from alerts.policy import Person, Policy, Step
from alerts.reader import AlarmReader
from alerts.rulebook import Rulebook
from alerts.service import AlarmService
from alerts.store import AlarmStore
from alerts.token import AckClaim, Reason, TokenDesk
from devices.duration import Duration
from storage.inbox import Inbox, InboxError, drain
from storage.journal import Journal
from storage.wall import wall_ms
from tests.unit.alerts.desk import CHANNELS, RULE  # a test's own
from tests.unit.alerts.mail_server import Postbox, serving, until  # a test's own
from tests.unit.alerts.plain_judge import ack, sample  # a test's own

NOON = 1_767_614_400_000
PEOPLE = (
    Person(id="A", name="Ada", channels=("mail",), addresses={"mail": "a@lab.example"}),
    Person(id="B", name="Ben", channels=("mail",), addresses={"mail": "b@lab.example"}),
)
POLICY = Policy(
    id="standard",
    steps=(Step(after=Duration(0), to=("A",)), Step(after=Duration(200), to=("B",))),
)
BOOK = Rulebook(
    rules=(msgspec.structs.replace(RULE, deadband=0.2),), policies=(POLICY,), channels=CHANNELS
)


@asynccontextmanager
async def core(folder: Path, port: int, name: str = "alarms.db") -> AsyncIterator[Journal]:
    """Everything but the collector, on a port of a mail server."""
    path = folder / name
    people = Directory(PEOPLE, (POLICY,), {RULE.id: RULE}.get)
    server = MailServer(host="127.0.0.1", port=port, sender="w@lab.example", security="none")
    async with Journal(folder, group_ms=1) as journal, AlarmStore(path) as store:
        desk = links(path)
        composer = Composer(
            people,
            CHANNELS,
            link_of=lambda claim: (
                "http://127.0.0.1/ack/"
                + desk.make(
                    person=claim.way.person,
                    rule=claim.rule,
                    occurrence=claim.occurrence,
                    severity=claim.severity,
                )
            ),
        )
        saved = await store.load()
        outbox = Outbox(
            store, {"mail": MailNotifier(server)}, composer, people, bounds=Bounds(idle_s=0.05)
        )
        service = AlarmService(
            journal,
            Engine(BOOK, saved.parts),
            store,
            people,
            cursor=saved.cursor,
            committed=lambda _: outbox.wake(),
        )
        async with asyncio.TaskGroup() as tasks:
            parts = [
                tasks.create_task(service.run(), name="service"),
                tasks.create_task(outbox.run(), name="outbox"),
                tasks.create_task(drain(Inbox(folder), journal), name="inbox"),
            ]
            await service.caught_up.wait()
            yield journal
            await until(lambda: service.cursor == journal.last)
            for part in parts:
                part.cancel()


def links(path: Path) -> TokenDesk:
    def used(command: str) -> bool:
        with AlarmReader(path) as reader:
            return reader.used(command)

    return TokenDesk(b"k" * 32, used=used)


def told(postbox: Postbox) -> list[tuple[str, str]]:
    return [(str(mail["To"])[0], str(mail["X-Culturewatch-Kind"])) for mail in postbox.mails]


async def test_an_alarm_is_paged_escalated_acknowledged_by_link_and_closed(
    tmp_path: Path,
) -> None:
    postbox = Postbox()
    async with serving(postbox) as port, core(tmp_path, port) as journal:
        await journal.put(sample(37.0, wall_ms()))
        warm = wall_ms()
        await journal.put(sample(38.5, warm))
        await postbox.reach(2)
        assert told(postbox) == [("a", "page"), ("b", "page")]
        body = postbox.mails[1].get_body(["plain"])
        assert body is not None
        text = body.get_content()
        assert "Ada did not acknowledge" in text
        assert f"Since: {datetime.fromtimestamp(warm / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC" in text
        found = re.search(r"/ack/(\S+)", text)
        assert found is not None
        desk = links(tmp_path / "alarms.db")
        claim = desk.verify(found[1])
        assert isinstance(claim, AckClaim)
        inbox = Inbox(tmp_path)
        pressed = wall_ms()
        inbox.submit(claim.command(pressed))
        inbox.submit(claim.command(pressed))
        with pytest.raises(InboxError, match="another act"):
            inbox.submit(claim.command(pressed + 1))
        await until(lambda: desk.verify(found[1]) is Reason.USED)
        await postbox.reach(3)
        await journal.put(sample(37.0, wall_ms()))
        await postbox.reach(5)
    assert told(postbox)[2] == ("a", "news")
    assert sorted(told(postbox)[3:]) == [("a", "all_clear"), ("b", "all_clear")]
    with AlarmReader(tmp_path / "alarms.db") as reader:
        assert reader.open_alarms() == []
        assert reader.verify_history() is None
        acks = [row for row in reader.history() if row.transition.what.value == "ack"]
        assert [row.transition.by for row in acks] == ["B"]


async def test_the_real_engine_replayed_gives_the_same_history_byte_for_byte(
    tmp_path: Path,
) -> None:
    postbox = Postbox()
    async with serving(postbox) as port:
        async with core(tmp_path, port) as journal:
            for step in range(40):
                value = [37.0, 38.5, None, 39.5][step // 3 % 4]
                await journal.put(sample(value, NOON + step * 1_000))
                if step % 7 == 6:
                    await journal.put(ack(f"c-{step}", NOON + step * 1_000))
        mails = len(postbox.mails)
        # The second core lives too, and puts ticks of its own behind what the first one saw.
        seen = cursor_of(tmp_path / "alarms.db")
        async with core(tmp_path, port, "again.db"):
            pass
        assert mails > 0
    first, again = (told_until(tmp_path / name, seen) for name in ("alarms.db", "again.db"))
    assert again == first
    assert len(first) > 10


def cursor_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT cursor FROM progress").fetchone()[0])


def told_until(path: Path, seq: int) -> list[tuple[object, ...]]:
    query = "SELECT n, seq, body, hash FROM history WHERE seq <= ? ORDER BY n"
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query, (seq,)).fetchall()
