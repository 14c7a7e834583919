"""``python -m bench.restart``: from the start of a core to its first evaluation, over a full store.

A site of 200 incubators under the default rules; nothing answers at their address, and absence is
a reading like any other. Its store is filled as years would: for each past alarm its history, its
page and its all-clear with their steps, and in the outbox what a core that was killed leaves
behind: pages that wait, pages under way, pages without a receipt. Measured is from the start of
the process to the first reading of the new run whose outcome is on disk, and to the first page that
waited.
"""

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from alerts import history
from alerts.schema import StoreError, open_read_only, open_store
from alerts.transition import Transition, What
from culturewatch import paths
from culturewatch.site import Site, load
from devices.scan import Scan
from storage.reader import JournalReader
from storage.wall import wall_ms

DEVICES = 200
GOAL_S = 10.0
WITHIN_S = 120.0
WAITING, UNDER_WAY, UNRECEIPTED = 300, 100, 300
HEAD = """
[site]
id = "bench"
name = "Bench"
default_rules = ["incubators", "system"]

[[endpoint]]
id = "nowhere"
host = "127.0.0.1"
port = 9

[[person]]
id = "oncall"
channels = ["inbox"]

[[policy]]
id = "standard"
steps = [{ after = "0s", to = ["oncall"] }]
"""
_ROW = """
INSERT INTO outbox (root, history, notice, rule, occurrence, severity, urgency, person, channel,
                    state, arrived, queued, due, tries, attempt, handed, followed)
VALUES (0, ?, ?, ?, ?, 'critical', 15, 'oncall', 'inbox', ?, ?, ?, ?, 1, ?, ?, ?)
"""


class Took(NamedTuple):
    """Seconds from the start of the process, and of a processor until the first evaluation."""

    evaluated_s: float
    paged_s: float
    cpu_s: float


def lay_out(folder: Path) -> Site:
    """The site's file, and the site."""
    devices = (
        f'[[device]]\nid = "inc{n:03}"\nprofile = "sim-incubator"\nendpoint = "nowhere"\n'
        f'unit = {n % 240 + 1}\nperiod = "10s"\n'
        for n in range(DEVICES)
    )
    (folder / "site.toml").write_text(HEAD + "\n".join(devices), encoding="utf-8")
    (folder / "rules.d").mkdir()
    return load(folder / "site.toml")


