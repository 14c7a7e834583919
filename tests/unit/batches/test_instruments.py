"""What the ledger takes and refuses about sensors, and what that makes of a record."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
import pytest
from sqlalchemy import text

from alerts.reader import AlarmReader
from batches.batch import Signed
from batches.calibration import Point, Status
from batches.instruments import Instruments
from batches.ledger import Ledger
from batches.placement import Interval, Refused
from batches.policy import Verdict
from batches.protocol import ChannelLimit, Step
from batches.protocol import Protocol as Rules
from batches.record import BatchRecord, Made, assemble
from batches.sensor import LONGEST_MS
from batches.setting import Setting
from batches.survey import Readings
from storage.acts import verify_chain
from storage.database import Database, DatabaseError

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONDAY = 1_767_596_400_000
B = "B-2026-0001"
HEAT = "inc1.temperature"
ANNA = Signed(by="anna")
WHY = "read off the certificate"
POINT = Point(reference=37_000, as_found=37_100, as_left=37_000, uncertainty=200)


class Clock(Protocol):
    now: int

    def at(self, hours: float) -> None: ...


def then(hours: float, by: str = "anna") -> Signed:
    return Signed(by=by, at=MONDAY + round(hours * HOUR), reason=WHY)


@pytest.fixture
def sensors(ledger: Ledger) -> Instruments:
    found = Instruments(ledger)
    for serial in ("T-1", "T-2"):
        found.register(serial, model="HMP252", maker="Vaisala", act=ANNA)
    return found


Certify = Callable[..., int]


@pytest.fixture
def certify(sensors: Instruments) -> Certify:
    def certify(serial: str, *points: Point, **other: object) -> int:
        given: dict[str, object] = {
            "quantity": "temperature",
            "at": MONDAY - 30 * DAY,
            "due": MONDAY + 335 * DAY,
            "laboratory": "Metrology Ltd",
            "number": "26-117",
            "tolerance": 300,
            "points": points or (POINT,),
            "act": ANNA,
        }
        return sensors.certify(serial, **(given | other)).row  # type: ignore[arg-type] # of mixed types

    return certify


def test_a_sensor_is_installed_swapped_and_taken_away_and_nothing_is_forgotten(
    sensors: Instruments, clock: Clock, ledger: Ledger
) -> None:
    sensors.install("T-1", HEAT, quantity="temperature", act=ANNA)
    clock.at(2)
    sensors.swap(HEAT, "T-2", act=Signed(by="ben", reason="sent to be calibrated"))
    clock.at(5)
    sensors.uninstall(HEAT, act=ANNA)
    assert [
        (i.sensor, i.start - MONDAY, (i.end or 0) - MONDAY, i.by)
        for i in sensors.book().installations
    ] == [
        ("T-1", 0, 2 * HOUR, "anna"),
        ("T-2", 2 * HOUR, 5 * HOUR, "ben"),
    ]
    assert verify_chain(ledger.url) is None


def test_a_channel_has_one_sensor_and_a_sensor_is_in_one_device_at_a_time(
    sensors: Instruments, clock: Clock
) -> None:
    first = sensors.install("T-1", HEAT, quantity="temperature", act=ANNA)
    with pytest.raises(Refused, match=rf"has sensor T-1 at that time \(row {first.row}\)") as error:
        sensors.install("T-2", HEAT, quantity="temperature", act=ANNA)
    assert error.value.row == first.row
    with pytest.raises(Refused, match=rf"is at {HEAT} at that time \(row {first.row}\)"):
        sensors.install("T-1", "inc2.temperature", quantity="temperature", act=ANNA)
    # A probe for temperature and humidity is at two channels of its device.
    sensors.install("T-1", "inc1.humidity", quantity="relative_humidity", act=ANNA)
    clock.at(1)
    sensors.uninstall(HEAT, act=ANNA)
    # Half-open: at the very instant at which one left, the next may come.
    sensors.install("T-2", HEAT, quantity="temperature", act=ANNA)


def test_what_cannot_be_is_refused(sensors: Instruments, clock: Clock) -> None:
    with pytest.raises(Refused, match="exists already"):
        sensors.register("T-1", model="x", act=ANNA)
    with pytest.raises(Refused, match="which model"):
        sensors.register("T-3", model=" ", act=ANNA)
    with pytest.raises(Refused, match="no serial number"):
        sensors.register("T\x1b[2J", model="x", act=ANNA)
    with pytest.raises(Refused, match="no sensor of this ledger"):
        sensors.install("T-9", HEAT, quantity="temperature", act=ANNA)
    with pytest.raises(Refused, match="unknown quantity"):
        sensors.install("T-1", HEAT, quantity="heat", act=ANNA)
    with pytest.raises(Refused, match="not a device of this site"):
        sensors.install("T-1", "inc9.temperature", quantity="temperature", act=ANNA)
    with pytest.raises(Refused, match="no sensor is entered there"):
        sensors.uninstall(HEAT, act=ANNA)
    sensors.install("T-1", HEAT, quantity="temperature", act=ANNA)
    with pytest.raises(Refused, match="cannot end before it began"):
        sensors.uninstall(HEAT, act=ANNA)
    clock.at(1)
    with pytest.raises(Refused, match="must end after it starts"):
        sensors.install(
            "T-2", "inc2.temperature", quantity="temperature", act=ANNA, until=MONDAY + HOUR
        )
    with pytest.raises(Refused, match="in the future"):
        sensors.install("T-2", "inc2.temperature", quantity="temperature", act=then(2))


def test_a_correction_is_a_new_row_with_a_reason(sensors: Instruments, clock: Clock) -> None:
    row = sensors.install("T-1", HEAT, quantity="temperature", act=ANNA).row
    clock.at(3)
    with pytest.raises(Refused, match="needs a reason"):
        sensors.correct_installation(row, start=MONDAY + HOUR, act=ANNA)
    found = sensors.correct_installation(row, start=MONDAY + HOUR, act=Signed(by="b", reason="x"))
    assert (found.start, found.corrects, found.reason) == (MONDAY + HOUR, row, "x")
    assert [i.row for i in sensors.book().installations] == [found.row]
    with pytest.raises(Refused, match="corrected or taken back"):
        sensors.correct_installation(row, start=MONDAY, act=Signed(by="b", reason="x"))


def test_an_end_taken_back_may_not_make_an_overlap(sensors: Instruments, clock: Clock) -> None:
    sensors.install("T-1", HEAT, quantity="temperature", act=ANNA)
    clock.at(1)
    ending = sensors.uninstall(HEAT, act=ANNA).ending or 0
    sensors.install("T-2", HEAT, quantity="temperature", act=ANNA)
    why = Signed(by="b", reason="never taken out")
    with pytest.raises(Refused, match="has sensor"):
        sensors.withdraw(ending, act=why)
    assert [i.end for i in sensors.book().installations] == [MONDAY + HOUR, None]


def test_a_certificate_is_kept_corrected_and_withdrawn(
    sensors: Instruments, certify: Certify, ledger: Ledger
) -> None:
    row = certify("T-1", file="ab" * 32)
    (kept,) = sensors.book().certificates
    assert (kept.laboratory, kept.number, kept.points, kept.uncertainty) == (
        "Metrology Ltd",
        "26-117",
        (POINT,),
        200,
    )
    with pytest.raises(Refused, match="needs a reason"):
        certify("T-1", number="26-118", corrects=row)
    why = Signed(by="b", reason="mistyped")
    with pytest.raises(Refused, match="another's certificate"):
        certify("T-2", corrects=row, act=why)
    corrected = certify("T-1", number="26-118", corrects=row, act=why)
    assert [(c.row, c.number, c.corrects) for c in sensors.book().certificates] == [
        (corrected, "26-118", row)
    ]
    sensors.withdraw(corrected, act=why)
    assert sensors.book().certificates == ()
    assert verify_chain(ledger.url) is None


def test_a_certificate_that_cannot_be_is_refused(certify: Certify) -> None:
    with pytest.raises(Refused, match="falls due after"):
        certify("T-1", due=MONDAY - 30 * DAY)
    with pytest.raises(Refused, match="one point at least"):
        certify("T-1", points=())
    with pytest.raises(Refused, match="which laboratory"):
        certify("T-1", laboratory=" ")
    with pytest.raises(Refused, match="in the future"):
        certify("T-1", at=MONDAY + DAY)
    with pytest.raises(Refused, match="no sensor of this ledger"):
        certify("T-9")
    with pytest.raises(Refused, match="check the year"):
        certify("T-1", due=MONDAY + 366 * 101 * DAY)
    with pytest.raises(Refused, match="unknown quantity 'heat'"):
        certify("T-1", quantity="heat")
    with pytest.raises(Refused, match="a tolerance is 0 or above"):
        certify("T-1", tolerance=-1)
    # More than the stored text can be read back with: it would make the ledger unreadable.
    for field in ("reference", "as_found", "as_left", "uncertainty"):
        far = msgspec.structs.replace(POINT, **{field: 2**70})
        with pytest.raises(Refused, match="no quantity is measured in numbers beyond"):
            certify("T-1", far)
    with pytest.raises(Refused, match="an uncertainty is 0 or above"):
        certify("T-1", msgspec.structs.replace(POINT, uncertainty=-1))


def test_a_calibration_begins_and_ends_and_is_bounded(sensors: Instruments, clock: Clock) -> None:
    with pytest.raises(Refused, match="7 days at most"):
        sensors.begin("T-1", until=MONDAY + LONGEST_MS + 1, act=ANNA)
    begun = sensors.begin("T-1", until=MONDAY + HOUR, act=ANNA)
    with pytest.raises(Refused, match=rf"is in calibration at that time \(row {begun.row}\)"):
        sensors.begin("T-1", until=MONDAY + 2 * HOUR, act=ANNA)
    clock.at(2)
    assert sensors.end("T-1", act=ANNA).end == MONDAY + 2 * HOUR
    with pytest.raises(Refused, match="is not in calibration"):
        sensors.end("T-1", act=ANNA)
    found = sensors.correct_calibration(
        begun.row, end=MONDAY + HOUR, act=Signed(by="b", reason="clock read wrongly")
    )
    assert (found.start, found.end) == (MONDAY, MONDAY + HOUR)


def test_rows_about_sensors_cannot_be_changed(
    sensors: Instruments, certify: Certify, ledger: Ledger
) -> None:
    certify("T-1")
    sensors.install("T-1", HEAT, quantity="temperature", act=ANNA)
    database = Database(ledger.url)
    for statement in (
        "UPDATE certificate SET due_at = due_at + 1",
        "DELETE FROM installation",
        "UPDATE sensor SET serial = 'T-8'",
    ):
        with pytest.raises(DatabaseError, match="append-only"), database.writing() as connection:
            connection.execute(text(statement))


Record = Callable[..., BatchRecord]


@pytest.fixture
def record(
    lived: Ledger, journal: Readings, alarms: AlarmReader, setting: Setting, made: Made
) -> Record:
    def record(**other: object) -> BatchRecord:
        given: dict[str, object] = {
            "ledger": lived,
            "readings": journal,
            "alarms": alarms,
            "setting": setting,
            "made": made,
            "visit": lambda *_: None,
        }
        return assemble(B, **(given | other))  # type: ignore[arg-type] # of mixed types

    return record


def items(record: BatchRecord, word: str) -> list[str]:
    return [item for item in record.open_items if word in item]


def test_a_record_names_sensor_certificate_and_status(
    sensors: Instruments, certify: Certify, record: Record
) -> None:
    row = certify("T-1")
    sensors.install("T-1", HEAT, quantity="temperature", act=then(0))
    found = record().calibrations
    assert [one.serial for one in found.sensors] == ["T-1"]
    assert [one.row for one in found.certificates] == [row]
    heat = next(each for each in found.channels if each.channel == HEAT)
    assert [(h.sensor, h.status, h.certificate) for h in heat.held] == [("T-1", Status.VALID, row)]
    assert items(record(), "Stay 1 in inc1, temperature: the sensor") == []


def test_a_sensor_that_fell_due_during_the_stay_marks_the_record(
    sensors: Instruments, certify: Certify, record: Record
) -> None:
    certify("T-1", due=MONDAY + 3 * HOUR)
    sensors.install("T-1", HEAT, quantity="temperature", act=then(0))
    assert items(record(), "T-1") == [
        (
            "Stay 1 in inc1, temperature: sensor T-1 was overdue for calibration, due on "
            "2026-01-05 11:00 CET (from 2026-01-05 11:00 CET to 2026-01-05 12:00 CET)."
        )
    ]


def test_a_sensor_without_a_certificate_is_said_to_be_unknown(
    sensors: Instruments, record: Record
) -> None:
    sensors.install("T-1", HEAT, quantity="temperature", act=then(0))
    assert items(record(), "T-1") == [
        (
            "Stay 1 in inc1, temperature: sensor T-1 is without a certificate, so that its "
            "calibration is unknown (from 2026-01-05 08:00 CET to 2026-01-05 12:00 CET)."
        )
    ]


def test_readings_in_calibration_are_never_judged(
    sensors: Instruments, certify: Certify, record: Record
) -> None:
    # The excursion of 9:00 to 9:05 turns out to have been a calibrator at 38.5 °C.
    assert record().verdict is Verdict.OUT
    certify("T-1")
    sensors.install("T-1", HEAT, quantity="temperature", act=then(0))
    begun = sensors.begin("T-1", until=MONDAY + 9 * HOUR, act=then(1))
    sensors.end("T-1", act=then(1.25))
    found = record()
    heat = found.stays[0].channels[0].exposure
    assert (heat.in_calibration, heat.calibration_ms, heat.unknown_ms) == (
        15,
        15 * MINUTE,
        15 * MINUTE,
    )
    assert heat.gaps == (Interval(MONDAY + HOUR, MONDAY + HOUR + 15 * MINUTE),)
    assert (heat.excursions, heat.maximum, heat.verdict) == ((), 37.0, Verdict.UNKNOWN)
    assert (found.complete, found.verdict) == (False, Verdict.UNKNOWN)
    assert [one.row for one in found.calibrations.periods] == [begun.row]
    assert items(found, "in calibration") == [
        "Stay 1 in inc1, temperature: in calibration for 15m; that time is not judged."
    ]


def test_a_calibration_that_nobody_ended_is_open_and_nothing_after_it_is_judged(
    sensors: Instruments, record: Record
) -> None:
    sensors.install("T-1", HEAT, quantity="temperature", act=then(0))
    sensors.begin("T-1", until=MONDAY + 9 * HOUR, act=then(1))
    found = record()
    assert found.stays[0].channels[0].exposure.calibration_ms == 3 * HOUR
    assert items(found, "never ended") == [
        (
            "The calibration of sensor T-1 that began on 2026-01-05 09:00 CET was never ended; "
            "nothing it says since is judged."
        )
    ]


def test_a_later_calibration_that_finds_it_off_opens_the_record_again(
    sensors: Instruments, certify: Certify, record: Record, clock: Clock
) -> None:
    certify("T-1")
    sensors.install("T-1", HEAT, quantity="temperature", act=then(0))
    assert items(record(), "as-found") == []
    clock.at(30 * 24)
    off = Point(reference=37_000, as_found=37_400, as_left=37_000, uncertainty=200)
    certify("T-1", off, at=MONDAY + 29 * DAY)
    assert items(record(), "as-found") == [
        (
            "Stay 1, inc1.temperature: as-found deviation +0.4 °C at 37 °C on 2026-02-03 08:00 CET "
            "(sensor T-1, tolerance 0.3 °C); what it said from 2026-01-05 08:00 CET to "
            "2026-01-05 12:00 CET is in doubt."
        )
    ]


def test_a_protocol_with_a_guard_band_judges_by_the_uncertainty_of_the_sensor(
    sensors: Instruments, certify: Certify, lived: Ledger, record: Record
) -> None:
    def judged_by(version: str, *, guard_band: bool) -> Verdict | None:
        # 37.0 °C is 0.15 from the limit and the sensor uncertain by 0.2.
        limit = ChannelLimit(channel="temperature", low=36.0, high=37.15, coverage=90.0)
        step = Step(id="c", devices=("inc2",), guard_band=guard_band, limit=(limit,))
        kept = Rules(name="p", version=version, step=(step,))
        lived.keep(kept, act=ANNA)
        # Said to hold from the opening on: what is amended later judges later stays only.
        lived.amend(B, protocol=kept.reference, act=Signed(by="q", at=MONDAY, reason="trial"))
        exposure = record().stays[1].channels[0].exposure
        assert exposure.unsure_ms == (220 * MINUTE if guard_band else 0)
        return exposure.verdict

    certify("T-2")
    sensors.install("T-2", "inc2.temperature", quantity="temperature", act=then(0))
    # The gap of ten minutes is within the coverage that it asks for.
    assert judged_by("1", guard_band=False) is Verdict.IN
    assert judged_by("2", guard_band=True) is Verdict.UNKNOWN
    assert [i for i in record().open_items if "guard band" in i] == [
        "Stay 2 in inc2, temperature: 3h40m in the guard band, which is neither in limits nor out."
    ]


def test_the_record_says_the_same_from_its_json(
    sensors: Instruments, certify: Certify, record: Record, tmp_path: Path
) -> None:
    certify("T-1")
    sensors.install("T-1", HEAT, quantity="temperature", act=then(0))
    found = record().calibrations
    (tmp_path / "x.json").write_bytes(msgspec.json.encode(found))
    assert msgspec.json.decode((tmp_path / "x.json").read_bytes(), type=type(found)) == found
