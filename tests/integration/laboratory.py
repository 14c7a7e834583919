"""A small site on free loopback ports, its simulated rooms, and the program run on it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from alerts.notify.notifier import Message
from alerts.reader import AlarmReader, Recorded
from alerts.schema import StoreError
from alerts.transition import What
from batches.ledger import Ledger
from culturewatch import itself, paths
from culturewatch.ledger_address import with_password
from culturewatch.simulated import simulated_site
from culturewatch.site import Site, load
from devices.scan import Scan
from simulators.rooms import Rooms
from storage.journal import JournalError, Logged
from storage.reader import JournalReader
from storage.wall import wall_ms
from tests.services import free_port

PATIENCE_S = 30.0
ROOT = Path(__file__).parents[2]
DEVICES = frozenset({"inc1", "inc2", "co2probe", "rhprobe", "ln2a", "room"})

SITE = """
[site]
id = "bench"
name = "Test bench"
time_zone = "Europe/Vienna"
bundle = "0s"

[[endpoint]]
id = "one"
host = "127.0.0.1"
port = {ports[0]}

[[endpoint]]
id = "two"
host = "127.0.0.1"
port = {ports[1]}

[[endpoint]]
id = "gateway"
host = "127.0.0.1"
port = {ports[2]}

[[broker]]
id = "hall"
host = "127.0.0.1"
port = {ports[3]}
protocol = "3.1.1"

[[device]]
id = "inc1"
profile = "sim-incubator"
endpoint = "one"
period = "250ms"

[[device]]
id = "inc2"
profile = "sim-incubator"
endpoint = "two"
period = "250ms"

[[device]]
id = "co2probe"
profile = "vaisala-gmp251"
endpoint = "gateway"
unit = 240
period = "500ms"

[[device]]
id = "rhprobe"
profile = "vaisala-hmp"
endpoint = "gateway"
unit = 241
period = "500ms"

[[device]]
id = "ln2a"
profile = "sim-freezer"
broker = "hall"
topic = "lab/ln2a"
period = "2s"

[[device]]
id = "room"
profile = "sim-room-oxygen"
broker = "hall"
topic = "lab/oxygen"
period = "2s"

[[person]]
id = "oncall"
channels = ["inbox"]

[[policy]]
id = "standard"
steps = [{{ after = "0s", to = ["oncall"] }}]

[console]
port = {ports[4]}
"""

RULES = """
[[rule]]
id = "{device}-door-open"
channel = "inc*.door"
kind = "discrete"
limit = 1
severity = "medium"
policy = "standard"
cause = "The door was left open."
consequence = "Temperature, CO2 and humidity are lost."
action = "Close the door."
respond_within = "10m"

