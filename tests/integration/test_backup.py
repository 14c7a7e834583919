"""Backups of a site whose core collects, alarms and pages meanwhile: each of them is one state."""

import json
import signal
from pathlib import Path

import pytest

from culturewatch.site import Site, load
from simulators.scenario import Door
from storage.journalfile import NAME as JOURNAL
from tests.integration.laboratory import (
    DEVICES,
    core,
    heard,
    history,
    inbox,
    lay_out,
    logged,
    program,
    rooms,
    until,
)
from tests.integration.test_cli import typed

BATCH = "B-2026-0001"
ROUNDS = 4


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    (tmp_path / "lab").mkdir()
    monkeypatch.chdir(tmp_path / "lab")
    monkeypatch.setenv("USER", "tester")
    return lay_out(tmp_path / "lab")


async def backed_up(site: Site, n: int) -> Path:
    """Make a backup in a process of its own, so that the rooms of this one go on."""
    log = site.base / f"backup-{n}.log"
    words = ("backup", site.path, "--out", site.base.parent / "backups", "--unattended", "--json")
    with program(*words, log=log) as running:
        assert await running.ended() == 0, running.said
        return Path(json.loads(running.said)["made"]["path"])


@pytest.mark.slow
async def test_a_backup_of_a_running_site_verifies_replays_and_runs(
    site: Site, tmp_path: Path
) -> None:
    made = []
    async with rooms(site) as hardware:
        with core(site) as running:
            await until(lambda: heard(site) == DEVICES, why=lambda: running.said)
            assert typed("batch", "open", BATCH, "--product", "Fibroblasts")[0] == 0
            assert typed("batch", "place", BATCH, "inc1")[0] == 0
            for n in range(ROUNDS):
                # Alarms come and go under every backup.
                hardware.act(Door(device="inc1", open=n % 2 == 0))
                made.append(await backed_up(site, n))
            hardware.act(Door(device="inc1", open=True))
            await until(lambda: inbox(site, "inc1-door-open") != [], why=lambda: running.said)
            before = len(logged(site))
            made.append(await backed_up(site, ROUNDS))
            await until(lambda: len(logged(site)) > before + 20, why=lambda: running.said)
            running.ask_to_end()
            assert await running.ended() == 0
        whole = logged(site)
        for n, backup in enumerate(made):
            code, said = typed("restore", str(backup), "--to", f"../restored-{n}")
            assert code == 0, said
            code, said = typed("verify", f"../restored-{n}/data", "--replay")
            assert code == 0, said
            restored = load(tmp_path / f"restored-{n}" / "site.toml")
            found = logged(restored)
            # What had been in the journal, and nothing else.
            assert found == whole[: len(found)]
            assert history(restored) == history(site)[: len(history(restored))]
        last = load(tmp_path / f"restored-{ROUNDS}" / "site.toml")
        assert len(logged(last)) >= before
        assert history(last) != []
        with core(last, "restored") as again:
            await until(lambda: len(logged(last)) > before + 60, why=lambda: again.said)
            again.ask_to_end()
            assert await again.ended() == 0
    code, said = typed("verify", str(last.data), "--replay")
    assert code == 0, said
    code, said = typed("record", BATCH, "--site", str(last.path), "--out", "../record")
    assert code == 0, said
    assert typed("verify", "../record", "--data", str(last.data))[0] == 0


@pytest.mark.slow
async def test_a_killed_backup_harms_neither_the_core_nor_the_next_one(site: Site) -> None:
    out = site.base.parent / "backups"
    async with rooms(site):
        with core(site) as running:
            await until(lambda: heard(site) == DEVICES, why=lambda: running.said)
            words = ("backup", site.path, "--out", out, "--unattended")
            with program(*words, log=site.base / "b.log") as broken:
                await until(
                    lambda: (
                        list(out.glob(f".*.unfinished/data/{JOURNAL}")) != [] or not broken.runs
                    ),
                    why=lambda: broken.said,
                )
                broken.ask_to_end(signal.SIGKILL)
            before = len(logged(site))
            await until(lambda: len(logged(site)) > before + 20, why=lambda: running.said)
            backup = await backed_up(site, 1)
            running.ask_to_end()
            assert await running.ended() == 0
    assert list(out.glob(".*.unfinished")) == []
    assert typed("restore", str(backup))[0] == 0
