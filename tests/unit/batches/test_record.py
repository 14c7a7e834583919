"""The record of a batch that lived in two incubators, against values counted by hand."""

import hashlib
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import matplotlib as mpl
import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.reader import AlarmReader
from batches.batch import Signed
from batches.export import drawings
from batches.export.folder import make_record
from batches.export.publish import RecordError
from batches.export.timeaxis import marks
from batches.export.trace import BUCKETS, NARROWEST, Point, Trace, merged, visible
from batches.ledger import Ledger
from batches.placement import Interval, Refused
from batches.policy import Verdict
from batches.record import BatchRecord, Made
from batches.setting import Setting
from batches.survey import Readings
from batches.verify import verify
from devices import duration
from devices.duration import Duration
from devices.quality import Quality
from devices.scan import Scan, Source

pytestmark = pytest.mark.long

B = "B-2026-0001"
MINUTE = 60_000
HOUR = 60 * MINUTE
MONDAY = 1_767_596_400_000
NAMES = (
    *("readings.csv", "readings.parquet", "record.html", "record.json", "record.pdf"),
    "verify_record.py",
)


class Journal(Readings, Protocol):
    kept: dict[str, list[Scan]]
    damaged: Mapping[int, str]


Make = Callable[..., Path]


@pytest.fixture
def make(
    lived: Ledger,
    journal: Journal,
    alarms: AlarmReader,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Make:
    def make(**other: object) -> Path:
        given: dict[str, Any] = {
            "batch": B,
            "out": tmp_path / "out" / "record",
            "ledger": lived,
            "readings": journal,
            "alarms": alarms,
            "setting": request.getfixturevalue("setting"),
            "made": request.getfixturevalue("made"),
        }
        return make_record(**(given | other))

    return make


def read(folder: Path) -> BatchRecord:
    def from_text(kind: type, value: object) -> object:
        assert kind is Duration
        return duration.parse(str(value))

    return msgspec.json.decode(
        (folder / "record.json").read_bytes(), type=BatchRecord, dec_hook=from_text
    )


def test_the_record_says_what_the_batch_went_through(written: Path) -> None:
    record = read(written)
    first, second = record.stays
    assert [(s.placement.device, s.span.length) for s in record.stays] == [
        ("inc1", 4 * HOUR),
        ("inc2", 4 * HOUR - 10 * MINUTE),
    ]
    heat = first.channels[0].exposure
    # 240 minutes, of which 5 at 38.5 °C and the rest at 37.0 °C.
    assert (heat.expected, heat.received, heat.good, heat.unknown_ms) == (240, 240, 240, 0)
    assert heat.mean == pytest.approx((235 * 37.0 + 5 * 38.5) / 240, abs=1e-12)
    assert (heat.minimum, heat.maximum) == (37.0, 38.5)
    assert (heat.limits.low, heat.limits.high) == (36.0, 38.0)
    (excursion,) = heat.excursions
    assert (excursion.start, excursion.end) == (MONDAY + HOUR, MONDAY + HOUR + 5 * MINUTE)
    assert heat.verdict is Verdict.OUT
    silent = second.channels[0].exposure
    # From 12:10 to 16:00 230 polls, of which those from 13:00 to 13:10 got no answer.
    assert (silent.received, silent.good, silent.rejected) == (230, 220, 10)
    assert silent.gaps == (Interval(MONDAY + 300 * MINUTE, MONDAY + 310 * MINUTE),)
    assert silent.verdict is Verdict.UNKNOWN
    assert silent.kinetic == pytest.approx(37.0, abs=1e-9)
    assert record.bench == (Interval(MONDAY + 4 * HOUR, MONDAY + 250 * MINUTE),)
    assert (record.complete, record.verdict) == (False, Verdict.OUT)


def test_the_record_tells_of_alarms_rules_devices_and_everything_entered(written: Path) -> None:
    record = read(written)
    (alarm,) = record.alarms
    assert (alarm.rule, alarm.occurrence, alarm.acknowledged_by) == ("inc1-hot", 1, "anna")
    assert (alarm.cleared_at or 0) - alarm.set_at == 4 * MINUTE
    assert [rule.id for rule in record.setting.rules][:2] == ["inc1-hot", "inc1-cold"]
    assert [e.id for e in record.setting.equipment] == ["inc1", "inc2"]
    assert [act.kind for act in record.acts] == [
        "open",
        "place",
        "leave",
        "place",
        "leave",
        "close",
    ]
    assert record.ledger_head.sequence == 6
    assert record.alarm_head.sequence == 3


def test_what_is_open_is_said_in_sentences(written: Path) -> None:
    assert read(written).open_items == (
        "In no device for 10m; its environment there is not measured.",
        "Stay 1 in inc1, temperature: 1 excursion, 5m out of limits.",
        "Stay 2 in inc2, temperature: 1 gap, 10m unknown.",
        "Stay 2 in inc2, CO2: 1 gap, 10m unknown.",
        "Stay 2 in inc2, door: 1 gap, 10m unknown.",
        (
            "Stay 1 in inc1, temperature: the sensor is not entered, so that its calibration is "
            "unknown (from 2026-01-05 08:00 CET to 2026-01-05 12:00 CET)."
        ),
        (
            "Stay 2 in inc2, temperature: the sensor is not entered, so that its calibration is "
            "unknown (from 2026-01-05 12:10 CET to 2026-01-05 16:00 CET)."
        ),
    )


def test_an_alarm_before_the_batch_came_is_not_in_its_record(
    make: Make, lived: Ledger, tmp_path: Path
) -> None:
    row = lived.stays(B)[0].row
    late = Signed(by="a", reason="it came an hour and ten minutes later")
    lived.correct(row, start=MONDAY + 70 * MINUTE, act=late)
    assert read(make(out=tmp_path / "later")).alarms == ()


def test_an_alarm_whose_rule_was_taken_away_since_is_in_the_record(
    make: Make, setting: Setting
) -> None:
    kept = tuple(rule for rule in setting.rules if rule.id != "inc1-hot")
    (alarm,) = read(make(setting=msgspec.structs.replace(setting, rules=kept))).alarms
    assert (alarm.rule, alarm.channel) == ("inc1-hot", "inc1.temperature")


def test_a_batch_still_there_is_recorded_up_to_the_making(
    make: Make, lived: Ledger, made: Made
) -> None:
    lived.withdraw(lived.batch(B).closure or 0, act=Signed(by="a", reason="x"))
    departure = lived.stays(B)[1].departure or 0
    lived.withdraw(departure, act=Signed(by="a", reason="x"))
    record = read(make())
    assert record.stays[1].span.end == made.at
    assert record.stays[1].placement.end is None
    assert record.open_items[0].startswith("The batch is still open")


def test_a_batch_without_limits_is_never_called_in_limits(make: Make, setting: Setting) -> None:
    record = read(make(setting=msgspec.structs.replace(setting, rules=())))
    assert (record.complete, record.verdict) == (False, Verdict.UNKNOWN)
    assert "Stay 1 in inc1: no limits are in force, so nothing can be said to be in limits." in (
        record.open_items
    )


def test_a_batch_that_was_fine_is_in_limits_and_complete(make: Make, journal: Journal) -> None:
    for device, scans in journal.kept.items():
        journal.kept[device] = [
            Scan(s.layout, s.at, s.received, (37.0, 5.0, 0.0), bytes(3)) for s in scans
        ]
    folder = make()
    record = read(folder)
    assert (record.complete, record.verdict) == (True, Verdict.IN)
    # It was on the bench for ten minutes: nothing is said about those.
    page = (folder / "record.html").read_text()
    assert "throughout every stay" in page
    assert "at all times" not in page


def test_tests_and_possible_repeats_are_shown_and_not_judged(make: Make, journal: Journal) -> None:
    scans = journal.kept["inc1"]
    at = MONDAY + 2 * HOUR + 1
    shape = scans[0].layout
    scans.append(Scan(shape, at, at, (99.0, 5.0, 0.0), bytes(3), Source.TEST))
    scans.append(Scan(shape, at + 1, at, (98.0, 5.0, 0.0), bytes(3), repeat=True))
    calibrated = bytes((Quality.IN_CALIBRATION, 0, 0))
    scans.append(Scan(shape, at + 2, at, (97.0, 5.0, 0.0), calibrated))
    scans.sort(key=lambda scan: scan.at)
    folder = make()
    assert read(folder).stays[0].channels[0].exposure.maximum == 38.5
    table = pd.read_csv(folder / "readings.csv")
    kept = table[table["value"].isin([97.0, 98.0, 99.0])]
    assert list(kept["source"]) == ["test", "repeat", "live"]
    assert list(kept["quality"]) == ["good", "good", "in_calibration"]


def test_the_table_has_one_row_a_reading(written: Path) -> None:
    lines = (written / "readings.csv").read_text().splitlines()
    assert lines[0] == "time,device,channel,quantity,unit,value,quality,source,stay,part"
    assert lines[1] == (
        "2026-01-05T06:59:00.000Z,inc1,temperature,temperature,degC,37.0,good,live,1,before"
    )
    assert lines[4] == (
        "2026-01-05T07:00:00.000Z,inc1,temperature,temperature,degC,37.0,good,live,1,inside"
    )
    silent = "2026-01-05T12:00:00.000Z,inc2,temperature,temperature,degC,,no_answer,live,2,inside"
    assert silent in lines
    # Inside: 240 and 230 scans; beside: one before and one after each stay; three channels.
    assert len(lines) == 1 + 3 * (240 + 230 + 4)


def test_the_same_input_gives_the_same_bytes(make: Make, written: Path) -> None:
    # Made from stores of their own, and in a process that has made others.
    again = make()
    assert sorted(path.name for path in again.iterdir()) == ["manifest.json", *NAMES]
    for name in ("manifest.json", *NAMES):
        assert (written / name).read_bytes() == (again / name).read_bytes(), name


def test_a_matplotlibrc_changes_nothing(make: Make, written: Path) -> None:
    with mpl.rc_context({"font.family": "serif", "lines.linestyle": ":", "grid.alpha": 0.3}):
        second = make()
    for name in ("record.html", "record.pdf"):
        assert (written / name).read_bytes() == (second / name).read_bytes()


def test_the_manifest_has_the_hash_and_size_of_each_file(written: Path) -> None:
    folder = written
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    assert manifest["record"] == f"{B}/{MONDAY + 9 * HOUR}"
    for name in NAMES:
        data = (folder / name).read_bytes()
        listed = manifest["files"][name]
        assert listed["sha256"] == hashlib.sha256(data).hexdigest()
        assert listed["size"] == len(data)


def test_the_page_answers_first_and_needs_nothing_else(written: Path) -> None:
    page = (written / "record.html").read_text()
    for answer in (
        "Is it complete?",
        "Out of limits",
        "fibroblasts &lt;P2&gt;",
        "2026-01-05 08:00:00 CET",
        "<b>temperature, °C</b>\n<small>inc1.temperature</small></figcaption>",
    ):
        assert answer in page
    assert "fibroblasts <P2>" not in page
    assert page.count("<svg") == 6
    for outside in ("<script", "<link", "src=", "@import", "url(http"):
        assert outside not in page
    # A long word must not push the columns beside it off the paper.
    assert "overflow-wrap: anywhere" in page[page.index("body {") : page.index("header {")]


def test_making_it_again_changes_nothing_and_another_is_not_written_over_it(
    make: Make, journal: Journal
) -> None:
    folder = make()
    before = (folder / "manifest.json").stat()
    assert make() == folder
    assert (folder / "manifest.json").stat() == before
    journal.kept["inc1"].pop(100)
    with pytest.raises(RecordError, match="says something else"):
        make()
    with pytest.raises(RecordError, match="holds something else"):
        make(made=Made(by="quality", at=MONDAY + 10 * HOUR))
    assert [path.name for path in folder.parent.iterdir()] == ["record"]


def test_an_empty_folder_is_filled_and_a_file_is_refused(make: Make, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert (make(out=tmp_path / "empty") / "manifest.json").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(RecordError, match="is a file"):
        make(out=tmp_path / "file")


def test_a_batch_nobody_opened_leaves_no_folder(make: Make, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not a batch of this ledger"):
        make(batch="B-2026-0404")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_device_the_site_does_not_know_is_named(make: Make, setting: Setting) -> None:
    one = msgspec.structs.replace(setting, equipment=setting.equipment[:1])
    with pytest.raises(Refused, match="stood in inc2, which this site does not know"):
        make(setting=one)


@pytest.mark.parametrize(
    "most",
    [
        pytest.param(50_000, id="in readings.csv"),
        pytest.param(118_000, id="in record.html"),
        pytest.param(150_000, id="in record.pdf"),
    ],
)
def test_a_disk_that_takes_no_more_leaves_nothing_behind(
    make: Make, tmp_path: Path, most: int
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        with pytest.raises(RecordError, match="nothing of it was kept"):
            make()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.long
def test_a_maker_that_is_killed_leaves_no_record_and_another_makes_it(
    tmp_path: Path, journal: Journal, setting: Setting, made: Made
) -> None:
    code = (
        "import sys; from pathlib import Path; import conftest; conftest.write(Path(sys.argv[1]))"
    )
    path = f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"
    maker = subprocess.Popen(  # noqa: S603 # our own interpreter
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        cwd=Path(__file__).parents[3],
    )
    try:
        until = time.monotonic() + 40
        while not list(tmp_path.glob(".record-*.unfinished/readings.csv")):
            assert maker.poll() is None
            assert time.monotonic() < until
    finally:
        maker.kill()
        maker.wait(10)
    assert not (tmp_path / "record").exists()
    with AlarmReader(tmp_path / "data" / "alarms.db") as alarms:
        again = make_record(
            B,
            tmp_path / "record",
            ledger=Ledger(f"sqlite:///{tmp_path}/data/ledger.db"),
            readings=journal,
            alarms=alarms,
            setting=setting,
            made=made,
        )
    assert verify(again).sound


def test_it_tells_how_far_it_has_come(make: Make) -> None:
    told: list[tuple[int, int]] = []
    make(progress=lambda done, of: told.append((done, of)))
    # 240 and 230 scans inside the stays, and one before and after each.
    assert told[-1] == (474, 474)


def test_of_too_many_charts_those_that_matter_are_drawn(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawings, "MOST", 2)
    page = (make() / "record.html").read_text()
    assert page.count("<svg") == 2
    assert "4 further charts are not drawn" in page
    # The excursion in inc1, and the gap where there are limits in inc2.
    drawn = re.findall(r"<small>(inc\d\.\w+)</small></figcaption>", page)
    assert drawn == ["inc1.temperature", "inc2.temperature"]


def test_damaged_entries_of_the_journal_are_an_open_item(make: Make, journal: Journal) -> None:
    journal.damaged = {7: "row 7 does not match its checksum"}
    record = read(make())
    assert record.damaged == {"7": "row 7 does not match its checksum"}
    assert "1 entries of the journal are damaged and were left out." in record.open_items


def test_a_line_is_thinned_without_losing_a_spike() -> None:
    trace = Trace(Interval(0, 1_000_000))
    at = np.arange(0, 1_000_000, 10)
    values = np.where(at == 500_010, 99.0, 37.0)
    for begin, end in ((0, 1), (1, 50_003), (50_003, 50_004), (50_004, 100_000)):
        trace.extend(at[begin:end], values[begin:end])
    assert len(trace.points) == BUCKETS
    assert max(point.high for point in trace.points) == 99.0
    # Each bucket of 1,666.67 ms has what was read in it, however the readings came.
    assert trace.points[0] == Point(0, 37.0, 1_660, 37.0, 37.0, 37.0)
    assert trace.points[300] == Point(500_000, 37.0, 501_660, 37.0, 37.0, 99.0)
    assert trace.points[599] == Point(998_340, 37.0, 999_990, 37.0, 37.0, 37.0)


def test_marks_of_a_time_axis_stand_on_round_local_times() -> None:
    zone = ZoneInfo("Europe/Zurich")
    day = marks(Interval(MONDAY, MONDAY + 24 * HOUR), zone)
    assert [(at - MONDAY) // HOUR for at, _ in day] == [1, 4, 7, 10, 13, 16, 19, 22]
    assert [label for _, label in day][:6] == [
        "09:00\n2026-01-05",
        "12:00",
        "15:00",
        "18:00",
        "21:00",
        "00:00\n2026-01-06",
    ]
    month = marks(Interval(MONDAY, MONDAY + 30 * 24 * HOUR), zone)
    assert [label for _, label in month] == ["2026-01-12", "2026-01-19", "2026-01-26", "2026-02-02"]


def test_a_day_on_which_the_clocks_change_keeps_round_times() -> None:
    # 2026-03-29: 02:00 CET becomes 03:00 CEST.
    start = 1_774_738_800_000
    found = marks(Interval(start, start + 47 * HOUR), ZoneInfo("Europe/Zurich"))
    days = ["00:00", "07:00", "13:00", "19:00", "00:00", "06:00", "12:00", "18:00"]
    assert [label.split("\n")[0] for _, label in found] == days


@given(st.integers(1, 60), st.integers(0, 40), st.sampled_from(["Europe/Zurich", "Asia/Kolkata"]))
def test_an_axis_has_few_marks_whatever_its_length(first: int, power: int, name: str) -> None:
    span = Interval(MONDAY, MONDAY + first * 1000 * 2 ** min(power, 25))
    found = marks(span, ZoneInfo(name))
    assert len(found) <= 10 or span.length > 10 * 365 * 24 * HOUR
    assert all(span.start <= at < span.end for at, _ in found)


def test_ranges_too_close_to_tell_apart_are_drawn_as_one() -> None:
    ranges = [Interval(0, 1), Interval(2, 3), Interval(900, 901)]
    assert merged(ranges, Interval(0, 6000)) == [Interval(0, 3), Interval(900, 901)]


def test_a_minute_of_a_month_is_wide_enough_to_be_seen() -> None:
    month = Interval(0, 30 * 24 * HOUR)
    middle = visible(Interval(15 * 24 * HOUR, 15 * 24 * HOUR + MINUTE), month)
    assert middle.length == pytest.approx(month.length * NARROWEST / BUCKETS, abs=2)
    assert middle.start < 15 * 24 * HOUR < middle.end
    last = visible(Interval(month.end - MINUTE, month.end), month)
    assert last.end == month.end
    assert last.length > month.length / BUCKETS
    long = Interval(0, 15 * 24 * HOUR)
    assert visible(long, month) == long


def test_the_ledger_needs_no_pandas_and_no_matplotlib() -> None:
    code = (
        "import sys, batches.ledger; print({'pandas', 'matplotlib', 'jinja2'} & set(sys.modules))"
    )
    run = subprocess.run(  # noqa: S603 # our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert run.stdout.strip() == "set()"
