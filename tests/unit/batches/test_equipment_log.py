"""The log of a device has every batch that was in it and all that was done to it, in order."""

import csv
import json
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from batches.batch import Signed
from batches.calibration import Point
from batches.care import Caretaker, Kind
from batches.equipment_log import EquipmentLog, equipment_log
from batches.export.listing import write_report
from batches.export.log_listing import log_report
from batches.export.publish import RecordError
from batches.instruments import Instruments
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Interval, Refused
from batches.record import Made
from batches.setting import Setting
from batches.verify import verify
from batches.vial import Place
from storage.acts import verify_chain

HOUR = 3_600_000
MONDAY = 1_767_596_400_000
B = "B-2026-0001"
DAY = Interval(MONDAY, MONDAY + 9 * HOUR)
ANNA = Signed(by="anna")


class Clock(Protocol):
    now: int

    def at(self, hours: float) -> None: ...


def then(hours: float, by: str = "anna", reason: str = "entered later") -> Signed:
    return Signed(by=by, at=MONDAY + round(hours * HOUR), reason=reason)


@pytest.fixture
def busy(lived: Ledger) -> Ledger:
    """inc1: B-2026-0001 from 0 to 4, cleaned at 4.5, a calibration at 5, serviced 6 to 7."""
    care, sensors = Caretaker(lived), Instruments(lived)
    care.enter("inc1", Kind.SERVICE, agent="Vendor Ltd", act=then(6), until=MONDAY + 7 * HOUR)
    care.enter("inc1", Kind.CLEAN, agent="ethanol 70 %", act=then(4.5, "cleo"), checked_by="ben")
    care.enter("inc2", Kind.CLEAN, agent="ethanol 70 %", act=then(5))
    sensors.register("T-1", model="HMP252", act=ANNA)
    sensors.install("T-1", "inc1.temperature", quantity="temperature", act=then(1))
    sensors.certify(
        "T-1",
        quantity="temperature",
        at=MONDAY + 5 * HOUR,
        due=MONDAY + 999 * HOUR,
        laboratory="Metrology",
        number="26-117",
        tolerance=300,
        points=[Point(reference=37_000, as_found=37_000, as_left=37_000, uncertainty=100)],
        act=then(9, "quality"),
    )
    return lived


def log(
    ledger: Ledger, setting: Setting, span: Interval = DAY, device: str = "inc1"
) -> EquipmentLog:
    made = Made(by="quality", at=MONDAY + 9 * HOUR)
    return equipment_log(device, span, ledger=ledger, setting=setting, made=made)


def test_it_is_in_the_order_of_time_with_who_did_and_who_checked(
    busy: Ledger, setting: Setting
) -> None:
    found = log(busy, setting)
    lines = [
        ((e.at - MONDAY) / HOUR, e.what, e.subject, e.product, e.detail, e.by, e.checked_by)
        for e in found.entries
    ]
    assert lines == [
        (0, "placed", B, "fibroblasts <P2>", "shelf 2", "anna", None),
        (1, "sensor installed", "T-1", "", "inc1.temperature", "anna", None),
        (4, "removed", B, "fibroblasts <P2>", "shelf 2", "anna", None),
        (4.5, "cleaned", "", "", "ethanol 70 %", "cleo", "ben"),
        (5, "calibrated", "T-1", "", "Metrology 26-117", "quality", None),
        (6, "serviced", "", "", "Vendor Ltd", "anna", None),
    ]
    (service,) = [e for e in found.entries if e.what == "serviced"]
    assert service.until == MONDAY + 7 * HOUR
    assert found.open_items == (f"Row {service.row}: that it was serviced was checked by nobody.",)
    assert verify_chain(busy.url) is None


def test_the_period_is_half_open_and_what_stood_there_is_named(
    busy: Ledger, setting: Setting
) -> None:
    found = log(busy, setting, Interval(MONDAY + 1, MONDAY + 4 * HOUR))
    assert [e.subject for e in found.inside] == [B]
    assert [e.what for e in found.entries] == ["sensor installed"]
    # At the instant at which the period begins it had just left.
    after = log(busy, setting, Interval(MONDAY + 4 * HOUR, MONDAY + 5 * HOUR))
    assert after.inside == ()
    assert [e.what for e in after.entries] == ["removed", "cleaned"]


def test_a_period_that_is_not_over_says_so(busy: Ledger, setting: Setting) -> None:
    found = log(busy, setting, Interval(MONDAY, MONDAY + 99 * HOUR))
    assert found.open_items[0] == "The period is not over; the log ends where it was made."


