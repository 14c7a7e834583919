"""Sealing, exporting and freeing the journal as the program does them."""

import asyncio
import csv
import hashlib
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from batches.ledger import Ledger
from culturewatch.cli import app
from culturewatch.sealing import Sealing, seconds_to_midnight
from culturewatch.site import Site, load
from culturewatch.site_file import Archive
from devices.duration import Duration
from devices.scan import Scan
from storage.archive.days import DAY_MS, GRACE_MS
from storage.archive.log import LogReader
from storage.journal import Journal
from storage.reader import JournalReader
from tests.unit.culturewatch.bare_site import BARE_SITE
from tests.unit.storage.archive.week import MINUTE, at_day, entries, seal, store

pytestmark = pytest.mark.long

LOG = entries(3, step=6 * MINUTE)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of data of three days."""
    folder = tmp_path_factory.mktemp("stored")
    store(folder, LOG)
    return folder


@pytest.fixture
def site(stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.toml").write_text(BARE_SITE)
    shutil.copytree(stored, tmp_path / "data")
    return load(tmp_path / "site.toml")


def typed(*words: str) -> tuple[int, str]:
    """Exit code of a command, and all that it printed."""
    done = CliRunner().invoke(app, words)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


@pytest.fixture
def polite(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of the tests is not made to wait for others."""
    monkeypatch.setattr("os.nice", lambda _: 0)


@pytest.mark.usefixtures("polite")
def test_what_is_over_is_sealed_once_and_verifies(site: Site) -> None:
    code, said = typed("seal", "site.toml")
    assert code == 0
    assert [line.split(":")[0] for line in said.splitlines()] == [
        "2026-09-22",
        "2026-09-23",
        "2026-09-24",
    ]
    assert typed("seal", "site.toml") == (0, "")
    code, said = typed("verify", str(site.data))
    assert (code, "3 segments" in said, "s/GB" in said) == (0, True, True)


@pytest.mark.usefixtures("polite")
def test_a_damaged_segment_is_named_set_aside_and_the_rest_goes_on(site: Site) -> None:
    typed("seal", "site.toml")
    path = site.data / "archive" / "2026-09-23.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    code, said = typed("seal", "site.toml")
    assert code == 1
    assert "2026-09-23.parquet: is not what was sealed" in said
    assert not path.exists()
    # The journal still has what stood in it.
    with LogReader(site.data) as log:
        assert [seq for seq, _ in log.entries(0, 10_000)] != []
        scans = list(log.scans("inc1", at_day(0), at_day(3)))
        assert log.damaged == {}
    assert len(scans) == sum(isinstance(each, Scan) and each.device == "inc1" for each in LOG)
    code, said = typed("verify", str(site.data))
    assert code == 1
    assert "WRONG  archive/2026-09-23.parquet: is missing" in said


@pytest.mark.usefixtures("polite")
def test_channels_are_exported_across_the_seal(site: Site) -> None:
    seal(site.data, 2.5)
    words = ("export", "--channel", "inc1.temperature", "--channel", "ln1.level", "--out")
    # 02:00 in Vienna is 00:00 UTC in September. One of the levels came a day later.
    span = ("--from", "2026-09-22T02:00", "--to", "2026-09-22T00:18:30Z")
    assert typed(*words, "a.csv", *span) == (0, "a.csv: 10 readings\n")
    with Path("a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "time": "2026-09-22T00:00:00.000Z",
        "channel": "inc1.temperature",
        "quantity": "temperature",
        "value": "37.0",
        "unit": "degC",
        "quality": "good",
        "source": "live",
        "repeat": "False",
        "received": "2026-09-22T00:00:00.040Z",
        "time_ms": str(at_day(0)),
    }
    assert [row["quality"] for row in rows if row["channel"] == "inc1.temperature"] == [
        *("good", "suspect", "good", "good", "good"),
    ]
    assert typed(*words, "a.parquet") == (0, f"a.parquet: {len(everything())} readings\n")
    table = pd.read_parquet("a.parquet")
    assert sorted(zip(table["channel"], table["time_ms"], strict=True)) == sorted(everything())


