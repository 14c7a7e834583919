"""Providers are asked what became of pages; an acknowledgement there is one here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from alerts.inquiry import Inquiry, Patience
from alerts.notify.http import open_http
from alerts.notify.notifier import (
    Message,
    PermanentError,
    Receipts,
    Sent,
    TemporaryError,
    Word,
)
from alerts.notify.pushover import PushoverNotifier, PushoverSettings
from alerts.policy import Person
from alerts.transition import What
from storage.entry import Command, Receipt
from storage.inbox import Act, Inbox, InboxError
from tests.unit.alerts.desk import RULE, Desk, opened, page, said  # a test's own
from tests.unit.alerts.http_provider import HttpProvider, answer  # a test's own
from tests.unit.alerts.mail_server import until  # a test's own

USER = "u" * 30
PEOPLE = (
    Person(id="A", name="Ada", channels=("pushover",), addresses={"pushover": USER}),
    Person(id="B", name="Ben", channels=("pushover",), addresses={"pushover": "b" * 30}),
)
QUICK = Patience(every_s=0.02)


class Phone:
    """A provider with receipts: says each of ``words`` once, then the last for ever."""

    def __init__(self, *words: Word | Exception) -> None:
        self.words = list(words)
        self.polled: list[str] = []
        self.cancelled: list[str] = []

    async def send(self, message: Message) -> Sent:
        return Sent(provider_id=f"r-{message.id}")

    async def poll(self, provider_id: str) -> Word:
        self.polled.append(provider_id)
        word = self.words.pop(0) if len(self.words) > 1 else self.words[0]
        if isinstance(word, Exception):
            raise word
        return word

    async def cancel(self, provider_id: str) -> None:
        self.cancelled.append(provider_id)


class Asking:
    """A desk whose pages are asked about, and the inbox that hears of it."""

    def __init__(self, desk: Desk, inbox: Inbox) -> None:
        self.desk = desk
        self.inbox = inbox
        self.troubles: list[str] = []

    def heard(self) -> list[Act]:
        return self.inbox.take()

    @asynccontextmanager
    async def asking(
        self, channel: Receipts, *, submit: object = None, patience: Patience = QUICK
    ) -> AsyncIterator[None]:
        inquiry = Inquiry(
            self.desk.store,
            {"pushover": channel},
            PEOPLE,
            submit or self.inbox.submit,  # type: ignore[arg-type] # of this file
            patience=patience,
            on_trouble=self.troubles.append,
        )
        task = asyncio.create_task(inquiry.run(), name="receipts under test")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()


@asynccontextmanager
async def paged(folder: Path, phone: Phone) -> AsyncIterator[Asking]:
    """A page to A by ``phone``, which took it."""
    with Inbox(folder) as inbox:
        async with opened(folder, PEOPLE) as desk, desk.sending({"pushover": phone}):
            await desk.say(page("A"))
            await desk.rest(1)
            yield Asking(desk, inbox)


ACKNOWLEDGED = Word(
    delivered=True, acknowledged_by=USER, acknowledged_at=1_767_614_400_000, over=True
)


async def test_an_acknowledgement_in_the_app_is_one_by_that_person(tmp_path: Path) -> None:
    phone = Phone(Word(), Word(), ACKNOWLEDGED)
    async with paged(tmp_path, phone) as asked, asked.asking(phone):
        await until(lambda: len(asked.heard()) == 2)
        receipt, ack = asked.heard()
        count = len(phone.polled)
        await asyncio.sleep(0.2)
        # What is over is not asked about again.
        assert len(phone.polled) == count == 3
    row = asked.desk.rows()[0]
    assert isinstance(receipt, Receipt)
    assert receipt.message == f"page-{row.row}-{row.arrived}"
    assert receipt.provider_id == f"r-{receipt.message}"
    assert receipt.delivered
    assert isinstance(ack, Command)
    assert (ack.verb, ack.target, ack.by, ack.via) == ("ack", RULE.id, "A", "pushover")
    assert ack.arguments == {
        "occurrence": "1",
        "severity": "critical",
        "note": "in pushover at 2026-01-05 12:00:00 UTC",
    }
    assert asked.troubles == []


async def test_who_acknowledges_is_who_did_and_not_who_was_paged(tmp_path: Path) -> None:
    phone = Phone(replace(ACKNOWLEDGED, acknowledged_by="b" * 30))
    async with paged(tmp_path, phone) as asked, asked.asking(phone):
        await until(lambda: len(asked.heard()) == 2)
        ack = asked.heard()[1]
    assert isinstance(ack, Command)
    assert ack.by == "B"


async def test_a_stranger_acknowledges_nothing_and_that_is_told(tmp_path: Path) -> None:
    phone = Phone(replace(ACKNOWLEDGED, acknowledged_by="x" * 30))
    async with paged(tmp_path, phone) as asked, asked.asking(phone):
        await until(lambda: bool(asked.troubles))
        assert [type(act) for act in asked.heard()] == [Receipt]
    (line,) = asked.troubles
    assert "stays unacknowledged" in line
    assert "xxx" not in line


async def test_an_acknowledgement_by_nobody_in_particular_is_told_and_not_made_up(
    tmp_path: Path,
) -> None:
    phone = Phone(replace(ACKNOWLEDGED, acknowledged_by=""))
    async with paged(tmp_path, phone) as asked, asked.asking(phone):
        await until(lambda: bool(asked.troubles))
        assert [type(act) for act in asked.heard()] == [Receipt]
    assert "stays unacknowledged" in asked.troubles[0]


async def test_more_pages_than_are_asked_about_at_once_all_have_their_turn(
    tmp_path: Path,
) -> None:
    phone = Phone(Word(over=True))
    with Inbox(tmp_path) as inbox:
        async with opened(tmp_path, PEOPLE) as desk, desk.sending({"pushover": phone}):
            for occurrence in range(1, 6):
                await desk.say(page("A", occurrence=occurrence))
            await desk.rest(5)
            asked = Asking(desk, inbox)
            async with asked.asking(phone, patience=Patience(every_s=0.02, most=2)):
                await until(lambda: len(phone.polled) == 5)
                await asyncio.sleep(0.1)
    assert len(phone.polled) == len(set(phone.polled)) == 5


async def test_what_was_heard_before_a_restart_is_not_heard_twice(tmp_path: Path) -> None:
    phone = Phone(ACKNOWLEDGED)
    async with paged(tmp_path, phone) as asked:
        async with asked.asking(phone):
            await until(lambda: len(asked.heard()) == 2)
        before = asked.heard()
        async with asked.asking(phone):
            await until(lambda: len(phone.polled) == 2)
        assert asked.heard() == before
        assert asked.troubles == []


async def test_a_page_that_others_have_taken_on_is_called_off_once(tmp_path: Path) -> None:
    phone = Phone(Word())
    async with paged(tmp_path, phone) as asked, asked.asking(phone):
        await until(lambda: bool(phone.polled))
        await asked.desk.say(said(What.ACK, by="B", why="acknowledged by B"))
        await until(lambda: bool(phone.cancelled))
        await asyncio.sleep(0.1)
        assert asked.heard() == []
    row = asked.desk.rows()[0]
    assert phone.cancelled == [f"r-page-{row.row}-{row.arrived}"]


async def test_a_page_that_was_read_and_acknowledged_elsewhere_is_called_off(
    tmp_path: Path,
) -> None:
    phone = Phone(Word(delivered=True))
    async with paged(tmp_path, phone) as asked, asked.asking(phone):
        await until(lambda: len(asked.heard()) == 1)
        row = asked.desk.rows()[0].row
        assert asked.desk.outbox is not None
        await asked.desk.outbox.receipt(row, delivered=True)
        await asked.desk.say(said(What.ACK, by="B", why="acknowledged by B"))
        await until(lambda: bool(phone.cancelled))
    assert asked.desk.states() == [("A", "pushover", "delivered")]


async def test_trouble_with_a_provider_is_told_once_and_passes(tmp_path: Path) -> None:
    phone = Phone(*[TemporaryError("503 later")] * 3, Word(), Word())
    async with paged(tmp_path, phone) as asked, asked.asking(phone):
        await until(lambda: len(asked.troubles) == 2)
    assert asked.troubles == ["503 later", "providers tell again what became of pages"]


async def test_a_page_that_the_provider_does_not_know_is_not_asked_about_again(
    tmp_path: Path,
) -> None:
    phone = Phone(PermanentError("receipt not found"))
    async with paged(tmp_path, phone) as asked, asked.asking(phone):
        await until(lambda: bool(asked.troubles))
        await asyncio.sleep(0.1)
    assert len(phone.polled) == 1
    assert "receipt not found" in asked.troubles[0]


async def test_what_the_disk_does_not_take_is_asked_for_again(tmp_path: Path) -> None:
    phone = Phone(ACKNOWLEDGED)
    async with paged(tmp_path, phone) as asked:
        full = [InboxError("the disk is full")] * 2

        def submit(act: Act) -> None:
            if full:
                raise full.pop()
            asked.inbox.submit(act)

        async with asked.asking(phone, submit=submit):
            await until(lambda: len(asked.heard()) == 2)
    assert asked.troubles[0] == "the disk is full"


async def test_pushover_from_page_to_acknowledgement(tmp_path: Path) -> None:
    receipt = "rLqVuqTRh62UzxtmqiaLzQmVcPgiCy"
    standing = {
        "status": 1,
        "acknowledged": 0,
        "acknowledged_at": 0,
        "acknowledged_by": "",
        "last_delivered_at": 1_767_614_400,
        "expired": 0,
    }
    taken = standing | {
        "acknowledged": 1,
        "acknowledged_at": 1_767_614_460,
        "acknowledged_by": USER,
    }
    provider = HttpProvider(
        answer(200, {"status": 1, "request": "x", "receipt": receipt}),
        answer(200, standing),
        answer(500),
        answer(200, taken),
    )
    with Inbox(tmp_path) as inbox:
        async with (
            provider.serving() as url,
            open_http(timeout_s=2) as http,
            opened(tmp_path, PEOPLE) as desk,
        ):
            pushover = PushoverNotifier(http, "app-token", PushoverSettings(api=url))
            async with desk.sending({"pushover": pushover}):
                await desk.say(page("A"))
                await desk.rest(1)
                assert desk.states() == [("A", "pushover", "accepted")]
                asked = Asking(desk, inbox)
                async with asked.asking(pushover):
                    await until(lambda: len(asked.heard()) == 2)
        ack = asked.heard()[1]
    assert isinstance(ack, Command)
    assert (ack.by, ack.id) == ("A", f"pushover-{receipt}-ack")
    assert [one.target.partition("?")[0] for one in provider.asked] == [
        "/1/messages.json",
        *[f"/1/receipts/{receipt}.json"] * 3,
    ]
