"""``culturewatch demo``: real sockets, simulated rooms, one story, and what came of it."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from alerts.schema import StoreError
from batches.export.publish import RecordError
from batches.placement import Refused
from console.view import SiteView, Viewer
from culturewatch import logs
from culturewatch.demo_people import (
    ADMIN,
    CULTURE,
    ON_CALL,
    OPERATOR,
    QA,
    OnCall,
    enter_batches,
    enter_people,
    move_culture,
)
from culturewatch.demo_site import laid_out
from culturewatch.demo_summary import Summary, summarise
from culturewatch.faults import FAILED, told
from culturewatch.make_record import write_record
from culturewatch.processes import ChildError, keep_running, run_once, stopped_by_signals
from culturewatch.show import viewer
from culturewatch.site import Site, load
from culturewatch.table import clock, render
from culturewatch.terminal import can_redraw, terminal
from storage.database import DatabaseError
from storage.journal import JournalError

LEAST_S = 30.0
START_S = 30.0
LOOK_S = 0.5
MOVE_AT = 0.22
"""When the culture moves, as a part of the span: after the first door, before the silence."""


def run_demo(*, span_s: float, out: Path) -> int:
    """Run the demonstration for ``span_s`` seconds into the folder ``out``; the exit code."""
    console = terminal()
    if span_s < LEAST_S:
        console.print(f"The story needs {LEAST_S:.0f} s at least; telling it in {LEAST_S:.0f} s.")
        span_s = LEAST_S
    with (
        told(ChildError, DatabaseError, JournalError, RecordError, Refused, StoreError),
        laid_out(out, span_s) as path,
    ):
        site = load(path)
        # The terminal belongs to the table.
        logs.set_up(file=out / "demo.log")
        asyncio.run(_perform(site, out, span_s, console))
        record = write_record(site, CULTURE, out / f"record-{CULTURE}", by=OPERATOR)
        summary = summarise(site, record)
        _print(summary, record, console)
        return 0 if summary.all_true else FAILED
    raise AssertionError("told() ends the program")


async def _perform(site: Site, out: Path, span_s: float, console: Console) -> None:
    password = await asyncio.to_thread(enter_people, site)
    console.print(
        f"Simulated rooms on loopback; delays are made short for {span_s:.0f} s "
        f"(see {out / 'rules.d'}).\n"
        f"Console: {site.public_url}   log in as {OPERATOR}, {ON_CALL}, {QA} or {ADMIN}, "
        f"password {password}\n"
        f"Another terminal: {_program()} status {site.path}\n"
        f"Logs: {out / 'core.log'}. Ctrl-C ends the demonstration early.",
        # To be copied: a line that was broken is another command.
        soft_wrap=True,
    )
    on_call = OnCall(site)
    await asyncio.to_thread(enter_batches, site)
    with stopped_by_signals() as stop:
        async with _running(site, out, span_s), asyncio.TaskGroup() as tasks:
            acts = [
                tasks.create_task(on_call.run(), name="on call"),
                tasks.create_task(_move_later(site, span_s), name="operator"),
            ]
            await _show(viewer(site), site, span_s, stop, console)
            for act in acts:
                act.cancel()


def _program() -> str:
    called = sys.argv[0]
    return called if Path(called).name == "culturewatch" else f"{sys.executable} -m culturewatch"


async def _move_later(site: Site, span_s: float) -> None:
    await asyncio.sleep(span_s * MOVE_AT)
    await asyncio.to_thread(move_culture, site)


@contextlib.asynccontextmanager
async def _running(site: Site, out: Path, span_s: float) -> AsyncIterator[None]:
    """The simulators, the core and the console as processes, ended in this order reversed."""
    story = f"{span_s - 5:.0f}s"
    path = str(site.path)
    with _log(out / "simulators.log") as simulated, _log(out / "core.log") as log:
        async with asyncio.TaskGroup() as tasks:
            rooms = tasks.create_task(
                _must_run(["simulate", path, "--story", story], simulated, out), name="simulators"
            )
            watching = [
                tasks.create_task(keep_running(name, [name, path], log_to=log), name=name)
                for name in ("core", "console")
            ]
            try:
                yield
            finally:
                # The core first: rooms that vanish under it would be one more story.
                await _ended(watching)
                await _ended([rooms])


async def _must_run(arguments: list[str], log_to: int, out: Path) -> None:
    code = await run_once(arguments, log_to=log_to)
    log = out / "simulators.log"
    said = log.read_text(encoding="utf-8", errors="replace").splitlines()
    why = said[-1].removeprefix("culturewatch: ") if said else "they do not say why"
    raise ChildError(f"the simulators ended with {code} (all of it in {log}): {why}", code)


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@contextlib.contextmanager
def _log(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def _show(
    looking: Viewer, site: Site, span_s: float, stop: asyncio.Event, console: Console
) -> None:
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + span_s
    live = Live(console=console, auto_refresh=False) if can_redraw(console) else None
    pages = _Pages(site)
    with live or contextlib.nullcontext():
        while not stop.is_set() and (left_s := ends_s - loop.time()) > 0:
            view = await asyncio.to_thread(looking.look)
            if live is not None:
                title = f"{site.file.site.name}, {left_s:.0f} s left"
                width, height = console.size
                picture = render(view, site.zone, title=title, width=width, height=height)
                live.update(picture, refresh=True)
            else:
                pages.tell(view)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(LOOK_S, left_s)):
                    await stop.wait()


class _Pages:
    """Tells each page once, where there is no terminal to redraw."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._told: set[int] = set()

    def tell(self, view: SiteView) -> None:
        for page in reversed(view.pages):
            if page.row not in self._told and page.handed is not None:
                self._told.add(page.row)
                at = clock(page.handed, self._site.zone)
                sys.stdout.write(f"{at}  {page.person}: {page.subject}\n")
                sys.stdout.flush()


def _print(summary: Summary, record: Path, console: Console) -> None:
    table = Table(box=None, show_header=False, padding=(0, 1))
    figures = (
        ("scans kept", f"{summary.scans:,} ({summary.values:,} values)"),
        ("journal", f"{summary.journal_bytes:,} bytes"),
        ("MQTT messages", f"{summary.mqtt_messages:,}, each acknowledged once it was on disk"),
        ("gaps", f"{summary.gaps}" + (" (a device fell silent)" if summary.gaps else "")),
        ("alarms", f"{summary.alarms} raised, {summary.cleared} returned to normal"),
        ("pages", f"{summary.pages}, {summary.acknowledged} acknowledgements"),
        (
            "arrival to page",
            f"p50 {summary.latency_p50_ms} ms, p99 {summary.latency_p99_ms} ms"
            if summary.pages
            else "no page was sent",
        ),
        ("batch record", f"{record / 'record.pdf'}"),
    )
    for name, value in figures:
        table.add_row(name, value)
    console.print(table)
    for one in summary.shown:
        console.print(f"  {'yes' if one.true else 'NO '}  {one.text}", soft_wrap=True)
