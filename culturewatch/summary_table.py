"""What stays came to, as JSON tells it and as a table for a terminal."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from batches.excursion import Excursion
from batches.summaries import Line
from devices.duration import Duration

SHOWN = 40
"""Excursions in a table; JSON has all."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING = "-"


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """An excursion; ``area`` in units times seconds, by sample and hold."""

    start: str
    end: str
    duration_s: float
    side: str
    worst: float
    area: float


class Summed(msgspec.Struct, frozen=True, kw_only=True):
    """One channel over one stay. Times are ISO 8601 in the site's zone, values in ``unit``.

    ``coverage`` is in percent of the time; ``mkt`` in degC, of temperatures only. ``excursions``
    is null without limits.
    """

    batch: str
    device: str
    position: str
    start: str
    end: str
    channel: str
    quantity: str
    unit: str
    expected: int
    received: int
    good: int
    rejected: int
    backfilled: int
    coverage: float
    unknown_s: float
    min: float | None
    mean: float | None
    max: float | None
    mkt: float | None
    low: float | None
    high: float | None
    excursions: tuple[Outside, ...] | None

    @classmethod
    def of(cls, line: Line, zone: ZoneInfo) -> "Summed":
        """What ``line`` says."""
        total, out = line.total, line.excursions
        return cls(
            batch=line.subject,
            device=line.device,
            position=line.position,
            start=_moment(line.start, zone),
            end=_moment(line.end, zone),
            channel=line.channel,
            quantity=line.quantity,
            unit=line.unit,
            expected=total.expected,
            received=total.received,
            good=total.good,
            rejected=total.rejected,
            backfilled=total.backfilled,
            coverage=line.coverage,
            unknown_s=total.unknown_ms / 1000,
            min=total.minimum,
            mean=total.mean,
            max=total.maximum,
            mkt=total.kinetic,
            low=line.limits.low,
            high=line.limits.high,
            excursions=None if out is None else tuple(_outside(each, zone) for each in out),
        )


def _outside(found: Excursion, zone: ZoneInfo) -> Outside:
    return Outside(
        start=_moment(found.start, zone),
        end=_moment(found.end, zone),
        duration_s=found.length / 1000,
        side=found.side,
        worst=found.worst,
        area=found.area,
    )


def _moment(at: int, zone: ZoneInfo) -> str:
    return (_EPOCH + timedelta(milliseconds=at)).astimezone(zone).isoformat(timespec="milliseconds")


def picture(found: Sequence[Summed]) -> Group:
    """The same for a terminal."""
    if not found:
        return Group(Text("no stay lies in that time: nothing to sum up"))
    parts = [_sums(found)]
    if any(each.excursions is not None for each in found):
        parts.append(_excursions(found))
    return Group(*parts)


def _sums(found: Sequence[Summed]) -> Table:
    table = _table(
        *("batch", "from", "until", "channel", "received", "expected", "rejected", "coverage"),
        *("min", "mean", "max", "MKT", "unit"),
    )
    for each in found:
        table.add_row(
            each.batch,
            each.start[:16],
            each.end[:16],
            each.channel,
            str(each.received),
            str(each.expected),
            str(each.rejected),
            f"{each.coverage:.2f} %",
            *(_number(value) for value in (each.min, each.mean, each.max, each.mkt)),
            each.unit,
        )
    return table


def _excursions(found: Sequence[Summed]) -> Table:
    table = _table("excursions of", "channel", "from", "until", "length", "side", "worst", "area")
    all_of = [(each, out) for each in found for out in each.excursions or ()]
    for each, out in all_of[:SHOWN]:
        length = str(Duration(round(out.duration_s * 1000)))
        worst, area = f"{out.worst:g}", f"{out.area:.1f}"
        when = out.start[:19], out.end[:19]
        table.add_row(each.batch, each.channel, *when, length, out.side, worst, area)
    if len(all_of) > SHOWN:
        table.add_row(f"and {len(all_of) - SHOWN} more; --json has all")
    if not all_of:
        table.add_row("none")
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, header_style="dim", overflow="fold")
    return table


def _number(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.3f}"