[[rule]]
id = "{device}-silent"
channel = "*.temperature"
kind = "silence"
on_delay = "20s"
severity = "high"
policy = "standard"
cause = "The device, its power or the network is down."
consequence = "Nobody knows how the cultures are."
action = "Go and look."
respond_within = "30m"
"""


def lay_out(folder: Path, served: str = "") -> Site:
    """A site in ``folder`` with two incubators, two probes, a freezer and an oxygen monitor.

    Its ledger is at ``served`` on a server; without one it is a file of the site's.
    """
    ports = [free_port() for _ in range(5)]
    (folder / "rules.d").mkdir(parents=True)
    (folder / "rules.d" / "bench.toml").write_text(RULES)
    (folder / "site.toml").write_text(SITE.format(ports=ports))
    serve(folder / "site.toml", served)
    return load(folder / "site.toml")


def serve(path: Path, url: str) -> None:
    """Have the site of the file at ``path`` keep its ledger at ``url``; as it was without one."""
    if not url:
        return
    secret = path.parent / "ledger-password"
    secret.write_text(urlsplit(url).password or "")
    secret.chmod(0o600)
    table = f'url = "{with_password(url, "")}"\npassword = {{ file = "{secret.name}" }}\n'
    path.write_text(f"{path.read_text(encoding='utf-8')}\n[ledger]\n{table}", encoding="utf-8")


@asynccontextmanager
async def rooms(site: Site) -> AsyncIterator[Rooms]:
    """The hardware of ``site``, in this process."""
    async with Rooms(simulated_site(site)) as opened:
        yield opened


def ledger_of(site: Site, *, now: Callable[[], int] = wall_ms) -> Ledger:
    """The ledger of ``site``, with the keys of its patients, as its commands open it."""
    return Ledger(site.ledger_url, keys=paths.patients(site.data), now=now)


class Program:
    """``culturewatch`` with arguments, in a process of its own; ``said`` is what it printed."""

    def __init__(self, *arguments: str | Path, log: Path) -> None:
        self._log = log
        with log.open("ab") as out:
            # The command is put together here, from what the tests name.
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "culturewatch", *map(str, arguments)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=os.environ | {"PYTHONWARNINGS": "default"},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def said(self) -> str:
        """All it printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def ask_to_end(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Send SIGTERM, as a service manager does, or another signal."""
        self._process.send_signal(by)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait(PATIENCE_S)

    async def ended(self, within_s: float = PATIENCE_S) -> int:
        """Its exit code, once it has ended by itself."""
        await until(lambda: not self.runs, within_s=within_s, why=lambda: self.said)
        return self._process.wait()


@contextmanager
def program(*arguments: str | Path, log: Path) -> Iterator[Program]:
    """Runs ``culturewatch``; what still runs at the end is killed."""
    started = Program(*arguments, log=log)
    try:
        yield started
    finally:
        if started.runs:
            started.kill()


def core(site: Site, name: str = "core") -> AbstractContextManager[Program]:
    """The core of ``site`` as a process."""
    return program("core", site.path, log=site.base / f"{name}.log")


def heard(site: Site) -> set[str]:
    """The devices of which the journal has a value; the system itself is none of them."""
    return {
        entry.device
        for _, entry in logged(site)
        if isinstance(entry, Scan)
        and entry.device != itself.DEVICE
        and any(value is not None for value in entry.values)
    }


async def until(
    holds: Callable[[], bool],
    *,
    within_s: float = PATIENCE_S,
    why: Callable[[], str] = lambda: "",
) -> None:
    """Wait for a condition; the text of the failure is its name and ``why()``."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, f"not within {within_s} s\n{why()}"
        await asyncio.sleep(0.05)


def logged(site: Site) -> list[Logged]:
    """The journal so far; nothing where there is none yet."""
    found: list[Logged] = []
    try:
        with JournalReader(site.data) as journal:
            while more := journal.entries(found[-1][0] if found else 0):
                found += more
    except JournalError:
        return []
    return found


def scans(site: Site, device: str, after: int = 0) -> list[Scan]:
    """The scans of a device with higher numbers than ``after``, in the order of the journal."""
    return [
        entry
        for seq, entry in logged(site)
        if seq > after and isinstance(entry, Scan) and entry.device == device
    ]


def history(site: Site) -> list[Recorded]:
    """The alarm history, oldest first; none where there is no store yet."""
    try:
        with AlarmReader(paths.alarms(site.data)) as reader:
            return reader.history(limit=100_000)[::-1]
    except StoreError:
        return []


def inbox(site: Site, rule: str) -> list[Message]:
    """The messages about a rule that were handed over; those about the system have none."""
    path = paths.inbox(site.data)
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    messages = [msgspec.json.decode(line, type=Message) for line in lines]
    return [message for message in messages if message.rule == rule]


@asynccontextmanager
async def watched(site: Site) -> AsyncIterator[tuple[Rooms, Program]]:
    """The rooms and a core that has heard all of them."""
    async with rooms(site) as opened:
        with core(site) as running:
            await until(lambda: heard(site) == DEVICES, why=lambda: running.said)
            yield opened, running


def newest(site: Site) -> int:
    return logged(site)[-1][0]


def alarmed(site: Site, rule: str, what: What) -> list[int]:
    """The journal entries that made ``rule`` do ``what``."""
    return [
        row.seq
        for row in history(site)
        if row.transition.rule == rule and row.transition.what is what
    ]
