"""What people do reaches the journal once, in order, whatever falls down in between."""

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from storage.consistency import Wrong, check
from storage.entry import Command
from storage.inbox import Inbox, InboxError, drain
from storage.journal import Journal
from storage.reader import JournalReader
from tests.unit.storage.samples import command


@asynccontextmanager
async def draining(inbox: Inbox, journal: Journal, said: list[str]) -> AsyncIterator[None]:
    task = asyncio.create_task(drain(inbox, journal, on_trouble=said.append), name="drain")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def emptied(inbox: Inbox) -> None:
    async with asyncio.timeout(10):
        while inbox.take():  # noqa: ASYNC110 - another process could not tell us either
            await asyncio.sleep(0.01)


async def emptied_of_all(inbox: Inbox) -> None:
    async with asyncio.timeout(10):
        while inbox.look() != ([], []):  # noqa: ASYNC110 - another process could not tell us either
            await asyncio.sleep(0.01)


def acts(folder: Path) -> list[Command]:
    with JournalReader(folder) as reader:
        return [entry for _, entry in reader.entries(0) if isinstance(entry, Command)]


@contextmanager
def full_disk() -> Iterator[None]:
    """No file grows: as on a disk without room."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def test_without_room_to_be_opened_it_ends_nobody_who_is_patient(tmp_path: Path) -> None:
    with full_disk():
        with pytest.raises(InboxError, match="see that the disk has room"):
            Inbox(tmp_path)
        inbox = Inbox(tmp_path, patient=True)
        for use in (inbox.take, lambda: inbox.submit(command(1)), lambda: inbox.settle(["act1"])):
            with pytest.raises(InboxError, match="see that the disk has room"):
                use()
    with inbox:
        inbox.submit(command(1))
        assert inbox.take() == [command(1)]


async def test_for_how_long_nothing_moves_is_known_and_ends_when_there_is_room(
    tmp_path: Path,
) -> None:
    in_the_way = tmp_path / "inbox.db"
    in_the_way.mkdir()
    said: list[str] = []
    async with Journal(tmp_path) as journal:
        with Inbox(tmp_path, patient=True) as inbox:
            assert inbox.stuck_s == 0.0
            async with asyncio.timeout(10), draining(inbox, journal, said):
                while not inbox.stuck_s:  # noqa: ASYNC110 - it has nobody to tell
                    await asyncio.sleep(0.01)
                in_the_way.rmdir()
                with Inbox(tmp_path) as of_the_console:
                    of_the_console.submit(command(1))
                while inbox.stuck_s:  # noqa: ASYNC110 - it has nobody to tell
                    await asyncio.sleep(0.01)
    assert acts(tmp_path) == [command(1)]
    assert [line.partition(":")[0] for line in said] == [
        "what people do has no effect for now",
        "what people do has its effect again; nothing was lost",
    ]


async def test_acts_reach_the_journal_in_order_and_once(tmp_path: Path) -> None:
    done = [command(n) for n in range(250)]
    said: list[str] = []
    async with Journal(tmp_path) as journal:
        with Inbox(tmp_path) as inbox, Inbox(tmp_path) as of_the_console:
            for act in done[:100]:
                of_the_console.submit(act)
            async with draining(inbox, journal, said):
                for act in done:
                    of_the_console.submit(act)
                await emptied(inbox)
    assert acts(tmp_path) == done
    assert said == []


def test_what_was_submitted_outlives_its_process(tmp_path: Path) -> None:
    with Inbox(tmp_path) as inbox:
        inbox.submit(command(1))
        inbox.submit(command(1))
    with Inbox(tmp_path) as inbox:
        assert inbox.take() == [command(1)]
        inbox.settle(["act1"])
        inbox.submit(command(1))
        assert inbox.take() == []


async def test_a_crash_between_commit_and_settling_doubles_nothing(tmp_path: Path) -> None:
    with Inbox(tmp_path) as inbox:
        for n in range(3):
            inbox.submit(command(n))
        async with Journal(tmp_path) as journal, draining(inbox, journal, []):
            await emptied(inbox)
        # As if the core had died before it could settle them.
        with closing(sqlite3.connect(tmp_path / "inbox.db")) as db, db:
            db.execute("UPDATE command SET settled = NULL")
        assert len(inbox.take()) == 3
        inbox.submit(command(3))

        async with Journal(tmp_path) as journal, draining(inbox, journal, []):
            await emptied(inbox)
            assert journal.stats.duplicates == 3
    assert acts(tmp_path) == [command(n) for n in range(4)]


DAMAGE = {
    "cut short": "UPDATE command SET body = substr(body, 1, 9) WHERE id = 'act1'",
    "empty": "UPDATE command SET body = x'' WHERE id = 'act1'",
    "some other text": "UPDATE command SET body = 'not bytes' WHERE id = 'act1'",
    "under another id": "UPDATE command SET id = 'act9' WHERE id = 'act1'",
    "an id of bytes": "UPDATE command SET id = CAST(id AS BLOB) WHERE id = 'act1'",
    "an id that is no text": "UPDATE command SET id = CAST(x'ff00fe' AS TEXT) WHERE id = 'act1'",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
async def test_an_act_that_nobody_can_read_holds_up_no_other(tmp_path: Path, damage: str) -> None:
    said: list[str] = []
    with Inbox(tmp_path) as inbox:
        for n in range(3):
            inbox.submit(command(n))
        with closing(sqlite3.connect(tmp_path / "inbox.db")) as db, db:
            db.execute(damage)
            db.text_factory = bytes
            (kept,) = db.execute(
                "SELECT CAST(body AS BLOB) FROM command WHERE number = 2"
            ).fetchone()
        async with Journal(tmp_path) as journal, draining(inbox, journal, said):
            await emptied_of_all(inbox)
            assert journal.stats.quarantined == 1
    assert acts(tmp_path) == [command(0), command(2)]
    with JournalReader(tmp_path) as reader:
        (aside,) = reader.quarantined()
    assert (aside.origin, aside.payload) == ("inbox row 2", kept)
    (line,) = said
    assert "row 2 of inbox.db) HAS NO EFFECT" in line
    assert [one for one in check(tmp_path) if isinstance(one, Wrong)] == [
        Wrong("inbox.db", "row 2: what somebody did was damaged, and is in quarantine")
    ]


async def test_acts_that_nobody_can_read_are_kept_before_they_are_set_aside(
    tmp_path: Path,
) -> None:
    """More of them than are looked at in one go, and a journal that takes nothing at first."""
    said: list[str] = []
    with Inbox(tmp_path) as inbox:
        for n in range(130):
            inbox.submit(command(n))
        with closing(sqlite3.connect(tmp_path / "inbox.db")) as db, db:
            db.execute("UPDATE command SET body = x'c1' WHERE number <= 120")
        full = Journal(tmp_path, max_pending=0)
        async with full, draining(inbox, full, said), asyncio.timeout(10):
            while not said:  # noqa: ASYNC110 - said on another task
                await asyncio.sleep(0.01)
            assert "has no effect for now" in said[0]
            assert len(inbox.look().unreadable) == 100
        async with Journal(tmp_path) as journal, draining(inbox, journal, said):
            await emptied_of_all(inbox)
    assert acts(tmp_path) == [command(n) for n in range(120, 130)]
    with JournalReader(tmp_path) as reader:
        assert len({one.origin for one in reader.quarantined(limit=500)}) == 120


def test_one_id_for_two_acts_is_refused(tmp_path: Path) -> None:
    with Inbox(tmp_path) as inbox:
        inbox.submit(command(1))
        with pytest.raises(InboxError, match="belongs to another act"):
            inbox.submit(replace(command(1), target="r2"))
        assert inbox.take() == [command(1)]


def test_an_inbox_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "inbox.db").write_bytes(b"this is a letter to my aunt\n" * 500)
    with pytest.raises(InboxError, match=r"inbox\.db.*move it away"):
        Inbox(tmp_path)


async def test_trouble_with_the_inbox_is_said_once_and_passes(tmp_path: Path) -> None:
    said: list[str] = []
    async with Journal(tmp_path) as journal:
        with Inbox(tmp_path) as inbox, closing(sqlite3.connect(tmp_path / "inbox.db")) as other:
            inbox.submit(command(1))
            other.execute("ALTER TABLE command RENAME TO elsewhere")
            async with draining(inbox, journal, said), asyncio.timeout(20):
                while not said:  # noqa: ASYNC110 - said on another task
                    await asyncio.sleep(0.01)
                other.execute("ALTER TABLE elsewhere RENAME TO command")
                while len(said) < 2:  # noqa: ASYNC110 - said on another task
                    await asyncio.sleep(0.01)
    assert acts(tmp_path) == [command(1)]
    assert ["has its effect again" in line for line in said] == [False, True]
