"""A logger's file is taken in by a running core, and by the next one where the first was killed."""

from pathlib import Path

import pytest

from culturewatch.site import Site, load
from devices.scan import Scan, Source
from storage.intake import Intake
from tests.integration.laboratory import (
    core,
    heard,
    inbox,
    lay_out,
    program,
    rooms,
    scans,
    until,
)

COUNT = 40_000
MINUTE = 60_000


HOT = """
[[rule]]
id = "inc1-hot"
channel = "inc1.temperature"
kind = "high"
limit = 40.0
deadband = 0.5
on_delay = "5m"
severity = "high"
policy = "standard"
cause = "Heating stuck."
consequence = "Cells die."
action = "Move the flasks."
respond_within = "10m"
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = lay_out(tmp_path / "site")
    (made.base / "rules.d" / "hot.toml").write_text(HOT)
    return load(made.path)


@pytest.fixture
def readings(site: Site) -> Path:
    """Some weeks of 2025, a reading a minute, too warm for the rules now and then."""
    path = site.base / "old.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("time,T\n")
        for n in range(COUNT):
            day, second = divmod(n * 60 + 39_600, 86_400)
            hour, rest = divmod(second, 3600)
            date = f"2025-03-{1 + day:02}" if day < 31 else f"2025-04-{day - 30:02}"
            value = 41.0 if n % 5_000 < 20 else 37.0
            file.write(f"{date}T{hour:02}:{rest // 60:02}Z,{value}\n")
    return path


def backfilled(site: Site) -> list[Scan]:
    return [scan for scan in scans(site, "inc1") if scan.source is Source.BACKFILL]


@pytest.mark.slow
async def test_each_reading_is_taken_in_once_though_the_core_is_killed_meanwhile(
    site: Site, readings: Path
) -> None:
    box = Intake(site.data)
    words = ("import", readings, "--device", "inc1", "--column", "T=temperature", "--by", "anna")
    async with rooms(site):
        with core(site) as first:
            await until(lambda: "inc1" in heard(site), why=lambda: first.said)
            with program(*words, "--site", site.path, log=site.base / "i.log") as importing:
                await until(lambda: len(backfilled(site)) > 2_000, why=lambda: importing.said)
                # Else it would take in the rest itself, once no core holds the journal.
                importing.kill()
                first.kill()
        begun = len(backfilled(site))
        assert begun < COUNT
        with core(site, "again") as again:
            await until(lambda: box.waiting() == [], within_s=120, why=lambda: again.said)
            live = [s for s in scans(site, "inc1") if s.source is Source.LIVE]
            again.ask_to_end()
            assert await again.ended() == 0
    found = backfilled(site)
    assert len(found) == COUNT
    assert len({scan.at for scan in found}) == COUNT
    assert live
    assert "Traceback" not in first.said + again.said
    # What was too warm before anybody watched is for the record: nobody is paged as if it were now.
    assert inbox(site, "inc1-hot") == []
