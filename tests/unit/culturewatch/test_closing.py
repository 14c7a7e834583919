"""A batch whose environment has gaps is closed with a reason only."""

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts.schema import open_store
from culturewatch.cli import app
from devices.scan import Layout, Scan
from tests.integration.laboratory import serve
from tests.unit.culturewatch.test_backup_commands import RULES, SITE
from tests.unit.storage.archive.week import store

BATCH = "B-2026-0001"
LAYOUT = Layout("inc1", ("temperature",), ("temperature",))
HOUR = 3_600_000


SLOW = 'endpoint = "one"\nperiod = "10m"'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    (tmp_path / "site.toml").write_text(SITE.replace('endpoint = "one"', SLOW))
    serve(tmp_path / "site.toml", served)
    (tmp_path / "hook").write_text("s3cret")
    (tmp_path / "rules.d").mkdir()
    (tmp_path / "rules.d" / "a.toml").write_text(RULES)
    return tmp_path


def typed(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def lived(data: Path, *, gone: tuple[int, ...] = ()) -> None:
    """A batch that was in inc1 for two hours, a reading each ten minutes but for those gone."""
    now = time.time_ns() // 1_000_000
    start = now - 2 * HOUR
    times = [start + n * 600_000 for n in range(13) if n not in gone]
    store(data, [Scan(LAYOUT, at, at, (37.0,), bytes(1)) for at in times])
    open_store(data / "alarms.db").close()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start / 1000 + 1))
    late = ("--at", moment, "--reason", "entered later")
    assert typed("batch", "open", BATCH, "--product", "x", *late)[0] == 0
    assert typed("batch", "place", BATCH, "inc1", *late)[0] == 0


def test_a_gap_is_named_and_a_reason_closes_all_the_same(here: Path) -> None:
    lived(here / "data", gone=(3, 4, 5))
    code, said = typed("batch", "close", BATCH)
    assert code == 1
    assert f"{BATCH}: is not known throughout: inc1.temperature: 30m in 1 gap;" in said
    assert "say with --reason" in said
    assert typed("batch", "list") == (0, f"{BATCH}  inc1  x\n")
    code, said = typed("batch", "close", BATCH, "--reason", "the logger was broken")
    assert (code, said) == (0, f"{BATCH} is closed\n")


@pytest.mark.long
def test_what_is_known_throughout_is_closed_without_one(here: Path) -> None:
    lived(here / "data")
    assert typed("batch", "close", BATCH) == (0, f"{BATCH} is closed\n")
