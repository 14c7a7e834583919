"""What nobody has written is not opened again, for a while."""

import sqlite3
from contextlib import closing
from pathlib import Path

from storage.touched import Touched


def test_a_file_is_looked_into_when_somebody_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    touched = Touched(path)
    assert touched()
    assert not touched()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE act (id INTEGER PRIMARY KEY)")
        assert touched()
        assert not touched()
        # Into the log beside it, while the file stays as it is.
        db.execute("INSERT INTO act VALUES (1)")
        assert touched()
        assert not touched()
    path.unlink()
    assert touched()


def test_whoever_only_reads_touches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE act (id INTEGER PRIMARY KEY)")
    touched = Touched(path)
    assert touched()
    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("SELECT * FROM act").fetchall() == []
        # Its log is there, and empty.
        assert (tmp_path / "ledger.db-wal").exists()
        assert not touched()
    assert not touched()


def test_it_is_looked_into_from_time_to_time_and_after_a_failure(tmp_path: Path) -> None:
    never_long = Touched(tmp_path / "ledger.db", longest_s=0.0)
    assert never_long()
    assert never_long()
    touched = Touched(tmp_path / "ledger.db")
    assert touched()
    touched.forget()
    assert touched()


def test_on_a_server_it_is_always_looked_into() -> None:
    touched = Touched(None)
    assert touched()
    assert touched()
