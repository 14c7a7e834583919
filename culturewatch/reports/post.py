"""Sends one report of one period to those who have not got it: a process of its own does this.

The core never waits for it, and never loads what reports are made with. Which processes have died
over it, and which are at it, the file of what was sent says (``culturewatch.reports.sent``).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from alerts.notify.mail import Attached, MailNotifier
from alerts.notify.notifier import Message, PermanentError, SendError, TemporaryError
from alerts.schema import StoreError
from batches.export.pdf import LayoutError
from batches.placement import Refused
from culturewatch.reach import mail_notifier
from culturewatch.reports import facts, letter
from culturewatch.reports.schedule import Period
from culturewatch.reports.sent import Attempt, Sent, State, waiting
from culturewatch.site import Site
from culturewatch.site_file import ReportTable
from storage.archive.seal import ArchiveError
from storage.database import DatabaseError
from storage.waiting import JournalError

log = logging.getLogger(__name__)

FAULTS = (StoreError, JournalError, ArchiveError, DatabaseError, LayoutError, Refused)
"""What may come of making a report."""
_DIED = (
    "the process that sent it ended before the mail server had answered; whether it arrived is "
    "not known"
)


async def post(
    site: Site,
    report: ReportTable,
    period: Period,
    *,
    now: Callable[[], int],
    stop: asyncio.Event | None = None,
) -> bool:
    """Send it to those who are waiting for it; whether all is well with what this did.

    After ``stop`` is set it is handed over to nobody more.

    Raises:
        culturewatch.reports.sent.SentError: what becomes of it cannot be kept; nothing was sent.
    """
    sent = Sent(site.data)
    with sent.alone() as alone:
        if not alone:
            log.info("another process sends reports; this one leaves %s to it", report.id)
            return True
        standing = sent.standing(report.id, period.start)
        desk = _Desk(sent, report, period, now, stop)
        for person in report.to:
            if person in standing and standing[person].state is State.SENDING:
                desk.enter(person, State.LOST, _DIED)
        people = _unsent(report.to, standing)
        return not people or await _post_to(people, site, desk)


class _Desk:
    """Enters what becomes of one report of one period."""

    def __init__(
        self,
        sent: Sent,
        report: ReportTable,
        period: Period,
        now: Callable[[], int],
        stop: asyncio.Event | None,
    ) -> None:
        self._stop = stop
        self._sent = sent
        self.report = report
        self.period = period
        self.now = now

    @property
    def is_stopped(self) -> bool:
        return self._stop is not None and self._stop.is_set()

    def enter(self, person: str, state: State, text: str = "") -> None:
        start, at = self.period.start, self.now()
        self._sent.enter(self.report.id, start, person, state, at=at, text=text)
        if text:
            log.warning("report %s to %s: %s: %s", self.report.id, person, state, text)


def _unsent(people: Sequence[str], standing: dict[str, Attempt]) -> list[str]:
    sending = {name for name, one in standing.items() if one.state is State.SENDING}
    return [person for person in waiting(people, standing) if person not in sending]


async def _post_to(people: Sequence[str], site: Site, desk: _Desk) -> bool:
    report, period, at = desk.report, desk.period, desk.now()
    way = mail_notifier(site)
    try:
        if way is None:
            raise Refused("the site has no [mail] table")
        own = facts.made(site, report, period, now=at)
        told, files = letter.whole(site, report, own, period, now=at)
    except FAULTS as error:
        for person in people:
            desk.enter(person, State.FAILED, f"it cannot be made: {error}")
        return False
    well = True
    for person in people:
        # What was heard while it was made is heard here.
        await asyncio.sleep(0)
        if desk.is_stopped:
            return False
        mail = letter.message(site, report, told, period, person)
        desk.enter(person, State.SENDING)
        state, why = await handed(way, mail, files)
        desk.enter(person, state, why)
        well = well and state is State.SENT
    return well


async def handed(way: MailNotifier, mail: Message, files: Sequence[Attached]) -> tuple[State, str]:
    """What became of one mail, and why it was not sent."""
    try:
        await way.send(mail, files)
    except PermanentError as error:
        return State.REFUSED, str(error)
    except TemporaryError as error:
        if error.perhaps_taken:
            return State.LOST, f"{error}; whether it arrived is not known"
        return State.FAILED, str(error)
    except SendError as error:
        return State.FAILED, str(error)
    return State.SENT, ""
