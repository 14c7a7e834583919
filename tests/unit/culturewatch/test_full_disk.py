"""Commands on a disk that takes no more: nothing half-written, a line says what to do, and again.

Each is tried with more and more room until it has enough, so that it is stopped at every place
where it writes much.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts.schema import open_store
from batches.batch import Signed
from batches.verify import verify
from culturewatch.cli import app
from culturewatch.reports import records
from culturewatch.reports.schedule import Period
from culturewatch.site import load
from culturewatch.site_file import ReportTable
from devices.scan import Layout, Scan
from tests.integration.laboratory import ledger_of
from tests.unit.culturewatch.test_backup_commands import RULES, SITE
from tests.unit.storage.archive.week import MINUTE, MONDAY, at_day, store

pytestmark = pytest.mark.long

BATCH = "B-2026-0001"
LAYOUT = Layout("inc1", ("temperature",), ("temperature",))
ROOM = (0, 4_000, 30_000, 50_000, 100_000, 200_000)
"""Bytes beyond which no file grows; the last is enough for all but a ledger that has grown."""
SPAN = "--from 2026-09-21T00:00Z --to 2026-09-22T00:00Z"
LOGGED = "time,T\n" + "".join(
    f"2026-09-{day:02}T{hour:02}:{minute:02}Z,37.{minute}\n"
    for day in (1, 2)
    for hour in range(24)
    for minute in range(60)
)
WORK = {
    "a record": f"record {BATCH} --out ../out/record",
    "a log": f"equipment log inc1 {SPAN} --out ../out/log",
    "a report": f"report excursions {SPAN} --out ../out/report",
    "a table": "export --channel inc1.temperature --out ../out/a.csv",
    "columns": "export --channel inc1.temperature --out ../out/a.parquet",
    "pages": "report show month --device inc1 --pdf ../out/month.pdf",
    "a backup": "backup site.toml --out ../out",
    "sealing": "seal site.toml",
    "an import": "import old.csv --device inc1 --column T=temperature --wait 500ms",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "lab"
    (home / "rules.d").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("USER", "tester")
    monkeypatch.setenv("COLUMNS", "200")
    (home / "site.toml").write_text(SITE)
    (home / "rules.d" / "a.toml").write_text(RULES)
    (home / "hook").write_text("s3cret")
    (home / "old.csv").write_text(LOGGED)
    site = load(home / "site.toml")
    times = range(MONDAY, at_day(1), MINUTE)
    store(site.data, [Scan(LAYOUT, at, at + 40, (37.0,), bytes(1)) for at in times])
    open_store(site.data / "alarms.db").close()
    act = Signed(by="tester", at=MONDAY, reason="entered later")
    ledger = ledger_of(site)
    ledger.open_batch(BATCH, product="x", act=act)
    ledger.place(BATCH, "inc1", act=act)
    return home


@contextmanager
def room(most: int) -> Iterator[None]:
    """No file grows beyond ``most`` bytes: as on a disk that has no more."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def typed(words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words.split())
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def standing(base: Path) -> set[str]:
    """All files but those that come and go.

    These are what stands beside a database, what says how a backup went, and an import that was
    checked, which waits beside the journal, whole.
    """
    return {
        str(path.relative_to(base))
        for path in base.rglob("*")
        if path.is_file()
        and not path.name.endswith(("-wal", "-shm", ".lock", ".waiting"))
        and path.name != "backups.json"
    }


@pytest.mark.parametrize("words", WORK.values(), ids=WORK)
def test_a_full_disk_leaves_nothing_half_written_and_the_next_try_works(
    here: Path, words: str
) -> None:
    before, failed = standing(here.parent), 0
    for most in ROOM:
        with room(most):
            code, said = typed(words)
        if code == 0:
            break
        failed += 1
        assert "room" in said or "free space" in said, said
        assert "Traceback" not in said
        assert standing(here.parent) == before, said
    else:
        code, said = typed(words)
    assert (code, failed > 1) == (0, True), said
    assert standing(here.parent) > before


def test_a_month_whose_records_find_no_room_goes_without_them_and_has_them_the_next_time(
    here: Path,
) -> None:
    site, of = load(here / "site.toml"), Period(MONDAY, at_day(1), at_day(1))
    table = ReportTable(id="inc", kind="month", to=("oncall",), at="00:00", device="inc1")
    # Less than pages take, or the ledger.
    with room(60_000):
        found = records.enclosed(site, table, of)
    assert (len(found.files), len(found.lacking)) == (0, 2)
    assert all("free space" in why for why in found.lacking), found.lacking
    assert sorted((site.data / "reports").iterdir()) == []
    found = records.enclosed(site, table, of)
    assert (len(found.files), found.lacking) == (2, ())
    assert all(verify(folder).sound for folder in (site.data / "reports").iterdir())
