"""Lays a record out as one page of HTML that needs nothing else, for a screen or for paper."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from batches.export.chart import chart
from batches.export.trace import Trace
from batches.record import BatchRecord
from devices.duration import Duration

SHOWN = 40
"""Longer lists of excursions, gaps and alarms are cut here; record.json has all of them."""
NOTHING = "\N{EN DASH}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def page(record: BatchRecord, traces: Mapping[tuple[int, str], Trace]) -> bytes:
    """The page. ``traces`` has the line of each chart, by stay number and channel id."""
    zone = ZoneInfo(record.setting.time_zone)
    charts = {
        (stay.number, summary.channel): Markup(  # noqa: S704 # drawn here, from numbers
            chart(summary, traces[stay.number, summary.channel], zone)
        )
        for stay in record.stays
        for summary in stay.channels
        if (stay.number, summary.channel) in traces
    }
    environment = pages()
    environment.filters["time"] = partial(_local, zone)
    environment.filters["span"] = lambda ms: str(Duration(ms))
    environment.filters["number"] = _number
    environment.filters["unit"] = lambda unit: {"degC": "°C", "1": ""}.get(unit, unit)
    text = environment.get_template("record.html.j2").render(r=record, charts=charts, shown=SHOWN)
    return text.encode()


def pages() -> Environment:
    """The templates of this package; what people entered is never a part of the page's code."""
    return Environment(
        loader=PackageLoader("batches.export"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _local(zone: ZoneInfo, at: int | None) -> str:
    if at is None:
        return NOTHING
    moment = (_EPOCH + timedelta(milliseconds=at)).astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"


def _number(value: float | None, digits: int = 2) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"
