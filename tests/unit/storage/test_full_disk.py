"""A disk that takes nothing: nothing is acknowledged, nothing is lost, and it is said once."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from storage.journal import Journal, JournalError, JournalFullError, Outcome
from storage.reader import JournalReader
from tests.unit.storage.samples import NOON, scan

pytestmark = pytest.mark.long

LIMIT = 256 * 1024

ON_A_SMALL_DISK = """
import asyncio, json, resource, signal, sys
from pathlib import Path
from storage.journal import Journal
from tests.unit.storage.samples import scan

async def main():
    # A write beyond this size fails, as it does on a disk without room.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    said, told, stuck = [], [], []
    heard = asyncio.Event()

    def hear(line):
        # Here and not later: a journal that is closed and opened again may find a little room.
        if not said:
            stuck.extend((len(told), journal.last, journal.stats.trouble))
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        said.append(line)
        heard.set()

    journal = Journal(Path(sys.argv[1]), on_trouble=hear)
    async with journal:
        for n in range(4_000):
            journal.append(scan(n), done=lambda outcome: told.append(outcome.name))
            if n % 100 == 0:
                await asyncio.sleep(0.001)
        async with asyncio.timeout(20):
            await heard.wait()
            while journal.stats.pending:
                await asyncio.sleep(0.01)
    print(json.dumps({"said": said, "stuck": stuck, "told": len(told)}))

asyncio.run(main())
"""


WITHOUT_RIGHTS = """
import asyncio, concurrent.futures.thread, json, os, sys
from pathlib import Path
from storage.journal import Journal, JournalError
from tests.unit.storage.samples import scan

async def main():
    # Whoever may do everything becomes somebody who may not.
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        async with Journal(Path(sys.argv[1])):
            print(json.dumps("opened"))
    except JournalError as error:
        print(json.dumps(str(error)))

asyncio.run(main())
"""


def in_another_process(program: str, folder: Path) -> Any:  # noqa: ANN401 - what it printed
    # The program stands in this file.
    run = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program, str(folder)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert not run.stderr
    return json.loads(run.stdout)


def test_a_full_disk_delays_and_loses_nothing(tmp_path: Path) -> None:
    result = in_another_process(ON_A_SMALL_DISK, tmp_path)

    acknowledged, last, trouble = result["stuck"]
    assert acknowledged <= last < 4_000
    assert "make room" in trouble
    [failing, recovered] = result["said"]
    assert str(tmp_path / "journal.db") in failing
    assert "nothing is acknowledged meanwhile" in failing
    assert "nothing was lost" in recovered
    assert result["told"] == 4_000
    with JournalReader(tmp_path) as reader:
        assert reader.entries(0, 5_000) == [(n + 1, scan(n)) for n in range(4_000)]


@pytest.mark.long
async def test_at_its_own_limit_it_takes_no_more_and_says_why(tmp_path: Path) -> None:
    said: list[str] = []
    told: list[Outcome] = []
    journal = Journal(tmp_path, max_bytes=LIMIT, max_pending=500, end_s=0.2, on_trouble=said.append)
    await journal.__aenter__()
    async with asyncio.timeout(30):
        with pytest.raises(JournalFullError, match="database or disk is full"):
            await fill(journal, told)
    stats = journal.stats
    with pytest.raises(JournalError, match="none of them was acknowledged"):
        await journal.__aexit__(None, None, None)

    assert stats.fill > 0.9
    assert stats.pending == 500
    assert stats.oldest_pending_ms > 0
    assert len(said) == 1
    assert len(told) == stats.last
    with JournalReader(tmp_path) as reader:
        assert reader.last == stats.last
    # With more room it goes on where it was.
    async with Journal(tmp_path, max_bytes=10 * LIMIT) as journal:
        assert await journal.put(scan(0)) is Outcome.STORED
        assert journal.last == stats.last + 1


async def fill(journal: Journal, told: list[Outcome]) -> None:
    """Hand in scans without end."""
    for n in range(1_000_000):
        journal.append(scan(n), done=told.append)
        if n % 100 == 0:
            await asyncio.sleep(0.03)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(JournalError, match=f"{blocked}.*mounted for writing"):
        asyncio.run(Journal(blocked / "journal").__aenter__())


@pytest.mark.parametrize("there_is_one", [True, False])
def test_a_read_only_folder_is_named_with_what_to_do(*, there_is_one: bool) -> None:
    # Not in tmp_path, whose parents only their owner may pass.
    with TemporaryDirectory() as name:
        folder = Path(name) / "journal"
        folder.mkdir()
        if there_is_one:
            asyncio.run(store_one(folder))
        folder.chmod(0o555)
        folder.parent.chmod(0o755)
        said = in_another_process(WITHOUT_RIGHTS, folder)
        folder.chmod(0o755)
    assert said.startswith(f"{folder}: cannot be written: Permission denied")
    assert "mounted for writing" in said


async def store_one(folder: Path) -> None:
    """A journal with one entry."""
    async with Journal(folder) as journal:
        await journal.put(scan(1))


async def test_those_who_wait_are_told_when_it_ends_unwritten(tmp_path: Path) -> None:
    journal = Journal(tmp_path, max_bytes=16 * 4096, max_pending=20_000, end_s=0.2)
    await journal.__aenter__()
    for n in range(5_000):
        journal.append(scan(n))
    waiting = asyncio.create_task(journal.put(scan(NOON)), name="one who waits")
    await asyncio.sleep(0)
    with pytest.raises(JournalError, match="could not be written"):
        await journal.__aexit__(None, None, None)
    with pytest.raises(JournalError, match="closed before"):
        await waiting