@contextmanager
def core(site: Site) -> Iterator[subprocess.Popen[bytes]]:
    """A core on the site, killed at the end: it does not clean up before the next."""
    command = [sys.executable, "-m", "culturewatch", "core", str(site.path)]
    with (site.base / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 # our own program
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def evaluated(site: Site, after: int) -> bool:
    """Whether the outcome of a reading that came after entry ``after`` is on disk."""
    try:
        with closing(open_read_only(paths.alarms(site.data))) as db:
            cursor = int(db.execute("SELECT cursor FROM progress").fetchone()[0])
    except StoreError:
        # It is being made.
        return False
    if cursor <= after:
        return False
    with JournalReader(site.data) as reader:
        entries = reader.entries(after=after)
        return any(seq <= cursor and isinstance(entry, Scan) for seq, entry in entries)


def fill(path: Path, alarms: int) -> int:
    """Put ``alarms`` past ones, and what waits, into the store; the newest row of the outbox."""
    now = wall_ms()
    left = ["queued"] * WAITING + ["claimed"] * UNDER_WAY + ["accepted"] * UNRECEIPTED
    with closing(open_store(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        for number in range(alarms):
            begun = now - (alarms - number) * 60_000
            _alarm(db, number, begun, "delivered")
        for number, state in enumerate(left, start=alarms):
            _alarm(db, number, now, state)
        db.execute("UPDATE outbox SET root = id WHERE root = 0")
        db.execute("COMMIT")
        return int(db.execute("SELECT max(id) FROM outbox").fetchone()[0])


def _alarm(db: sqlite3.Connection, number: int, at: int, state: str) -> None:
    rule, occurrence = f"inc{number % DEVICES:03}-temperature-high", number // DEVICES + 1_000
    said = Transition(
        at=at,
        what=What.SET,
        rule=rule,
        channel=f"inc{number % DEVICES:03}.temperature",
        occurrence=occurrence,
        activation=1,
        severity="critical",
        since=at,
        value=38.5,
        why="over the limit for 5m",
    )
    over = state == "delivered"
    whats = [What.SET, What.QUEUED, *((What.ACK, What.CLEAR, What.ALL_CLEAR) if over else ())]
    kept = {what: history.append(db, 1, _of(said, what)) for what in whats}
    sent = [("page", kept[What.QUEUED])]
    sent += [("all_clear", kept[What.ALL_CLEAR])] if over else []
    for notice, row in sent:
        handed = None if state in {"queued", "claimed"} else at
        due = at + 30_000 if state == "claimed" else at
        attempt = "" if state == "queued" else f"{number:016x}"
        given = (row, notice, rule, occurrence, state, at, at, due, attempt, handed, int(over))
        found = db.execute(_ROW, given).lastrowid
        steps = [("claim", "queued", "claimed"), ("receipt delivered", "claimed", state)]
        db.executemany(
            "INSERT INTO delivery_log (row, at, event, was, became, attempt, note)"
            " VALUES (?, ?, ?, ?, ?, ?, '')",
            [(found, at, *step, attempt) for step in steps[: 0 if state == "queued" else 2]],
        )


def _of(said: Transition, what: What) -> Transition:
    to = "oncall" if what in {What.QUEUED, What.ALL_CLEAR} else ""
    return replace(said, what=what, to=to, by="oncall" if what is What.ACK else "")


def measure(folder: Path, alarms: int) -> Took:
    """A run that makes the store, the years, and the start that is measured."""
    site = lay_out(folder)
    with core(site):
        _until(lambda: evaluated(site, 0))
    with JournalReader(site.data) as reader:
        last = reader.last
    newest = fill(paths.alarms(site.data), alarms)
    begun = time.monotonic()
    with core(site) as process:
        _until(lambda: evaluated(site, last))
        evaluated_s = time.monotonic() - begun
        spent = psutil.Process(process.pid).cpu_times()
        _until(lambda: _paged(site, newest))
        return Took(evaluated_s, time.monotonic() - begun, spent.user + spent.system)


def _paged(site: Site, newest: int) -> bool:
    with closing(open_read_only(paths.alarms(site.data))) as db:
        waited = "SELECT 1 FROM outbox WHERE id > ? AND tries > 1 AND handed IS NOT NULL LIMIT 1"
        return (
            db.execute(waited, (newest - WAITING - UNDER_WAY - UNRECEIPTED,)).fetchone() is not None
        )


def _until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + WITHIN_S
    while not holds():
        if time.monotonic() > ends:
            raise TimeoutError(f"not within {WITHIN_S:g} s")
        time.sleep(0.02)


def main() -> None:
    """Measure, print a table and JSON; exit 1 when the goal is missed."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--alarms", type=int, default=100_000, help="past alarms in the store")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        took = measure(Path(folder), given.alarms)
        size = sum(file.stat().st_size for file in Path(folder).rglob("alarms.db*"))
    table = Table("from the start of the process to", "s", "goal, s")
    table.add_row("the first reading judged, on disk", f"{took.evaluated_s:.2f}", f"≤ {GOAL_S:g}")
    table.add_row("the same, of a processor", f"{took.cpu_s:.2f}", "-")
    table.add_row("the first page that waited, handed over", f"{took.paged_s:.2f}", "-")
    Console().print(table)
    more = {"alarms": given.alarms, "store_mb": round(size / 1e6), "load": os.getloadavg()[0]}
    print(json.dumps({**took._asdict(), **more}))
    sys.exit(took.evaluated_s > GOAL_S)


if __name__ == "__main__":
    main()
