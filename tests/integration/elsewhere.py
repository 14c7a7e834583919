"""The other machine: a watchdog's process, with the mail server and webhook that it pages by."""

import asyncio
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest

from culturewatch.watchdog.http import Answer, Door, Request
from tests.services import free_port
from tests.unit.alerts.mail_server import Postbox, serving

ROOT = Path(__file__).parents[2]
SECRET = "of the bench and its watchdog"  # noqa: S105 # of this test
FILE = """
[watchdog]
port = {port}
after = "{after}"
grace = "{grace}"
repeat = "{repeat}"

[[site]]
id = "bench"
name = "Test bench"
secret = {{ env = "BENCH_SECRET" }}

[[person]]
id = "lead"
name = "Lead"
channels = ["mail"]
addresses = {{ mail = "lead@lab.example" }}

[[person]]
id = "duty"
channels = ["webhook", "mail"]
addresses = {{ webhook = "{hook}", mail = "duty@lab.example" }}

[mail]
host = "127.0.0.1"
port = {mail}
sender = "watchdog@elsewhere.example"
security = "none"

[webhook]
secret = {{ env = "HOOK_SECRET" }}
"""


async def until(holds: Callable[[], bool], why: Callable[[], str], within_s: float = 30.0) -> None:
    try:
        async with asyncio.timeout(within_s):
            while not holds():  # noqa: ASYNC110 # what another process does gives no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"not within {within_s:g} s; it said:\n{why()}")


class Hook:
    """A receiver of webhooks."""

    def __init__(self) -> None:
        self.got: list[dict[str, str]] = []

    async def answer(self, request: Request) -> Answer:
        self.got.append(json.loads(request.body))
        return Answer()


class Elsewhere:
    """The other machine: the watchdog's process, its mail server and its webhook."""

    def __init__(self, folder: Path, postbox: Postbox, hook: Hook, port: int) -> None:
        self.folder = folder
        self.postbox = postbox
        self.hook = hook
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.sequence = 0
        self.run = time.time_ns()

    @property
    def said(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    @contextmanager
    def watching(self) -> Iterator[None]:
        environment = os.environ | {"BENCH_SECRET": SECRET, "HOOK_SECRET": "h" * 20}
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 # our own program
                [sys.executable, "-m", "culturewatch", "watchdog", str(self.folder / "w.toml")],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )
        try:
            yield
        finally:
            process.terminate()
            code = process.wait(20)
        assert code == 0, self.said
        assert "Traceback" not in self.said

    async def up(self) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:

            async def answers() -> bool:
                try:
                    return (await client.get(self.url)).status_code == 200
                except httpx.TransportError:
                    return False

            async with asyncio.timeout(30):
                while not await answers():  # noqa: ASYNC110 # another process gives no event
                    await asyncio.sleep(0.05)

    async def beat(self) -> int:
        """Post a beat as the site does; the status of the answer."""
        self.sequence += 1
        body = json.dumps(
            {"site": "bench", "at": 1, "run": self.run, "sequence": self.sequence}
            | {"every_ms": 1, "journal": True, "engine": True, "outbox": True}
        ).encode()
        stamp = str(int(time.time()))
        digest = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256)
        headers = {
            "X-Culturewatch-Timestamp": stamp,
            "X-Culturewatch-Signature": f"sha256={digest.hexdigest()}",
        }
        async with httpx.AsyncClient(trust_env=False) as client:
            return (
                await client.post(f"{self.url}/beat", content=body, headers=headers)
            ).status_code

    def mails(self, word: str) -> list[EmailMessage]:
        return [mail for mail in self.postbox.mails if word in str(mail["Subject"])]


@asynccontextmanager
async def elsewhere(
    folder: Path, *, after: str = "1s", grace: str = "1s", repeat: str = "1h", more: str = ""
) -> AsyncIterator[Elsewhere]:
    postbox, hook = Postbox(), Hook()
    port, hook_port = free_port(), free_port()
    with Door("127.0.0.1", hook_port, hook.answer) as door:
        hooking = asyncio.create_task(door.run(), name="hook")
        async with serving(postbox) as mail:
            text = FILE.format(
                port=port,
                after=after,
                grace=grace,
                repeat=repeat,
                mail=mail,
                hook=f"http://127.0.0.1:{hook_port}/in",
            )
            (folder / "w.toml").write_text(text + more, encoding="utf-8")
            try:
                yield Elsewhere(folder, postbox, hook, port)
            finally:
                hooking.cancel()
                await asyncio.wait([hooking])
