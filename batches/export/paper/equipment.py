"""By what the readings were taken: devices, sensors, their calibration, and the clock."""

from collections.abc import Iterable, Iterator, Sequence
from zoneinfo import ZoneInfo

from batches.export.paper.sensing import calibration
from batches.export.paper.sheet import (
    LISTED,
    SHOWN,
    Block,
    Cell,
    Heading,
    Section,
    Text,
    Tone,
    cell,
    left_out,
    table,
)
from batches.export.wording import NOTHING, moment, span, unit
from batches.findings import Stay
from batches.logged import Intake
from batches.record import BatchRecord


def sensors(record: BatchRecord, zone: ZoneInfo) -> Section:
    """Each device with the profile that its numbers were read by, and each of its sensors."""
    devices = table(
        [
            ("Device", 3),
            ("Maker and model", 4),
            (">Read every", 2),
            ("Addresses from", 4),
            ("Profile", 6),
        ],
        (
            (
                cell(e.id, e.name),
                f"{e.maker} {e.model}",
                span(e.period),
                e.manual,
                Cell(e.profile, e.profile_sha256),
            )
            for e in record.setting.equipment
        ),
    )
    rows = [
        (
            f"{e.id}.{c.key}",
            c.name or NOTHING,
            c.quantity.replace("_", " "),
            unit(c.unit) or NOTHING,
        )
        for e in record.setting.equipment
        for c in e.channels
    ]
    columns = [("Sensor", 5), ("Name", 4), ("Quantity", 3.4), ("Unit", 1.6)]
    return Section(
        "Sensors and calibration",
        (
            Heading("Devices"),
            devices,
            Heading("Sensors"),
            table(columns, rows[:LISTED], left_out(len(rows), LISTED, "sensors")),
            *_loggers(record.loggers, zone),
            *calibration(record.calibrations, zone),
        ),
    )


def _loggers(intakes: Sequence[Intake], zone: ZoneInfo) -> Iterator[Block]:
    """Readings that came from files, where there are any."""
    if not intakes:
        return
    rows = (
        (
            f"{each.device}.{each.channel}",
            moment(zone, each.start),
            moment(zone, each.end),
            span(each.period),
        )
        for each in intakes[:LISTED]
    )
    columns = [("Sensor", 5), ("First reading", 4), ("Last reading", 4), (">Each holds for", 3)]
    yield Heading("Readings from loggers' files")
    yield table(columns, rows, left_out(len(intakes), LISTED, "files"))


def clock(record: BatchRecord, zone: ZoneInfo) -> Section:
    """How times were stamped, and when the clock was set."""
    blocks: list[Block] = [
        Text(
            "Times are those of the collector's clock, or of the device where its profile says so. "
            "Received after: how much later than the time it bears the collector had a reading; "
            "below zero the device's clock was ahead."
        )
    ]
    blocks += _stamps(record.stays)
    blocks.append(Heading("Steps of the clock"))
    if record.clock:
        rows = (
            (moment(zone, each.at), f"{each.step / 1000:+.3f} s") for each in record.clock[:LISTED]
        )
        note = left_out(len(record.clock), LISTED, "steps")
        blocks.append(
            table([("Then it showed", 4), (">It was set by", 3), ("", 8)], _wide(rows), note)
        )
    else:
        blocks.append(Text("None is in the journal.", Tone.SOFT))
    return Section("Clock", tuple(blocks))


def _wide(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
    for first, second in rows:
        yield first, second, ""


def _stamps(stays: Sequence[Stay]) -> Iterator[Block]:
    if not stays:
        return
    rows = (
        (
            str(stay.number),
            stay.placement.device,
            _seconds(stay.stamps.soonest),
            _seconds(stay.stamps.latest),
            f"{stay.stamps.unsure:,}",
        )
        for stay in stays[:SHOWN]
    )
    columns = [
        *((">Stay", 1.2), ("Device", 4), (">Received after, least", 3.4)),
        *((">Received after, most", 3.4), (">Values with an unsure time", 4)),
    ]
    yield table(columns, rows, left_out(len(stays), SHOWN, "stays"))


def _seconds(ms: int | None) -> str:
    return NOTHING if ms is None else f"{ms / 1000:.3f} s"