def test_who_exported_what_stands_in_the_audit_trail(site: Site) -> None:
    ledger = Ledger(site.ledger_url)
    words = ("export", "--channel", "inc1.temperature", "--out", "a.csv", "--by", "anna")
    code, said = typed(*words)
    assert code == 0
    begun, line = ledger.trail(area="export").lines
    assert (begun.by, begun.item, begun.outcome) == ("anna", "a.csv", "begun")
    count = said.removeprefix("a.csv: ").strip()
    assert (line.by, line.subject, line.outcome) == (
        *("anna", "inc1.temperature", f"{count} into a.csv"),
    )
    assert line.new == hashlib.sha256(Path("a.csv").read_bytes()).hexdigest()


def everything() -> list[tuple[str, int]]:
    wanted = {"inc1.temperature", "ln1.level"}
    return [
        (channel, entry.at)
        for entry in LOG
        if isinstance(entry, Scan)
        for channel in entry.layout.channels
        if channel in wanted
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--channel", "inc1.temp", "--out", "b.csv"), "no such channel was ever read"),
        (("--channel", "inc1.co2", "--out", "b.txt"), "say .csv or .parquet"),
        (("--channel", "inc1.co2", "--out", "site.toml"), "is there already"),
        (("--channel", "inc1.co2", "--out", "b.csv", "--from", "noon"), "--from noon"),
    ],
)
def test_what_cannot_be_exported_is_said_and_leaves_nothing(
    site: Site, words: tuple[str, ...], told: str
) -> None:
    code, said = typed("export", *words)
    assert (code, said.count("\n")) == (2, 1)
    assert told in said
    assert sorted(path.name for path in site.base.iterdir()) == ["data", "site.toml"]


def test_the_next_sealing_is_when_the_day_is_over_and_on_disk() -> None:
    assert seconds_to_midnight(at_day(1) - 1_000) == 1 + GRACE_MS / 1_000
    assert seconds_to_midnight(at_day(1)) == (DAY_MS + GRACE_MS) / 1_000


def kept(site: Site, span_ms: int) -> Site:
    """The site with another word on how long the journal keeps what is sealed."""
    return replace(site, file=replace(site.file, archive=Archive(journal_keep=Duration(span_ms))))


async def freed(site: Site, consumed: int) -> tuple[list[int], list[str]]:
    """What the journal still has once a core has sealed and freed it, and what was told."""
    told: list[str] = []

    async def worker() -> int:
        await asyncio.to_thread(seal, site.data, 2.5)
        return 0

    async with Journal(site.data) as journal:
        sealing = Sealing(
            site, journal, worker=worker, consumed=lambda: consumed, on_trouble=told.append
        )
        running = asyncio.create_task(sealing.run(), name="sealing")
        try:
            async with asyncio.timeout(30):
                await sealing.rested.wait()
        finally:
            running.cancel()
    with JournalReader(site.data) as reader:
        return [seq for seq, _ in reader.entries(0, 10_000)], told


async def test_the_journal_lets_go_of_what_is_sealed_and_read_and_old(site: Site) -> None:
    left, told = await freed(kept(site, 0), len(LOG))
    assert (left, told) == (list(range(1_001, len(LOG) + 1)), [])
    with LogReader(site.data) as log:
        assert log.entries(0, 10) == list(enumerate(LOG[:10], 1))


async def test_it_keeps_what_a_consumer_has_not_seen(site: Site) -> None:
    left, _ = await freed(kept(site, 0), 600)
    assert left == list(range(1, len(LOG) + 1))


async def test_it_keeps_what_is_not_old(site: Site) -> None:
    until = time.time_ns() // 1_000_000 - at_day(2.5) + DAY_MS
    left, _ = await freed(kept(site, until), len(LOG))
    assert left == list(range(1, len(LOG) + 1))


async def test_it_keeps_what_the_archive_cannot_give_back(site: Site) -> None:
    await asyncio.to_thread(seal, site.data, 2.5)
    path = site.data / "archive" / "2026-09-22.parquet"
    raw = bytearray(path.read_bytes())
    raw[300] ^= 1
    path.write_bytes(raw)
    left, told = await freed(kept(site, 0), len(LOG))
    assert left == list(range(1, len(LOG) + 1))
    assert "is not what was sealed; the journal keeps its entries" in told[0]
