"""Puts the pages of a record together."""

from zoneinfo import ZoneInfo

from batches.export.drawings import Drawings
from batches.export.paper import alarms, changes, equipment, front, handled, limits, stays
from batches.export.paper.front import dated, footer, short
from batches.export.paper.sheet import LISTED, Sheet
from batches.record import BatchRecord


def sheet(record: BatchRecord, drawings: Drawings) -> Sheet:
    """The pages; the places for signatures are empty."""
    zone = ZoneInfo(record.setting.time_zone)
    kind = f"{'Batch' if record.vial is None else 'Vial'} environmental record"
    items, note = front.front_items(record.open_items)
    return Sheet(
        title=f"{kind} {record.subject}",
        kind=kind,
        subject=record.subject,
        about=short(record.batch.product, 180),
        site=short(record.setting.site, 50),
        footer=footer(record.id, record.made),
        author=record.made.by,
        made=dated(record.made),
        answers=front.answers(record),
        summary=front.summary(record, zone),
        items=items,
        items_note=note,
        signing=front.signing(),
        sections=(
            front.identity(record, zone),
            *front.open_items(record.open_items, LISTED),
            stays.stays(record, zone),
            limits.limits_in_force(record, zone),
            *stays.measured(record, drawings, zone),
            *stays.too_warm(record, zone),
            handled.handled(record, zone),
            alarms.alarms(record, zone),
            equipment.sensors(record, zone),
            equipment.clock(record, zone),
            changes.changes(record, zone),
            changes.origin(record),
            changes.signed(),
        ),
    )
