"""One flipped bit anywhere in a file of data: found, or nothing that the file says has changed.

What is outside: pages and parts of pages that hold nothing (https://www.sqlite.org/fileformat.html,
1.5 and 1.6), counters of the file's header that say nothing of a row (1.3.7, 1.3.19), and the
wording of what a table declares beside its columns.
"""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from batches.batch import Signed
from batches.ledger import Ledger
from batches.verify import verify
from storage.declared import parts
from tests.unit.alerts import lived as alarms  # a test's own
from tests.unit.storage import test_beside as journal  # a test's own

pytestmark = pytest.mark.long

FLIPS = 250
EMPTY = 0.02
Said = dict[str, object]


def fill_alarms(folder: Path) -> None:
    asyncio.run(alarms.live(folder / "alarms.db"))


def fill_journal(folder: Path) -> None:
    asyncio.run(journal.live(folder))


def fill_ledger(folder: Path) -> None:
    ledger = Ledger(f"sqlite:///{folder / 'ledger.db'}")
    for number in range(5):
        ledger.open_batch(f"B-2026-{number:04}", product="fibroblasts", act=Signed(by="anna"))
        ledger.place(f"B-2026-{number:04}", "inc1", act=Signed(by="anna"))


def said(path: Path) -> Said:
    """All rows of all tables, and what the file declares."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        rows: Said = {"(schema)": parts(db), "(file)": db.execute("PRAGMA user_version").fetchall()}
        names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        # Text and a blob of the same bytes are not the same.
        db.text_factory = lambda text: ("text", text)
        for (name,) in names:
            listed = db.execute(f"SELECT * FROM {name} NOT INDEXED")  # noqa: S608 # of the schema
            rows[name] = sorted(listed.fetchall(), key=repr)
    return rows


@pytest.mark.parametrize(
    ("name", "fill"),
    [("alarms.db", fill_alarms), ("journal.db", fill_journal), ("ledger.db", fill_ledger)],
)
def test_a_flipped_bit_is_found_or_changes_nothing_that_is_said(
    tmp_path: Path, name: str, fill: Callable[[Path], None]
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    fill(whole)
    with closing(sqlite3.connect(whole / name)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before, sound = said(whole / name), (whole / name).read_bytes()
    usual = {str(fault) for fault in verify(whole).faults}
    chance = random.Random(7)  # the same flips each time
    # Most of a small file is empty.
    places = [at for at, byte in enumerate(sound) if byte or chance.random() < EMPTY]
    found = 0
    for _ in range(FLIPS):
        folder = Path(shutil.copytree(whole, tmp_path / "flipped"))
        raw, at = bytearray(sound), chance.choice(places)
        raw[at] ^= 1 << chance.randrange(8)
        (folder / name).write_bytes(raw)
        faults = {str(fault) for fault in verify(folder).faults} - usual
        found += bool(faults)
        if not faults:
            assert said(folder / name) == before, f"byte {at}"
        shutil.rmtree(folder)
    assert found > FLIPS // 2


def test_what_a_file_says_is_read_again_for_the_comparison(tmp_path: Path) -> None:
    fill_alarms(tmp_path)
    before = said(tmp_path / "alarms.db")
    with closing(sqlite3.connect(tmp_path / "alarms.db")) as db, db:
        db.execute("UPDATE held SET until = until + 1")
    assert said(tmp_path / "alarms.db") != before
