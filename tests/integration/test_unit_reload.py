"""``systemctl reload``: the line of the unit has a running core read its files again."""

import asyncio
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from culturewatch.site import Site
from storage.entry import Started
from tests.integration.laboratory import heard, lay_out, logged, program, rooms, until

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "culturewatch.service"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return lay_out(tmp_path)


def hang_up(pid: int) -> list[str]:
    """The command by which the unit reloads, as systemd would run it."""
    (line,) = re.findall(r"^ExecReload=(/usr/bin/pkill .*)$", UNIT.read_text(), re.MULTILINE)
    return shlex.split(line.replace("$MAINPID", str(pid)))


def starts(site: Site) -> Iterator[Started]:
    return (entry for _, entry in logged(site) if isinstance(entry, Started))


@pytest.mark.slow
async def test_the_unit_reloads_the_core_and_ends_nothing(site: Site) -> None:
    async with rooms(site):
        with program("run", site.path, log=site.base / "run.log") as run:
            await until(lambda: bool(heard(site)), why=lambda: run.said)
            text = site.path.read_text()
            site.path.write_text(text.replace('name = "Test bench"', 'name = "Bench"'))
            await asyncio.to_thread(subprocess.run, hang_up(run.pid), check=True)
            await until(lambda: len(list(starts(site))) == 2, why=lambda: run.said)
            assert [one.reloaded for one in starts(site)] == [False, True]
            assert run.runs
            run.ask_to_end()
            assert await run.ended() == 0
    assert "ended with" not in run.said
