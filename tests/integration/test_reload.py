"""A core whose files are edited while it runs, on simulated rooms over real sockets."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from alerts.replayed import replay
from alerts.transition import What
from batches.ledger import Ledger
from batches.trail import Line
from console import run_status
from console.api.application import AT
from console.api.tokens import ApiTokens, Scope
from console.run_status import RunStatus
from culturewatch import paths
from culturewatch.serve_console import settings
from culturewatch.site import Site
from simulators.scenario import Door
from storage.entry import Started
from storage.wall import wall_ms
from tests.integration.laboratory import (
    DEVICES,
    Program,
    core,
    heard,
    history,
    lay_out,
    logged,
    rooms,
    scans,
    until,
)
from tests.integration.test_cli import typed
from tests.unit.console.lab import browser

PERIOD_MS = 250


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    return lay_out(tmp_path)


@asynccontextmanager
async def running(site: Site) -> AsyncIterator[Program]:
    async with rooms(site):
        with core(site) as program:
            await until(lambda: heard(site) == DEVICES, why=lambda: program.said)
            await until(lambda: set(connects(site).values()) == {1}, why=lambda: program.said)
            yield program


def status(site: Site) -> RunStatus:
    found = run_status.read(site.data)
    assert found is not None
    return found


def connects(site: Site) -> dict[str, int]:
    return {one.link.endpoint: one.link.connects for one in status(site).modbus}


def missed(site: Site, device: str) -> int:
    """Ticks skipped since the start because the machine was too busy."""
    devices = (found for one in status(site).modbus for found in one.devices)
    return next(found.missed for found in devices if found.device == device)


def configured(site: Site) -> list[Line]:
    return list(Ledger(paths.ledger_url(site.data)).trail(area="configuration").lines)


def starts(site: Site) -> list[Started]:
    return [entry for _, entry in logged(site) if isinstance(entry, Started)]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


async def reload(*words: str) -> tuple[int, str]:
    return await asyncio.to_thread(typed, "reload", *words)


@pytest.mark.slow
async def test_what_is_edited_applies_and_what_stays_misses_no_poll(site: Site) -> None:
    async with running(site) as program:
        await until(lambda: len(configured(site)) == 2, why=lambda: program.said)
        before = connects(site)
        edit(
            site.path,
            'id = "rhprobe"\nprofile = "vaisala-hmp"',
            'id = "rh2"\nprofile = "vaisala-hmp"',
        )
        edit(site.path, 'id = "oncall"', 'id = "nights"')
        edit(site.path, 'to = ["oncall"]', 'to = ["nights"]')
        edit(site.rules / "bench.toml", 'on_delay = "20s"', 'on_delay = "25s"')
        code, said = await reload()
        assert (code, said) == (0, "tester has the configuration read again\n")
        await until(lambda: "rh2" in heard(site), why=lambda: program.said)
        await until(
            lambda: any(line.outcome.startswith("read anew") for line in configured(site)),
            why=lambda: program.said,
        )

        first, again = starts(site)
        assert (first.reloaded, again.reloaded) == (False, True)
        assert again.configuration != first.configuration
        assert connects(site) == before
        for device in ("inc1", "inc2"):
            beats = [scan.at for scan in scans(site, device)]
            ticks = (beats[-1] - beats[0]) / PERIOD_MS
            # Once connected, it is asked at once, beside its beat.
            assert len(beats) + missed(site, device) >= int(ticks), device
        files, *lines = [line for line in configured(site)[2:] if "audit" not in line.item]
        assert files.outcome.startswith("read anew, as tester asked, with ")
        delays = {(line.old, line.new) for line in lines if line.item.endswith("on_delay")}
        assert ('"20s"', '"25s"') in delays
        assert any(line.item.startswith("device[rh2]") and line.old is None for line in lines)
        newest = scans(site, "rhprobe")[-1].at
        await until(lambda: scans(site, "inc1")[-1].at > newest + 1_500)
        assert scans(site, "rhprobe")[-1].at == newest
        assert program.runs
        assert "Traceback" not in program.said


@pytest.mark.slow
async def test_a_program_has_the_files_read_again_or_is_told_what_is_wrong_in_them(
    site: Site,
) -> None:
    now = wall_ms()
    text = ApiTokens(paths.api_tokens(site.data)).make(
        "lims", [Scope.ADMIN], expires_at=now + 60_000, now=now, by="tester", person="anna"
    )
    async with running(site) as program, browser(settings(site)) as asking:
        asking.headers["Authorization"] = f"Bearer {text}"
        digest = status(site).configuration
        edit(site.path, "time_zone", "time_zoen")
        refused = await asking.post(f"{AT}/reload")
        assert refused.status_code == 422
        (finding,) = refused.json()["findings"]
        assert finding.startswith(f"{site.path}:5: ")
        assert "unknown key `time_zoen`" in finding

        edit(site.path, "time_zoen", "time_zone")
        edit(site.path, 'id = "bench"', 'id = "other"')
        refused = await asking.post(f"{AT}/reload")
        assert refused.json()["findings"] == [
            "site.id changed, which takes a restart of culturewatch run"
        ]
        assert status(site).configuration == digest

        edit(site.path, 'id = "other"', 'id = "bench"')
        edit(site.rules / "bench.toml", 'on_delay = "20s"', 'on_delay = "25s"')
        answer = await asking.post(f"{AT}/reload")
        assert answer.json() == {"accepted": True, "why": "anna has the configuration read again"}
        await until(
            lambda: any(line.outcome.startswith("read anew") for line in configured(site)),
            why=lambda: program.said,
        )
        files = next(line for line in configured(site) if line.outcome.startswith("read anew"))
        assert files.outcome.startswith("read anew, as anna asked, with ")
        delays = {(line.old, line.new) for line in configured(site)}
        assert ('"20s"', '"25s"') in delays


@pytest.mark.slow
async def test_a_file_with_a_mistake_changes_nothing_and_is_told(site: Site) -> None:
    async with running(site) as program:
        before, digest = connects(site), status(site).configuration
        edit(site.path, "time_zone", "time_zoen")
        assert (await reload())[0] == 2
        os.kill(program.pid, signal.SIGHUP)
        await until(lambda: "NOT read anew" in program.said, why=lambda: program.said)
        assert "unknown key `time_zoen`" in program.said
        newest = scans(site, "inc1")[-1].at
        await until(lambda: scans(site, "inc1")[-1].at > newest + 1_000)
        assert (connects(site), status(site).configuration) == (before, digest)
        assert len(starts(site)) == 1

        edit(site.path, "time_zoen", "time_zone")
        edit(site.path, 'name = "Test bench"', 'name = "Bench"')
        os.kill(program.pid, signal.SIGHUP)
        await until(lambda: status(site).configuration != digest, why=lambda: program.said)
        assert connects(site) == before


@pytest.mark.slow
async def test_an_alarm_that_stands_goes_on_over_a_reload(site: Site) -> None:
    async with rooms(site) as hardware:
        with core(site) as program:
            await until(lambda: heard(site) == DEVICES, why=lambda: program.said)
            hardware.act(Door(device="inc1", open=True))
            await until(lambda: What.SET in told(site), why=lambda: program.said)
            edit(site.rules / "bench.toml", 'on_delay = "20s"', 'on_delay = "25s"')
            os.kill(program.pid, signal.SIGHUP)
            await until(lambda: len(starts(site)) == 2, why=lambda: program.said)
            hardware.act(Door(device="inc1", open=False))
            await until(lambda: What.CLEAR in told(site), why=lambda: program.said)
            assert told(site).count(What.SET) == 1
            program.ask_to_end()
            assert await program.ended() == 0
    # Before the reload by the rules of then, after it by the new ones: as a replay has it.
    assert replay(site.data).difference is None


def told(site: Site) -> list[What]:
    """What was said of the door of the first incubator."""
    return [row.transition.what for row in history(site) if row.transition.rule == "inc1-door-open"]
