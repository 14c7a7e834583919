"""The log of a device as people read it."""

from zoneinfo import ZoneInfo

from batches.calibrated import moment
from batches.equipment_log import Entry, EquipmentLog
from batches.export.listing import Listing, Report, Table
from batches.export.paper.log import log_sheet
from storage.chain import GENESIS, Head

NOBODY = "nobody entered it"
COLUMNS = (
    *("Date, time", "Until", "What", "Batch, vial or sensor", "Product", "Position, agent"),
    *("By", "Checked by", "Reason", "Ledger row"),
)


def log_report(log: EquipmentLog) -> Report:
    """What is written of ``log``."""
    zone, device = ZoneInfo(log.time_zone), log.device
    listing = Listing(
        title=f"Equipment log of {device.id}",
        facts=(
            ("Site", log.site),
            ("Device", " ".join(part for part in (device.id, device.name) if part)),
            ("Model", f"{device.maker} {device.model}"),
            ("From", moment(log.span.start, zone)),
            ("Until", moment(log.span.end, zone)),
            ("Made", f"{moment(log.made.at, zone)} by {log.made.by}"),
            ("Version", str(log.version.number)),
        ),
        open_items=log.open_items,
        tables=(
            _table("In the device when the period began", "inside", log.inside, zone),
            _table("In the order of time", "log", log.entries, zone),
        ),
    )
    return Report(
        id=log.id,
        schema=log.schema,
        subject=device.id,
        made=log.made,
        value=log,
        listing=listing,
        sheet=log_sheet(log),
        ledger_head=log.ledger_head,
        # Nothing in it is of the alarm history.
        alarm_head=Head(0, GENESIS),
    )


def _table(title: str, file: str, entries: tuple[Entry, ...], zone: ZoneInfo) -> Table:
    rows = tuple(
        (
            moment(each.at, zone),
            "" if each.until is None else moment(each.until, zone),
            each.what,
            each.subject,
            each.product,
            each.detail,
            each.by or NOBODY,
            each.checked_by or "",
            each.reason,
            str(each.row or ""),
        )
        for each in entries
    )
    return Table(title=title, file=file, columns=COLUMNS, rows=rows)
