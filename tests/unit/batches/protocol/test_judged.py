"""A protocol judges the stays of its batch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alerts.reader import AlarmReader
from batches.batch import Signed
from batches.export.folder import make_record
from batches.ledger import Ledger
from batches.placement import Interval
from batches.policy import Standing, Verdict
from batches.protocol import load
from batches.record import BatchRecord, Made, assemble
from batches.setting import Setting
from batches.survey import Part, Readings
from storage.archive.pieces import Piece
from tests.unit.batches.conftest import ANNA, HOUR, MINUTE, MONDAY, B, Clock
from tests.unit.batches.protocol_file import Edit

pytestmark = pytest.mark.long


@pytest.fixture
def making(journal: Readings, alarms: AlarmReader, setting: Setting, made: Made) -> dict[str, Any]:
    """What a record is made from, beside the ledger."""
    return {"readings": journal, "alarms": alarms, "setting": setting, "made": made}


@pytest.fixture
def judged(ledger: Ledger, clock: Clock, making: dict[str, Any]) -> Callable[[Path], BatchRecord]:
    """The record of a batch that was in inc1 from 8 to 12 and in inc2 to 16, checked in inc2."""

    def judged(path: Path) -> BatchRecord:
        protocol = load(path)
        ledger.keep(protocol, act=ANNA)
        ledger.open_batch(B, product="x", protocol=protocol.reference, act=ANNA)
        if protocol.step[0].second_check:
            first = ledger.place(B, "inc1", checked_by="ben", act=ANNA)
            ledger.correct(first.row, position="shelf 2", act=Signed(by="anna", reason="typo"))
        else:
            ledger.place(B, "inc1", act=ANNA)
        clock.at(4)
        ledger.move(B, "inc2", checked_by="ben", act=ANNA)
        clock.at(9)

        return assemble(B, ledger=ledger, visit=unseen, **making)

    return judged


def test_the_version_of_the_batch_judges_its_stays(
    judged: Callable[[Path], BatchRecord], edited: Edit
) -> None:
    record = judged(edited("3", "3"))
    assert [each.reference for each in record.protocols] == ["fibroblast@3"]
    assert [stay.protocol for stay in record.stays] == ["fibroblast@3"] * 2
    first, second = record.stays
    # 38.5 degC for the 5 minutes that are allowed; silent for 10 of 300 minutes, 96.66 % known.
    assert [j.standing for j in first.channels[0].exposure.judged] == [Standing.ALLOWED]
    assert [s.exposure.verdict for s in first.channels] == [Verdict.IN, Verdict.IN, None]
    assert second.channels[0].exposure.coverage == 96.66
    assert [s.exposure.verdict for s in second.channels] == [Verdict.IN, Verdict.IN, None]
    assert record.verdict is Verdict.IN
    assert not record.complete
    assert (first.step, first.unchecked, second.unchecked) == ("culture", True, False)
    where = "Stay 1 in inc1"
    assert f"{where}: step culture needs a second person's check, and has none." in (
        record.open_items
    )
    assert f"{where}, temperature: 1 excursion, 5m out of limits (allowed)." in record.open_items


@pytest.mark.parametrize(
    ("old", "new", "verdicts"),
    [
        ('longest = "5m"', 'longest = "4m"', (Verdict.OUT, Verdict.IN)),
        ("high = 39.0", "high = 38.4", (Verdict.OUT, Verdict.IN)),
        ("coverage = 95.0", "coverage = 97.0", (Verdict.IN, Verdict.UNKNOWN)),
    ],
)
def test_a_stricter_version_judges_more_strictly(
    judged: Callable[[Path], BatchRecord],
    edited: Edit,
    old: str,
    new: str,
    verdicts: tuple[Verdict, Verdict],
) -> None:
    record = judged(edited(old, new))
    assert tuple(stay.channels[0].exposure.verdict for stay in record.stays) == verdicts


def test_in_a_device_without_a_step_nothing_is_in_limits(
    judged: Callable[[Path], BatchRecord], edited: Edit
) -> None:
    path = edited('["inc*"]', '["inc1"]')
    path.write_text(path.read_text().replace("second_check = true\n", ""))
    record = judged(path)
    assert record.stays[1].step == ""
    assert record.verdict is Verdict.UNKNOWN
    assert (
        "Stay 2 in inc2: no limits are in force, so nothing can be said to be in limits."
        in record.open_items
    )


def test_the_page_names_the_version_and_its_digest(
    lived: Ledger, edited: Edit, making: dict[str, Any], tmp_path: Path
) -> None:
    kept = lived.keep(load(edited("3", "3")), act=ANNA)
    lived.amend(B, protocol="fibroblast@3", act=Signed(by="anna", reason="was left out"))
    folder = make_record(B, tmp_path / "record", ledger=lived, **making)
    page = (folder / "record.html").read_text()
    assert "fibroblast@3" in page
    assert kept.digest in page


@pytest.fixture
def moved(
    ledger: Ledger, clock: Clock, edited: Edit, making: dict[str, Any]
) -> Callable[..., BatchRecord]:
    """inc1 is at 38.5 degC from 9:00 to 9:05; at 9:02 the batch leaves it for another shelf."""

    def moved(old: str, new: str, *, bench_s: int = 0) -> BatchRecord:
        path = edited("second_check = true\n", "")
        path.write_text(path.read_text().replace(old, new))
        protocol = load(path)
        ledger.keep(protocol, act=ANNA)
        ledger.open_batch(B, product="x", protocol=protocol.reference, act=ANNA)
        ledger.place(B, "inc1", act=ANNA)
        clock.at(1 + 2 / 60)
        ledger.remove(B, act=ANNA)
        clock.at(1 + 2 / 60 + bench_s / 3600)
        ledger.place(B, "inc1", position="shelf 2", act=ANNA)
        clock.at(9)
        return assemble(B, ledger=ledger, visit=unseen, **making)

    return moved


def unseen(_: int, __: Interval, ___: Part, ____: Piece) -> None:
    return


def standings(record: BatchRecord) -> list[list[Standing]]:
    return [[j.standing for j in s.channels[0].exposure.judged] for s in record.stays]


def test_an_excursion_that_a_move_cuts_counts_once(moved: Callable[..., BatchRecord]) -> None:
    # One in 24 h is allowed, of 5 minutes: its two pieces are that one.
    record = moved("", "")
    assert standings(record) == [[Standing.ALLOWED], [Standing.ALLOWED]]
    first, second = (s.channels[0].exposure.judged[0] for s in record.stays)
    whole = Interval(MONDAY + HOUR, MONDAY + HOUR + 5 * MINUTE)
    assert first.whole == second.whole == whole
    assert (first.excursion.length, second.excursion.length) == (2 * MINUTE, 3 * MINUTE)
    assert record.verdict is Verdict.IN


def test_its_pieces_are_as_long_as_it_was_in_all(moved: Callable[..., BatchRecord]) -> None:
    record = moved('longest = "5m"', 'longest = "4m"')
    assert standings(record) == [[Standing.TOO_LONG], [Standing.TOO_LONG]]


def test_out_of_limits_and_then_on_the_bench_nobody_knows_for_how_long(
    moved: Callable[..., BatchRecord],
) -> None:
    record = moved("", "", bench_s=60)
    # Two excursions now, which is one too many; and the first one may have gone on.
    assert standings(record) == [[Standing.UNSURE], [Standing.TOO_OFTEN]]
    assert record.verdict is Verdict.OUT


def test_a_protocol_named_later_holds_from_when_it_says(
    ledger: Ledger, clock: Clock, edited: Edit, making: dict[str, Any]
) -> None:
    strict = edited("second_check = true\n", "")
    ledger.keep(load(strict), act=ANNA)
    strict.write_text(strict.read_text().replace('version = "3"', 'version = "4"'))
    strict.write_text(strict.read_text().replace('longest = "5m"', 'longest = "4m"'))
    ledger.keep(load(strict), act=ANNA)
    ledger.open_batch(B, product="x", protocol="fibroblast@3", act=ANNA)
    ledger.place(B, "inc1", act=ANNA)
    clock.at(4)
    ledger.amend(B, protocol="fibroblast@4", act=Signed(by="quality", reason="stricter"))
    clock.at(9)
    record = assemble(B, ledger=ledger, visit=unseen, **making)
    # One stay, judged in two parts; the excursion was under the version of then.
    assert [(s.protocol, s.span.length // HOUR) for s in record.stays] == [
        ("fibroblast@3", 4),
        ("fibroblast@4", 5),
    ]
    assert record.stays[0].placement == record.stays[1].placement
    assert standings(record) == [[Standing.ALLOWED], []]
    assert record.open_items[0] == (
        "The protocol was changed from fibroblast@3 to fibroblast@4 by quality: stricter."
    )
    dated = Signed(by="quality", at=MONDAY, reason="it was wrong from the beginning")
    ledger.amend(B, protocol="fibroblast@3", act=Signed(by="quality", reason="back"))
    ledger.amend(B, protocol="fibroblast@4", act=dated)
    again = assemble(B, ledger=ledger, visit=unseen, **making)
    assert [s.protocol for s in again.stays] == ["fibroblast@4"]
    assert standings(again) == [[Standing.TOO_LONG]]
