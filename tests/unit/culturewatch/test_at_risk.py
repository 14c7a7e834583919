"""What a page says of the batches in a device, also when the ledger does not answer."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from batches.batch import Signed
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.snapshot import read
from batches.vial import Place
from culturewatch import at_risk
from culturewatch.at_risk import NONE, UNREAD, AtRisk, outdated
from tests.outage import Outage


@pytest.fixture
def ledger(ledger_url: str) -> Ledger:
    ledger = Ledger(ledger_url)
    anna = Signed(by="anna")
    ledger.open_batch("B-2026-0001", product="fibroblasts", act=anna)
    ledger.open_batch("B-2026-0002", product="fibroblasts", act=anna)
    ledger.place("B-2026-0001", "inc1", position="shelf 2", act=anna)
    ledger.place("B-2026-0002", "inc1", act=anna)
    return ledger


async def looked(snapshot: AtRisk, until: tuple[str, ...]) -> None:
    """Let it look until it says ``until`` of inc1."""
    running = asyncio.create_task(snapshot.run())
    async with asyncio.timeout(20):
        while snapshot.in_device("inc1") != until:  # noqa: ASYNC110 # it has nothing to wait for
            await asyncio.sleep(0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


@pytest.mark.usefixtures("ledger")
async def test_each_batch_in_a_device_has_a_line(tmp_path: Path, ledger_url: str) -> None:
    snapshot = AtRisk(tmp_path, ledger_url)
    await looked(snapshot, ("B-2026-0001, shelf 2", "B-2026-0002"))
    assert snapshot.in_device("inc2") == (NONE,)


async def test_the_vials_of_a_bank_are_counted_and_not_listed(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_risk, "REFRESH_S", 0.01)
    anna, lineage = Signed(by="anna"), Lineage(ledger)
    lineage.passage("B-2026-0002", act=anna)
    slots = [Place(device="inc1", rack="R", box="B", slot=str(n)) for n in (1, 2)]
    first, _ = lineage.freeze("B-2026-0002", slots, act=anna)
    batches = ("B-2026-0001, shelf 2", "B-2026-0002")
    ask = "of 1 batch (culturewatch vial endangered inc1 names them)"
    snapshot = AtRisk(tmp_path, ledger.url)
    await looked(snapshot, (*batches, f"2 vials {ask}"))
    lineage.thaw(first.id, act=anna)
    await looked(snapshot, (*batches, f"1 vial {ask}"))
    kept = read(tmp_path)
    assert kept is not None
    assert kept.devices["inc1"].vials == 1


def test_before_the_first_look_nobody_is_told_that_nothing_is_at_risk(
    tmp_path: Path, ledger_url: str
) -> None:
    assert AtRisk(tmp_path, ledger_url).in_device("inc1") == (UNREAD,)


async def test_a_ledger_that_cannot_be_read_any_more_is_told_with_what_was_known_and_how_old_it_is(
    ledger: Ledger, tmp_path: Path, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_risk, "REFRESH_S", 0.01)
    now = [1_767_596_400_000]
    snapshot = AtRisk(tmp_path, ledger.url, now=lambda: now[0])
    known = ("B-2026-0001, shelf 2", "B-2026-0002")
    await looked(snapshot, known)
    ledger.remove("B-2026-0002", act=Signed(by="anna"))
    outage.begin()
    now[0] += 90_500
    old = "as it was 1m30s ago; the ledger of batches cannot be read now"
    await looked(snapshot, (*known, old))
    # A core that starts now knows what this one knew.
    now[0] += 30_000
    again = AtRisk(tmp_path, ledger.url, now=lambda: now[0])
    assert again.in_device("inc1") == (*known, outdated(120_000))
    assert again.in_device("inc2") == (NONE, outdated(120_000))


async def test_a_look_that_takes_too_long_makes_what_is_known_old(
    ledger: Ledger, tmp_path: Path
) -> None:
    now = [1_767_596_400_000]
    snapshot = AtRisk(tmp_path, ledger.url, now=lambda: now[0])
    known = ("B-2026-0001, shelf 2", "B-2026-0002")
    await looked(snapshot, known)
    now[0] += at_risk.OLD_MS
    assert snapshot.in_device("inc1") == known
    now[0] += 1
    assert snapshot.in_device("inc1") == (*known, outdated(at_risk.OLD_MS))
