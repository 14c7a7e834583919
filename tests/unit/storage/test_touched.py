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


def test_once_it_was_looked_into_again_since_the_last_change_it_may_rest(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("one")
    touched = Touched(path, longest_s=0.0, rest_s=3_600.0)
    assert touched()
    # Another write may have had the same tick of the clock.
    assert touched()
    assert not touched()
    path.write_text("another")
    assert touched()
    assert touched()
    assert not touched()
    touched.forget()
    assert touched()
    assert touched()
    assert not touched()
