"""Readings that came from a logger's file: each holds for that logger's period, not the device's.

Pure. The one who imports a file is shown the period, and it stands in the ledger.
"""

from collections.abc import Iterable

import msgspec

from batches.placement import Interval

_REACH = 2
"""Periods around a file's readings in which they may still say something."""


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """Readings of a channel that came from a logger's file, from ``start`` to ``end``.

    One each ``period``; milliseconds and epoch milliseconds, UTC.
    """

    device: str
    channel: str
    quantity: str
    period: int
    start: int
    end: int

    def meets(self, span: Interval) -> bool:
        """Whether its readings may say something about ``span``."""
        reach = _REACH * self.period
        return self.start - reach < span.end and span.start < self.end + reach


def file_of(at: int, intakes: Iterable[Intake]) -> Intake | None:
    """Which file has brought a reading of ``at`` that came late; None: the device sent it late."""
    return next((one for one in intakes if one.start <= at <= one.end), None)
