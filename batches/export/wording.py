"""How times, spans, numbers and units are shown to people who read a record."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from batches.excursion import Limits
from devices.duration import Duration

NOTHING = "\N{EN DASH}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"degC": "°C", "1": "", "n": ""}


def local(zone: ZoneInfo, at: int | None) -> str:
    """Epoch milliseconds as the wall clock of ``zone`` showed it, with the name of its offset."""
    if at is None:
        return NOTHING
    then = (_EPOCH + timedelta(milliseconds=at)).astimezone(zone)
    return f"{then:%Y-%m-%d %H:%M:%S %Z}"


def moment(zone: ZoneInfo, at: int | None) -> str:
    """``local`` for a narrow column: a line may end after the date, and nowhere else."""
    return local(zone, at)[::-1].replace(" ", "\N{NO-BREAK SPACE}", 1)[::-1]


def counted(count: int, thing: str) -> str:
    """``1 gap``, ``2 gaps``."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def span(ms: int | None) -> str:
    """A length of time: ``4h10m``."""
    return NOTHING if ms is None else str(Duration(ms))


def number(value: float | None, digits: int = 2) -> str:
    """``value`` with so many digits after the point."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def unit(stored: str) -> str:
    """A stored unit as it is printed; nothing for what has none."""
    return _UNITS.get(stored, stored)


def limits(given: Limits) -> str:
    """``36.5 to 38``; a side without a limit is a dash."""
    if not given.given:
        return "none"
    return " to ".join(NOTHING if e is None else f"{e:g}" for e in (given.low, given.high))
