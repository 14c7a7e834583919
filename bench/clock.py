"""``python -m bench.clock``: polling into the durable journal while the wall clock is set (G15).

It boots in 1970, is set right, and then set an hour and a day ahead and back. Told are polls whose
scan is not in the journal, scans of one device with the same stamp (the later would overwrite the
earlier one in a database keyed by it), steps that are not in the journal before what was stamped
after them, and values near a step that are not marked.
"""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.polling import farm, farm_profile
from collector.address import TcpAddress
from collector.clock import AnchoredClock
from collector.modbus_collector import ModbusCollector
from collector.unit import ModbusDevice
from devices.duration import Duration
from devices.profile import layout
from devices.quality import Quality
from devices.scan import Scan
from storage.entry import ClockStep, Entry
from storage.journal import Journal
from storage.reader import JournalReader
from storage.wall import wall_ms

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
DEVICES, PERIOD, BETWEEN_S = 20, Duration(100), 2.0
STEPS_MS = (HOUR_MS, -HOUR_MS, DAY_MS, -DAY_MS)


class Result(NamedTuple):
    """What went wrong; all of it is to be 0. ``scans`` and ``steps`` are how many there were."""

    scans: int
    steps: int
    lost: int
    overwritten: int
    unmarked: int
    out_of_order: int


class Wall:
    """A wall clock that can be set; it boots in 1970."""

    def __init__(self) -> None:
        self._origin_s = time.monotonic()
        self._offset_ms = 0

    def now(self) -> int:
        """Epoch milliseconds, as it shows them."""
        return round((time.monotonic() - self._origin_s) * 1000) + self._offset_ms

    def set(self, by_ms: int) -> None:
        """Set it ahead or back."""
        self._offset_ms += by_ms


async def measure() -> Result:
    """One run."""
    wall, profile, delivered = Wall(), farm_profile(4), 0
    with tempfile.TemporaryDirectory() as folder:
        async with farm(DEVICES) as ports, Journal(Path(folder)) as journal:
            clock = AnchoredClock(journal.append, wall_ms=wall.now)

            def deliver(scan: Scan) -> None:
                nonlocal delivered
                delivered += 1
                journal.append(scan)

            collector = ModbusCollector(
                [
                    ModbusDevice(
                        layout=layout(f"device{n}", profile),
                        profile=profile,
                        address=TcpAddress(host="127.0.0.1", port=port),
                        unit=1,
                        period=PERIOD,
                    )
                    for n, port in enumerate(ports)
                ],
                clock=clock,
                deliver=deliver,
                on_crash=lambda *_: None,
            )
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(collector.run(), name="collector"),
                    tasks.create_task(clock.watch(), name="clock"),
                ]
                for step_ms in (wall_ms() - wall.now(), *STEPS_MS):
                    await asyncio.sleep(BETWEEN_S)
                    wall.set(step_ms)
                await asyncio.sleep(BETWEEN_S)
                for task in running:
                    task.cancel()
        return judged(Path(folder), delivered)


def judged(folder: Path, delivered: int) -> Result:
    """What the journal holds, and what of it is wrong."""
    with JournalReader(folder) as journal:
        entries: list[Entry] = []
        after = 0
        while more := journal.entries(after):
            entries += [entry for _, entry in more]
            after = more[-1][0]
    scans = [entry for entry in entries if isinstance(entry, Scan)]
    keys = {(scan.device, scan.at) for scan in scans}
    good = bytes((Quality.GOOD,))
    # Everything here is within ten seconds of a step, or from before the clock was ever set.
    unmarked = sum(good in scan.qualities for scan in scans)
    return Result(
        scans=len(scans),
        steps=sum(isinstance(entry, ClockStep) for entry in entries),
        lost=delivered - len(scans),
        overwritten=len(scans) - len(keys),
        unmarked=unmarked,
        out_of_order=_out_of_order(entries),
    )


def _out_of_order(entries: list[Entry]) -> int:
    """Scans of a device that are stamped before the one that stands before them, without a step."""
    newest: dict[str, int] = {}
    found = 0
    for entry in entries:
        if isinstance(entry, ClockStep):
            newest.clear()
        elif isinstance(entry, Scan):
            found += entry.received < newest.get(entry.device, 0)
            newest[entry.device] = entry.received
    return found


def main() -> None:
    """Measure, and print."""
    result = asyncio.run(measure())
    print(f"G15: {result.scans} scans over {result.steps} steps of the wall clock:")
    print(f"     {result.lost} lost, {result.overwritten} overwritten, {result.unmarked} unmarked,")
    print(f"     {result.out_of_order} out of their order (goal 0 of each)")
    print(json.dumps(result._asdict()))


if __name__ == "__main__":
    main()
