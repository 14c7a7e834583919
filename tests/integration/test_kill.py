"""SIGKILL at random moments, in every phase: what was acknowledged is in the journal, once.

CULTUREWATCH_KILLS says how often (``make kill-test N=1000``); 200 without it.
"""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import pytest

from devices.scan import Scan
from storage.entry import Command, Entry
from storage.inbox import Inbox
from storage.reader import JournalReader
from tests.integration.kill_load import (
    FIRST,
    REGISTERS,
    UNITS,
    numbered,
    unit_layout,
)
from tests.integration.mqtt_peers import (
    Publisher,
    kept_by_broker,
    message,
    publisher,
    until,
)
from tests.services import MosquittoFactory
from tests.unit.collector.responder import (
    responding,
    word,
)

PAYLOADS: dict[str, Callable[[int], bytes]] = {
    "stamped": lambda n: message(n, level=n / 1_000),
    "counted": lambda n: json.dumps({"n": n, "t": n / 1_000}).encode(),
    "plain": lambda n: json.dumps({"t": n / 1_000}).encode(),
}
KILLS = int(os.environ.get("CULTUREWATCH_KILLS", "200"))
ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0


class Victims:
    """The processes that are killed, one after another, and what they said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: Queue[list[str]] = Queue()
        self._reader = threading.Thread(target=self._read, name="what victims say")
        self._reader.start()
        self.acknowledged: set[int] = set()
        self.opened_ms: list[float] = []
        self.repeated: list[tuple[int, int]] = []
        self.pid = 0
        self._is_working = False

    def start(self, **task: object) -> None:
        """Start one; returns at once, when it may not even have opened the journal."""
        assert self._process.stdin is not None
        print(json.dumps(task), file=self._process.stdin, flush=True)
        self.hear_until("pid")

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Kill it and hear what it had to say."""
        os.kill(self.pid, how)
        self.hear_until("gone")

    def hear_until(self, end: str) -> None:
        """Take in what they say up to a word."""
        word = ""
        while word != end:
            word, *rest = self._lines.get(timeout=PATIENCE_S)
            match word:
                case "pid":
                    self.pid = int(rest[0])
                    self._is_working = True
                    self.repeated.append((0, 0))
                case "gone":
                    self._is_working = False
                case "ack":
                    self.acknowledged.update(map(int, rest))
                case "open":
                    self.opened_ms.append(float(rest[0]))
                case "counts":
                    self.repeated[-1] = (int(rest[0]), int(rest[1]))
                case "trouble" | "crash":
                    pytest.fail(" ".join(rest))

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.split())

    def close(self) -> None:
        """End the one that forks them."""
        assert self._process.stdin is not None
        if self._is_working:
            os.kill(self.pid, signal.SIGKILL)
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def victims() -> Iterator[Victims]:
    """What forks them, with everything imported."""
    # The module stands beside this file.
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.kill_child"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = Victims(process)
    try:
        yield found
    finally:
        found.close()


def all_there(folder: Path, sent: dict[str, int]) -> bool:
    """Whether the last message of each device is in the journal."""
    with JournalReader(folder) as reader:
        newest = reader.newest()
    return all(
        device in newest and newest[device][0].value == count / 1_000
        for device, count in sent.items()
    )


def read_all(folder: Path) -> list[tuple[int, Entry]]:
    """The whole journal."""
    found: list[tuple[int, Entry]] = []
    with JournalReader(folder) as reader:
        while batch := reader.entries(found[-1][0] if found else 0):
            found += batch
        assert not reader.damaged
    return found


def act(number: int) -> Command:
    """What a person did."""
    return Command(id=f"act{number}", at=number, by="kim", verb="ack", target="r1", via="console")


def report(what: str, opened_ms: list[float], found: int, chance: int) -> None:
    """Say what was done, with the time that starts took."""
    ordered = sorted(opened_ms)
    print(  # noqa: T201 - the numbers are asked for
        f"\n{what}: {KILLS} kills (seed {chance}), {len(opened_ms)} before which the journal was "
        f"open; {found} entries; start {ordered[len(ordered) // 2]:.1f} ms (median), "
        f"{ordered[-1]:.1f} ms (longest)"
    )


