"""``culturewatch probe`` as people run it: JSON, lines for the site's file, and Ctrl-C."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE

import msgspec

from culturewatch.probe import Report
from tests.unit.collector.map_server import CASES, cells_of, holding
from tests.unit.collector.responder import responding, until

HMP = cells_of(CASES / "vaisala-hmp" / "worked-example.toml")


async def started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "culturewatch", "probe", *arguments, stdout=PIPE, stderr=PIPE
    )


async def test_it_prints_what_it_found_as_json_and_as_lines_for_the_site() -> None:
    async with responding(holding(HMP)) as responder:
        where = f"tcp://127.0.0.1:{responder.port}"
        fast = ("--rate", "50", "--units", "240")
        probing = await started(where, *fast, "--json")
        out, _ = await asyncio.wait_for(probing.communicate(), 50)
        report = msgspec.json.decode(out, type=Report)
        assert probing.returncode == 0
        assert report.suspects[0].best == ("vaisala-hmp",)
        assert report.suspects[0].ranked[0].self_test is True


async def test_what_is_not_there_is_one_line_and_exit_1() -> None:
    async with responding() as responder:
        port = responder.port
    probing = await started(f"tcp://127.0.0.1:{port}")
    _, said = await asyncio.wait_for(probing.communicate(), 50)
    assert probing.returncode == 1
    assert said.decode().startswith(f"culturewatch: 127.0.0.1:{port} cannot be reached")
    assert b"Traceback" not in said


async def test_wrong_use_is_exit_2() -> None:
    probing = await started("10.0.0.1:502")
    _, said = await asyncio.wait_for(probing.communicate(), 50)
    assert probing.returncode == 2
    assert b"write tcp://HOST:PORT" in said


async def test_ctrl_c_hangs_up_and_leaves_no_traceback() -> None:
    async with responding(holding(HMP)) as responder:
        probing = await started(f"tcp://127.0.0.1:{responder.port}", "--rate", "5")
        await until(lambda: len(responder.queries) > 2, within_s=40)
        probing.send_signal(signal.SIGINT)
        _, said = await asyncio.wait_for(probing.communicate(), 20)
        assert probing.returncode == 130
        assert said.decode() == "culturewatch: stopped; nothing was changed on the device\n"
        await until(lambda: not responder.peers)
