"""What a provider says later: through the journal into the outbox, once, with the cursor."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from alerts.outbox import Outbox
from alerts.page import Composer
from alerts.service import AlarmService
from alerts.store import AlarmStore
from storage.entry import Receipt
from storage.inbox import Inbox, drain
from storage.journal import Journal
from storage.reader import JournalReader
from storage.wall import wall_ms
from tests.unit.alerts.desk import (  # a test's own
    CHANNELS,
    QUICK,
    Desk,
    Provider,
    directory,
    opened,
    page,
)
from tests.unit.alerts.mail_server import until  # a test's own
from tests.unit.alerts.plain_judge import PlainJudge, sample  # a test's own

SAID = Receipt(
    id="twilio-SM1-delivered",
    at=1_767_614_400_000,
    provider="twilio",
    message="page-1",
    provider_id="p-1",
    delivered=True,
)
LOST = replace(SAID, id="twilio-SM1-lost", delivered=False, note="undelivered: 30003 off")


async def heard(desk: Desk, outbox: Outbox, receipt: Receipt) -> list[str]:
    """What is said of ``page-1`` is said of the first row, by its whole name."""
    if receipt.message == "page-1":
        receipt = replace(receipt, message=f"page-1-{desk.rows()[0].arrived}")
    lines = await desk.store.write(lambda db: outbox.hear(db, receipt))
    outbox.wake()
    return lines


async def test_a_receipt_makes_a_message_delivered(tmp_path: Path) -> None:
    sms, mail = Provider(rest="accept"), Provider()
    async with opened(tmp_path) as desk, desk.sending({"sms": sms, "mail": mail}) as outbox:
        await desk.say(page("A"))
        await desk.rest(1)
        assert await heard(desk, outbox, SAID) == []
        assert desk.states() == [("A", "sms", "delivered")]


async def test_a_message_that_was_lost_goes_the_next_way_at_once(tmp_path: Path) -> None:
    sms, mail = Provider(rest="accept"), Provider()
    async with opened(tmp_path) as desk, desk.sending({"sms": sms, "mail": mail}) as outbox:
        await desk.say(page("A"))
        await desk.rest(1)
        (line,) = await heard(desk, outbox, LOST)
        await desk.rest(2)
        assert desk.states() == [("A", "sms", "failed"), ("A", "mail", "delivered")]
        # Too late, but true: it arrived after all.
        await heard(desk, outbox, SAID)
        assert desk.states()[0] == ("A", "sms", "delivered")
    assert "30003" in line
    assert "going on with A by mail" in line


async def test_the_loss_of_an_earlier_attempt_is_not_that_of_the_last(tmp_path: Path) -> None:
    sms, mail = Provider(rest="accept"), Provider()
    async with opened(tmp_path) as desk, desk.sending({"sms": sms, "mail": mail}) as outbox:
        await desk.say(page("A"))
        await desk.rest(1)
        assert await heard(desk, outbox, replace(LOST, provider_id="p-0")) == []
        assert desk.states() == [("A", "sms", "accepted")]
        await heard(desk, outbox, replace(SAID, provider_id="p-0"))
        assert desk.states() == [("A", "sms", "delivered")]


@pytest.mark.parametrize(
    "message",
    [
        "page-1-0",
        "page-99-1",
        "page-",
        "memory-4-A",
        "blind-1-A",
        "",
        "page-1x",
        "page-1-" + "9" * 30,
    ],
)
async def test_a_receipt_for_no_row_changes_nothing(tmp_path: Path, message: str) -> None:
    async with opened(tmp_path) as desk, desk.sending({"sms": Provider(rest="accept")}) as outbox:
        await desk.say(page("A"))
        await desk.rest(1)
        assert await heard(desk, outbox, replace(LOST, message=message)) == []
        assert desk.states() == [("A", "sms", "accepted")]


async def test_a_receipt_comes_through_inbox_and_journal_and_counts_once(tmp_path: Path) -> None:
    people = directory()
    mail = Provider(rest="accept")
    troubles: list[str] = []
    for _ in range(2):
        # The second time it starts again from what is on disk, and nothing is heard again.
        async with Journal(tmp_path, group_ms=1) as journal, AlarmStore(tmp_path / "a.db") as store:
            saved = await store.load()
            judge = PlainJudge(saved.parts, after_ms=10**9)
            outbox = Outbox(store, {"mail": mail}, Composer(people, CHANNELS), people, pace=QUICK)
            service = AlarmService(
                journal,
                judge,
                store,
                people,
                cursor=saved.cursor,
                heard=outbox.hear,
                on_trouble=troubles.append,
            )
            await _story(tmp_path, journal, service, outbox, mail)
    assert len(troubles) == 1
    assert "30003" in troubles[0]
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        events = db.execute("SELECT event FROM delivery_log WHERE note LIKE '%30003%'").fetchall()
    assert events == [("permanent error",)]
    with JournalReader(tmp_path) as reader:
        kept = [entry for _, entry in reader.entries(0) if isinstance(entry, Receipt)]
    assert kept == [replace(LOST, message=mail.took[0].id)]


async def _story(
    folder: Path, journal: Journal, service: AlarmService, outbox: Outbox, mail: Provider
) -> None:
    """One page, taken by its provider, which says later that it was lost; said again each time."""
    with Inbox(folder) as inbox:
        tasks = [
            asyncio.create_task(service.run(), name="service"),
            asyncio.create_task(outbox.run(), name="outbox"),
            asyncio.create_task(drain(inbox, journal), name="inbox"),
        ]
        try:
            await service.caught_up.wait()
            if not mail.took:
                await journal.put(sample(38.5, wall_ms()))
                outbox.wake()
                await until(lambda: bool(mail.took))
            inbox.submit(replace(LOST, message=mail.took[0].id))
            await until(lambda: not inbox.take() and service.cursor == journal.last)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
