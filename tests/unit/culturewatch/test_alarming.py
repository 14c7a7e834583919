"""What a killed core left unjudged, when the next one starts with other rules."""

import sqlite3
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from msgspec.structs import replace

from alerts import configuration, history
from alerts.delivery import Delivery
from alerts.directory import Directory
from alerts.engine.engine import Engine
from alerts.enqueue import enqueue
from alerts.reader import AlarmReader
from alerts.rulebook import Rulebook
from alerts.store import AlarmStore, Batch, Caused, save
from alerts.transition import What
from culturewatch.alarming import _judged_by_the_rules_of_then
from culturewatch.site import Site
from culturewatch.troubles import Troubles
from devices.duration import Duration
from storage.entry import Receipt, Started
from storage.journal import Journal
from tests.unit.alerts.engine.lab import HOT, START, rulebook  # a test's own
from tests.unit.alerts.plain_judge import sample  # a test's own

BRIEF = replace(HOT, on_delay=Duration(0))


def site_in(folder: Path) -> Site:
    """A site of which only the people, none, and the folder of data are asked for."""
    nobody = SimpleNamespace(person=(), policy=())
    return cast("Site", SimpleNamespace(file=nobody, data=folder, zone=UTC))


async def test_it_is_judged_by_the_rules_of_then_and_kept_before_the_new_ones_count(
    tmp_path: Path,
) -> None:
    old, new = rulebook([BRIEF]), rulebook([replace(BRIEF, limit=39.0)])
    async with Journal(tmp_path) as journal, AlarmStore(tmp_path / "alarms.db") as store:
        first = Engine(old)
        calm = sample(37.0, START)
        await journal.put(calm)
        first.advance(1, calm)
        parts = first.changed()
        await store.write(lambda db: save(db, Batch(after=0, cursor=1, parts=parts)))
        await journal.put(sample(38.5, START + 10_000))
        saved = await _judged_by_the_rules_of_then(
            site_in(tmp_path), new, journal=journal, store=store, troubles=Troubles()
        )
        told = await store.write(lambda db: [one.what for _, one in history.entries(db)])
    assert saved.cursor == 2
    assert What.SET in told
    assert Engine(new, saved.parts).view("hot").state == "U"


async def test_a_run_of_which_nothing_was_kept_is_judged_by_its_own_rules(tmp_path: Path) -> None:
    old, other = rulebook([BRIEF]), rulebook([replace(BRIEF, limit=39.0)])
    configuration.keep(tmp_path, other)
    async with Journal(tmp_path) as journal, AlarmStore(tmp_path / "alarms.db") as store:
        first = Engine(old)
        began = started(START, old)
        await journal.put(began)
        first.advance(1, began)
        parts = first.changed()
        await store.write(lambda db: save(db, Batch(after=0, cursor=1, parts=parts)))
        await journal.put(started(START + 1_000, other))
        await journal.put(sample(38.5, START + 10_000))
        # The rules are put back: those of the run in between set nothing at 38.5.
        saved = await _judged_by_the_rules_of_then(
            site_in(tmp_path), old, journal=journal, store=store, troubles=Troubles()
        )
        told = await store.write(lambda db: [one.what for _, one in history.entries(db)])
    assert saved.cursor == 3
    assert What.EDITED in told
    assert What.SET not in told


async def test_rules_that_were_not_kept_stop_no_core_and_are_told(tmp_path: Path) -> None:
    book, lost = rulebook([BRIEF]), rulebook([replace(BRIEF, limit=39.0)])
    troubles = Troubles()
    async with Journal(tmp_path) as journal, AlarmStore(tmp_path / "alarms.db") as store:
        await journal.put(started(START, lost))
        await journal.put(sample(38.5, START + 10_000))
        saved = await _judged_by_the_rules_of_then(
            site_in(tmp_path), book, journal=journal, store=store, troubles=troubles
        )
    assert Engine(book, saved.parts).view("hot").state == "U"
    (said,) = troubles.newest
    assert f"{lost.digest}.json" in str(said)
    assert "put the file back" in str(said)


def started(at: int, book: Rulebook) -> Started:
    return Started(at=at, version="0", configuration=book.digest)


async def test_what_a_provider_said_in_the_meantime_is_not_passed_over(tmp_path: Path) -> None:
    old, new = rulebook([BRIEF]), rulebook([replace(BRIEF, limit=39.0)])
    path = tmp_path / "alarms.db"
    async with Journal(tmp_path) as journal, AlarmStore(path) as store:
        first = Engine(old)
        people = Directory((), (), lambda _: None)
        warm = sample(38.5, START)
        await journal.put(warm)
        caused = tuple(Caused(1, START, one) for one in first.advance(1, warm))
        batch = Batch(after=0, cursor=1, parts=first.changed(), caused=caused)

        def keep(db: sqlite3.Connection) -> None:
            for number, one in zip(save(db, batch), caused, strict=True):
                enqueue(db, number, one, people, now=START)
            db.execute("UPDATE outbox SET state = 'accepted', handed = ?", (START,))

        await store.write(keep)
        with AlarmReader(path) as reader:
            row = reader.pages()[-1]
        said = Receipt(
            id="twilio-SM1-delivered",
            at=START + 5_000,
            provider="twilio",
            message=f"page-{row.row}-{row.arrived}",
            provider_id="SM1",
            delivered=True,
        )
        await journal.put(said)
        await _judged_by_the_rules_of_then(
            site_in(tmp_path), new, journal=journal, store=store, troubles=Troubles()
        )
    with AlarmReader(path) as reader:
        assert reader.pages()[-1].state is Delivery.DELIVERED
