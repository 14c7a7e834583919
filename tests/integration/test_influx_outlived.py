"""A server that stays away for longer than the journal keeps what is sealed, under a real core."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from culturewatch.cli import app
from culturewatch.site import Site, load
from storage.archive.log import LogReader
from storage.archive.seal import present
from storage.entry import Entry
from storage.influx import CURSOR
from storage.journalfile import NAME as JOURNAL
from storage.reader import JournalReader
from tests.integration.influx_oracle import expected, held
from tests.integration.laboratory import core, lay_out, until
from tests.services import InfluxServer
from tests.unit.storage.archive.week import MINUTE, entries, store

pytestmark = [pytest.mark.influx, pytest.mark.slow, pytest.mark.timeout(180)]
FREED = """
[archive]
journal_keep = "1ms"
"""
FORWARDED = """
[influx]
url = "{server.url}"
org = "{server.org}"
bucket = "{bucket}"
token = {{ file = "token" }}
"""
LOG = entries(2, step=6 * MINUTE)


def forwarded(folder: Path, server: InfluxServer, bucket: str) -> Site:
    """A site that frees its journal of whatever is sealed, as soon as it may."""
    path = lay_out(folder).path
    (folder / "token").write_text(server.token)
    (folder / "token").chmod(0o600)
    tables = FORWARDED.format(server=server, bucket=bucket)
    path.write_text(path.read_text() + FREED + tables)
    return load(path)


def without_influx(site: Site) -> str:
    """Take the table out of the site's file; what it said before."""
    text = site.path.read_text()
    site.path.write_text(text[: text.index("[influx]")])
    return text


def removed(site: Site) -> int:
    with JournalReader(site.data) as journal:
        return journal.removed


def everything(site: Site) -> list[Entry]:
    found: list[Entry] = []
    after = 0
    with LogReader(site.data) as log:
        while some := log.entries(after):
            found += [entry for _, entry in some]
            after = some[-1][0]
        assert log.damaged == {}
    return found


def cursor(site: Site) -> int:
    """Up to which entry all is in InfluxDB, by the journal."""
    address = f"{(site.data / JOURNAL).as_uri()}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as journal:
        found = journal.execute("SELECT seq FROM cursor WHERE name = ?", (CURSOR,)).fetchone()
    return int(found[0]) if found else 0


async def sealed_and_read(site: Site, name: str) -> None:
    """A core seals what is over, and takes readings for some seconds more."""
    with core(site, name) as running:
        await until(lambda: len(present(site.data)) == 2, why=lambda: running.said)
        begun = len(everything(site))
        await until(lambda: len(everything(site)) > begun + 10, why=lambda: running.said)
        running.ask_to_end()
        assert await running.ended() == 0


async def test_it_goes_on_without_a_gap_and_only_then_the_journal_is_freed(
    own_influx: InfluxServer, tmp_path: Path
) -> None:
    bucket = await asyncio.to_thread(own_influx.new_bucket)
    site = forwarded(tmp_path / "site", own_influx, bucket)
    await asyncio.to_thread(store, site.data, LOG)
    await asyncio.to_thread(own_influx.stop)
    for name in ("without", "and again"):
        await sealed_and_read(site, name)
        assert removed(site) == 0, "sealed, due, and not forwarded"
        assert cursor(site) == 0

    await asyncio.to_thread(own_influx.start)
    with core(site, "with it") as running:
        await until(lambda: cursor(site) > len(LOG), why=lambda: running.said)
        running.ask_to_end()
        assert await running.ended() == 0
    # What was forwarded before the start is freed at the start; later once an hour.
    with core(site, "freed") as running:
        await until(lambda: removed(site) >= 1_000, why=lambda: running.said)
        running.ask_to_end()
        assert await running.ended() == 0
    assert "are in the archive alone" not in running.said
    log, upto = everything(site), cursor(site)
    assert log[: len(LOG)] == LOG
    there = await asyncio.to_thread(held, own_influx, bucket)
    points = expected(log[:upto], site="bench")
    assert {point: there.get(point) for point in points} == points
    # What was sent and not confirmed when the core ended may be there as well.
    assert set(there) <= set(expected(log, site="bench"))


async def test_a_site_that_gives_it_up_for_a_while_frees_its_journal_and_sends_it_from_the_archive(
    own_influx: InfluxServer, tmp_path: Path
) -> None:
    bucket = await asyncio.to_thread(own_influx.new_bucket)
    site = forwarded(tmp_path / "site", own_influx, bucket)
    await asyncio.to_thread(store, site.data, LOG)
    text = without_influx(site)
    with core(site, "without") as running:
        await until(lambda: removed(site) >= 1_000, why=lambda: running.said)
        running.ask_to_end()
        assert await running.ended() == 0
    upto = removed(site)
    site.path.write_text(text)
    with core(site, "with it") as running:
        await until(lambda: cursor(site) > len(LOG), why=lambda: running.said)
        running.ask_to_end()
        assert await running.ended() == 0
    assert (
        f"InfluxDB has entries up to 0, and those up to {upto} are in the archive alone: "
        "culturewatch influx rebuild sends them"
    ) in running.said
    points = expected(everything(site)[: cursor(site)], site="bench")
    there = await asyncio.to_thread(held, own_influx, bucket)
    assert not set(points) <= set(there)
    asked = ["influx", "rebuild", str(site.path)]
    done = await asyncio.to_thread(CliRunner().invoke, app, asked)
    assert done.exit_code == 0, done.output
    there = await asyncio.to_thread(held, own_influx, bucket)
    assert {point: there.get(point) for point in points} == points
