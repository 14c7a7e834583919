"""The console as a process, and a disk that does not answer."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from alerts.token import KeyFileError
from console import sight
from console.app import AddressError, serve
from console.door import AT_ONCE
from console.sight import Sight
from console.view import Viewer
from tests.integration.certificates import Authority
from tests.unit.console.lab import (
    EQUIPMENT,
    browser,
    ledger_url,
    link,
    press,
    settings,
    until,
    waiting,
)

SERVE = """
import logging, sys
from pathlib import Path
from msgspec.structs import replace
from console import acknowledge, door
from console.app import serve
from console.certificate import TlsFiles
from tests.unit.console.lab import settings
acknowledge.ANSWER_S = 1.0
door.ASK_S, door.WHOLE_S = 0.5, 2.0
logging.basicConfig(level=logging.INFO)
data, port, *tls = sys.argv[1:]
files = TlsFiles(certificate=Path(tls[0]), key=Path(tls[1])) if tls else None
public = f"https://127.0.0.1:{port}" if tls else ""
serve(replace(settings(Path(data)), port=int(port), tls=files, public_url=public))
"""


GIVE = """
import asyncio, socket, sys
from console import door
door.ASK_S, door.WHOLE_S = 0.5, 1.0
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for what in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{what}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(8):
        await asyncio.sleep(0.4)
        await send({"type": "http.response.body", "body": b"piece", "more_body": True})
    await send({"type": "http.response.body", "body": b""})
door.run(app, socket.create_server(("127.0.0.1", int(sys.argv[2]))))
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port: int = door.getsockname()[1]
        return port


@asynccontextmanager
async def running(
    data: Path, port: int, tls: tuple[Path, ...] = (), *, program: str = SERVE
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(data), str(port), *map(str, tls)),
        cwd=Path(__file__).parents[3],
        env=os.environ | {"PYTHONPATH": "."},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def answers(client: httpx.AsyncClient) -> httpx.Response:
    async with asyncio.timeout(20):
        while True:
            try:
                return await client.get("/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.05)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_serves_until_it_is_asked_to_end(
    tmp_path: Path, number: signal.Signals
) -> None:
    port = free_port()
    async with (
        running(tmp_path, port) as process,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        health = await answers(client)
        assert health.json()["console"] == "ok"
        assert "server" not in health.headers
        assert (await client.get("/")).headers["location"] == "/login"
        path = link(tmp_path)
        assert (await client.get(path)).status_code == 200
        big = await client.post(path, content=b"n" * 1_000_000)
        assert big.status_code == 413
        process.send_signal(number)
        _, said = await asyncio.wait_for(process.communicate(), 15)
        assert process.returncode == 0, said
    assert b"Traceback" not in said
    # A log that held links would let its readers acknowledge.
    assert path.removeprefix("/ack/").encode() not in said


@pytest.mark.long
async def test_a_press_that_is_waiting_is_answered_before_the_process_ends(tmp_path: Path) -> None:
    port = free_port()
    here = f"http://127.0.0.1:{port}"
    async with (
        running(tmp_path, port) as process,
        httpx.AsyncClient(base_url=here, trust_env=False, timeout=20) as client,
    ):
        await answers(client)
        pressing = asyncio.create_task(press(client, link(tmp_path), headers={"Origin": here}))
        await until(lambda: (tmp_path / "inbox.db").exists() and bool(waiting(tmp_path)))
        process.terminate()
        assert (await pressing).status_code == 202
        await asyncio.wait_for(process.communicate(), 15)
        assert process.returncode == 0


@pytest.mark.long
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n", id="half-a-head"),
        pytest.param(
            b"POST LINK HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", id="no-body"
        ),
    ],
)
async def test_whoever_holds_connections_keeps_nobody_from_acknowledging(
    tmp_path: Path, said: bytes
) -> None:
    port = free_port()
    async with (
        running(tmp_path, port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        contextlib.AsyncExitStack() as held,
    ):
        await answers(client)
        path = link(tmp_path)
        for _ in range(AT_ONCE + 10):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            held.callback(writer.close)
            writer.write(said.replace(b"LINK", path.encode()))
        async with asyncio.timeout(10):
            while (await client.get(path)).status_code != 200:  # noqa: ASYNC110 # a peer has no event
                await asyncio.sleep(0.1)


@pytest.mark.long
async def test_a_record_that_takes_long_to_be_given_is_not_cut(tmp_path: Path) -> None:
    port = free_port()
    async with (
        running(tmp_path, port, program=GIVE),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        assert (await answers(client)).text == "piece" * 8


def test_an_address_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        taken = replace(settings(tmp_path), port=door.getsockname()[1])
        with pytest.raises(AddressError, match=r"127\.0\.0\.1:\d+: the console cannot listen"):
            serve(taken)


def test_a_key_that_others_may_read_stops_the_console(tmp_path: Path) -> None:
    key = tmp_path / "secrets" / "token.key"
    key.parent.mkdir()
    key.write_text("k" * 40)
    key.chmod(0o644)
    with pytest.raises(KeyFileError, match="chmod 600"):
        serve(settings(tmp_path))


async def test_a_disk_that_does_not_answer_is_said_and_not_asked_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sight, "PATIENCE_S", 0.1)
    answers_again, asked = threading.Event(), []
    look = Viewer.look

    def hanging(self: Viewer) -> object:
        asked.append(self)
        answers_again.wait(20)
        return look(self)

    monkeypatch.setattr(Viewer, "look", hanging)
    async with browser(replace(settings(tmp_path), open_wall=True)) as client:
        for _ in range(3):
            answer = await client.get("/")
            assert answer.status_code == 503
            assert "did not answer" in answer.text
        assert len(asked) == 1
        assert (await client.get("/healthz")).status_code == 200
        answers_again.set()
        monkeypatch.setattr(sight, "PATIENCE_S", 10.0)
        assert (await client.get("/")).status_code == 200


async def test_one_who_leaves_does_not_end_the_look_of_the_others(tmp_path: Path) -> None:
    viewer = Viewer(tmp_path, ledger_url(tmp_path), EQUIPMENT)
    async with Sight(viewer) as seeing:
        first, second = (asyncio.create_task(seeing.look()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert len((await second).devices) == 2
        with pytest.raises(asyncio.CancelledError):
            await first


@pytest.mark.long
async def test_with_a_certificate_it_speaks_tls_and_nothing_else(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.issue("lab", host="127.0.0.1")
    tls[1].chmod(0o600)
    port, trust = free_port(), ssl.create_default_context(cafile=authority.path)
    async with running(tmp_path, port, tls) as process:
        async with httpx.AsyncClient(base_url=f"https://127.0.0.1:{port}", verify=trust) as client:
            page = await answers(client)
            assert page.headers["strict-transport-security"] == "max-age=31536000"
            login = await client.get("/begin")
        cookie = login.headers["set-cookie"]
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie.split("; ")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            with pytest.raises(httpx.TransportError):
                await client.get("/healthz")
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
