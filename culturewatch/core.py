"""The core of a running site: collect, journal, judge, page and forward. It needs no console."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from alerts import configuration
from alerts.store import AlarmStore
from collector.supervise import supervise
from culturewatch import own_state, paths
from culturewatch.alarm_trail import AlarmTrail
from culturewatch.alarming import Alarming, alarming
from culturewatch.at_risk import AtRisk
from culturewatch.beat import Heart, Pulse, Signs
from culturewatch.calibrations import Calibrations
from culturewatch.collecting import Collecting
from culturewatch.configured import START, Configured
from culturewatch.health import Health
from culturewatch.parts import VERSION, influx_settings, rulebook
from culturewatch.processes import run_once
from culturewatch.reload import Configuration, Reload, until_either
from culturewatch.reports.sent import Sent
from culturewatch.reports.watch import ReportWatch
from culturewatch.sealing import Sealing
from culturewatch.site import Site
from culturewatch.troubles import Troubles
from culturewatch.without_alarms import alarm_store
from storage import intake
from storage.entry import Started, Stopped
from storage.inbox import Inbox, drain
from storage.influx import CURSOR, Forwarder
from storage.intake import Intake
from storage.journal import Journal, JournalFullError
from storage.wall import wall_ms

log = logging.getLogger(__name__)


async def run_core(site: Site, stop: asyncio.Event, reload: Reload | None = None) -> None:
    """Run ``site`` until ``stop`` is set; its files are read again when ``reload`` is asked.

    Raises:
        culturewatch.site.SiteError: the rules or settings cannot be used.
        storage.journal.JournalError: another core runs on the data, or it cannot be written.
        alerts.schema.StoreError: the alarm store cannot be used.
        alerts.token.KeyFileError: the key that signs links cannot be used.
    """
    first = Configuration(site, rulebook(site))
    troubles = Troubles()
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(
            Journal(site.data, max_bytes=site.max_bytes, on_trouble=troubles.say)
        )
        store = await alarm_store(stack, first, journal, troubles, stop)
        if store is not None:
            # Without room for what people do, what the devices say is judged all the same.
            opening = asyncio.to_thread(Inbox, site.data, patient=True)
            inbox = stack.enter_context(await opening)
            await Runs(journal, store, inbox, troubles, reload or Reload()).run(first, stop)
        await journal.put(Stopped(at=wall_ms(), reason="asked to stop"))


class Runs:
    """What one configuration after another runs on: readings go on while it is changed."""

    def __init__(
        self,
        journal: Journal,
        store: AlarmStore,
        inbox: Inbox,
        troubles: Troubles,
        reload: Reload,
    ) -> None:
        self._journal = journal
        self._store = store
        self._inbox = inbox
        self._troubles = troubles
        self._reload = reload
        self._started = wall_ms()

    async def run(self, first: Configuration, stop: asyncio.Event) -> None:
        """Run with ``first``, then with each that is to take its place, until ``stop`` is set."""
        site = first.site
        at_risk = AtRisk(site.data, site.ledger_url)
        trail = AlarmTrail(
            site.ledger_url,
            paths.alarms(site.data),
            journal_last=lambda: self._journal.stats.last,
            on_trouble=self._troubles.say,
        )
        sensors = await self._sensors(first)
        collecting = Collecting(site, self._journal, self._troubles, sensors.mark)
        lasting = self._lasting(Intake(site.data), collecting, at_risk, trail)
        async with asyncio.TaskGroup() as tasks:
            now, running = first, list[asyncio.Task[None]]()
            while True:
                async with self._alarms(now, at_risk, collecting) as alarms:
                    core = Core(
                        now,
                        collecting,
                        journal=self._journal,
                        alarms=alarms,
                        inbox=self._inbox,
                        troubles=self._troubles,
                        started=self._started,
                    )
                    if not running:
                        await core.tell_what_only_the_archive_has()
                        await self._announce(now, reloaded=False)
                    await alarms.duty.start()
                    if not running:
                        running = _start(tasks, lasting, self._troubles)
                    parts = core.parts() | self._watching(now, sensors, alarms)
                    fresh = await self._until(stop, now, parts)
                if fresh is None:
                    break
                # Whatever is in the log before this is judged by the rules of before.
                try:
                    await self._announce(fresh, reloaded=True)
                except JournalFullError as error:
                    self._troubles.say(f"the configuration was NOT read anew: {error}")
                    continue
                sensors = await self._sensors(fresh)
                collecting.mark = sensors.mark
                await collecting.adopt(fresh.site)
                log.info("the configuration was read anew, as %s asked", fresh.by)
                now = fresh
            for task in running:
                task.cancel()

    def _lasting(
        self, box: Intake, collecting: Collecting, at_risk: AtRisk, trail: AlarmTrail
    ) -> dict[str, Callable[[], Awaitable[None]]]:
        """What goes on from one configuration to the next, by name."""
        return {
            "collecting": collecting.run,
            "batches at risk": at_risk.run,
            "alarm history in the ledger": trail.run,
            "inbox": lambda: drain(self._inbox, self._journal, on_trouble=self._troubles.say),
            "intake": lambda: intake.watch(box, self._journal, on_trouble=self._troubles.say),
            "troubles": lambda: self._troubles.keep(self._store),
        }

    def _alarms(
        self, now: Configuration, at_risk: AtRisk, collecting: Collecting
    ) -> AbstractAsyncContextManager[Alarming]:
        return alarming(
            now.site,
            now.book,
            journal=self._journal,
            inbox=self._inbox,
            store=self._store,
            at_risk=at_risk,
            troubles=self._troubles,
            stamp=collecting.clock.now,
            on_reload=self._reload.ask,
        )

    def _watching(
        self, now: Configuration, sensors: Calibrations, alarms: Alarming
    ) -> dict[str, Callable[[], Awaitable[None]]]:
        occasion = f"read anew, as {now.by} asked," if now.by else START
        configured = Configured(
            now.site, now.book, occasion=occasion, on_trouble=self._troubles.say
        )
        return {
            "calibrations": lambda: sensors.run(alarms.due_of, alarms.service.caught_up),
            "configuration": configured.run,
        }

    async def _sensors(self, now: Configuration) -> Calibrations:
        sensors = Calibrations(
            now.site.ledger_url, now.book.rules, put=self._journal.put, now=wall_ms
        )
        await sensors.start()
        return sensors

    async def _announce(self, now: Configuration, *, reloaded: bool) -> None:
        """Put the start into the log, and keep what it runs with."""
        await asyncio.to_thread(configuration.keep, now.site.data, now.book)
        at = wall_ms() if reloaded else self._started
        await self._journal.put(
            Started(at=at, version=VERSION, configuration=now.book.digest, reloaded=reloaded)
        )

    async def _until(
        self,
        stop: asyncio.Event,
        now: Configuration,
        parts: dict[str, Callable[[], Awaitable[None]]],
    ) -> Configuration | None:
        async with asyncio.TaskGroup() as tasks:
            running = _start(tasks, parts, self._troubles)
            async with until_either(stop, now, self._reload, self._troubles.say) as found:
                fresh = await found
            for task in running:
                task.cancel()
        return fresh


def _start(
    tasks: asyncio.TaskGroup, parts: dict[str, Callable[[], Awaitable[None]]], troubles: Troubles
) -> list[asyncio.Task[None]]:
    return [
        tasks.create_task(supervise(name, run, on_crash=troubles.crashed), name=name)
        for name, run in parts.items()
    ]


class Core:
    """What the core runs with one configuration, and by what outsiders know that it does."""

    def __init__(
        self,
        now: Configuration,
        collecting: Collecting,
        *,
        journal: Journal,
        alarms: Alarming,
        inbox: Inbox,
        troubles: Troubles,
        started: int,
    ) -> None:
        site = now.site
        self._site = site
        self._journal = journal
        self._alarms = alarms
        self._troubles = troubles
        self._started = started
        self._collecting = collecting
        self._heart = self._heart_of(site)
        influx = influx_settings(site)
        self._forwarder = (
            None if influx is None else Forwarder(influx, journal, site=site.file.site.id)
        )
        self._reports = ReportWatch(
            site.file.report,
            Sent(site.data),
            zone=site.zone,
            worker=lambda report, period: run_once(
                ["report", "post", str(site.path), report.id, *map(str, period)]
            ),
            on_trouble=troubles.say,
            now=wall_ms,
        )
        self._sealing = Sealing(
            site,
            journal,
            worker=lambda: run_once(["seal", str(site.path)]),
            consumed=self._consumed,
            on_trouble=troubles.say,
        )
        self._health = Health(
            site,
            journal=journal,
            collecting=collecting,
            alarms=alarms,
            sealing=self._sealing,
            reports=self._reports,
            forwarder=self._forwarder,
            inbox=inbox,
            troubles=troubles,
            started=started,
        )

    def _consumed(self) -> int:
        """Up to which entry everybody has read who follows the journal."""
        forwarded = self._alarms.service.cursor if self._forwarder is None else self._forwarder.seen
        return min(self._alarms.service.cursor, forwarded)

    def _heart_of(self, site: Site) -> Heart | None:
        beat = site.file.beat
        if beat is None:
            return None
        period_s = min(device.period.seconds for device in site.devices)
        return Heart(
            self._signs,
            Pulse(period_s=period_s, now_s=time.monotonic()),
            site=site.file.site.id,
            url=beat.url,
            every_ms=int(beat.every),
            secret=site.reveal(beat.secret),
            on_trouble=self._troubles.say,
        )

    def _signs(self) -> Signs:
        stats = self._journal.stats
        return Signs(
            last=stats.last,
            waiting_ms=stats.oldest_pending_ms,
            cursor=self._alarms.service.cursor,
            turned_s=self._alarms.outbox.turned_s,
            unsound=self._alarms.auditor.unsound,
        )

    async def tell_what_only_the_archive_has(self) -> None:
        """Say so where InfluxDB lacks entries that the journal has no more."""
        if self._forwarder is None:
            return
        forwarded = await self._journal.cursor(CURSOR)
        if forwarded < self._journal.removed:
            self._troubles.say(
                f"InfluxDB has entries up to {forwarded}, and those up to {self._journal.removed} "
                "are in the archive alone: culturewatch influx rebuild sends them"
            )

    def parts(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What is to be run, by name."""
        collecting = self._collecting
        running: dict[str, Callable[[], Awaitable[None]]] = {
            "alarm engine": self._alarms.service.run,
            "outbox": self._alarms.send,
            "auditor": self._alarms.auditor.run,
            "emergency pages": self._alarms.emergency.run,
            "blindness": self._alarms.blindness.run,
            "receipts": self._alarms.inquiry.run,
            "rota": self._alarms.duty.run,
            "rota calendars": self._alarms.calendars.run,
            "status": self._health.keep_status,
            "sealing": self._sealing.run,
            "own state": lambda: own_state.watch(
                self._health.own_state, collecting.deliver, collecting.clock.now
            ),
        }
        if self._site.file.report:
            running["reports"] = self._reports.run
        if self._alarms.drills is not None:
            running["drills"] = self._alarms.drills.run
        if self._alarms.sirens is not None:
            running["sirens"] = self._alarms.sirens.run
        if self._heart is not None:
            running["beat"] = self._heart.run
        if self._forwarder is not None:
            running["forwarding"] = self._forwarder.run
        return running
