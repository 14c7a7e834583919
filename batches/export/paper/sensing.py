"""By which sensor each channel was measured, and what is known of its calibration."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from batches.calibrated import Calibrations, unit_of
from batches.calibration import Certificate, Held, Status
from batches.export.paper.sheet import (
    LISTED,
    Block,
    Cell,
    Heading,
    Text,
    Tone,
    cell,
    left_out,
    table,
)
from batches.export.wording import NOTHING, moment, number

_NONE = (
    "No calibration on record. Whether these sensors were within their calibration during the "
    "stays is not known from this record; attach their certificates, or state why none is needed."
)


def calibration(found: Calibrations, zone: ZoneInfo) -> Iterator[Block]:
    """Sensors part by part, their certificates, and when they were in calibration."""
    yield Heading("Calibration")
    rows = [
        (str(each.stay), each.channel, held)
        for each in found.channels
        for held in each.held
        if each.limited or held.sensor
    ]
    if not any(held.sensor for _, _, held in rows):
        yield Text(_NONE, Tone.UNSURE)
    columns = [
        *((">Stay", 1), ("Channel", 4), ("From", 3), ("Until", 3), ("Sensor", 2.6)),
        *(("Standing", 4.4), ("Due", 3), (">Certificate", 1.6)),
    ]
    yield table(
        columns,
        (_part(stay, channel, held, zone) for stay, channel, held in rows[:LISTED]),
        left_out(len(rows), LISTED, "parts of stays"),
    )
    yield from _certificates(found.certificates, zone)
    yield from _apart(found, zone)


def _part(stay: str, channel: str, held: Held, zone: ZoneInfo) -> tuple[str | Cell, ...]:
    tone = Tone.GOOD if held.status is Status.VALID else Tone.UNSURE
    return (
        stay,
        channel,
        moment(zone, held.start),
        moment(zone, held.end),
        held.sensor or NOTHING,
        Cell(str(held.status), "", tone),
        moment(zone, held.due),
        NOTHING if held.certificate is None else str(held.certificate),
    )


def _certificates(found: tuple[Certificate, ...], zone: ZoneInfo) -> Iterator[Block]:
    if not found:
        return
    yield Heading("Certificates")
    columns = [
        *((">Row", 1), ("Sensor", 3.4), ("Calibrated", 3), ("Laboratory, number", 4.4)),
        *((">Reference", 2), (">As found", 2), (">As left", 2), (">U (k = 2)", 1.8)),
        (">Tolerance", 1.8),
    ]
    rows: list[tuple[str | Cell, ...]] = [
        (
            str(each.row),
            cell(each.sensor, each.quantity.replace("_", " ") + unit_of(each.quantity)),
            moment(zone, each.at),
            cell(f"{each.laboratory}, {each.number or NOTHING}", each.file or ""),
            *(number(milli / 1000, 3) for milli in (point.reference, point.as_found)),
            *(number(milli / 1000, 3) for milli in (point.as_left, point.uncertainty)),
            number(each.tolerance / 1000, 3),
        )
        for each in found
        for point in each.points
    ]
    yield table(columns, rows[:LISTED], left_out(len(rows), LISTED, "points"))


def _apart(found: Calibrations, zone: ZoneInfo) -> Iterator[Block]:
    if not found.periods:
        return
    yield Heading("In calibration")
    columns = [("Sensor", 3), ("From", 3), ("Until", 3), ("By", 3), ("Reason", 6)]
    rows = [
        (
            each.sensor,
            moment(zone, each.start),
            "not ended" if each.end is None else moment(zone, each.end),
            each.by,
            each.reason or NOTHING,
        )
        for each in found.periods
    ]
    yield table(columns, rows[:LISTED], left_out(len(rows), LISTED, "times"))
