"""The record that the HTTP API gives, of a site on disk."""

import json
import shutil
from pathlib import Path

from alerts.schema import open_store
from batches.batch import Signed
from batches.ledger import Ledger
from culturewatch import paths
from culturewatch.make_record import record_of
from culturewatch.serve_console import settings
from culturewatch.site import load
from devices.scan import Layout, Scan
from storage.journal import Journal
from tests.integration.laboratory import serve

EXAMPLES = Path(__file__).parents[3] / "examples"
HOUR = 3_600_000
LAYOUT = Layout("inc1", ("temperature",), ("temperature",))


async def test_it_tells_of_the_batch_and_who_asked_is_in_the_audit_trail(
    tmp_path: Path, served: str
) -> None:
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    serve(tmp_path / "site.toml", served)
    site = load(tmp_path / "site.toml")
    ledger = Ledger(site.ledger_url)
    now = ledger.clerk.now()
    act = Signed(by="ida", at=now - HOUR, reason="entered late")
    ledger.open_batch("B-2026-0001", product="Fibroblasts", act=act)
    ledger.place("B-2026-0001", site.file.device[0].id, act=act)
    open_store(paths.alarms(site.data)).close()
    async with Journal(site.data) as journal:
        await journal.put(Scan(LAYOUT, now - 1_000, now - 1_000, (37.0,), bytes(1)))
    made = json.loads(record_of(site, "B-2026-0001", "token:lims"))
    assert made["batch"]["id"] == "B-2026-0001"
    assert made["made"]["by"] == "token:lims"
    # One reading in an hour is not all of an hour.
    assert made["complete"] is False
    (line,) = ledger.trail(area="export").lines
    assert (line.by, line.subject) == ("token:lims", "record of B-2026-0001")
    assert settings(site).record is not None
