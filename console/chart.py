"""A chart of one channel: where its lines lie, what its scales say, when it was beyond limits.

Pure. Places are in a box of ``WIDTH`` by ``HEIGHT`` that the page stretches.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from math import ceil, floor, inf, isnan, log10

import msgspec
import numpy as np
import numpy.typing as npt

from alerts.rule import Rule
from console import words
from console.chart_data import Buckets
from console.words import Say, english

WIDTH, HEIGHT = 1000.0, 200.0
_TICKS = 4
_TIMES = 4
_DAY_MS = 86_400_000


class Tick(msgspec.Struct, frozen=True):
    """A mark of a scale: at which share of it (0 to 1, from the left or the top), what it says."""

    share: float
    says: str


class LimitLine(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of a rule; ``share`` from the top."""

    share: float
    says: str


class Beyond(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a bucket reached a limit; ``left`` and ``width`` are shares."""

    left: float
    width: float
    start: str
    end: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """One channel. ``line`` is the mean, ``band`` from least to greatest, both SVG paths.

    ``unknown`` is when its value is not known, or not for enough of the time.
    """

    line: str
    band: str
    told: str
    values: tuple[Tick, ...]
    times: tuple[Tick, ...]
    limits: tuple[LimitLine, ...]
    beyond: tuple[Beyond, ...]
    unknown: tuple[Beyond, ...]
    empty: bool
    points: str = ""
    """A line for each bucket: its mean and what lies around it, empty where nothing is known."""


def drawn(
    found: Buckets, rules: Iterable[Rule], unit: str, *, zone: tzinfo, say: Say = english
) -> Chart:
    """The chart of a channel with the limits of ``rules``, which are those on it."""
    known = [n for n, mean in enumerate(found.mean.tolist()) if not isnan(mean)]
    limited = [one for one in rules if one.kind in {"high", "low"} and one.limit is not None]
    if not known:
        return Chart(
            line="",
            band="",
            told="",
            values=(),
            times=times(found, zone),
            limits=(),
            beyond=(),
            unknown=tuple(runs_where(found, found.unknown, zone)),
            empty=True,
        )
    low, high = scale(
        [*found.low[known].tolist(), *found.high[known].tolist()],
        [one.limit for one in limited if one.limit is not None],
    )
    return Chart(
        line=_line(found, low, high),
        band=_band(found, low, high),
        told=_told(found, unit, known, say),
        values=tuple(_values(low, high, unit, say)),
        times=times(found, zone),
        limits=tuple(_limits(limited, (low, high), unit, say)),
        beyond=tuple(_beyond(found, limited, zone)),
        unknown=tuple(runs_where(found, found.unknown, zone)),
        empty=False,
        points=_points(found, unit, say),
    )


def scale(values: list[float], limits: list[float]) -> tuple[float, float]:
    """From where to where a scale goes: all values, and limits that are not far from them."""
    low, high = min(values), max(values)
    room = max(high - low, abs(high) * 0.01, 1e-6)
    near = [limit for limit in limits if low - 3 * room <= limit <= high + 3 * room]
    low, high = min([low, *near]), max([high, *near])
    margin = 0.05 * max(high - low, room)
    return low - margin, high + margin


def times(found: Buckets, zone: tzinfo) -> tuple[Tick, ...]:
    """Marks of the time, in the site's zone."""
    span = found.end - found.start
    form = "%d.%m. %H:%M" if span <= 8 * _DAY_MS else "%Y-%m-%d"
    shares = (n / _TIMES for n in range(_TIMES + 1))
    return tuple(
        Tick(
            share, datetime.fromtimestamp((found.start + share * span) / 1000, zone).strftime(form)
        )
        for share in shares
    )


def _values(low: float, high: float, unit: str, say: Say) -> Iterator[Tick]:
    rough = (high - low) / _TICKS
    step = 10.0 ** floor(log10(rough))
    step *= next(each for each in (1, 2, 5, 10) if each * step >= rough)
    value = ceil(low / step) * step
    while value <= high:
        yield Tick((high - value) / (high - low), words.measured(value, unit, say))
        value += step


def _limits(
    limited: Iterable[Rule], edges: tuple[float, float], unit: str, say: Say
) -> Iterator[LimitLine]:
    low, high = edges
    for rule in limited:
        if rule.limit is not None and low <= rule.limit <= high:
            says = f"{rule.id} {words.limit(rule, unit, say=say)}"
            yield LimitLine(share=(high - rule.limit) / (high - low), says=says)


def _beyond(found: Buckets, limited: Iterable[Rule], zone: tzinfo) -> Iterator[Beyond]:
    uppers = [one.limit for one in limited if one.kind == "high" and one.limit is not None]
    lowers = [one.limit for one in limited if one.kind == "low" and one.limit is not None]
    # Nothing is known of a bucket that is NaN, and no comparison with it is true.
    out = (found.high >= min(uppers, default=inf)) | (found.low <= max(lowers, default=-inf))
    yield from runs_where(found, out, zone)


def runs_where(found: Buckets, holds: npt.NDArray[np.bool_], zone: tzinfo) -> Iterator[Beyond]:
    """The times in which ``holds`` is true, bucket after bucket."""
    count = len(holds)
    edges = np.flatnonzero(np.diff(holds.astype(np.int8), prepend=0, append=0)).tolist()
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        yield Beyond(
            left=begin / count,
            width=(end - begin) / count,
            start=words.moment(found.start + begin * found.width, zone),
            end=words.moment(found.start + end * found.width, zone),
        )


def _runs(found: Buckets) -> Iterator[list[int]]:
    """Buckets that are known, in runs that no hole breaks."""
    run: list[int] = []
    for n, mean in enumerate(found.mean.tolist()):
        if isnan(mean):
            if run:
                yield run
            run = []
        else:
            run.append(n)
    if run:
        yield run


def _line(found: Buckets, low: float, high: float) -> str:
    parts = []
    for run in _runs(found):
        points = [f"{_x(found, n):.1f} {_y(float(found.mean[n]), low, high):.1f}" for n in run]
        # One bucket alone is a point; a line of no length shows it.
        parts.append("M" + "L".join(points if len(points) > 1 else points * 2))
    return "".join(parts)


def _band(found: Buckets, low: float, high: float) -> str:
    parts = []
    for run in _runs(found):
        top = [f"{_x(found, n):.1f} {_y(float(found.high[n]), low, high):.1f}" for n in run]
        bottom = [f"{_x(found, n):.1f} {_y(float(found.low[n]), low, high):.1f}" for n in run]
        parts.append("M" + "L".join([*top, *reversed(bottom)]) + "Z")
    return "".join(parts)


def _told(found: Buckets, unit: str, known: list[int], say: Say) -> str:
    low, high = float(found.low[known].min()), float(found.high[known].max())
    least, most = (words.measured(each, unit, say) for each in (low, high))
    return f"{least} {words.NOTHING} {most}"


def _points(found: Buckets, unit: str, say: Say) -> str:
    return "\n".join(
        _point(bucket, unit, say)
        for bucket in zip(
            found.mean.tolist(),
            found.low.tolist(),
            found.high.tolist(),
            found.unknown.tolist(),
            strict=True,
        )
    )


def _point(bucket: tuple[float, float, float, bool], unit: str, say: Say) -> str:
    mean, low, high, is_unknown = bucket
    if isnan(mean):
        return ""
    said = words.measured(mean, unit, say)
    if low != high:
        least, most = (words.measured(each, unit, say) for each in (low, high))
        said = f"{said} ({least} {words.NOTHING} {most})"
    return f"{said}, {say('known for a part of the time')}" if is_unknown else said


def _x(found: Buckets, n: int) -> float:
    return (n + 0.5) / len(found.mean) * WIDTH


def _y(value: float, low: float, high: float) -> float:
    return (high - value) / (high - low) * HEIGHT
