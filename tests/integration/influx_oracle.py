"""What a bucket holds, read through the vendor's client, and what it should hold."""

from collections.abc import Iterable
from typing import NamedTuple

from devices.quality import Quality
from devices.scan import Scan, Source
from storage.entry import Entry
from tests.services import Influx

Fields = dict[str, object]


class Point(NamedTuple):
    """What identifies a point; ``at`` in epoch milliseconds."""

    measurement: str
    channel: str
    device: str
    site: str
    at: int


def held(influx: Influx, bucket: str) -> dict[Point, Fields]:
    """Every point of the bucket with all its fields."""
    everything = f'from(bucket: "{bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z)'
    points: dict[Point, Fields] = {}
    with influx.client() as client:
        for record in client.query_api().query_stream(everything):
            tags = record.values
            point = Point(
                measurement=record.get_measurement(),
                channel=tags["channel"],
                device=tags["device"],
                site=tags["site"],
                at=round(record.get_time().timestamp() * 1000),
            )
            fields = points.setdefault(point, {})
            assert record.get_field() not in fields, f"{point} has a field twice"
            fields[record.get_field()] = record.get_value()
    return points


def expected(entries: Iterable[Entry], *, site: str) -> dict[Point, Fields]:
    """What a bucket should hold after ``entries``, said without the product's own writer."""
    points: dict[Point, Fields] = {}
    for entry in entries:
        if not isinstance(entry, Scan):
            continue
        names = zip(entry.layout.quantities, entry.layout.keys, strict=True)
        told = zip(entry.values, entry.qualities, strict=True)
        for (quantity, key), (value, code) in zip(names, told, strict=True):
            fields: Fields = {"quality": Quality(code).name.lower()}
            if value is not None:
                fields["value"] = value
            if entry.source is not Source.LIVE:
                fields["source"] = entry.source.name.lower()
            if entry.repeat:
                fields["repeat"] = True
            device = entry.layout.device
            points[Point(quantity, f"{device}.{key}", device, site, entry.at)] = fields
    return points
