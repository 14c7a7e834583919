"""A sensor's certificate and calibration as people enter them, beside a core that runs."""

import asyncio
from pathlib import Path

import pytest

from culturewatch.site import Site
from devices.quality import Quality
from tests.integration.laboratory import core, heard, history, inbox, lay_out, rooms, scans, until
from tests.integration.test_cli import typed

RULES = """
[[rule]]
id = "inc1-calibration"
channel = "inc1.temperature"
kind = "calibration-due"
every = "365d"
limit = -92
severity = "advisory"
steps = [{ limit = -31, severity = "low" }, { limit = 0, severity = "medium" }]
policy = "standard"
cause = "The sensor's calibration falls due."
consequence = "What it says may be off."
action = "Have it calibrated."
respond_within = "7d"

[[rule]]
id = "inc1-blind"
channel = "inc1.temperature"
kind = "silence"
on_delay = "8s"
severity = "high"
policy = "standard"
cause = "The probe is broken."
consequence = "Nobody knows how warm it is."
action = "Look at the probe."
respond_within = "30m"
"""
HEAT = "inc1.temperature"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    found = lay_out(tmp_path)
    (found.rules / "calibration.toml").write_text(RULES)
    return found


async def good(words: str) -> str:
    code, said = await asyncio.to_thread(typed, *words.split())
    assert code == 0, said
    return said


def happened(site: Site, rule: str) -> list[str]:
    return [one.transition.what.value for one in history(site) if one.transition.rule == rule]


def quality(site: Site) -> tuple[Quality, float | None]:
    """Of the newest temperature of inc1."""
    scan = scans(site, "inc1")[-1]
    place = scan.layout.keys.index("temperature")
    return Quality(scan.qualities[place]), scan.values[place]


@pytest.mark.slow
async def test_a_sensor_is_certified_calibrated_and_measures_again(site: Site) -> None:
    async with rooms(site):
        with core(site) as running:
            await until(lambda: "inc1" in heard(site), why=lambda: running.said)
            await until(lambda: "set" in happened(site, "inc1-calibration"))
            await good("sensor add T-1 --model HMP252")
            await good(f"sensor install T-1 {HEAT}")
            await good(
                "calibration certificate T-1 --laboratory Metrology --date 2026-01-02 "
                "--due 2095-01-02 --unit degC --tolerance 0.3 --point 37,37,37,0.2"
            )
            await until(lambda: "clear" in happened(site, "inc1-calibration"))

            said = await good("calibration begin T-1 --for 1h --reason yearly")
            assert "inc1-blind: out of service by tester until" in said
            assert "inc1-calibration" not in said
            await until(lambda: quality(site)[0] is Quality.IN_CALIBRATION)
            # The value is kept with its mark, and so is what the other channels say.
            assert quality(site)[1] is not None
            assert set(scans(site, "inc1")[-1].qualities) == {
                Quality.GOOD,
                Quality.IN_CALIBRATION,
            }
            # Set, because nothing trustworthy comes; and nobody is paged for it.
            await until(lambda: "set" in happened(site, "inc1-blind"), why=lambda: running.said)
            assert inbox(site, "inc1-blind") == []
            running.kill()
            before = len(scans(site, "inc1"))
        with core(site, "again") as running:
            # Who restarts the core in the middle of it changes nothing.
            await until(lambda: len(scans(site, "inc1")) > before + 4, why=lambda: running.said)
            again = scans(site, "inc1")[before:]
            place = again[0].layout.keys.index("temperature")
            marks = {Quality(s.qualities[place]) for s in again if s.values[place] is not None}
            assert marks == {Quality.IN_CALIBRATION}
            said = await good("calibration end T-1")
            assert "inc1-blind: out of service by tester until" in said
            await until(lambda: quality(site)[0] is Quality.GOOD)
            await until(lambda: happened(site, "inc1-blind")[-1] == "clear")
            assert inbox(site, "inc1-blind") == []
