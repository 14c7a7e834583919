"""Where the marks of a time axis stand, and what is written below them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from batches.placement import Interval

MOST = 8
_SECOND, _MINUTE, _HOUR, _DAY = 1_000, 60_000, 3_600_000, 86_400_000
_STEPS = (
    *(n * _SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)),
    *(n * _DAY for n in (1, 2, 7, 14, 28, 56, 91, 182, 365)),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def marks(span: Interval, zone: ZoneInfo) -> list[tuple[int, str]]:
    """Instants (epoch ms) on round times of ``zone``, with their labels; about eight at most.

    The date stands under the first mark and under each that begins a new day.
    """
    step = next((s for s in _STEPS if span.length / s <= MOST), _STEPS[-1])
    out: list[tuple[int, str]] = []
    shown = ""
    for at in _instants(span, zone, step):
        moment = _local(at, zone)
        date = f"{moment:%Y-%m-%d}"
        if step >= _DAY:
            out.append((at, date))
            continue
        clock = f"{moment:%H:%M:%S}" if step < _MINUTE else f"{moment:%H:%M}"
        out.append((at, clock if date == shown else f"{clock}\n{date}"))
        shown = date
    return out


def _instants(span: Interval, zone: ZoneInfo, step: int) -> list[int]:
    """Each day is counted from its own midnight: where clocks change it has 23 or 25 hours."""
    out: list[int] = []
    day = _local(span.start, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = max(1, step // _DAY)
    while (midnight := _ms(day)) < span.end:
        following = day + timedelta(days=days)
        end = min(_ms(following), span.end)
        first = midnight + max(0, -(-(span.start - midnight) // step)) * step
        out += range(first, end, step) if step < _DAY else [midnight] * (midnight >= span.start)
        day = following
    return out


def _local(at: int, zone: ZoneInfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=at)).astimezone(zone)


def _ms(moment: datetime) -> int:
    return (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
