"""Which charts of a record are drawn: all of a short one, of a long one those that matter first."""

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

import msgspec

from batches.export.chart import chart
from batches.export.trace import Trace
from batches.findings import Stay
from batches.record import BatchRecord
from batches.survey import Summary

MOST = 60
"""Charts in one record; a page holds about four."""
Key = tuple[int, str]
"""Number of the stay, and id of the channel."""


class Drawings(msgspec.Struct, frozen=True):
    """SVG elements by stay and channel, and how many more could have been drawn."""

    charts: Mapping[Key, str]
    omitted: int


def draw(record: BatchRecord, traces: Mapping[Key, Trace]) -> Drawings:
    """Draw the lines that ``traces`` hold.

    Of more than ``MOST``, first those with excursions, then those with gaps, then those with
    limits: what is left out was measured throughout and stayed in its limits.
    """
    zone = ZoneInfo(record.setting.time_zone)
    found = [(key, summary) for key, summary in _channels(record) if key in traces]
    wanted = {key for key, _ in sorted(found, key=lambda each: _rank(*each))[:MOST]}
    charts = {key: chart(summary, traces[key], zone) for key, summary in found if key in wanted}
    return Drawings(charts, len(found) - len(charts))


def _channels(record: BatchRecord) -> Iterator[tuple[Key, Summary]]:
    for stay in record.stays:
        for summary in stay.channels:
            yield key_of(stay, summary), summary


def key_of(stay: Stay, summary: Summary) -> Key:
    """Where the chart of a channel of a stay is found."""
    return stay.number, summary.channel


def _rank(key: Key, summary: Summary) -> tuple[bool, bool, bool, Key]:
    exposure = summary.exposure
    return not exposure.judged, not exposure.gaps, not exposure.limits.given, key
