"""What a killed core left unjudged, when the next one starts with other rules."""

import sqlite3
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from msgspec.structs import replace

from alerts import history
from alerts.delivery import Delivery
from alerts.directory import Directory
from alerts.engine.engine import Engine
from alerts.enqueue import enqueue
from alerts.reader import AlarmReader
from alerts.store import AlarmStore, Batch, Caused, save
from alerts.transition import What
from culturewatch.alarming import _judged_by_the_rules_of_then
from culturewatch.site import Site
from culturewatch.troubles import Troubles
from devices.duration import Duration
from storage.entry import Receipt
from storage.journal import Journal
from tests.unit.alerts.engine.lab import HOT, START, rulebook  # a test's own
from tests.unit.alerts.plain_judge import sample  # a test's own

BRIEF = replace(HOT, on_delay=Duration(0))
NOBODY = cast("Site", SimpleNamespace(file=SimpleNamespace(person=(), policy=()), zone=UTC))


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
            NOBODY, new, journal=journal, store=store, troubles=Troubles()
        )
        told = await store.write(lambda db: [one.what for _, one in history.entries(db)])
    assert saved.cursor == 2
    assert What.SET in told
    assert Engine(new, saved.parts).view("hot").state == "U"


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
            NOBODY, new, journal=journal, store=store, troubles=Troubles()
        )
    with AlarmReader(path) as reader:
        assert reader.pages()[-1].state is Delivery.DELIVERED
