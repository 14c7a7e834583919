"""How the core is: what it says of itself in its status file, and as a device that rules watch."""

import asyncio
import logging
import os
import shutil

from console import run_status
from console.certificate import renewal_wait_s
from console.run_status import ClockStatus, RunStatus
from culturewatch import own_state
from culturewatch.alarming import Alarming
from culturewatch.collecting import Collecting
from culturewatch.doctor.machine import clock_error_us
from culturewatch.own_state import OwnState
from culturewatch.parts import VERSION
from culturewatch.reports.watch import ReportWatch
from culturewatch.sealing import Sealing
from culturewatch.site import Site
from culturewatch.troubles import Troubles
from storage.inbox import Inbox
from storage.influx import Forwarder
from storage.journal import Journal
from storage.wall import wall_ms

log = logging.getLogger(__name__)

STATUS_S = 2.0
FILL_ALARM = 0.7


class Health:
    """How the parts of a core are, since it ``started`` (epoch ms)."""

    def __init__(
        self,
        site: Site,
        *,
        journal: Journal,
        collecting: Collecting,
        alarms: Alarming,
        sealing: Sealing,
        reports: ReportWatch,
        forwarder: Forwarder | None,
        inbox: Inbox,
        troubles: Troubles,
        started: int,
    ) -> None:
        self._site = site
        self._journal = journal
        self._collecting = collecting
        self._alarms = alarms
        self._sealing = sealing
        self._reports = reports
        self._forwarder = forwarder
        self._inbox = inbox
        self._troubles = troubles
        self._started = started
        self._filling = False

    def status(self) -> RunStatus:
        """How the core is now."""
        collecting = self._collecting
        return RunStatus(
            at=wall_ms(),
            started=self._started,
            pid=os.getpid(),
            version=VERSION,
            configuration=self._site.digest,
            journal=self._journal.stats,
            modbus=collecting.modbus.stats(),
            lines=collecting.lines.stats(),
            http=collecting.http.stats(),
            mqtt={name: broker.stats for name, broker in collecting.brokers.items()},
            forwarding=None if self._forwarder is None else self._forwarder.status,
            alarm_cursor=self._alarms.service.cursor,
            refused=collecting.refused,
            troubles=tuple(self._troubles.newest),
            clock=ClockStatus(error_us=clock_error_us(), unsure=collecting.clock.is_unsure),
        )

    async def own_state(self) -> OwnState:
        """What its own channels are read from."""
        journal = self._journal.stats
        forwarding = None if self._forwarder is None else self._forwarder.status
        disk = await asyncio.to_thread(shutil.disk_usage, self._site.data)
        return OwnState(
            journal=journal,
            forwarding=forwarding,
            quarantined=own_state.quarantined(journal, forwarding),
            lost=self._collecting.refused,
            page_wait_ms=await self._alarms.oldest_page_ms(),
            acts_wait_s=self._inbox.stuck_s,
            clock_unsure=self._collecting.clock.is_unsure,
            drills_unproven=0 if self._alarms.drills is None else self._alarms.drills.unproven,
            rota_faults=self._alarms.duty.faults,
            disk_used=1 - disk.free / disk.total,
            seal_wait_s=self._sealing.status.since_s,
            damaged_segments=self._sealing.status.aside,
            reports_failed=self._reports.failed,
            renewal_wait_s=await asyncio.to_thread(
                renewal_wait_s, self._site.console_tls, wall_ms()
            ),
            backups=await asyncio.to_thread(own_state.backups, self._site.data, wall_ms()),
        )

    async def keep_status(self) -> None:
        """Write the status for who asks from outside; only cancellation ends this."""
        failing = False
        while True:
            status = self.status()
            self._watch_fill(status.journal.fill)
            try:
                await asyncio.to_thread(run_status.write, self._site.data, status)
                failing = False
            except OSError as error:
                if not failing:
                    log.warning("%s: the status cannot be written: %s", self._site.data, error)
                failing = True
            await asyncio.sleep(STATUS_S)

    def _watch_fill(self, fill: float) -> None:
        full = fill >= FILL_ALARM
        if full and not self._filling:
            self._troubles.say(
                f"the journal fills {fill:.0%} of what it may take; make room on the disk, "
                "or raise site.max_data_gb"
            )
        self._filling = full
