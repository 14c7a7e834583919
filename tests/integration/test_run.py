"""``culturewatch run``: two processes that come back, and an end that leaves none behind."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.client import HTTPConnection, HTTPException

import psutil
import pytest

from console import run_status
from culturewatch.site import Site
from storage.entry import Stopped
from tests.integration.laboratory import (
    DEVICES,
    ROOT,
    Program,
    heard,
    logged,
    program,
    rooms,
    until,
)


@asynccontextmanager
async def running(site: Site) -> AsyncIterator[Program]:
    """The site with its rooms, once its devices are heard and its console answers."""
    async with rooms(site):
        with program("run", site.path, log=site.base / "run.log") as run:
            try:
                await until(lambda: heard(site) == DEVICES and serves(site), why=lambda: run.said)
                yield run
            finally:
                left = children(run)
                if run.runs:
                    run.kill()
                for child in left:
                    child.kill()


def children(run: Program) -> list[psutil.Process]:
    try:
        return psutil.Process(run.pid).children()
    except psutil.NoSuchProcess:
        return []


def part(run: Program, name: str) -> psutil.Process | None:
    """The process of ``run`` that is its core or its console."""
    for child in children(run):
        try:
            if name in child.cmdline():
                return child
        except psutil.NoSuchProcess:
            continue
    return None


def serves(site: Site) -> bool:
    connection = HTTPConnection("127.0.0.1", site.file.console.port, timeout=5)
    try:
        connection.request("GET", "/begin")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


async def killed(run: Program, name: str) -> None:
    """Kill a part, and wait until another stands in its place."""
    one = part(run, name)
    assert one is not None
    one.kill()
    await until(
        lambda: (found := part(run, name)) is not None and found.pid != one.pid,
        why=lambda: run.said,
    )


@pytest.mark.slow
async def test_each_part_is_started_again_without_the_other(site: Site) -> None:
    async with running(site) as run:
        console = part(run, "console")
        await killed(run, "core")
        before = logged(site)[-1][0]
        await until(lambda: logged(site)[-1][0] > before, why=lambda: run.said)
        assert part(run, "console") == console

        core = part(run, "core")
        await killed(run, "console")
        await until(lambda: serves(site), why=lambda: run.said)
        assert part(run, "core") == core

        left = children(run)
        run.ask_to_end()
        assert await run.ended() == 0
        _, alive = await asyncio.to_thread(psutil.wait_procs, left, 1)
        assert alive == []
    log = logged(site)
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    assert "the core ended with -9; it is started again in 0.5 s" in run.said
    assert "the console ended with -9; it is started again in 0.5 s" in run.said
    assert "Traceback" not in run.said


@pytest.mark.slow
async def test_a_terminal_that_closes_leaves_nothing_behind(site: Site) -> None:
    async with running(site) as run:
        left = children(run)
        run.ask_to_end(signal.SIGHUP)
        assert await run.ended() == 0
        _, alive = await asyncio.to_thread(psutil.wait_procs, left, 1)
        assert alive == []


@pytest.mark.slow
async def test_who_is_killed_takes_the_parts_along(site: Site) -> None:
    async with running(site) as run:
        left = children(run)
        assert len(left) == 2
        run.kill()
        _, alive = await asyncio.to_thread(psutil.wait_procs, left, 15)
        assert alive == []
    log = logged(site)
    assert [seq for seq, _ in log] == list(range(1, len(log) + 1))
    # Each ended in order: the core has said so in the journal.
    assert isinstance(log[-1][1], Stopped)
    assert "Traceback" not in run.said


def test_a_part_that_hangs_is_gone_as_well() -> None:
    deaf = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "from culturewatch import bound; bound.END_S = 0.1; bound.bind(); "
        "print(repr(sys.stdin.readline()), flush=True); time.sleep(50)"
    )
    with subprocess.Popen(  # noqa: S603 # put together here
        [sys.executable, "-c", deaf], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as part:
        assert part.stdin is not None
        assert part.stdout is not None
        assert part.stdout.readline() == b"''\n"
        assert part.poll() is None
        part.stdin.close()
        assert part.wait(20) == 1


@pytest.mark.slow
async def test_a_file_that_is_being_edited_ends_nothing_that_runs(site: Site) -> None:
    async with running(site) as run:
        good = site.path.read_text()
        site.path.write_text(good.replace("time_zone", "time_zoen"))
        console, core = part(run, "console"), part(run, "core")
        assert console is not None
        console.kill()
        await until(lambda: "unknown key `time_zoen`" in run.said, why=lambda: run.said)
        site.path.write_text(good)
        await until(lambda: serves(site), why=lambda: run.said)
        assert part(run, "core") == core
        status = run_status.read(site.data)
        assert status is not None
        assert run_status.is_alive(status)
        run.ask_to_end()
        assert await run.ended() == 0


async def test_a_mistake_ends_it_at_once_with_one_line(site: Site) -> None:
    site.path.write_text(site.path.read_text().replace("time_zone", "time_zoen"))
    with program("run", site.path, log=site.base / "run.log") as run:
        assert await run.ended() == 2
    assert run.said == (
        f"culturewatch: {site.path}:5: site: unknown key `time_zoen`; did you mean `time_zone`?\n"
    )


async def test_what_only_the_parts_find_ends_it_too(site: Site) -> None:
    key = site.data / "secrets" / "token.key"
    key.parent.mkdir(parents=True)
    key.write_bytes(b"short")
    with program("run", site.path, log=site.base / "run.log") as run:
        assert await run.ended() == 2
    assert str(key) in run.said
    assert "started again" not in run.said
    assert "Traceback" not in run.said


async def test_a_status_is_had_from_another_terminal_while_it_runs(site: Site) -> None:
    async with running(site) as run:
        with program("status", site.path, log=site.base / "status.log") as asking:
            assert await asking.ended() == 0
        run.ask_to_end()
        assert await run.ended() == 0
        assert "core runs" in asking.said
        assert "CORE DOES NOT RUN" not in asking.said
    with program("status", site.path, log=site.base / "late.log") as asking:
        assert await asking.ended() == 1
    assert "CORE DOES NOT RUN" in asking.said
    assert "Traceback" not in asking.said


@pytest.mark.slow
async def test_the_console_shows_what_the_core_has_read_anew(site: Site) -> None:
    async with running(site) as run:
        console, core = part(run, "console"), part(run, "core")
        assert console is not None
        assert core is not None
        text = site.path.read_text()
        site.path.write_text(text.replace('name = "Test bench"', 'name = "Bench"'))
        core.send_signal(signal.SIGHUP)
        await until(lambda: part(run, "console") not in {console, None}, why=lambda: run.said)
        await until(lambda: serves(site), why=lambda: run.said)
        assert part(run, "core") == core
