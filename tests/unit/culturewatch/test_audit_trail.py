"""One trail of two chains: the ledger's entries and what people did about alarms."""

from pathlib import Path

import pytest

from alerts import history
from alerts.schema import open_store
from alerts.transition import Transition, What
from batches.batch import Signed
from batches.ledger import Ledger
from culturewatch import paths
from culturewatch.audit_trail import trail
from culturewatch.site import Site
from tests.integration.laboratory import lay_out

NOON = 1_767_614_400_000
"""2026-01-05 12:00 UTC."""
B = "B-2026-0001"


@pytest.fixture
def site(tmp_path: Path, served: str) -> Site:
    """Anna opens a batch at noon, acknowledges a minute later and closes after two more."""
    made = lay_out(tmp_path, served)
    made.data.mkdir(parents=True, exist_ok=True)
    now = [NOON]
    ledger = Ledger(made.ledger_url, now=lambda: now[0])
    ledger.open_batch(B, product="x", act=Signed(by="anna"))
    now[0] += 180_000
    ledger.close(B, act=Signed(by="anna"))
    edits = {"limit": "38 → 39", "on_delay": "5m → 10m"}
    with open_store(paths.alarms(made.data)) as store:
        for minute, what, by, detail in (
            (0, What.SET, "", {}),
            (1, What.ACK, "anna", {}),
            (1, What.ALL_CLEAR, "anna", {}),
            (2, What.EDITED, "sue", edits),
            (2, What.REFUSED, "ben", {}),
        ):
            at = NOON + minute * 60_000
            done = Transition(at=at, what=what, rule="hot", by=by, detail=detail, why=what.value)
            history.append(store, minute + 1, done)
    store.close()
    return made


def test_acts_of_both_are_in_the_order_of_time_and_what_the_engine_made_is_left_out(
    site: Site,
) -> None:
    found = trail(site, since=None, until=None)
    told = [(line.chain, line.row, line.by, line.item, line.outcome) for line in found.lines]
    assert told == [
        ("ledger", 1, "anna", "open", "done"),
        ("alarms", 2, "anna", "ack", "done"),
        ("alarms", 4, "sue", "edited", "done"),
        ("alarms", 5, "ben", "refused", "refused"),
        ("ledger", 2, "anna", "close", "done"),
    ]
    assert (found.ledger.sequence, found.alarms.sequence) == (2, 5)


def test_a_changed_limit_is_told_with_old_and_new(site: Site) -> None:
    (edited,) = trail(site, since=None, until=None, by="sue").lines
    assert (edited.old, edited.new) == (
        '{"limit":"38","on_delay":"5m"}',
        '{"limit":"39","on_delay":"10m"}',
    )
    assert (edited.area, edited.subject) == ("alarm", "hot")


def test_the_end_of_a_span_is_not_in_it(site: Site) -> None:
    found = trail(site, since=NOON + 60_000, until=NOON + 180_000)
    assert [line.item for line in found.lines] == ["ack", "edited", "refused"]
    assert [line.item for line in trail(site, since=NOON + 180_000, until=None).lines] == ["close"]


def test_a_site_whose_core_never_ran_has_the_trail_of_its_ledger(site: Site) -> None:
    paths.alarms(site.data).unlink()
    found = trail(site, since=None, until=None, area="data")
    assert [line.item for line in found.lines] == ["open", "close"]
    assert found.alarms.sequence == 0
