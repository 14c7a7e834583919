"""Plays a story through the production engine, store and outbox, in virtual time."""

import asyncio
import shutil
import sqlite3
import tempfile
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from functools import partial
from pathlib import Path

import msgspec

from alerts.auditor import Auditor, audit
from alerts.directory import Directory
from alerts.engine.engine import Engine
from alerts.engine.shelving import LOGIC
from alerts.notify.notifier import Notifier
from alerts.outbox import Bounds, Outbox
from alerts.pace import Pace
from alerts.page import Composer
from alerts.rehearse.left_out import bundle_ms
from alerts.rehearse.memory_journal import MemoryJournal
from alerts.rehearse.provider import Channel, Providers
from alerts.rehearse.recorder import Recorder, WatchedStore
from alerts.rehearse.script import Deed, StoryError, after_sleep, deeds, specs, step_of
from alerts.rehearse.story import Event, Order, Sample, Story
from alerts.rehearse.timeline import Entry, Outcome
from alerts.rehearse.timeline import clock as clock_text
from alerts.rehearse.virtual import Rank, VirtualClock, VirtualLoop
from alerts.rule import Rule
from alerts.rulebook import Rulebook, RuleError, build
from alerts.service import AlarmService
from alerts.store import AlarmStore
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.entry import ClockStep, Command, Started

VERSION = "rehearsal"

MEMORY = Path(":memory:")
"""Where SQLite keeps what need not outlive its connection."""

_FOR_THE_CORE = frozenset(
    {"ack", "unack", "reset", "remove", "edit", "done", "rota", "drill"}
    | {"receipt", "shelve", "unshelve", "suppress", "out_of_service", "in_service"}
)
"""Verbs that somebody has to be there for."""

PATIENT = Bounds(idle_s=15.0)
"""Outbox and engine look for themselves less often than in production. They are woken for all
that is due, and here when the clock is set; more looks would find nothing and cost most of a long
story."""


def play(story: Story) -> Outcome:
    """What happens in ``story``, up to its end.

    Raises:
        StoryError: the story contradicts itself.
    """
    script = deeds(story)
    try:
        book = build(story.rule, channels=specs(story), policies=story.policy, people=story.people)
    except RuleError as error:
        raise StoryError(str(error)) from error
    clock = VirtualClock(story.start_ms)
    with (
        tempfile.TemporaryDirectory(prefix="culturewatch-rehearse-") as folder,
        asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner,
    ):
        stage = Stage(story, book, clock, Path(folder))
        outcome = runner.run(stage.perform(script))
    if stage.wrong:
        raise StoryError(stage.wrong)
    return outcome


