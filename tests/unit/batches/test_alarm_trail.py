"""The alarm history in the ledger: each row once, whatever cut it off, and held to the original."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts import history
from alerts.reader import AlarmReader
from alerts.schema import open_store
from alerts.transition import Transition, What
from batches.alarm_trail import (
    ALARMS,
    JOURNAL,
    Followed,
    TrailError,
    deviations,
    follow,
    note_heads,
    noted,
)
from batches.ledger import Ledger
from storage.acts import verify_chain
from storage.chain import Head
from storage.database import Database, DatabaseError, upgrade
from tests.intruder import Intruder

MONDAY = 1_767_596_400_000
DAY = 86_400_000


def tell(path: Path, count: int, *, rule: str = "inc1-hot", first: int = 1) -> None:
    """Let the engine have said ``count`` things, of which the first is a limit passed."""
    store = open_store(path)
    for number in range(first, first + count):
        said = Transition(
            at=MONDAY + number,
            what=What.SET if number % 2 else What.ACK,
            rule=rule,
            channel="inc1.temperature",
            occurrence=(number + 1) // 2,
            severity="high",
            value=38.5 if number % 2 else None,
            by="" if number % 2 else "anna",
            why="over limit for longer than allowed" if number % 2 else "",
        )
        history.append(store, 100 + number, said)
    store.close()


@pytest.fixture
def database(ledger_url: str) -> Database:
    upgrade(ledger_url)
    return Database(ledger_url)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    path = tmp_path / "told" / "alarms.db"
    tell(path, 5)
    return path


@pytest.fixture
def reader(told: Path) -> Iterator[AlarmReader]:
    with AlarmReader(told) as opened:
        yield opened


def test_what_the_engine_said_can_be_asked_for_in_the_ledger(
    database: Database, reader: AlarmReader, intruder: Intruder
) -> None:
    assert follow(database, reader, now=MONDAY + DAY) == Followed(entered=5)
    rows = intruder.run(
        "SELECT number, entry, at, what, rule, channel, occurrence, severity, value, done_by, why "
        "FROM alarm_event WHERE what = :what ORDER BY number",
        {"what": "set"},
    )
    over = "over limit for longer than allowed"
    assert rows == [
        (n, 100 + n, MONDAY + n, "set", "inc1-hot", "inc1.temperature", (n + 1) // 2, "high",
         "38.5", "", over)
        for n in (1, 3, 5)
    ]  # fmt: skip
    ((by, at, entered),) = intruder.run(
        "SELECT done_by, done_at, entered_at FROM act WHERE sequence = 2"
    )
    assert (by, at, entered) == ("anna", MONDAY + 2, MONDAY + DAY)
    assert verify_chain(database.url) is None


def test_the_audit_trail_tells_an_alarm_from_its_own_chain_only(
    ledger_url: str, reader: AlarmReader
) -> None:
    ledger = Ledger(ledger_url)
    follow(ledger.database, reader, now=MONDAY)
    note_heads(ledger.database, {ALARMS: reader.head()}, now=MONDAY)
    page = ledger.trail()
    assert [(line.row, line.area, line.item) for line in page.lines] == [(6, "audit", "anchor")]
    assert page.head.sequence == 6


def test_each_row_comes_once_in_batches_of_any_size(
    database: Database, told: Path, reader: AlarmReader, intruder: Intruder
) -> None:
    assert follow(database, reader, now=MONDAY, limit=2) == Followed(entered=2, more=True)
    assert follow(database, reader, now=MONDAY, limit=2) == Followed(entered=2, more=True)
    assert follow(database, reader, now=MONDAY, limit=2) == Followed(entered=1)
    assert follow(database, reader, now=MONDAY, limit=2) == Followed(entered=0)
    tell(told, 2, first=6)
    # Another process of another age, which knows nothing of the ones before.
    assert follow(Database(database.url), reader, now=MONDAY) == Followed(entered=2)
    assert intruder.run("SELECT number FROM alarm_event ORDER BY sequence") == [
        (n,) for n in range(1, 8)
    ]


def test_a_batch_that_fails_leaves_nothing_and_is_entered_the_next_time(
    database: Database, reader: AlarmReader, intruder: Intruder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.BUSY_S", 0.05)
    with intruder.hold(), pytest.raises(DatabaseError, match="another process has held it"):
        follow(Database(database.url), reader, now=MONDAY)
    assert follow(database, reader, now=MONDAY) == Followed(entered=5)


def test_before_the_first_alarm_nothing_is_entered(database: Database, tmp_path: Path) -> None:
    open_store(tmp_path / "alarms.db").close()
    with AlarmReader(tmp_path / "alarms.db") as empty:
        assert follow(database, empty, now=MONDAY) == Followed(entered=0)
        assert list(deviations(database, empty)) == []


def test_a_history_that_begins_anew_is_kept_beside_the_one_before(
    database: Database, reader: AlarmReader, tmp_path: Path, intruder: Intruder
) -> None:
    follow(database, reader, now=MONDAY)
    tell(tmp_path / "other.db", 2, rule="inc2-hot")
    with AlarmReader(tmp_path / "other.db") as other:
        (broken,) = deviations(database, other)
        assert "is not the beginning of the history that the ledger has" in str(broken)
        assert follow(database, other, now=MONDAY) == Followed(entered=2, anew=True)
        assert list(deviations(database, other)) == []
    assert list(deviations(database, reader)) == []
    assert intruder.run("SELECT count(*), count(DISTINCT history) FROM alarm_event") == [(7, 2)]


def test_a_history_rewritten_after_it_was_entered_is_found_and_not_followed(
    database: Database, reader: AlarmReader, tmp_path: Path
) -> None:
    follow(database, reader, now=MONDAY)
    tell(tmp_path / "forged.db", 1)
    tell(tmp_path / "forged.db", 6, first=2, rule="inc2-hot")
    with AlarmReader(tmp_path / "forged.db") as forged:
        assert forged.verify_history() is None
        with pytest.raises(TrailError, match="row 5 of the alarm history is not the one"):
            follow(database, forged, now=MONDAY)
        (broken,) = deviations(database, forged)
        assert (broken.row, broken.why) == (2, "is not what was entered")


def test_rows_cut_off_the_end_of_the_history_are_missed(
    database: Database, reader: AlarmReader, tmp_path: Path
) -> None:
    follow(database, reader, now=MONDAY)
    tell(tmp_path / "cut.db", 3)
    with AlarmReader(tmp_path / "cut.db") as cut:
        assert cut.verify_history() is None
        (broken,) = deviations(database, cut)
    assert (broken.row, broken.why) == (4, "is gone")


def test_the_heads_of_other_chains_are_noted_once_in_a_day(
    database: Database, reader: AlarmReader
) -> None:
    assert noted(database, ALARMS) is None
    head = reader.head()
    midnight = (MONDAY // DAY + 1) * DAY
    assert note_heads(database, {ALARMS: head, JOURNAL: 812}, now=MONDAY)
    assert not note_heads(database, {ALARMS: Head(6, "bb"), JOURNAL: 900}, now=midnight - 1)
    assert noted(database, ALARMS) == (5, head.hash)
    assert noted(database, JOURNAL) == (812, None)
    assert note_heads(database, {ALARMS: Head(7, "cc"), JOURNAL: 999}, now=midnight)
    assert noted(database, ALARMS) == (7, "cc")
    # The clock was set back.
    assert not note_heads(database, {ALARMS: Head(8, "dd"), JOURNAL: 999}, now=MONDAY)
    assert verify_chain(database.url) is None
