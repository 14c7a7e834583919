"""Scenario 78: an upgrade with alarms in U, A and R leaves them as they were, and pages nobody.

``written_by_older/schema-1.db`` was written at commit df9ec9a, which knew no shelf, no measure and
fewer fields of a rule: 38.5 over 38.0 unacknowledged, 6.5 over 6.0 acknowledged by
A, 97.0 over 96.0 returned, its limit edited by command to 96.5.
"""

import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from alerts.engine.engine import Engine
from alerts.engine.memory import rulebook_of
from alerts.reader import AlarmReader
from alerts.store import AlarmStore, Saved
from alerts.transition import What
from devices.scan import Layout, Scan
from storage.entry import Started

OLD = Path(__file__).parent / "written_by_older" / "schema-1.db"
NOON = 1_767_614_400_000
KEYS = ("temperature", "co2", "humidity")
STATES = {"unacknowledged": "U", "acknowledged": "A", "returned": "R"}


@pytest.fixture
async def saved(tmp_path: Path) -> Saved:
    path = tmp_path / "alarms.db"
    shutil.copy(OLD, path)
    async with AlarmStore(path) as store:
        assert await store.verify_history() is None
        return await store.load()


async def test_the_same_states_hold_after_it_and_nobody_is_paged_again(saved: Saved) -> None:
    book = rulebook_of(saved.parts)
    assert book is not None
    engine = Engine(book, saved.parts)
    before = engine.views()
    assert {view.rule: view.state for view in before} == STATES
    assert {view.occurrence for view in before} == {1}
    assert engine.view("acknowledged").acked_by == ("A",)
    assert engine.rule("returned").limit == 96.5
    # The new version writes the rulebook with more fields, so its digest is another one.
    begun = Started(at=NOON + 60_000, version="0.2.0", configuration=book.digest)
    told = engine.advance(saved.cursor + 1, begun)
    assert not {one.what for one in told} & {What.QUEUED, What.EDITED, What.CLOSED, What.CLEAR}
    assert {view.rule: view.state for view in engine.views()} == STATES
    assert engine.rule("returned").limit == 96.5


async def test_life_goes_on_from_there(saved: Saved) -> None:
    book = rulebook_of(saved.parts)
    assert book is not None
    engine = Engine(book, saved.parts)
    engine.advance(saved.cursor + 1, Started(at=NOON + 60_000, version="1", configuration=""))
    layout = Layout("inc1", KEYS, KEYS)
    cool = Scan(layout, NOON + 70_000, NOON + 70_000, (37.0, 5.0, 95.0), b"\0\0\0")
    told = engine.advance(saved.cursor + 2, cool)
    closed = [(one.rule, one.to) for one in told if one.what is What.ALL_CLEAR]
    assert closed == [("acknowledged", "A")]
    assert {view.rule: view.state for view in engine.views()} == {
        "unacknowledged": "R",
        "acknowledged": "N",
        "returned": "R",
    }


async def test_a_rule_that_did_change_with_the_upgrade_is_an_edit(saved: Saved) -> None:
    book = rulebook_of(saved.parts)
    assert book is not None
    rules = tuple(
        replace(rule, limit=39.0) if rule.id == "unacknowledged" else rule for rule in book.rules
    )
    engine = Engine(replace(book, rules=rules), saved.parts)
    begun = Started(at=NOON + 60_000, version="0.2.0", configuration="")
    told = engine.advance(saved.cursor + 1, begun)
    assert [one.rule for one in told if one.what is What.EDITED] == ["unacknowledged"]
    assert engine.view("acknowledged").state == "A"


def test_other_processes_read_what_the_older_version_showed(tmp_path: Path) -> None:
    shutil.copy(OLD, tmp_path / "alarms.db")
    with AlarmReader(tmp_path / "alarms.db") as reader:
        assert {alarm.rule: alarm.state for alarm in reader.alarms()} == STATES
        assert sum(one.what is What.QUEUED for one in reader.told()) == 3
