"""Orders from a screen: judged by role, kept, answered by the core."""

from pathlib import Path

import pytest

from batches.ledger import Ledger
from batches.password import Passwords
from console import orders
from console.entrance import Entrance, Visitor
from console.orders import Became, OrderDesk
from console.sessions import Session
from tests.unit.batches.staff import QUICK, enlist, folder, people_of
from tests.unit.console.lab import (
    RULE,
    core,
    incubator,
    ledger_of,
    settings,
    state_of,
    waiting,
)

SESSION = Session(person="", credential=0, made=0, used=0, form="")
SEEN = {"occurrence": "1", "severity": "critical", "note": "on my\nway"}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = ledger_of(tmp_path)
    enlist(ledger, {"admin": ["admin"], "olga": ["operator"], "quinn": ["qa"]})
    return ledger


@pytest.fixture
def desk(tmp_path: Path, ledger: Ledger) -> OrderDesk:
    passwords = Passwords(folder(ledger), with_hasher=QUICK)
    return OrderDesk(tmp_path, Entrance(settings(tmp_path), passwords=passwords))


def visitor(ledger: Ledger, person: str) -> Visitor:
    found = people_of(ledger).find(person)
    assert found is not None
    return Visitor(person=found, session=SESSION)


async def test_an_acknowledgement_reaches_the_engine_under_the_name_of_who_gave_it(
    tmp_path: Path, ledger: Ledger, desk: OrderDesk
) -> None:
    async with core(tmp_path) as running:
        await running.hear(incubator(37.0), incubator(38.5))
        async with running.taking():
            ordered = await desk.order(visitor(ledger, "olga"), "ack", RULE.id, SEEN)
        assert ordered.became is Became.DONE
    assert state_of(tmp_path) == "A"
    desk.close()


async def test_an_acknowledgement_of_what_is_worse_by_now_is_refused_with_the_reason(
    tmp_path: Path, ledger: Ledger, desk: OrderDesk
) -> None:
    async with core(tmp_path) as running:
        await running.hear(incubator(37.0), incubator(38.5))
        async with running.taking():
            old = SEEN | {"occurrence": "7"}
            ordered = await desk.order(visitor(ledger, "olga"), "ack", RULE.id, old)
    assert ordered.became is Became.REFUSED
    assert ordered.why
    desk.close()


async def test_whose_role_may_not_is_denied_and_that_is_kept(
    tmp_path: Path, ledger: Ledger, desk: OrderDesk
) -> None:
    ordered = await desk.order(visitor(ledger, "quinn"), "ack", RULE.id, SEEN)
    assert ordered.became is Became.REFUSED
    assert "has no role" in ordered.why
    assert waiting(tmp_path) == []
    last = ledger.trail().lines[-1]
    assert (last.by, last.item, last.subject) == ("quinn", "alarm.ack", RULE.id)
    desk.close()


async def test_without_a_core_an_order_is_kept_and_said_to_be_on_its_way(
    tmp_path: Path, ledger: Ledger, desk: OrderDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "ANSWER_S", 0.05)
    ordered = await desk.order(visitor(ledger, "olga"), "ack", RULE.id, SEEN)
    assert ordered.became is Became.TAKEN_IN
    assert waiting(tmp_path) == [f"ack {RULE.id} by olga"]
    desk.close()
