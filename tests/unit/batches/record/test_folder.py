"""A record is a folder of files that is whole, or is none."""

import hashlib
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import matplotlib as mpl
import msgspec
import pytest

from alerts.reader import AlarmReader
from batches.export import drawings
from batches.export.folder import make_record
from batches.export.publish import RecordError
from batches.ledger import Ledger
from batches.placement import Refused
from batches.record import Made
from batches.setting import Setting
from batches.verify import verify
from tests.unit.batches.conftest import HOUR, MONDAY, B
from tests.unit.batches.record.conftest import Journal, Make

pytestmark = pytest.mark.long


NAMES = (
    *("readings.csv", "readings.parquet", "record.html", "record.json", "record.pdf"),
    "verify_record.py",
)


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
    path = f"{Path(__file__).parents[1]}:{os.environ.get('PYTHONPATH', '')}"
    maker = subprocess.Popen(  # noqa: S603 # our own interpreter
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        cwd=Path(__file__).parents[4],
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


def test_the_ledger_needs_no_pandas_and_no_matplotlib() -> None:
    code = (
        "import sys, batches.ledger; print({'pandas', 'matplotlib', 'jinja2'} & set(sys.modules))"
    )
    run = subprocess.run(  # noqa: S603 # our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ}
    )
    assert run.stdout.strip() == "set()"
