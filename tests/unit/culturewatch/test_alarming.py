"""What a killed core left unjudged, when the next one starts with other rules."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from msgspec.structs import replace

from alerts import history
from alerts.engine.engine import Engine
from alerts.store import AlarmStore, Batch, save
from alerts.transition import What
from culturewatch.alarming import _judged_by_the_rules_of_then
from culturewatch.site import Site
from devices.duration import Duration
from storage.journal import Journal
from tests.unit.alerts.engine.lab import HOT, START, rulebook  # a test's own
from tests.unit.alerts.plain_judge import sample  # a test's own

BRIEF = replace(HOT, on_delay=Duration(0))
NOBODY = cast("Site", SimpleNamespace(file=SimpleNamespace(person=(), policy=())))


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
        saved = await _judged_by_the_rules_of_then(NOBODY, new, journal=journal, store=store)
        told = await store.write(lambda db: [one.what for _, one in history.entries(db)])
    assert saved.cursor == 2
    assert What.SET in told
    assert Engine(new, saved.parts).view("hot").state == "U"
