"""Has reports sent when they are due, and tells of those that went to nobody: the core's part."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import tzinfo

from culturewatch.reports import retry
from culturewatch.reports.schedule import Period, newest
from culturewatch.reports.sent import NOBODY, Attempt, Sent, SentError, State, waiting
from culturewatch.site_file import ReportTable

log = logging.getLogger(__name__)

LOOK_S = 60.0
LONGEST_S = 1_800.0


class ReportWatch:
    """Looks each minute. ``worker`` sends one report of one period, in a process of its own.

    It answers that process's exit code.
    """

    def __init__(
        self,
        reports: Sequence[ReportTable],
        sent: Sent,
        *,
        zone: tzinfo,
        worker: Callable[[ReportTable, Period], Awaitable[int]],
        on_trouble: Callable[[str], None],
        now: Callable[[], int],
    ) -> None:
        self._reports = tuple(reports)
        self._sent = sent
        self._zone = zone
        self._worker = worker
        self._on_trouble = on_trouble
        self._now = now
        self._told: dict[tuple[str, str], int] = {}
        self._failing = ""
        self.failed: int | None = None if self._reports else 0
        """How many reports did not reach somebody in their newest period; None: not known."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Send what is due."""
        failed = 0
        try:
            for report in self._reports:
                failed += await self._look_after(report)
        except SentError as error:
            if str(error) != self._failing:
                self._on_trouble(f"reports are NOT sent: {error}")
            self._failing = str(error)
            self.failed = None
        else:
            self._failing = ""
            self.failed = failed

    async def _look_after(self, report: ReportTable) -> bool:
        """Whether it did not reach somebody."""
        now = self._now()
        period = newest(report, now, self._zone)
        if not await asyncio.to_thread(self._is_wanted, report, period, now):
            return False
        standing = await asyncio.to_thread(self._sent.standing, report.id, period.start)
        if retry.is_time(report.to, standing, period, now):
            if why := await self._send(report, period):
                await asyncio.to_thread(self._enter_died, report, period, standing, why)
            standing = await asyncio.to_thread(self._sent.standing, report.id, period.start)
        missed = retry.not_sent(report.to, standing, period)
        for person, why in missed.items():
            self._tell(report, person, why, period)
        return bool(missed)

    def _is_wanted(self, report: ReportTable, period: Period, now: int) -> bool:
        """Whether this period came after the report was first there.

        What was due before that is not sent: not when a report is written into the site's file,
        and not again when a backup is restored without the file of what was sent.
        """
        begun = self._sent.begun(report.id)
        if begun is None or begun > period.start:
            # Later than now: whoever began it had a clock that was ahead.
            self._sent.enter(report.id, period.start, NOBODY, State.BEGUN, at=now)
            return False
        return period.start > begun

    async def _send(self, report: ReportTable, period: Period) -> str:
        """Why the process that was to send it did not end well; empty when it did."""
        try:
            async with asyncio.timeout(LONGEST_S):
                code = await self._worker(report, period)
        except TimeoutError:
            return f"the process that makes it took longer than {LONGEST_S:g} s and was ended"
        except OSError as error:
            return f"no process can be started: {error.strerror or error}"
        return f"the process that makes it ended with {code}; the log says why" if code else ""

    def _enter_died(
        self, report: ReportTable, period: Period, before: Mapping[str, Attempt], why: str
    ) -> None:
        """Enter for it what a process left unsaid: else it is tried for ever, and nobody told."""
        after = self._sent.standing(report.id, period.start)
        for person in waiting(report.to, after):
            one = after.get(person)
            if one != before.get(person):
                continue
            # Handed over by one that died, and this one did not even come to enter that.
            state = State.LOST if one and one.state is State.SENDING else State.FAILED
            self._sent.enter(report.id, period.start, person, state, at=self._now(), text=why)
            log.warning("report %s to %s: %s: %s", report.id, person, state, why)

    def _tell(self, report: ReportTable, person: str, why: str, period: Period) -> None:
        if self._told.get((report.id, person)) == period.start:
            return
        self._told[report.id, person] = period.start
        self._on_trouble(
            f"report {report.id} did not reach {person}: {why}; send it by hand: "
            f"culturewatch report send {report.id} --to {person}"
        )
