"""The system as a device of its own: what its scans say."""

import asyncio
import tomllib
from importlib import resources
from pathlib import Path

from msgspec.structs import replace

from culturewatch.doctor.backups import OVERDUE_MS, UNCHECKED_MS
from culturewatch.itself import DEVICE
from culturewatch.own_state import LAYOUT, OwnState, backups, channel_specs, scan_of, watch
from devices.quality import Quality
from devices.scan import Scan
from devices.units import STORED_UNIT
from storage.backup.last import Backups
from storage.influx import ForwarderStatus
from storage.stats import JournalStats

NOON = 1_767_614_400_000
JOURNAL = JournalStats(
    last=1_000,
    entries=900,
    duplicates=0,
    conflicts=0,
    quarantined=2,
    damaged=0,
    commits=10,
    pending=3,
    oldest_pending_ms=2_500,
    bytes=70_000,
    fill=0.715,
    start_s=0.01,
    trouble="",
)
BEHIND = ForwarderStatus(
    behind=10,
    behind_ms=7_200_000,
    backlog=9,
    live_ms=1_500,
    lines_written=0,
    quarantined=1,
    expired=0,
    requests=0,
    in_flight=0,
    trouble="refused",
)
STATE = OwnState(
    journal=JOURNAL,
    forwarding=BEHIND,
    quarantined=3,
    lost=5,
    page_wait_ms=61_000,
    clock_unsure=True,
    drills_unproven=2,
    rota_faults=None,
    disk_used=0.853,
    seal_wait_s=90_000.0,
    damaged_segments=1,
    renewal_wait_s=120.0,
    reports_failed=1,
    backups=Backups(since=0, good_at=NOON - 7_200_000, trouble="no room"),
    acts_wait_s=75.0,
)


def values(scan: Scan) -> dict[str, float | None]:
    return dict(zip(scan.layout.keys, scan.values, strict=True))


def test_a_scan_says_how_the_system_is_in_stored_units() -> None:
    assert values(scan_of(STATE, None, NOON)) == {
        "journal_fill": 71.5,
        "disk_wait": 2.5,
        "forwarding_behind": 7_200.0,
        "forwarding_backlog": 9.0,
        "quarantined": 3.0,
        "lost": 5.0,
        "page_wait": 61.0,
        "clock_unsure": 1.0,
        "drills_unproven": 2,
        "rota_faults": None,
        "disk_fill": 85.3,
        "seal_wait": 90_000.0,
        "archive_damaged": 1.0,
        "conflicts": 0.0,
        "renewal_wait": 120.0,
        "reports_failed": 1,
        "backup_wait": 7_200.0,
        "backup_check_wait": NOON / 1000,
        "backup_failed": 1.0,
        "acts_wait": 75.0,
    }


def test_what_nobody_has_looked_at_has_no_value() -> None:
    scan = scan_of(replace(STATE, backups=None), None, NOON)
    qualities = dict(zip(scan.layout.keys, scan.qualities, strict=True))
    of_backups = {"backup_wait", "backup_check_wait", "backup_failed"}
    assert {key for key, code in qualities.items() if code} == {"rota_faults", *of_backups}
    assert Quality(qualities["rota_faults"]) is Quality.STALE


def test_what_is_counted_counts_since_the_scan_before() -> None:
    later = replace(STATE, quarantined=4, lost=5)
    found = values(scan_of(later, STATE, NOON))
    assert (found["quarantined"], found["lost"]) == (1.0, 0.0)


def test_a_site_that_forwards_nothing_is_not_behind() -> None:
    found = values(scan_of(replace(STATE, forwarding=None), None, NOON))
    assert (found["forwarding_behind"], found["forwarding_backlog"]) == (0.0, 0.0)


def test_its_channels_are_what_its_scans_hold() -> None:
    specs = channel_specs()
    assert [spec.id for spec in specs] == [f"{DEVICE}.{key}" for key in LAYOUT.keys]
    assert {spec.quantity for spec in specs} <= set(STORED_UNIT)


async def test_it_looks_at_once_and_stamps_with_the_clock_of_the_readings() -> None:
    delivered: list[Scan] = []

    async def look() -> OwnState:
        return STATE

    task = asyncio.create_task(watch(look, delivered.append, lambda: NOON), name="own state")
    async with asyncio.timeout(5):
        while not delivered:  # noqa: ASYNC110 # any scan will do
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    assert [(scan.at, scan.device) for scan in delivered] == [(NOON, "culturewatch")]


def test_a_backup_is_waited_for_from_the_first_look_on(tmp_path: Path) -> None:
    assert backups(tmp_path / "nowhere", NOON) is None
    assert backups(tmp_path, NOON) == Backups(since=NOON)
    assert backups(tmp_path, NOON + 1) == Backups(since=NOON)


def test_the_shipped_rules_judge_backups_as_the_doctor_does() -> None:
    text = (resources.files("alerts") / "rules" / "system.toml").read_text(encoding="utf-8")
    rules = {rule["id"]: rule for rule in tomllib.loads(text)["rule"]}
    assert rules["backup-overdue"]["limit"] * 1000 == OVERDUE_MS
    assert rules["backup-unchecked"]["limit"] * 1000 == UNCHECKED_MS
    keys = {rules[f"backup-{name}"]["channel"] for name in ("overdue", "failed", "unchecked")}
    assert keys <= {spec.id for spec in channel_specs()}
