"""A file of an older version is brought up to date once, and says so; older ones refuse it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage import database
from storage.consistency import check
from storage.database import DatabaseError, upgrade
from storage.journal import Journal, JournalError
from storage.journalfile import NAME, VERSION


def test_a_ledger_of_an_older_version_says_what_became_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    upgrade(url, to="r0002")
    # A new one was not brought from anywhere.
    assert caplog.messages == []
    for _ in range(2):
        upgrade(url)
    (said,) = caplog.messages
    assert f"ledger.db: brought from format r0002 to {database.REVISION}; nothing of it" in said


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    upgrade(url)
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db, db:
        db.execute("UPDATE alembic_version SET version_num = 'r9999'")
    with pytest.raises(DatabaseError, match=r"r9999.*use the version that wrote it"):
        upgrade(url)


async def test_a_journal_of_an_older_version_says_what_became_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Journal(tmp_path):
        pass
    assert caplog.messages == []
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.execute("PRAGMA user_version = 1")
    for _ in range(2):
        async with Journal(tmp_path):
            pass
    (said,) = caplog.messages
    assert f"journal.db: brought from format 1 to {VERSION}; nothing of it was lost" in said


async def test_a_journal_of_a_newer_version_is_refused_and_not_called_forged(
    tmp_path: Path,
) -> None:
    async with Journal(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / NAME)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalError, match="format 99, this version knows 3; start the newer one"):
        async with Journal(tmp_path):
            pass
    first = next(iter(check(tmp_path)))
    assert getattr(first, "what", "").endswith(
        "says 99, this version knows 3; have a newer one verify"
    )
