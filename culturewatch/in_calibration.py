"""Keeps the alarms of a sensor's channels from paging while it is in calibration, and back."""

from collections.abc import Iterator

from batches.calibration import Book
from batches.sensor import InCalibration
from culturewatch.order import order
from culturewatch.parts import rulebook
from culturewatch.site import Site

SETTLE_MS = 5 * 60_000
"""So long after a calibration its alarms page again: by then its readings have cleared them."""

OF_TIME = frozenset({"overdue", "calibration-due"})
"""Kinds that wait for something to be done: a calibration keeps none of them from paging."""


def take_out(
    site: Site, book: Book, period: InCalibration, *, by: str, reason: str
) -> tuple[str, ...]:
    """Take the rules of its channels out of service until the planned end; what came of it.

    Raises:
        storage.inbox.InboxError: an order could not be kept.
        culturewatch.site.SiteError: the rules cannot be used.
    """
    arguments = {"until": str(period.until), "reason": reason}
    return _order_each(site, book, period, verb="out_of_service", by=by, arguments=arguments)


def put_back(
    site: Site, book: Book, period: InCalibration, *, by: str, now: int
) -> tuple[str, ...]:
    """Have the same rules back in service in ``SETTLE_MS``, never later than was planned.

    At once they would page for what readings of before the end made of them.

    Raises:
        as ``take_out``.
    """
    if period.until <= now:
        # They are in service: another permit would take them out again.
        return ("its alarms page since the planned end of the calibration",)
    until = min(period.until, now + SETTLE_MS)
    arguments = {"until": str(until), "reason": f"calibration of sensor {period.sensor} is over"}
    return _order_each(site, book, period, verb="out_of_service", by=by, arguments=arguments)


def _order_each(
    site: Site,
    book: Book,
    period: InCalibration,
    *,
    verb: str,
    by: str,
    arguments: dict[str, str],
) -> tuple[str, ...]:
    rules = tuple(_rules(site, book, period))
    said: list[str] = []
    answered = True
    for rule in rules:
        answer = order(site, verb, rule, by=by, arguments=arguments, wait=answered)
        if answer is None:
            # One that did not answer will not answer the next either: do not wait for each.
            answered = False
            said.append(f"{rule}: {verb} is kept, and done when a core runs")
        else:
            said.append(
                f"{rule}: {answer.why or 'done'}"
                if answer.accepted
                else f"{rule}: refused: {answer.why}"
            )
    return tuple(said)


def _rules(site: Site, book: Book, period: InCalibration) -> Iterator[str]:
    channels = {
        one.channel
        for one in book.installations
        if one.sensor == period.sensor and (one.end is None or one.end > period.start)
    }
    for rule in rulebook(site).rules:
        if rule.channel in channels and not rule.guard and rule.kind not in OF_TIME:
            yield rule.id
