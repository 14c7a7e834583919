"""The journal as those who hand in and those who follow see it."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.scan import Layout, Scan
from storage.entry import Entry, Tick
from storage.journal import (
    Journal,
    JournalError,
    JournalFullError,
    Logged,
    MessageKey,
    Outcome,
)
from storage.journalfile import NAME, SCHEMA
from storage.reader import JournalReader
from storage.waiting import JournalHeldError
from tests.unit.storage.samples import (
    ENTRIES,
    FREEZER,
    INCUBATOR,
    NOON,
    scan,
)


def key(mark: str, payload: bytes = b"one", topic: str = "lab/ln1") -> MessageKey:
    return MessageKey(topic, mark, payload)


async def first(journal: Journal, count: int, after: int = 0, limit: int = 2_000) -> list[Logged]:
    """The next ``count`` entries that a follower is given."""
    found: list[Logged] = []
    async with asyncio.timeout(10), aclosing(journal.follow(after, limit=limit)) as batches:
        async for batch in batches:
            found += batch
            if len(found) >= count:
                break
    return found


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(ENTRIES, max_size=20))
def test_what_went_in_comes_out_in_order_also_for_another_process(
    entries: list[Entry], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    # Of two values for one instant of a device, a backfilled second one is kept apart.
    instants = [(e.device, e.at) if isinstance(e, Scan) else n for n, e in enumerate(entries)]
    entries = [e for n, e in enumerate(entries) if instants[n] not in instants[:n]]

    async def store() -> list[Logged]:
        async with Journal(folder) as journal:
            for entry in entries:
                journal.append(entry)
            return await first(journal, len(entries)) if entries else []

    expected = list(enumerate(entries, start=1))
    assert asyncio.run(store()) == expected
    with JournalReader(folder) as reader:
        assert reader.entries(0) == expected
        assert reader.last == len(entries)
        assert not reader.damaged


async def test_nothing_is_acknowledged_before_another_process_could_read_it(
    tmp_path: Path,
) -> None:
    seen: list[int] = []
    async with Journal(tmp_path) as journal:
        with JournalReader(tmp_path) as reader:
            for n in range(50):
                journal.append(scan(n), done=lambda _: seen.append(reader.last))
            assert seen == []
            await journal.put(Tick(NOON))
    assert len(seen) == 50
    assert min(seen) >= 50


async def test_what_comes_together_is_committed_together(tmp_path: Path) -> None:
    async with Journal(tmp_path, group_ms=50, group_size=1_000) as journal:
        for n in range(100):
            journal.append(scan(n))
        await journal.put(Tick(NOON))
        assert journal.stats.commits == 1
        assert journal.stats.entries == 101


async def test_a_full_group_does_not_wait_for_its_time(tmp_path: Path) -> None:
    async with Journal(tmp_path, group_ms=60_000, group_size=10) as journal:
        for n in range(9):
            journal.append(scan(n))
        async with asyncio.timeout(10):
            await journal.put(scan(9))
        # What has no full group is written at the latest when the journal closes.
        journal.append(scan(10))
    with JournalReader(tmp_path) as reader:
        assert reader.last == 11


async def test_a_file_whose_marks_are_sorted_by_topic_is_used_as_it_is(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.executescript(SCHEMA.replace("KEY (mark, topic)", "KEY (topic, mark)"))
    for again in (False, True):
        async with Journal(tmp_path) as journal:
            for topic in ("lab/b", "lab/a"):
                for mark in ("2", "1"):
                    outcome = await journal.put(scan(1), key=key(mark, topic=topic))
                    assert outcome is (Outcome.DUPLICATE if again else Outcome.STORED)
            other = await journal.put(scan(2), key=key("1", b"other", topic="lab/a"))
            assert other is Outcome.CONFLICT


@pytest.mark.parametrize("limit", [1, 7, 2_000])
async def test_a_follower_sees_each_number_once_and_in_order_while_others_append(
    tmp_path: Path, limit: int
) -> None:
    count, start = 6_000, 1_234
    async with Journal(tmp_path) as journal, asyncio.TaskGroup() as tasks:
        early = tasks.create_task(first(journal, count), name="early")
        for n in range(count):
            journal.append(scan(n))
            if n % 100 == 0:
                await asyncio.sleep(0)
            if n == count // 2:
                await journal.put(Tick(NOON))
                later = tasks.create_task(
                    first(journal, count - start, start, limit=limit), name="later"
                )
    assert [seq for seq, _ in early.result()][:count] == list(range(1, count + 1))
    assert [seq for seq, _ in later.result()][: count - start] == list(range(start + 1, count + 1))


async def test_a_consumer_ahead_of_the_log_is_not_left_to_wait(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        await journal.put(scan(1))
        with pytest.raises(JournalError, match="an old copy was put back"):
            await first(journal, 1, after=2)


async def test_a_follower_that_lags_behind_memory_is_served_from_disk(tmp_path: Path) -> None:
    count = 9_000
    async with Journal(tmp_path) as journal:
        for n in range(count):
            journal.append(scan(n))
        await journal.put(scan(count))
        found = await first(journal, count + 1)
    assert found == [(n + 1, scan(n)) for n in range(count + 1)]


async def test_following_ends_with_the_journal_and_leaves_nothing_out(tmp_path: Path) -> None:
    async def everything(batches: AsyncIterator[list[Logged]]) -> list[Logged]:
        return [logged async for batch in batches for logged in batch]

    async with asyncio.TaskGroup() as tasks, Journal(tmp_path) as journal:
        follower = tasks.create_task(everything(journal.follow(0)), name="follower")
        await asyncio.sleep(0)
        for n in range(300):
            journal.append(scan(n))
    assert [seq for seq, _ in follower.result()] == list(range(1, 301))


async def test_a_redelivered_message_is_dropped_also_after_a_restart(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        assert await journal.put(scan(1), key=key("7")) is Outcome.STORED
        assert await journal.put(scan(1), key=key("7")) is Outcome.DUPLICATE
        assert await journal.put(scan(2), key=key("7", topic="lab/ln2")) is Outcome.STORED
        assert await journal.put(scan(2), key=key("8")) is Outcome.STORED
    async with Journal(tmp_path) as journal:
        assert await journal.put(scan(1), key=key("7")) is Outcome.DUPLICATE
        assert journal.last == 3
        assert journal.stats.duplicates == 1


async def test_repeats_within_one_group_are_told_apart_too(tmp_path: Path) -> None:
    outcomes: list[Outcome] = []
    same = key("7")
    async with Journal(tmp_path) as journal:
        for one in (same, same, key("7"), key("7", b"another"), key("8")):
            journal.append(scan(1), key=one, done=outcomes.append)
        await journal.put(Tick(NOON))
        assert journal.stats.commits == 1
    assert [outcome.name for outcome in outcomes] == [
        "STORED",
        "DUPLICATE",
        "DUPLICATE",
        "CONFLICT",
        "STORED",
    ]


async def test_another_payload_under_a_known_mark_is_kept_apart(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        await journal.put(scan(1), key=key("7"))
        assert await journal.put(scan(2), key=key("7", b"two")) is Outcome.CONFLICT
        assert journal.last == 1
        assert (journal.stats.conflicts, journal.stats.quarantined) == (1, 1)
    with JournalReader(tmp_path) as reader:
        [kept] = reader.quarantined()
    assert kept.origin == "lab/ln1"
    assert "'7'" in kept.reason
    assert b"[2.0,2.0]" in kept.payload


async def test_quarantine_keeps_64_kib_and_the_mark_of_the_rest(tmp_path: Path) -> None:
    kept_at: list[int] = []
    payload = b"x" * 100_000
    async with Journal(tmp_path) as journal:
        with JournalReader(tmp_path) as reader:
            journal.quarantine(
                "lab/x", "no JSON", payload, done=lambda: kept_at.append(reader.quarantined()[0].id)
            )
            await journal.put(Tick(NOON))
            [kept] = reader.quarantined()
    assert kept_at == [kept.id]
    assert (kept.origin, kept.reason, kept.length) == ("lab/x", "no JSON", 100_000)
    assert kept.payload == payload[:65_536]
    # sha256sum of one hundred thousand letters x
    assert kept.sha256.hex() == "d69e68988157833272305aaf21f453c800346e8a3640db6578e260215542e5d4"


async def test_a_cursor_is_where_its_consumer_left_it(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        assert await journal.cursor("alarms") == 0
        await journal.advance("alarms", 41)
        await journal.advance("alarms", 42)
        await journal.advance("influx", 7)
    async with Journal(tmp_path) as journal:
        assert await journal.cursor("alarms") == 42
        assert await journal.cursor("influx") == 7


async def test_old_scans_stay_readable_when_the_channels_of_a_device_change(
    tmp_path: Path,
) -> None:
    wider = Layout("ln1", ("level", "lid"), ("level", "state"))
    async with Journal(tmp_path) as journal:
        await journal.put(scan(1, FREEZER))
        await journal.put(scan(2, wider))
    async with Journal(tmp_path) as journal:
        await journal.put(scan(3, FREEZER))
    with JournalReader(tmp_path) as reader:
        assert [s.layout for s in reader.scans("ln1", 0, NOON * 2)] == [FREEZER, wider, FREEZER]
        assert reader.layouts()[-1] == wider


async def test_a_second_process_is_refused_in_plain_words(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from storage.journal import Journal, JournalError\n"
        "async def main():\n"
        "    async with Journal(Path(sys.argv[1])): pass\n"
        "try: asyncio.run(main())\n"
        "except JournalError as error: print(error)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    async with Journal(tmp_path):
        # The program is written above.
        run = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, check=True, timeout=30
        )
        assert str(tmp_path) in run.stdout
        assert "stop it first" in run.stdout
        with pytest.raises(JournalHeldError, match="writes this journal already"):
            await Journal(tmp_path).__aenter__()
    async with Journal(tmp_path):
        pass


async def test_too_much_waiting_is_refused_and_what_was_taken_is_kept(tmp_path: Path) -> None:
    told: list[Outcome] = []
    async with Journal(tmp_path, group_ms=60_000, max_pending=50) as journal:
        for n in range(50):
            journal.append(scan(n), done=told.append)
        assert journal.stats.pending == 50
        with pytest.raises(JournalFullError, match="50 entries wait"):
            journal.append(scan(50))
    assert told == [Outcome.STORED] * 50
    with JournalReader(tmp_path) as reader:
        assert reader.last == 50


async def test_a_callback_that_fails_costs_nobody_else_their_word(tmp_path: Path) -> None:
    told: list[int] = []
    reported: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))

    def fail(_: Outcome) -> None:
        raise ValueError("a mistake of the caller")

    async with Journal(tmp_path) as journal:
        journal.append(scan(1), done=fail)
        journal.append(scan(2), done=lambda _: told.append(2))
        await journal.put(scan(3))
    assert told == [2]
    assert reported == ["a mistake of the caller"]


async def test_an_entry_is_kept_although_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    async with Journal(tmp_path, group_ms=100) as journal:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                await journal.put(scan(1))
        await journal.put(scan(2))
    with JournalReader(tmp_path) as reader:
        assert [seq for seq, _ in reader.entries(0)] == [1, 2]


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(Scan(INCUBATOR, 1 << 63, NOON, (1.0, 2.0), bytes(2)), id="scan"),
        pytest.param(Scan(INCUBATOR, NOON, 1 << 63, (1.0, 2.0), bytes(2)), id="its arrival"),
        pytest.param(Tick((1 << 64) - 1), id="note"),
    ],
)
async def test_a_time_that_does_not_fit_is_refused_and_stops_nothing(
    tmp_path: Path, entry: Entry
) -> None:
    async with Journal(tmp_path) as journal:
        with pytest.raises(ValueError, match="does not fit"):
            journal.append(entry)
        assert await journal.put(scan(1)) is Outcome.STORED


async def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        pass
    with pytest.raises(JournalError, match="not open"):
        journal.append(scan(1))
    with pytest.raises(JournalError, match="not open"):
        await journal.put(scan(1))


async def test_closing_ends_the_thread(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        await journal.put(scan(1))
        assert "journal writer" in [thread.name for thread in threading.enumerate()]
    assert "journal writer" not in [thread.name for thread in threading.enumerate()]


async def test_how_full_it_is_counts_against_its_limit(tmp_path: Path) -> None:
    limit = 1024 * 1024
    async with Journal(tmp_path, max_bytes=limit) as journal:
        for n in range(3_000):
            journal.append(scan(n, INCUBATOR))
        await journal.put(Tick(NOON))
        stats = journal.stats
    assert stats.bytes > 100_000
    assert stats.fill == pytest.approx(stats.bytes / limit)
    assert (tmp_path / "journal.db").stat().st_size <= limit


async def test_what_is_there_now_can_be_followed_to_its_end(tmp_path: Path) -> None:
    async with Journal(tmp_path) as journal:
        assert [batch async for batch in journal.follow(0, wait=False)] == []
        await journal.put(scan(1))
        await journal.put(scan(2))
        followed = [seq async for batch in journal.follow(0, wait=False) for seq, _ in batch]
        assert followed == [1, 2]
        assert [batch async for batch in journal.follow(2, wait=False)] == []