def test_a_vial_has_the_product_of_its_batch(
    ledger: Ledger, setting: Setting, clock: Clock
) -> None:
    lineage = Lineage(ledger)
    ledger.open_batch(B, product="fibroblasts", act=ANNA)
    lineage.passage(B, act=ANNA)
    clock.at(1)
    lineage.freeze(B, [Place(device="inc2", rack="R", box="1", slot="1")], act=ANNA)
    (entry,) = log(ledger, setting, device="inc2").entries
    assert (entry.subject, entry.product, entry.detail) == (f"{B}-V001", "fibroblasts", "R/1/1")


def test_who_does_it_does_not_check_it_and_nobody_checks_twice(busy: Ledger) -> None:
    care = Caretaker(busy)
    row = care.of("inc2", 0, MONDAY + 9 * HOUR)[0].row
    with pytest.raises(Refused, match="did this and cannot check it"):
        care.check(row, act=Signed(by=" Anna "))
    with pytest.raises(Refused, match="did this and cannot check it"):
        care.enter("inc2", Kind.CLEAN, act=ANNA, checked_by="ANNA")
    assert care.check(row, act=Signed(by="ben")).checked_by == "ben"
    with pytest.raises(Refused, match=rf"was checked by ben already \(row {row}\)"):
        care.check(row, act=Signed(by="cleo"))
    # Refused whole: the entry that could not be checked was not kept either.
    assert len(care.of("inc2", 0, MONDAY + 99 * HOUR)) == 1


def test_care_is_corrected_and_taken_back_with_a_reason(busy: Ledger) -> None:
    care = Caretaker(busy)
    row = care.of("inc2", 0, MONDAY + 9 * HOUR)[0].row
    with pytest.raises(Refused, match="needs a reason"):
        care.enter("inc2", Kind.STERILISE, act=ANNA, corrects=row)
    why = Signed(by="ben", reason="it was the sterilisation cycle")
    found = care.enter("inc2", Kind.STERILISE, act=why, corrects=row)
    assert [c.what for c in care.of("inc2", 0, MONDAY + 99 * HOUR)] == [Kind.STERILISE]
    with pytest.raises(Refused, match="corrected"):
        care.check(row, act=Signed(by="cleo"))
    care.withdraw(found.row, act=why)
    assert care.of("inc2", 0, MONDAY + 99 * HOUR) == ()
    with pytest.raises(Refused, match="not a device of this site"):
        care.enter("inc9", Kind.CLEAN, act=ANNA)
    with pytest.raises(Refused, match="must end after it starts"):
        care.enter("inc1", Kind.CLEAN, act=ANNA, until=MONDAY)
    with pytest.raises(Refused, match="cannot be taken back here"):
        care.withdraw(1, act=why)


def test_the_folder_has_json_csv_and_page_and_verifies(
    busy: Ledger, setting: Setting, tmp_path: Path, served: str
) -> None:
    found = log(busy, setting)
    one = write_report(log_report(found), tmp_path / "one")
    two = write_report(log_report(found), tmp_path / "two")
    names = sorted(path.name for path in one.iterdir())
    assert names == [
        *("inside.csv", "log.csv", "manifest.json"),
        *("record.html", "record.json", "record.pdf", "verify_record.py"),
    ]
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    assert msgspec.json.decode((one / "record.json").read_bytes())["entries"][0]["subject"] == B
    with (one / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["What"] for row in rows] == [e.what for e in found.entries]
    page = (one / "record.html").read_text()
    assert "fibroblasts &lt;P2&gt;" in page
    assert "fibroblasts <P2>" not in page
    assert verify(one).sound
    assert verify(one, data=tmp_path / "data", ledger=served).faults[0].where == "alarms.db"
    (one / "log.csv").write_bytes((one / "log.csv").read_bytes().replace(b"cleo", b"dora"))
    assert [fault.where for fault in verify(one).faults] == ["log.csv"]


def test_another_log_is_never_written_over(busy: Ledger, setting: Setting, tmp_path: Path) -> None:
    out = write_report(log_report(log(busy, setting)), tmp_path / "log")
    Caretaker(busy).enter("inc1", Kind.CLEAN, act=then(8))
    with pytest.raises(RecordError, match="says something else"):
        write_report(log_report(log(busy, setting)), out)
    with pytest.raises(RecordError, match="holds something else"):
        write_report(log_report(log(busy, setting, device="inc2")), out)
    assert json.loads((out / "manifest.json").read_bytes())["batch"] == "inc1"
    with pytest.raises(Refused, match="not a device of this site; known: inc1, inc2"):
        log(busy, setting, device="inc9")
