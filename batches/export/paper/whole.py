"""Puts the pages of a record together."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from batches.export.drawings import Drawings
from batches.export.paper import alarms, changes, equipment, front, limits, stays
from batches.export.paper.sheet import LISTED, Sheet
from batches.record import BatchRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def sheet(record: BatchRecord, drawings: Drawings) -> Sheet:
    """The pages; the places for signatures are empty."""
    zone = ZoneInfo(record.setting.time_zone)
    made = _EPOCH + timedelta(milliseconds=record.made.at)
    kind = f"{'Batch' if record.vial is None else 'Vial'} environmental record"
    items, note = front.front_items(record)
    return Sheet(
        title=f"{kind} {record.subject}",
        kind=kind,
        subject=record.subject,
        about=_short(record.batch.product, 180),
        site=_short(record.setting.site, 50),
        footer=f"Record {record.id} · made {made:%Y-%m-%d %H:%M:%S} UTC by {record.made.by}",
        author=record.made.by,
        made=(made.year, made.month, made.day, made.hour, made.minute, made.second),
        answers=front.answers(record),
        summary=front.summary(record, zone),
        items=items,
        items_note=note,
        signing=front.signing(),
        sections=(
            front.identity(record, zone),
            *front.open_items(record, LISTED),
            stays.stays(record, zone),
            limits.limits_in_force(record, zone),
            *stays.measured(record, drawings, zone),
            *stays.too_warm(record, zone),
            alarms.alarms(record, zone),
            equipment.sensors(record, zone),
            equipment.clock(record, zone),
            changes.changes(record, zone),
            changes.origin(record),
            changes.signed(),
        ),
    )


def _short(text: str, most: int) -> str:
    """For where one line has to do; the sections have it all."""
    return text if len(text) <= most else f"{text[:most]} …"
