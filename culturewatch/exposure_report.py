"""The exposure that one logger's file tells of: as a value for programs, as lines for people."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import floor
from pathlib import Path

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from batches.excursion import Limits
from batches.exposure import Exposure, Meter
from batches.kinetic import DELTA_H
from batches.logger_csv import LoggerFile, LoggerFileError, Row
from batches.policy import Allowed, Judged, Policy, Standing, Verdict
from devices.duration import Duration

SHOWN = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING = "\N{EN DASH}"
_TONES = {Verdict.IN: "bold green", Verdict.OUT: "bold red", Verdict.UNKNOWN: "bold yellow"}

Moment = str | float
"""ISO 8601 where the file has dates, in UTC where those have offsets; else seconds, as there."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What to hold the readings against; spans in milliseconds, ``delta_h`` in kJ/mol."""

    limits: Limits = Limits()
    delay: Duration = Duration(0)
    delta_h: float = DELTA_H
    period: Duration | None = None


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A time and its length in seconds."""

    start: Moment
    end: Moment
    duration_s: float


class Line(Stretch, frozen=True, kw_only=True):
    """An excursion by the straight line between readings; ``area`` in °C times seconds."""

    area: float


class Outside(Stretch, frozen=True, kw_only=True):
    """An excursion by sample and hold; ``raised`` is when an alarm with the delay was due."""

    side: str
    worst: float
    area: float
    standing: Standing
    raised: Moment | None
    line: Line


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the file tells. Temperatures in °C, ``coverage`` in percent of the time.

    ``readings`` counts the rows, ``missing`` those of them without a value. ``excursions`` lasted
    longer than the delay, ``brief`` ones did not. ``verdict`` is ``in``, ``out``, ``unknown``, or
    null where no limits were given.
    """

    file: str
    readings: int
    missing: int
    duplicates: int
    period_s: float
    start: Moment
    end: Moment
    low: float | None
    high: float | None
    delay_s: float
    delta_h: float
    mkt: float | None
    mkt_only_informs: bool
    mean: float | None
    sd: float | None
    min: float | None
    max: float | None
    coverage: float
    in_s: float | None
    out_s: float | None
    unknown_s: float
    excursions: tuple[Outside, ...]
    brief: tuple[Outside, ...]
    gaps: tuple[Stretch, ...]
    verdict: Verdict | None


def report(path: Path, asked: Asked) -> Report:
    """Go through the file at ``path``.

    Raises:
        batches.logger_csv.LoggerFileError: it cannot be used.
        OSError: it cannot be read.
    """
    file = LoggerFile(path, period=asked.period)
    allowed = Allowed(longest=asked.delay) if asked.delay else None
    meter = Meter(
        start=file.start,
        end=file.end,
        period=file.period,
        policy=Policy(limits=asked.limits, allowed=allowed),
        kinetic=True,
        delta_h=asked.delta_h,
        exact=True,
    )
    for row in file:
        if row.lasts == 0:
            _heed(path, row, asked.limits)
        meter.feed(row.at, row.value, lasts=row.lasts)
    return _told(file, path, asked, meter.result())


def _heed(path: Path, row: Row, limits: Limits) -> None:
    """A reading that stands for no time has no weight, and must not go unseen for that."""
    value = row.value
    if value is None:
        return
    if (limits.low is not None and value < limits.low) or (
        limits.high is not None and value > limits.high
    ):
        raise LoggerFileError(
            f"{path}:{row.line}: {value:g} is out of limits for no time at all; give its duration_s"
        )


def _told(file: LoggerFile, path: Path, asked: Asked, found: Exposure) -> Report:
    moment = _seconds if not file.dated else _utc if file.zoned else _clock
    outside = [_outside(each, asked.delay, moment) for each in found.judged]
    length = found.end - found.start
    brief = {Standing.ALLOWED, Standing.UNSURE}
    return Report(
        file=str(path),
        readings=file.readings,
        missing=found.rejected,
        duplicates=file.doubled,
        period_s=file.period / 1000,
        start=moment(found.start),
        end=moment(found.end),
        low=asked.limits.low,
        high=asked.limits.high,
        delay_s=asked.delay / 1000,
        delta_h=asked.delta_h,
        mkt=found.kinetic,
        mkt_only_informs=found.kinetic_only_informs,
        mean=found.mean,
        sd=found.deviation,
        min=found.minimum,
        max=found.maximum,
        coverage=found.known_ms * 100 / length if length else 0.0,
        in_s=None if found.in_ms is None else found.in_ms / 1000,
        out_s=None if found.out_ms is None else found.out_ms / 1000,
        unknown_s=found.unknown_ms / 1000,
        excursions=tuple(each for each in outside if each.standing not in brief),
        brief=tuple(each for each in outside if each.standing in brief),
        gaps=tuple(
            Stretch(start=moment(g.start), end=moment(g.end), duration_s=g.length / 1000)
            for g in found.gaps
        ),
        verdict=found.verdict,
    )