@pytest.mark.slow
@pytest.mark.timeout(120 + KILLS)
def test_what_the_journal_acknowledged_survives_every_kill(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    with Inbox(tmp_path) as inbox, victims() as killed:
        for attempt in range(KILLS):
            newest = max(killed.acknowledged, default=0)
            # Some that are stored come again, as after a kill between commit and acknowledgement.
            killed.start(folder=str(tmp_path), first=max(1, newest - chance.randrange(40)))
            inbox.submit(act(attempt))
            time.sleep(chance.uniform(0, 0.12))
            killed.kill()
        killed.start(folder=str(tmp_path), first=max(killed.acknowledged) + 1)
        end = time.monotonic() + PATIENCE_S
        while inbox.take() and time.monotonic() < end:
            time.sleep(0.02)
        killed.kill(signal.SIGTERM)

    found = read_all(tmp_path)
    report("journal", killed.opened_ms, len(found), seed)
    assert [seq for seq, _ in found] == list(range(1, len(found) + 1))
    numbers = [scan.at for _, scan in found if isinstance(scan, Scan)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert killed.acknowledged <= set(numbers)
    assert all(e == numbered(e.at) for _, e in found if isinstance(e, Scan))
    acts = [entry for _, entry in found if isinstance(entry, Command)]
    assert acts == [act(n) for n in range(KILLS)]
    assert len(killed.opened_ms) > KILLS / 4


async def speak(devices: Publisher, sent: dict[str, int], *, within_s: float) -> None:
    """Have each device send numbered messages for a while."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        for device, payload in PAYLOADS.items():
            sent[device] += 1
            devices.send(f"lab/{device}", payload(sent[device]))
        await asyncio.sleep(0.004)


def of_device(found: list[tuple[int, Entry]], device: str) -> list[Scan]:
    """What was read from a device; not that it said nothing."""
    return [
        entry
        for _, entry in found
        if isinstance(entry, Scan) and entry.device == device and entry.values[0] is not None
    ]


def check_once(scans: list[Scan], sent: int) -> None:
    """Messages that can be told apart: each is there once."""
    assert Counter(scan.values[0] for scan in scans) == {n / 1_000: 1 for n in range(1, sent + 1)}
    assert not any(scan.repeat for scan in scans)


def check_marked(scans: list[Scan], sent: int) -> None:
    """Messages that cannot be told apart: each is there, and more than once only if marked."""
    assert {scan.values[0] for scan in scans} == {n / 1_000 for n in range(1, sent + 1)}
    unmarked = Counter(scan.values[0] for scan in scans if not scan.repeat)
    assert max(unmarked.values()) == 1


def check_modbus(found: list[tuple[int, Entry]]) -> None:
    """What was polled is what the registers held."""
    for unit in UNITS:
        scans = of_device(found, unit_layout(unit).device)
        held = tuple(float(word(unit, FIRST + index)) for index in range(REGISTERS))
        assert len(scans) > KILLS / 4
        assert {scan.values for scan in scans} == {held}


@pytest.mark.mosquitto
@pytest.mark.slow
@pytest.mark.timeout(180 + 2 * KILLS)
async def test_what_the_broker_was_acknowledged_survives_every_kill(
    mosquitto_with: MosquittoFactory, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    mosquitto = mosquitto_with(max_queued_messages=0)
    sent = dict.fromkeys(("stamped", "counted", "plain"), 0)
    async with responding() as responder:
        with victims() as killed, publisher(mosquitto.host, mosquitto.port) as devices:
            task = {"broker": mosquitto.port, "responder": responder.port, "folder": str(tmp_path)}
            # The broker keeps nothing for a session that it has never seen.
            await asyncio.to_thread(killed.start, **task)
            await asyncio.to_thread(killed.hear_until, "connected")
            await asyncio.to_thread(killed.kill)
            for _ in range(KILLS - 1):
                await asyncio.to_thread(killed.start, **task)
                await speak(devices, sent, within_s=chance.uniform(0, 0.4))
                await asyncio.to_thread(killed.kill)
            await asyncio.to_thread(killed.start, **task)
            await until(lambda: devices.taken == sum(sent.values()), within_s=PATIENCE_S)
            await until(lambda: all_there(tmp_path, sent), within_s=PATIENCE_S)
            await asyncio.to_thread(killed.kill, signal.SIGTERM)

    found = read_all(tmp_path)
    report("MQTT and Modbus", killed.opened_ms, len(found), seed)
    dropped, kept = (sum(column) for column in zip(*killed.repeated, strict=True))
    print(f"{sent} messages sent; {dropped} redeliveries dropped, {kept} kept and marked")  # noqa: T201 # the figure is what it is run for
    assert [seq for seq, _ in found] == list(range(1, len(found) + 1))
    check_once(of_device(found, "stamped"), sent["stamped"])
    check_once(of_device(found, "counted"), sent["counted"])
    check_marked(of_device(found, "plain"), sent["plain"])
    check_modbus(found)
    assert await kept_by_broker(mosquitto.host, mosquitto.port, 0) == []
