"""Lays a record out as one page of HTML that needs nothing else, for a screen or for paper."""

from functools import partial
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from batches.export import wording
from batches.export.drawings import Drawings
from batches.export.method import method
from batches.record import BatchRecord

SHOWN = 40
"""Longer lists of excursions, gaps and alarms are cut here; record.json has all of them."""


def page(record: BatchRecord, drawings: Drawings) -> bytes:
    """The page, with the charts of ``drawings``."""
    zone = ZoneInfo(record.setting.time_zone)
    charts = {key: Markup(svg) for key, svg in drawings.charts.items()}  # noqa: S704 # drawn from numbers
    environment = pages()
    environment.filters["time"] = partial(wording.local, zone)
    environment.filters["span"] = wording.span
    environment.filters["number"] = wording.number
    environment.filters["unit"] = wording.unit
    template = environment.get_template("record.html.j2")
    text = template.render(
        r=record, method=method(record), charts=charts, omitted=drawings.omitted, shown=SHOWN
    )
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
