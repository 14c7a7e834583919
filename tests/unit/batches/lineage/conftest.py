"""One patient's cells from the biopsy to a second bank, told in hours."""

from pathlib import Path

import pytest

from batches.ledger import Ledger
from batches.lineage import Lineage
from tests.unit.batches.conftest import Clock
from tests.unit.batches.lineage.cells import AGAIN, ANNA, BIOPSY, P0, POOL, TOKEN, A, C
from tests.unit.batches.vials import slot


@pytest.fixture
def ledger(tmp_path: Path, ledger_url: str, clock: Clock) -> Ledger:
    return Ledger(
        ledger_url, devices=["inc1", "ln2a", "ln2b"], now=clock, keys=tmp_path / "patients"
    )


@pytest.fixture
def told(ledger: Ledger, lineage: Lineage, clock: Clock) -> Ledger:
    """Until hour 30.

    0 the biopsy is taken and P0 begins in inc1; 10 it is passaged to P1 and split into A and C;
    20 A and C are pooled; 21 two vials of the pool are frozen into ln2a; 24 the second goes to
    ln2b; 26 the first is thawed into AGAIN; 30 now.
    """
    lineage.enrol(token=TOKEN, act=ANNA)
    lineage.take(BIOPSY, TOKEN, act=ANNA)
    lineage.start(P0, BIOPSY, product="fibroblasts", act=ANNA)
    ledger.place(P0, "inc1", act=ANNA)
    clock.at(10)
    lineage.passage(P0, act=ANNA)
    lineage.split(P0, [A, C], act=ANNA)
    ledger.place(A, "inc1", act=ANNA)
    clock.at(20)
    lineage.pool([A, C], POOL, act=ANNA)
    clock.at(21)
    lineage.freeze(POOL, [slot(1), slot(2)], act=ANNA)
    clock.at(24)
    lineage.store(f"{POOL}-V002", slot(1, "ln2b"), act=ANNA)
    clock.at(26)
    lineage.thaw(f"{POOL}-V001", into=AGAIN, act=ANNA)
    clock.at(30)
    return ledger