def _outside(judged: Judged, delay: int, moment: Callable[[int], Moment]) -> Outside:
    each, line = judged.excursion, judged.excursion.line
    raised = each.raised(delay)
    return Outside(
        start=moment(each.start),
        end=moment(each.end),
        duration_s=each.length / 1000,
        side=each.side,
        worst=each.worst,
        area=each.area,
        standing=judged.standing,
        raised=None if raised is None else moment(raised),
        line=Line(
            start=moment(line.start),
            end=moment(line.end),
            duration_s=line.length / 1000,
            area=line.area,
        ),
    )


def _utc(at: int) -> str:
    return f"{_clock(at)}Z"


def _clock(at: int) -> str:
    """As whatever clock said it: nothing is known of its offset."""
    moment = _EPOCH + timedelta(milliseconds=at)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")


def _seconds(at: int) -> float:
    return at / 1000


def picture(told: Report) -> Group:
    """The report for a terminal."""
    parts: list[Text | Table] = [_facts(told)]
    for title, found in (("Excursions", told.excursions), ("Within the delay", told.brief)):
        if found:
            parts.append(_excursions(title, found))
    if told.gaps:
        parts.append(_gaps(told.gaps))
    if told.verdict is not None:
        parts.append(Text(_sentence(told), _TONES[told.verdict]))
    return Group(*parts)


def _facts(told: Report) -> Table:
    table = _table(told.file, "", "")
    for name, value in _named(told):
        table.add_row(name, value)
    return table


def _named(told: Report) -> Iterator[tuple[str, str]]:
    doubled = f", {told.duplicates} more twice" if told.duplicates else ""
    missing = f", {told.missing} without a value" if told.missing else ""
    yield "readings", f"{told.readings}, one every {_span(told.period_s)}{missing}{doubled}"
    yield "time", f"{told.start} to {told.end}"
    yield "coverage", f"{floor(told.coverage * 100) / 100:.2f} %"
    yield "min, mean, max", " / ".join(map(_celsius, (told.min, told.mean, told.max)))
    yield "standard deviation", _celsius(told.sd)
    only = " (so cold that it is information only)" if told.mkt_only_informs else ""
    yield f"MKT, {told.delta_h:g} kJ/mol", _celsius(told.mkt) + only
    if told.in_s is not None and told.out_s is not None:
        yield "limits", f"{_limit(told.low)} to {_limit(told.high)} degC"
        yield "in limits", _span(told.in_s)
        yield "out of limits", _span(told.out_s)
    yield "unknown", _span(told.unknown_s)


def _excursions(title: str, found: Sequence[Outside]) -> Table:
    table = _table(title, "from", "until", "length", "side", "worst", "degC s", "alarm due")
    for each in found[:SHOWN]:
        table.add_row(
            str(each.start),
            str(each.end),
            _span(each.duration_s),
            each.side,
            f"{each.worst:g}",
            f"{each.area:.1f}",
            _NOTHING if each.raised is None else str(each.raised),
        )
    return _cut(table, len(found))


def _gaps(found: Sequence[Stretch]) -> Table:
    table = _table("Gaps", "from", "until", "length")
    for each in found[:SHOWN]:
        table.add_row(str(each.start), str(each.end), _span(each.duration_s))
    return _cut(table, len(found))


def _table(title: str, *columns: str) -> Table:
    named = any(columns)
    table = Table(box=None, title=title, title_justify="left", show_header=named, pad_edge=False)
    for column in columns:
        table.add_column(column, header_style="dim", overflow="fold")
    return table


def _cut(table: Table, count: int) -> Table:
    if count > SHOWN:
        table.add_row(f"and {count - SHOWN} more; --json has all")
    return table


def _sentence(told: Report) -> str:
    if told.verdict is Verdict.IN:
        return "in: nothing was out of limits for longer than allowed, and all of it is known"
    if told.verdict is Verdict.OUT:
        return "out: at some time out of limits for longer than allowed"
    return "unknown: no excursion was too long, but a gap is never in limits"


def _span(seconds: float) -> str:
    return str(Duration(round(seconds * 1000)))


def _celsius(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.3f}"


def _limit(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:g}"
