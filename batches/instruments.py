"""What people enter about sensors, for good: installed, swapped, calibrated, corrected."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from batches import sensor_rows, standing
from batches.batch import Signed
from batches.calibration import FARTHEST, Book, Certificate, Content, Point
from batches.calibration import LONGEST_MS as HOLDS_AT_MOST_MS
from batches.clerk import check_text
from batches.ledger import Ledger
from batches.placement import Refused, check_times
from batches.sensor import (
    LONGEST_MS,
    InCalibration,
    Installation,
    Sensor,
    check_calibrating,
    check_installed,
    check_interval,
    check_serial,
)
from devices.units import STORED_UNIT
from storage.acts import Act, append
from storage.chain import Scalar

SUBJECT = "sensor/"
"""Before a serial number it is the subject of an act, so that no batch has the same one."""
_RETRACTABLE = frozenset(
    {"install", "uninstall", "certify", "calibrate", "calibrated", "reinstall"}
)


class Instruments:
    """Acts on sensors, kept and refused like those of ``batches.ledger.Ledger``."""

    def __init__(self, ledger: Ledger) -> None:
        """Work on ``ledger``."""
        self._database = ledger.database
        self._clerk = ledger.clerk

    def book(self) -> Book:
        """Everything that holds about sensors now, of one instant."""
        with self._database.reading() as connection:
            return sensor_rows.book(connection)

    def register(self, serial: str, *, model: str, act: Signed, maker: str = "") -> Sensor:
        """Enter that there is a sensor with this serial number."""
        check_serial(serial)
        check_text(model=model, maker=maker)
        if not model.strip():
            raise Refused(f"sensor {serial}: say which model it is")
        with self._database.writing() as connection:
            before = sensor_rows.find(connection, serial)
            if before is not None:
                raise Refused(f"sensor {serial}: exists already", row=before.row)
            entry = self._clerk.entry("sensor", SUBJECT + serial, act)
            append(connection, entry, "sensor", {"serial": serial, "model": model, "maker": maker})
            return sensor_rows.known(connection, serial)

    def install(
        self, serial: str, channel: str, *, quantity: str, act: Signed, until: int | None = None
    ) -> Installation:
        """``serial`` measures at ``channel`` from ``act.at``; ``until`` when it has left since."""
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            return self._put(connection, serial, (channel, quantity, act.at or 0, until), act)

    def uninstall(self, channel: str, *, act: Signed) -> Installation:
        """Take the sensor that is at ``channel`` away at ``act.at``."""
        with self._database.writing() as connection:
            return self._take(connection, channel, act)

    def swap(self, channel: str, serial: str, *, act: Signed) -> Installation:
        """Another sensor takes the place of the one at ``channel``, both at one instant."""
        act = self._clerk.dated(act)
        with self._database.writing() as connection:
            before = self._take(connection, channel, act)
            place = (channel, before.quantity, act.at or 0, None)
            return self._put(connection, serial, place, act)

    def certify(
        self,
        serial: str,
        *,
        quantity: str,
        at: int,
        due: int,
        laboratory: str,
        number: str,
        tolerance: int,
        points: Sequence[Point],
        act: Signed,
        file: str | None = None,
        corrects: int | None = None,
    ) -> Certificate:
        """Enter a certificate: calibrated ``at`` (epoch ms), to be done again by ``due``.

        ``tolerance`` and ``points`` are in milli-units of the stored unit of ``quantity``,
        ``file`` is the SHA-256 of the certificate's file. ``corrects`` is the row of one that
        was entered wrongly: the whole is entered anew, with a reason.
        """
        check_text(laboratory=laboratory, number=number)
        if not laboratory.strip():
            raise Refused(f"sensor {serial}: say which laboratory calibrated it")
        _check_numbers(serial, points, tolerance)
        _check_quantity(quantity)
        if not at < due <= at + HOLDS_AT_MOST_MS:
            raise Refused(
                f"sensor {serial}: it falls due after it was calibrated, within 100 years; "
                "check the year"
            )
        with self._database.writing() as connection:
            sensor_rows.known(connection, serial)
            if corrects is None:
                entry = self._clerk.entry("certify", SUBJECT + serial, act)
            else:
                if sensor_rows.certificate(connection, corrects).sensor != serial:
                    raise Refused(f"sensor {serial}: that is another's certificate", row=corrects)
                entry = self._clerk.correction("certify", SUBJECT + serial, corrects, act)
            # It is entered when the certificate has come: the reason of what is late is known.
            check_times(at=at, entered=entry.entered, reason="certificate", what=SUBJECT + serial)
            content = Content(tolerance=tolerance, points=tuple(points))
            detail: dict[str, Scalar] = {
                "sensor": serial,
                "quantity": quantity,
                "calibrated_at": at,
                "due_at": due,
                "laboratory": laboratory,
                "number": number,
                "file": file,
                "content": sensor_rows.encode(content),
            }
            now = append(connection, entry, "certificate", detail)
            return sensor_rows.certificate(connection, now.sequence)

    def begin(self, serial: str, *, until: int, act: Signed) -> InCalibration:
        """From ``act.at`` on ``serial`` is in calibration, ``until`` (epoch ms) as planned."""
        with self._database.writing() as connection:
            sensor_rows.known(connection, serial)
            entry = self._clerk.entry("calibrate", SUBJECT + serial, act)
            check_interval(f"sensor {serial}: a calibration", entry.at, until)
            if until - entry.at > LONGEST_MS:
                raise Refused(
                    f"sensor {serial}: a calibration is planned for 7 days at most, because "
                    "meanwhile nobody is told what it measures; begin another when it takes longer"
                )
            check_calibrating(serial, entry.at, None, sensor_rows.periods(connection, serial))
            detail: dict[str, Scalar] = {
                "sensor": serial,
                "start_at": entry.at,
                "until_at": until,
                "end_at": None,
            }
            now = append(connection, entry, "calibrating", detail)
            return sensor_rows.period(connection, now.sequence)

    def end(self, serial: str, *, act: Signed) -> InCalibration:
        """What ``serial`` says is product data again, from ``act.at`` on."""
        with self._database.writing() as connection:
            for one in sensor_rows.periods(connection, serial):
                if one.end is None:
                    entry = self._clerk.entry("calibrated", SUBJECT + serial, act)
                    self._conclude(connection, one.row, one.start, entry)
                    return sensor_rows.period(connection, one.row)
            raise Refused(f"sensor {serial}: is not in calibration")

    def correct_installation(
        self,
        row: int,
        *,
        act: Signed,
        channel: str | None = None,
        quantity: str | None = None,
        start: int | None = None,
        end: int | UnsetType | None = UNSET,
    ) -> Installation:
        """Enter what installation ``row`` should have said; what is not given stays as it was."""
        with self._database.writing() as connection:
            old = sensor_rows.installation(connection, row)
            place = (
                channel or old.channel,
                quantity or old.quantity,
                old.start if start is None else start,
                old.end if end is UNSET else end,
            )
            return self._put(connection, old.sensor, place, act, corrects=row)

    def correct_calibration(
        self,
        row: int,
        *,
        act: Signed,
        start: int | None = None,
        end: int | UnsetType | None = UNSET,
    ) -> InCalibration:
        """Enter when calibration ``row`` began and ended; what is not given stays as it was."""
        with self._database.writing() as connection:
            old = sensor_rows.period(connection, row)
            first = old.start if start is None else start
            last = old.end if end is UNSET else end
            entry = self._clerk.correction("calibrate", SUBJECT + old.sensor, row, act)
            self._check_past(old.sensor, entry, first, last)
            check_interval(f"sensor {old.sensor}: a calibration", first, last)
            others = sensor_rows.periods(connection, old.sensor)
            check_calibrating(old.sensor, first, last, [o for o in others if o.row != row])
            detail: dict[str, Scalar] = {
                "sensor": old.sensor,
                "start_at": first,
                "until_at": max(old.until, first + 1),
                "end_at": last,
            }
            now = append(connection, entry, "calibrating", detail)
            return sensor_rows.period(connection, now.sequence)

    def withdraw(self, row: int, *, act: Signed) -> None:
        """Take back an installation, a certificate, a calibration, or the end of one."""
        with self._database.writing() as connection:
            old = standing.act(connection, row)
            if old.kind not in _RETRACTABLE or not old.subject.startswith(SUBJECT):
                raise Refused(f"an entry of kind {old.kind!r} cannot be taken back here", row=row)
            append(connection, self._clerk.correction("withdraw", old.subject, row, act))
            self._check_reopened(connection, old)

    def _put(
        self,
        connection: Connection,
        serial: str,
        place: tuple[str, str, int, int | None],
        act: Signed,
        *,
        corrects: int | None = None,
    ) -> Installation:
        channel, quantity, start, end = place
        _check_quantity(quantity)
        sensor_rows.known(connection, serial)
        self._clerk.check_place(channel.rpartition(".")[0], "")
        subject = SUBJECT + serial
        if corrects is None:
            entry = self._clerk.entry("install", subject, act)
        else:
            entry = self._clerk.correction("reinstall", subject, corrects, act)
        self._check_past(serial, entry, start, end)
        check_interval(f"sensor {serial}: a stay at {channel}", start, end)
        others = sensor_rows.installations(connection)
        check_installed(serial, channel, start, end, [o for o in others if o.row != corrects])
        detail: dict[str, Scalar] = {
            "sensor": serial,
            "channel": channel,
            "quantity": quantity,
            "start_at": start,
            "end_at": end,
        }
        now = append(connection, entry, "installation", detail)
        return sensor_rows.installation(connection, now.sequence)

    def _take(self, connection: Connection, channel: str, act: Signed) -> Installation:
        for one in sensor_rows.installations(connection):
            if one.channel == channel and one.end is None:
                entry = self._clerk.entry("uninstall", SUBJECT + one.sensor, act)
                self._conclude(connection, one.row, one.start, entry)
                return sensor_rows.installation(connection, one.row)
        raise Refused(f"{channel}: no sensor is entered there; install one first")

    def _conclude(self, connection: Connection, row: int, start: int, entry: Act) -> None:
        if entry.at <= start:
            raise Refused(f"{entry.subject}: that cannot end before it began", row=row)
        append(connection, entry, "conclusion", {"entry": row, "end_at": entry.at})

    def _check_past(self, serial: str, entry: Act, *times: int | None) -> None:
        for time_ in times:
            if time_ is not None:
                check_times(
                    at=time_,
                    entered=entry.entered,
                    reason=entry.reason,
                    what=f"sensor {serial}",
                )

    def _check_reopened(self, connection: Connection, taken_back: Act) -> None:
        """What goes on again since its end was taken back meets no other."""
        serial = taken_back.subject.removeprefix(SUBJECT)
        installed = sensor_rows.installations(connection)
        for one in installed:
            if one.sensor == serial:
                others = [other for other in installed if other.row != one.row]
                check_installed(serial, one.channel, one.start, one.end, others)
        periods = sensor_rows.periods(connection, serial)
        for period in periods:
            rest = [other for other in periods if other.row != period.row]
            check_calibrating(serial, period.start, period.end, rest)


def _check_numbers(serial: str, points: Sequence[Point], tolerance: int) -> None:
    if not points:
        raise Refused(f"sensor {serial}: a certificate has one point at least")
    if not 0 <= tolerance <= FARTHEST:
        raise Refused(f"sensor {serial}: a tolerance is 0 or above")
    for mistake in (point.mistake() for point in points):
        if mistake is not None:
            raise Refused(f"sensor {serial}: {mistake}")


def _check_quantity(quantity: str) -> None:
    if quantity not in STORED_UNIT:
        raise Refused(f"unknown quantity {quantity!a}; known: {', '.join(STORED_UNIT)}")
