"""What screens are shown: built from the files, whatever state these are in."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.engine.view import AlarmView
from alerts.reader import AlarmReader
from console import run_status
from console.run_status import RunStatus
from console.view import DeviceView, Viewer, device_views
from devices.quality import Quality
from devices.scan import Layout, Reading, Scan, Source, absent
from storage.journal import Journal
from storage.reader import JournalReader
from storage.stats import JournalStats
from storage.wall import wall_ms
from tests.unit.console.lab import (
    EQUIPMENT,
    INC1,
    RULE,
    core,
    freezer_is_silent,
    incubator,
    ledger_url,
    put_batch_into,
)

NOW = 1_767_614_400_000
PERIOD_MS = EQUIPMENT[0].period_ms


JOURNAL = JournalStats(
    last=7,
    entries=7,
    duplicates=0,
    conflicts=0,
    quarantined=0,
    damaged=0,
    commits=7,
    pending=0,
    oldest_pending_ms=0,
    bytes=4_096,
    fill=0.01,
    start_s=0.01,
    trouble="",
)


def viewer(data: Path) -> Viewer:
    return Viewer(data, ledger_url(data), EQUIPMENT)


def status(**more: int) -> RunStatus:
    """What this process might have written a second ago, had it been a core."""
    whole = RunStatus(
        at=wall_ms() - 1_000,
        started=NOW,
        pid=os.getpid(),
        version="0",
        configuration="",
        journal=JOURNAL,
        modbus=(),
        mqtt={},
        forwarding=None,
        alarm_cursor=7,
        refused=0,
        troubles=(),
    )
    return replace(whole, **more)


def seen(scan: Scan, *, now: int = NOW) -> DeviceView:
    return device_views(EQUIPMENT, {"inc1": tuple(scan.readings())}, (), {}, now)[0]


def scan_of(received: int, *, at: int | None = None, source: Source = Source.LIVE) -> Scan:
    return Scan(INC1, received if at is None else at, received, (37.0, 0.0), bytes(2), source)


async def test_the_view_joins_readings_alarms_pages_and_batches(tmp_path: Path) -> None:
    put_batch_into(tmp_path, "inc1")
    async with core(tmp_path) as running:
        await running.hear(freezer_is_silent(), incubator(37.0), incubator(38.5, door=1.0))
        run_status.write(tmp_path, status())
        view = viewer(tmp_path).look()
    incubator_, freezer = view.devices
    assert view.problems == ()
    assert view.core_alive
    assert (incubator_.silent, incubator_.batches) == (False, ("B-2026-0001",))
    temperature, door = incubator_.channels
    assert (temperature.id, temperature.value, temperature.unit) == (
        "inc1.temperature",
        38.5,
        "degC",
    )
    assert temperature.quality == "good"
    assert temperature.alarm is not None
    assert (temperature.alarm.rule, temperature.alarm.state) == (RULE.id, "U")
    assert (door.value, door.alarm) == (1.0, None)
    assert (freezer.silent, freezer.channels[0].quality, freezer.channels[0].value) == (
        True,
        "no_answer",
        None,
    )
    assert [alarm.rule for alarm in view.alarms] == [RULE.id]
    assert [(page.person, page.rule) for page in view.pages] == [("A", RULE.id)]
    assert view.counts is not None
    assert view.counts.open == 1


def test_on_the_first_start_everything_is_silent_and_nothing_is_created(tmp_path: Path) -> None:
    view = viewer(tmp_path / "data").look()
    assert [device.silent for device in view.devices] == [True, True]
    assert not view.core_alive
    assert view.core_age_ms is None
    assert view.counts is None
    assert any("no alarm store yet" in line for line in view.problems)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["journal.db", "alarms.db", "ledger.db", "status.json"])
async def test_a_damaged_file_is_named_and_the_rest_is_shown(tmp_path: Path, name: str) -> None:
    put_batch_into(tmp_path, "inc1")
    async with core(tmp_path) as running:
        await running.hear(incubator(38.5))
    run_status.write(tmp_path, status())
    for extra in ("-wal", "-shm"):
        (tmp_path / f"{name}{extra}").unlink(missing_ok=True)
    assert (tmp_path / name).exists()
    (tmp_path / name).write_bytes(b"\xffnot what it was\x00" * 400)
    view = viewer(tmp_path).look()
    if name == "status.json":
        assert (view.status, view.core_alive) == (None, False)
    else:
        (line,) = view.problems
        assert name in line
        assert "\n" not in line
    assert view.devices[0].silent == (name == "journal.db")
    assert bool(view.alarms) == (name != "alarms.db")
    assert view.devices[0].batches == (None if name == "ledger.db" else ("B-2026-0001",))


async def test_a_store_that_breaks_while_it_is_read_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with core(tmp_path) as running:
        await running.hear(incubator(38.5))
    with closing(sqlite3.connect(tmp_path / "alarms.db")) as db:
        db.execute("DROP TABLE delivery_log")
        db.execute("ALTER TABLE outbox RENAME TO moved")
        db.commit()
    (line,) = viewer(tmp_path).look().problems
    assert "the alarm store cannot be read: no such table: outbox" in line

    def odd(_: AlarmReader) -> list[AlarmView]:
        raise msgspec.ValidationError("Expected `str`, got `int`")

    monkeypatch.setattr(AlarmReader, "open_alarms", odd)
    (line,) = viewer(tmp_path).look().problems
    assert "cannot be understood" in line


async def test_an_alarm_of_a_later_version_is_a_line(tmp_path: Path) -> None:
    async with core(tmp_path) as running:
        await running.hear(incubator(38.5))
    with closing(sqlite3.connect(tmp_path / "alarms.db")) as db:
        db.execute("UPDATE alarm SET body = ?", (b'{"rule": 5}',))
        db.commit()
    (line,) = viewer(tmp_path).look().problems
    assert "alarms.db" in line
    assert "cannot be understood" in line


def test_a_value_is_shown_until_three_periods_have_passed() -> None:
    fresh = seen(scan_of(NOW - 3 * PERIOD_MS)).channels[0]
    assert (fresh.value, fresh.quality) == (37.0, "good")
    old = seen(scan_of(NOW - 3 * PERIOD_MS - 1_001))
    assert old.silent
    assert {(c.value, c.quality) for c in old.channels} == {(None, "stale")}


def test_a_backfilled_value_is_not_dressed_as_new() -> None:
    late = scan_of(NOW - 100, at=NOW - 3_600_000, source=Source.BACKFILL)
    assert {(c.value, c.quality) for c in seen(late).channels} == {(None, "stale")}


def test_a_value_from_before_the_clock_was_set_back_is_not_dressed_as_new() -> None:
    ahead = seen(scan_of(NOW + 3_600_000))
    assert ahead.silent
    assert {(c.value, c.quality, c.age_ms) for c in ahead.channels} == {(None, "stale", 0)}


@given(
    st.integers(-(10**14), 10**14),
    st.integers(-(10**14), 10**14),
    st.sampled_from(Source),
    st.sampled_from([q for q in Quality if q.has_value]),
)
def test_no_value_is_shown_that_is_not_of_now(
    received: int, at: int, source: Source, quality: Quality
) -> None:
    scan = Scan(INC1, at, received, (37.0, 0.0), bytes((quality, quality)), source)
    for channel in seen(scan).channels:
        if channel.value is not None:
            assert abs(NOW - received) <= 3 * PERIOD_MS + 1_000
            assert channel.quality == quality.word
        assert channel.age_ms is not None
        assert channel.age_ms >= 0


def parts(*, door_at: int) -> list[Reading]:
    """A temperature of now, and a door of which something was last said at ``door_at``."""
    temperature = Layout("inc1", ("temperature",), ("temperature",))
    door = Layout("inc1", ("door",), ("state",))
    scans = (
        Scan(temperature, NOW, NOW, (37.0,), bytes(1)),
        Scan(door, door_at, door_at, (1.0,), bytes(1)),
    )
    return [reading for scan in scans for reading in scan.readings()]


def test_each_channel_is_as_old_as_what_was_last_said_of_it() -> None:
    (device, _) = device_views(EQUIPMENT, {"inc1": parts(door_at=NOW - PERIOD_MS)}, (), {}, NOW)
    assert [(c.key, c.value, c.age_ms) for c in device.channels] == [
        ("temperature", 37.0, 0),
        ("door", 1.0, PERIOD_MS),
    ]


def test_a_channel_of_which_nothing_is_said_any_more_is_stale_beside_one_that_is_fresh() -> None:
    old = NOW - 3 * PERIOD_MS - 1_001
    (device, _) = device_views(EQUIPMENT, {"inc1": parts(door_at=old)}, (), {}, NOW)
    assert not device.silent
    assert [(c.key, c.value, c.quality) for c in device.channels] == [
        ("temperature", 37.0, "good"),
        ("door", None, "stale"),
    ]


def test_the_channels_are_those_that_the_device_has_now_heard_or_not() -> None:
    has = (("co2", "carbon_dioxide"), ("temperature", "temperature"))
    equipment = (replace(EQUIPMENT[0], channels=has),)
    (device,) = device_views(equipment, {"inc1": parts(door_at=NOW)}, (), {}, NOW)
    co2, temperature = device.channels
    assert (co2.id, co2.quality, co2.value, co2.at, co2.age_ms) == (
        "inc1.co2",
        "no_answer",
        None,
        None,
        None,
    )
    assert temperature.value == 37.0
    (never,) = device_views(equipment, {}, (), {}, NOW)
    assert never.channels == ()


def test_a_device_is_silent_only_when_no_channel_says_anything() -> None:
    broken = Scan(INC1, NOW, NOW, (None, 0.0), bytes((Quality.SENSOR_FAULT, Quality.GOOD)))
    assert not seen(broken).silent
    assert seen(absent(INC1, at=NOW)).silent
    assert device_views(EQUIPMENT, {}, (), {}, NOW)[0].silent


async def test_the_worst_unacknowledged_alarm_stands_at_a_channel(tmp_path: Path) -> None:
    lesser = replace(RULE, id="a-lesser", severity="low", limit=38.2)
    async with core(tmp_path, [lesser, RULE]) as running:
        await running.hear(incubator(38.5))
        view = viewer(tmp_path).look()
    assert [alarm.rule for alarm in view.alarms] == [RULE.id, "a-lesser"]
    shown = view.devices[0].channels[0].alarm
    assert shown is not None
    assert shown.rule == RULE.id
    acknowledged = [replace(alarm, state="A") for alarm in view.alarms if alarm.rule == RULE.id]
    others = [alarm for alarm in view.alarms if alarm.rule != RULE.id]
    scan = incubator(38.5, at=NOW)
    again = device_views(
        EQUIPMENT, {"inc1": tuple(scan.readings())}, acknowledged + others, {}, NOW
    )
    at_channel = again[0].channels[0].alarm
    assert at_channel is not None
    assert at_channel.rule == "a-lesser"


def test_a_core_is_alive_while_its_process_is_there_and_writes(tmp_path: Path) -> None:
    for told, alive in (
        (status(), True),
        (status(at=wall_ms() - 11_000), False),
        (status(pid=2**22 + 1), False),
        (status(pid=0), False),
        (status(pid=-1), False),
        (status(pid=10**18), False),
    ):
        run_status.write(tmp_path, told)
        assert viewer(tmp_path).look().core_alive is alive, told


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_look_is_quick_and_leaves_nothing_open(tmp_path: Path) -> None:
    put_batch_into(tmp_path, "inc1")
    async with Journal(tmp_path) as journal:
        now = wall_ms()
        for step in range(5_000):
            journal.append(incubator(37.0, at=now - 5_000 + step))
        await journal.put(incubator(37.0, at=now))
    with JournalReader(tmp_path) as reader:
        assert reader.last == 5_001
    looking = viewer(tmp_path)
    looking.look()
    began_open, spans = open_files(), []
    for _ in range(10):
        began_s = time.perf_counter()
        looking.look()
        spans.append(time.perf_counter() - began_s)
    assert min(spans) < 0.05
    assert open_files() == began_open
