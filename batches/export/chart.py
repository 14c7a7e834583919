"""Draws one channel of one stay as SVG: the line, its limits, excursions and gaps."""

from collections.abc import Sequence
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font, LoadFlags

from batches.export.timeaxis import marks
from batches.export.trace import Point, Trace, merged, visible
from batches.placement import Interval
from batches.survey import Summary

_DAY_MS = 86_400_000
_FINEST = 1_000
_INK, _LINE, _LIMIT, _OUT, _GAP = "#33414a", "#0b6477", "#b3261e", "#f3c4bf", "#8a949b"
_STYLE: dict[Any, object] = {  # its keys are a type of matplotlib's that has no name
    # A matplotlibrc of whoever makes the record must not reach into it.
    **mpl.rcParamsDefault,
    # A fixed salt and paths for letters: the same record is the same bytes, on any machine.
    "svg.hashsalt": "culturewatch",
    "svg.fonttype": "path",
    "font.size": 7.5,
    "axes.edgecolor": "#c3cbd0",
    "axes.formatter.useoffset": False,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.linewidth": 0.6,
    "hatch.linewidth": 0.5,
}


FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"
"""Packaged with matplotlib, of a free licence: the face of the charts and of the pages."""


def printable() -> frozenset[int]:
    """The code points of which that face has pictures."""
    return frozenset(_face().get_charmap())


@cache
def width(sign: str) -> float:
    """How wide the picture of ``sign`` is, in em."""
    face = _face()
    # In units of the face itself, which no hinting has rounded.
    return face.load_char(ord(sign), flags=LoadFlags.NO_SCALE).horiAdvance / face.units_per_EM


@cache
def _face() -> FT2Font:
    return FT2Font(str(FONTS / "DejaVuSans.ttf"))


def chart(summary: Summary, trace: Trace, zone: ZoneInfo) -> str:
    """The SVG element; times on its axis are those of ``zone``. Its caption says the unit."""
    exposure = summary.exposure
    span = Interval(exposure.start, exposure.end)
    switch = summary.quantity == "state"
    with mpl.rc_context(_STYLE):
        height = 0.95 if switch else 1.9
        figure = Figure(figsize=(7.4, height))
        # The same margins for every chart, so that times stand below one another.
        figure.subplots_adjust(left=0.065, right=0.955, top=1 - 0.06 / height, bottom=0.4 / height)
        axes = figure.add_subplot()
        _bands(axes, [Interval(e.start, e.end) for e in exposure.excursions], span, out=True)
        _bands(axes, list(exposure.gaps), span, out=False)
        times, values = _line(trace.points, exposure.gaps, held=switch)
        axes.plot(
            times, values, color=_LINE, linewidth=1.0, drawstyle="steps-post" if switch else None
        )
        _limits(axes, summary)
        _axes(axes, summary, span, zone)
        out = StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _line(
    points: Sequence[Point], gaps: Sequence[Interval], *, held: bool
) -> tuple[list[float], list[float]]:
    """Dates and values, interrupted (by a NaN) where a gap begins."""
    drawn: list[tuple[int, float]] = []
    waiting = list(gaps)
    for point in points:
        while waiting and waiting[0].start <= point.first_at:
            gap = waiting.pop(0)
            if drawn:
                drawn += [(gap.start, drawn[-1][1]), (gap.start, float("nan"))]
        middle = (point.first_at + point.last_at) // 2
        drawn.append((point.first_at, point.first))
        if point.low < point.high:
            drawn += [(middle, point.low), (middle, point.high)]
        if held or point.last_at > point.first_at:
            drawn.append((point.last_at, point.last))
    return [at / _DAY_MS for at, _ in drawn], [value for _, value in drawn]


def _bands(axes: Axes, ranges: list[Interval], span: Interval, *, out: bool) -> None:
    shown = [visible(each, span) for each in merged(ranges, span)]
    bars = [(r.start / _DAY_MS, r.length / _DAY_MS) for r in shown]
    if bars:
        axes.broken_barh(
            bars,
            (0, 1),
            transform=axes.get_xaxis_transform(),
            zorder=0,
            linewidth=0,
            facecolor=_OUT if out else "#eef1f2",
            edgecolor="none" if out else _GAP,
            hatch=None if out else "/////",
        )


def _limits(axes: Axes, summary: Summary) -> None:
    for limit in (summary.exposure.limits.low, summary.exposure.limits.high):
        if limit is not None:
            axes.axhline(limit, color=_LIMIT, linewidth=0.8, linestyle=(0, (5, 3)))
            axes.annotate(
                f"{limit:g}",
                xy=(1.0, limit),
                xycoords=("axes fraction", "data"),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                color=_LIMIT,
            )


def _axes(axes: Axes, summary: Summary, span: Interval, zone: ZoneInfo) -> None:
    axes.set_xlim(span.start / _DAY_MS, span.end / _DAY_MS)
    if summary.quantity == "state":
        axes.set_ylim(-0.2, 1.2)
        axes.set_yticks([0, 1])
    else:
        axes.margins(y=0.12)
        low, high = axes.get_ylim()
        # So far in that its marks need more digits than fit beside the axis, it shows only noise.
        spare = max(abs(low), abs(high)) / _FINEST - (high - low)
        if spare > 0:
            axes.set_ylim(low - spare / 2, high + spare / 2)
    ticks = marks(span, zone)
    axes.set_xticks([at / _DAY_MS for at, _ in ticks], [label for _, label in ticks])
    axes.grid(visible=True, color="#e3e8ea", linewidth=0.5)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
