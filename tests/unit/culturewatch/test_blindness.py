"""Who is told, and when, that the journal takes no readings."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import pytest
from msgspec.structs import replace

from alerts.directory import Directory
from alerts.notify.notifier import Message, PermanentError, Sent, TemporaryError
from alerts.policy import Person, Policy, Step
from culturewatch import blindness
from culturewatch.blindness import Blindness, Told, Word, look
from devices.duration import parse
from storage.stats import JournalStats

WELL = JournalStats(
    last=9,
    entries=9,
    duplicates=0,
    conflicts=0,
    quarantined=0,
    damaged=0,
    commits=3,
    pending=0,
    oldest_pending_ms=0,
    bytes=4_096,
    fill=0.0,
    start_s=0.0,
    trouble="",
)
STUCK = replace(WELL, pending=12, oldest_pending_ms=6_000, trouble="the disk is full; make room")
PEOPLE = (
    Person(id="oncall", channels=("mail", "inbox"), addresses={"mail": "oncall@lab.example"}),
    Person(id="lead", channels=("inbox",)),
    Person(id="guest", channels=("inbox",)),
)
POLICIES = (
    Policy(id="standard", steps=(Step(after=parse("0s"), to=("oncall",)),), fallback=("lead",)),
    Policy(id="other", steps=(Step(after=parse("0s"), to=("oncall",)),)),
)


class Inbox:
    """A way that takes messages, or refuses them, or asks ``later`` so many times."""

    def __init__(self, *, works: bool = True, later: int = 0) -> None:
        self.got: list[Message] = []
        self._works = works
        self._later = later

    async def send(self, message: Message) -> Sent:
        if self._later:
            self._later -= 1
            raise TemporaryError("451 greylisted, come again")
        if not self._works:
            raise PermanentError("the server refuses; look at it")
        self.got.append(message)
        return Sent()


def story(*waits_ms: int) -> list[Word | None]:
    """What is told, second by second, while the oldest reading waits so long."""
    told, words = Told(), []
    for second, waiting_ms in enumerate(waits_ms):
        told, word = look(told, waiting_ms, float(second))
        words.append(word)
    return words


def test_a_commit_that_takes_its_time_is_nothing_to_tell() -> None:
    assert story(0, 20, 4_999, 0) == [None] * 4


def test_people_are_told_once_and_once_when_it_is_over() -> None:
    assert story(4_000, 5_000, 6_000, 7_000, 0, 0) == [
        None,
        Word.BLIND,
        None,
        None,
        Word.SEES,
        None,
    ]


def test_people_are_told_again_each_ten_minutes() -> None:
    words = story(*[5_000] * 1_201)
    assert [n for n, word in enumerate(words) if word is Word.BLIND] == [0, 600, 1_200]


async def told(
    stats: Callable[[], JournalStats], done: Callable[[list[str]], bool], **ways: Inbox
) -> list[str]:
    """Watches until ``done``, which is given the lines about trouble; returns those."""
    lines: list[str] = []
    directory = Directory(PEOPLE, POLICIES, lambda _: None)
    watching = Blindness(
        lambda: stats().oldest_pending_ms,
        stats,
        ways,
        directory,
        site="Bench",
        on_trouble=lines.append,
    )
    task = asyncio.create_task(watching.run(), name="blindness under test")
    async with asyncio.timeout(10):
        while not done(lines):  # noqa: ASYNC110 - what is watched for gives no event
            await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return lines


async def test_everybody_whom_a_policy_names_is_told_once_on_their_first_way() -> None:
    mail, inbox = Inbox(), Inbox()
    lines = await told(
        lambda: STUCK, lambda _: bool(mail.got and inbox.got), mail=mail, inbox=inbox
    )
    assert lines == []
    assert [(m.person, m.address) for m in mail.got] == [("oncall", "oncall@lab.example")]
    assert [m.person for m in inbox.got] == ["lead"]
    assert mail.got[0].kind == "page"
    assert "Why: the disk is full; make room" in mail.got[0].text
    assert "12 entries wait in memory, the oldest for 6 s" in mail.got[0].text


async def test_after_a_restart_it_is_another_message() -> None:
    inbox = Inbox()
    await told(lambda: STUCK, lambda _: len(inbox.got) == 2, inbox=inbox)
    await told(lambda: STUCK, lambda _: len(inbox.got) == 4, inbox=inbox)
    assert len({message.id for message in inbox.got}) == 4


async def test_whoever_is_not_reached_on_one_way_is_told_on_the_next() -> None:
    inbox = Inbox()
    mail = Inbox(works=False)
    lines = await told(lambda: STUCK, lambda _: len(inbox.got) == 2, mail=mail, inbox=inbox)
    assert {m.person for m in inbox.got} == {"oncall", "lead"}
    assert len(lines) == 1
    assert "the server refuses" in lines[0]


async def test_whoever_is_not_reached_at_all_is_tried_again_soon_and_nobody_is_told_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blindness, "RETRY_S", 0.01)
    monkeypatch.setattr(blindness, "LOOK_S", 0.01)
    inbox = Inbox(later=1)
    looks = 0

    def stats() -> JournalStats:
        nonlocal looks
        looks += len(inbox.got) == 2
        return STUCK

    await told(stats, lambda _: looks > 5, inbox=inbox)
    assert sorted(message.person for message in inbox.got) == ["lead", "oncall"]


async def test_when_nobody_is_reached_that_is_said() -> None:
    lines = await told(lambda: STUCK, bool)
    assert lines == ["NOBODY COULD BE REACHED about readings that cannot be kept"]


@pytest.mark.parametrize("stats", [WELL, replace(STUCK, oldest_pending_ms=100)])
async def test_nobody_is_told_of_a_journal_that_writes(stats: JournalStats) -> None:
    looked = 0
    inbox = Inbox()

    def seen() -> JournalStats:
        nonlocal looked
        looked += 1
        return stats

    assert await told(seen, lambda _: looked > 0, inbox=inbox) == []
    assert inbox.got == []
