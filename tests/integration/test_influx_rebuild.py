"""``culturewatch influx rebuild`` into the real InfluxDB 2.7, from segments and the journal."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from culturewatch.cli import app
from devices.scan import Scan
from storage.archive.days import DAY_MS
from storage.archive.rebuild import NAME, Rebuilt, Span
from storage.archive.sealer import Heads, Sealer
from storage.entry import Entry
from storage.journal import Journal
from tests.integration.influx_oracle import expected, held
from tests.integration.test_influx import SITE, some_scans
from tests.services import Influx

pytestmark = [pytest.mark.influx, pytest.mark.timeout(120)]
SITE_FILE = """
[site]
id = "{site}"
name = "Laboratory"

[[endpoint]]
id = "one"
host = "127.0.0.1"

[[device]]
id = "inc1"
profile = "sim-incubator"
endpoint = "one"

[influx]
url = "{influx.url}"
org = "{influx.org}"
bucket = "{bucket}"
token = {{ file = "token" }}
"""


def laid_out(folder: Path, influx: Influx, bucket: str) -> list[Scan]:
    """Three days of which two are sealed, and gone from the journal as far as may be."""
    (folder / "token").write_text(influx.token)
    (folder / "token").chmod(0o600)
    (folder / "site.toml").write_text(SITE_FILE.format(site=SITE, influx=influx, bucket=bucket))
    scans = spread(some_scans(3_000))
    asyncio.run(stored(folder / "data", list(scans)))
    last = Sealer(folder / "data", heads=lambda: Heads(None, None), software="test").seal(
        scans[-1].at
    )[-1]
    assert asyncio.run(freed(folder / "data", last.seal.last)) >= 1_000
    return scans


def spread(scans: list[Scan]) -> list[Scan]:
    """The scans over three days."""
    first, step = scans[0].at, 3 * DAY_MS // len(scans)
    return [
        Scan(
            s.layout,
            first + n * step,
            first + n * step + 9,
            s.values,
            s.qualities,
            s.source,
            s.repeat,
        )
        for n, s in enumerate(scans)
    ]


async def stored(folder: Path, entries: list[Entry]) -> None:
    async with Journal(folder) as journal:
        for n, entry in enumerate(entries, 1):
            if n % 200 and n < len(entries):
                journal.append(entry)
            else:
                await journal.put(entry)


async def freed(folder: Path, upto: int) -> int:
    async with Journal(folder) as journal:
        return await journal.remove(upto)


def rebuild(folder: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["influx", "rebuild", str(folder / "site.toml"), *words])
    assert done.exception is None, done.output
    return done.output


def test_a_bucket_that_was_lost_is_filled_again_and_twice_changes_nothing(
    influx: Influx, tmp_path: Path
) -> None:
    bucket = influx.new_bucket()
    scans = laid_out(tmp_path, influx, bucket)
    points = sum(len(scan.layout.keys) for scan in scans)
    assert rebuild(tmp_path) == f"{bucket}: {points} points sent, 0 too old for it\n"
    assert held(influx, bucket) == expected(scans, site=SITE)
    rebuild(tmp_path)
    assert held(influx, bucket) == expected(scans, site=SITE)


def test_a_part_of_it_is_sent_alone(influx: Influx, tmp_path: Path) -> None:
    bucket = influx.new_bucket()
    scans = laid_out(tmp_path, influx, bucket)
    rebuild(tmp_path, "--from", "2023-11-15T00:00Z", "--to", "2023-11-16T00:00Z")
    day = [scan for scan in scans if 19_676 * DAY_MS <= scan.at < 19_677 * DAY_MS]
    assert 0 < len(day) < len(scans)
    assert held(influx, bucket) == expected(day, site=SITE)


def test_broken_off_it_goes_on_where_it_was(influx: Influx, tmp_path: Path) -> None:
    bucket = influx.new_bucket()
    scans = laid_out(tmp_path, influx, bucket)
    # As a run leaves it that was killed after half of the log.
    done = Rebuilt(f"{influx.url} {influx.org} {bucket}", Span(0, 1 << 62), 1_500)
    (tmp_path / "data" / NAME).write_bytes(msgspec.json.encode(done))
    rebuild(tmp_path)
    assert held(influx, bucket) == expected(scans[1_500:], site=SITE)
    assert not (tmp_path / "data" / NAME).exists()
