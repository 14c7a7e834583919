"""What stands in the alarm store besides what is open: silenced alarms, history, figures."""

from datetime import tzinfo
from pathlib import Path

import msgspec

from alerts.engine.view import AlarmView
from alerts.kpi import DAY_MS, Kpi, kpi
from alerts.reader import AlarmReader, Recorded
from alerts.schema import StoreError
from console.sight import BlindError

SHOWN = 200
RATED_MS = 30 * DAY_MS


class AlarmBook(msgspec.Struct, frozen=True, kw_only=True):
    """All alarms as they stand, and the newest of the history, newest first."""

    alarms: tuple[AlarmView, ...]
    history: tuple[Recorded, ...]


def read(data: Path, *, rule: str = "", limit: int = SHOWN) -> AlarmBook:
    """The book of a folder of data; of one rule's history, or of all.

    Raises:
        BlindError: the store cannot be read.
    """
    try:
        with AlarmReader(data / "alarms.db") as reader:
            return AlarmBook(
                alarms=tuple(reader.alarms()),
                history=tuple(reader.history(limit=limit, rule=rule or None)),
            )
    except (StoreError, msgspec.MsgspecError) as error:
        raise BlindError(str(error)) from error


def rated(data: Path, now: int, zone: tzinfo) -> Kpi:
    """The figures of the last 30 days before ``now`` (epoch ms).

    Raises:
        BlindError: the store cannot be read.
    """
    try:
        with AlarmReader(data / "alarms.db") as reader:
            return kpi(reader.told(), start=now - RATED_MS, end=now, zone=zone)
    except (StoreError, msgspec.MsgspecError) as error:
        raise BlindError(str(error)) from error