class Stage:
    """One performance: the core of a site, which may die and come back, and its log."""

    def __init__(self, story: Story, book: Rulebook, clock: VirtualClock, folder: Path) -> None:
        self._story = story
        self._book = book
        self._clock = clock
        self._path = folder / "alarms.db" if _restarts(story) else MEMORY
        self._journal = MemoryJournal()
        self._recorder = Recorder(clock)
        self._providers = Providers(self._recorder.hand, self._came_back)
        self._quantities = {channel.id: channel.quantity for channel in story.channel}
        self._commands = 0
        self._returned: asyncio.Queue[int] = asyncio.Queue()
        self._engine: Engine | None = None
        self._outbox: Outbox | None = None
        self._running: asyncio.Task[None] | None = None
        self._script: deque[Deed] = deque()
        self._postponed: list[Event] = []
        self._points: list[str] = []
        self._dying: asyncio.Task[None] | None = None
        self._copies: dict[int, Path] = {}
        self.wrong = ""

    async def perform(self, script: tuple[Deed, ...]) -> Outcome:
        """Do all deeds in their time, and wait for the end."""
        async with asyncio.TaskGroup() as tasks:
            await self._start(tasks)
            self._script.extend(script)
            while self._script:
                deed = self._script.popleft()
                await self._clock.reach(deed.at, deed.rank)
                await self._do(deed, tasks)
            await self._clock.reach(self._story.end, Rank.COMMAND)
            views = () if self._engine is None else self._engine.views()
            await self._stop()
        return Outcome(
            timeline=tuple(sorted(self._recorder.entries, key=lambda entry: entry.at)),
            final={view.rule: view for view in views},
        )

    async def _do(self, deed: Deed, tasks: asyncio.TaskGroup) -> None:
        if deed.sample is not None:
            # What is due while nothing runs is lost; what an event brings later comes.
            if self._running is not None:
                self._take(deed.sample)
        elif deed.event is not None:
            await self._act(deed.event, tasks)
        elif deed.copy:
            self._copies[deed.at] = self._copy(self._path.with_name(f"{deed.at}.db"))

    def _take(self, sample: Sample) -> None:
        wall = self._clock.wall()
        at = wall if sample.taken is None else wall - self._clock.elapsed + sample.taken
        device, _, key = sample.channel.partition(".")
        layout = Layout(device, (key,), (self._quantities[sample.channel],))
        quality = Quality.parse(sample.quality)
        value = float(sample.value) if sample.value is not None and quality.has_value else None
        source = Source[sample.source.upper()]
        self._journal.append(Scan(layout, at, wall, (value,), bytes((quality,)), source))

    async def _act(self, event: Event, tasks: asyncio.TaskGroup) -> None:
        if self._running is None and _needs_core(event):
            # People press, providers call back, and both wait until somebody listens again.
            self._postponed.append(event)
            return
        self._order(event)
        if event.provider is not None:
            self._providers.instruct(event.provider)
        if event.receipt is not None:
            await self._receipt(event.receipt.page, delivered=event.receipt.status == "delivered")
        if event.clock_step is not None:
            self._set_clock(event.clock_step)
        if event.suspend is not None:
            self._suspend(event.suspend)
        await self._end_and_begin(event, tasks)

    async def _end_and_begin(self, event: Event, tasks: asyncio.TaskGroup) -> None:
        """What becomes of the core."""
        if event.kill is not None:
            self._stage("kill")
            await self._stop()
        if event.kill_at is not None:
            self._points.append(event.kill_at)
        if event.restore is not None:
            await self._restore(self._copies[int(event.restore)], tasks)
        if event.restart is not None:
            self._stage("restart")
            await self._restart(tasks)

    def _at_point(self, point: str) -> None:
        """Die here, if the story says so: nothing that would follow is done."""
        if point not in self._points or self._running is None:
            return
        self._points.remove(point)
        self._stage("kill", point)
        self._dying, self._running, self._outbox = self._running, None, None
        self._dying.cancel()
        raise asyncio.CancelledError

    def _copy(self, to: Path) -> Path:
        with closing(sqlite3.connect(self._path)) as db, closing(sqlite3.connect(to)) as copy:
            db.backup(copy)
        return to

    async def _restore(self, copy: Path, tasks: asyncio.TaskGroup) -> None:
        self._stage("restore")
        ran = self._running is not None
        await self._stop()
        for tail in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + tail).unlink(missing_ok=True)
        shutil.copy(copy, self._path)
        with closing(sqlite3.connect(self._path)) as db:
            self._recorder.go_back(db)
        if ran:
            await self._restart(tasks)

    async def _restart(self, tasks: asyncio.TaskGroup) -> None:
        await self._stop()
        await self._start(tasks)
        postponed, self._postponed = self._postponed, []
        for waiting in postponed:
            await self._act(waiting, tasks)

    def _order(self, event: Event) -> None:
        """What a person does."""
        for verb in ("ack", "unack", "reset", "remove", "unshelve", "in_service"):
            order: Order | None = getattr(event, verb)
            if order is not None:
                self._command(verb, order.rule, order.by, _arguments(order))
        if event.edit is not None:
            self._edit(dict(event.edit))
        self._quieten(event)
        if event.rota is not None:
            rota = event.rota
            to = {"step": str(rota.step), "to": ",".join(rota.to)}
            self._command("rota", rota.policy, rota.by, to)
        if event.drill is not None:
            drill = event.drill
            self._command("drill", drill.person, drill.by, {"channel": drill.channel})

    def _quieten(self, event: Event) -> None:
        """What is done beside acknowledging: checks, and what keeps an alarm from paging."""
        if (shelve := event.shelve) is not None:
            span = {} if shelve.for_ is None else {"for": str(shelve.for_)}
            once = {"one_shot": "true"} if shelve.one_shot else {}
            to = {"reason": shelve.reason, **span, **once}
            self._command("shelve", shelve.rule, shelve.by, to)
        if (done := event.done) is not None:
            to = {"note": done.note, "failed": "true" if done.failed else ""}
            self._command("done", done.rule, done.by, to)
        if (suppress := event.suppress) is not None:
            to = {"on": "true" if suppress.on else "false", "reason": suppress.reason}
            self._command("suppress", suppress.rule, suppress.by, to, via=LOGIC)
        if (out := event.out_of_service) is not None:
            began = self._clock.wall() - self._clock.elapsed
            until = {} if out.until is None else {"until": str(began + out.until)}
            to = {"reason": out.reason, **until}
            self._command("out_of_service", out.rule, out.by, to)

    def _command(
        self, verb: str, target: str, by: str, arguments: dict[str, str], *, via: str = "cli"
    ) -> None:
        self._commands += 1
        self._journal.append(
            Command(
                id=f"story-{self._commands}",
                at=self._clock.wall(),
                by=by,
                verb=verb,
                target=target,
                via=via,
                arguments=arguments,
            )
        )

    def _edit(self, fields: dict[str, object]) -> None:
        rule, by = str(fields.pop("rule", "")), str(fields.pop("by", ""))
        self._command("edit", rule, by, {name: _as_text(value) for name, value in fields.items()})

    async def _receipt(self, page: int | str, *, delivered: bool) -> None:
        row = self._recorder.page_row(page)
        if row is None:
            when = clock_text(self._clock.elapsed)
            self.wrong = f"receipt at {when}: there is no page {page!r} yet"
        elif self._outbox is not None:
            await self._outbox.receipt(row, delivered=delivered)

    def _set_clock(self, text: str) -> None:
        step = step_of(text)
        self._clock.shift += step
        self._stage("clock_step")
        if self._running is not None:
            # A step that nobody saw is in no log.
            self._journal.append(ClockStep(at=self._clock.wall(), step=step))
        if self._outbox is not None:
            self._outbox.wake()

    def _suspend(self, for_ms: int) -> None:
        self._stage("suspend")
        wake = self._clock.elapsed + for_ms
        self._clock.leap(wake)
        self._script = deque(after_sleep(self._script, wake))

    def _stage(self, what: str, why: str = "") -> None:
        self._recorder.add(Entry(at=self._clock.elapsed, what=what, why=why))

    def _came_back(self, row: int) -> None:
        self._returned.put_nowait(row)

    async def _start(self, tasks: asyncio.TaskGroup) -> None:
        up = asyncio.Event()
        self._running = tasks.create_task(self._core(up), name="core")
        # One that is killed while it begins is never up.
        self._running.add_done_callback(lambda _: up.set())
        await up.wait()

    async def _stop(self) -> None:
        running, self._running, self._outbox = self._running, None, None
        if running is not None:
            running.cancel()
        ending = [task for task in (running, self._dying) if task is not None]
        self._dying = None
        if ending:
            await asyncio.wait(ending)

    async def _core(self, up: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(WatchedStore(self._path, self._recorder))
            saved = await store.load()
            engine = self._engine = Engine(self._book, saved.parts)
            directory = Directory(
                self._story.people, self._story.policy, _finder(engine), on_call=engine.on_call
            )
            outbox = self._outbox = Outbox(
                store,
                self._channels(),
                Composer(directory, self._book.channels),
                directory,
                pace=Pace(bundle_ms=bundle_ms(self._story, self._book.rules), skew_ms=0),
                bounds=PATIENT,
                now=self._clock.wall,
                on_trouble=lambda _: None,
                at_point=self._at_point,
            )
            service = AlarmService(
                self._journal,
                engine,
                store,
                directory,
                cursor=saved.cursor,
                committed=lambda _: outbox.wake(),
                now=self._clock.wall,
                on_trouble=lambda _: None,
                at_point=self._at_point,
                look_s=PATIENT.idle_s,
            )
            self._journal.append(
                Started(at=self._clock.wall(), version=VERSION, configuration=self._book.digest)
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(service.run(), name="alarm engine")
                await service.caught_up.wait()
                tasks.create_task(outbox.run(), name="outbox")
                tasks.create_task(self._auditor(store).run(), name="auditor")
                tasks.create_task(self._return(outbox), name="returned messages")
                up.set()

    def _auditor(self, store: AlarmStore) -> Auditor:
        # In memory there is nothing that a connection of its own could look at.
        return Auditor(
            lambda now: store.write(partial(audit, now=now)),
            now=self._clock.wall,
            clock_s=lambda: self._clock.elapsed / 1000,
            audit_s=15.0,
            on_trouble=lambda line: self._recorder.add(
                Entry(at=self._clock.elapsed, what="system", why=line)
            ),
        )

    async def _return(self, outbox: Outbox) -> None:
        while True:
            row = await self._returned.get()
            await outbox.receipt(row, delivered=False)

    def _channels(self) -> dict[str, Notifier]:
        names = {name for person in self._story.people for name in person.channels}
        return {name: Channel(name, self._providers) for name in sorted(names)}


def _arguments(order: Order) -> dict[str, str]:
    arguments = {"severity": order.severity, "note": order.note}
    if order.occurrence is not None:
        arguments["occurrence"] = str(order.occurrence)
    return {name: text for name, text in arguments.items() if text}


def _restarts(story: Story) -> bool:
    """Whether the store has to outlive the core."""
    verbs = {"kill", "kill_at", "restart", "restore"}
    return any(verbs & set(event.verbs) for event in story.event)


def _needs_core(event: Event) -> bool:
    return event.verbs[0] in _FOR_THE_CORE


def _as_text(value: object) -> str:
    """A value of a rule as commands carry it."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _finder(engine: Engine) -> Callable[[str], Rule | None]:
    def rule_of(rule: str) -> Rule | None:
        try:
            return engine.rule(rule)
        except KeyError:
            return None

    return rule_of
