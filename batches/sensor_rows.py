"""What the ledger holds about who measured: sensors, and loggers whose files were taken in.

Corrections are applied; it is read in somebody's transaction.
"""

import msgspec
from sqlalchemy import ColumnElement, Connection, RowMapping, Table, func, inspect, select

from batches.calibration import Book, Certificate, Content
from batches.logged import Intake
from batches.placement import Refused
from batches.sensor import InCalibration, Installation, Sensor
from storage import schema

_decode = msgspec.json.Decoder(Content).decode


def book(connection: Connection) -> Book:
    """All of it."""
    return Book(
        sensors=sensors(connection),
        installations=installations(connection),
        certificates=certificates(connection),
        periods=periods(connection),
        intakes=intakes(connection),
    )


def intakes(connection: Connection) -> tuple[Intake, ...]:
    """What was taken in from loggers' files, in the order of entry."""
    query = select(schema.intake).order_by(schema.intake.c.sequence)
    return tuple(
        Intake(
            device=row["device"],
            channel=row["channel"],
            quantity=row["quantity"],
            period=row["period_ms"],
            start=row["start_at"],
            end=row["end_at"],
        )
        for row in connection.execute(query).mappings()
    )


def encode(content: Content) -> str:
    """The one spelling of what ``content`` says."""
    return msgspec.json.encode(content, order="sorted").decode()


def sensors(connection: Connection) -> tuple[Sensor, ...]:
    """Every sensor, in the order of entry."""
    table = schema.sensor
    query = select(table).order_by(table.c.sequence)
    return tuple(
        Sensor(row=row["sequence"], serial=row["serial"], model=row["model"], maker=row["maker"])
        for row in connection.execute(query).mappings()
    )


def find(connection: Connection, serial: str) -> Sensor | None:
    """The sensor with this serial number, if there is one."""
    return next((one for one in sensors(connection) if one.serial == serial), None)


def known(connection: Connection, serial: str) -> Sensor:
    """The sensor with this serial number.

    Raises:
        Refused: there is none.
    """
    found = find(connection, serial)
    if found is None:
        raise Refused(f"{serial!a} is no sensor of this ledger; culturewatch sensor add enters one")
    return found


def installations(connection: Connection) -> tuple[Installation, ...]:
    """Every installation that stands, in the order of time."""
    return tuple(
        Installation(
            row=row["sequence"],
            sensor=row["sensor"],
            channel=row["channel"],
            quantity=row["quantity"],
            start=row["start_at"],
            end=_end(row),
            by=row["done_by"],
            entered=row["entered_at"],
            reason=row["reason"],
            corrects=row["corrects"],
            ending=row["ending"],
        )
        for row in _standing(connection, schema.installation, "start_at")
    )


def installation(connection: Connection, row: int) -> Installation:
    """The installation that entry ``row`` speaks of.

    Raises:
        Refused: it speaks of none, or was corrected since.
    """
    for one in installations(connection):
        if one.row == row:
            return one
    raise Refused("that entry is no installation, or was corrected or taken back since", row=row)


def certificates(connection: Connection) -> tuple[Certificate, ...]:
    """Every certificate that stands, in the order of time."""
    return tuple(_certificate(row) for row in _standing(connection, schema.certificate, None))


def files(connection: Connection) -> set[str]:
    """The SHA-256 of every file that a certificate ever named, corrected or not."""
    if schema.certificate.name not in inspect(connection).get_table_names():
        # A ledger of an earlier version has no certificates.
        return set()
    file = schema.certificate.c.file
    return set(connection.execute(select(file).where(file.is_not(None)).distinct()).scalars())


def certificate(connection: Connection, row: int) -> Certificate:
    """The certificate that entry ``row`` speaks of.

    Raises:
        Refused: it speaks of none, or was corrected since.
    """
    for one in certificates(connection):
        if one.row == row:
            return one
    raise Refused("that entry is no certificate, or was corrected or taken back since", row=row)


def periods(connection: Connection, serial: str | None = None) -> tuple[InCalibration, ...]:
    """Every time in calibration that stands, of ``serial`` or of all, in the order of time."""
    return tuple(
        InCalibration(
            row=row["sequence"],
            sensor=row["sensor"],
            start=row["start_at"],
            until=row["until_at"],
            end=_end(row),
            by=row["done_by"],
            entered=row["entered_at"],
            reason=row["reason"],
            ending=row["ending"],
        )
        for row in _standing(connection, schema.calibrating, "start_at")
        if serial is None or row["sensor"] == serial
    )


def period(connection: Connection, row: int) -> InCalibration:
    """The time in calibration that entry ``row`` speaks of.

    Raises:
        Refused: it speaks of none, or was corrected since.
    """
    for one in periods(connection):
        if one.row == row:
            return one
    raise Refused("that entry is no calibration, or was corrected or taken back since", row=row)


def _certificate(row: RowMapping) -> Certificate:
    content = _decode(row["content"])
    return Certificate(
        row=row["sequence"],
        sensor=row["sensor"],
        quantity=row["quantity"],
        at=row["calibrated_at"],
        due=row["due_at"],
        laboratory=row["laboratory"],
        number=row["number"],
        tolerance=content.tolerance,
        points=content.points,
        file=row["file"],
        by=row["done_by"],
        entered=row["entered_at"],
        reason=row["reason"],
        corrects=row["corrects"],
    )


def _standing(connection: Connection, table: Table, order: str | None) -> list[RowMapping]:
    """The rows of ``table`` that nothing took the place of, with their act and their end."""
    act, ended = schema.act, schema.conclusion
    query = (
        select(
            table,
            *(act.c.done_by, act.c.entered_at, act.c.reason, act.c.corrects),
            func.max(ended.c.end_at).label("concluded_at"),
            func.max(ended.c.sequence).label("ending"),
        )
        .join(act, act.c.sequence == table.c.sequence)
        .outerjoin(ended, (ended.c.entry == table.c.sequence) & ~_corrected(ended.c.sequence))
        .where(~_corrected(table.c.sequence))
        .group_by(*table.c, act.c.done_by, act.c.entered_at, act.c.reason, act.c.corrects)
        .order_by(table.c[order or "calibrated_at"], table.c.sequence)
    )
    return list(connection.execute(query).mappings())


def _corrected(sequence: ColumnElement[int]) -> ColumnElement[bool]:
    later = schema.act.alias()
    return select(later.c.sequence).where(later.c.corrects == sequence).exists()


def _end(row: RowMapping) -> int | None:
    found: int | None = row["concluded_at"]
    return row["end_at"] if found is None else found
