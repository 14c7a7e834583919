"""An existing bank comes in whole, or every mistake is told by row and column and nothing comes."""

import contextlib
import random
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import pytest

from batches.bank import Bank
from batches.bank_csv import BankFileError, Said
from batches.bank_import import import_bank
from batches.batch import Signed
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.vial import Place
from storage.acts import verify_chain
from tests.intruder import Intruder, everything

pytestmark = pytest.mark.long

ANNA = Signed(by="anna")
HEADING = (
    "vial,patient,batch,passage,frozen,device,rack,box,slot,product,biopsy,biopsy_taken,stored"
)
FIRST = "B-2019-0001,2,2019-05-04T13:00:00+02:00,ln2a,1,1,1,fibroblasts,BX-2019-0001,2019-04-01"
SECOND = "B-2019-0001,2,2019-05-04 13:00,ln2a,1,1,2,fibroblasts,BX-2019-0001,2019-04-01"
GOOD = [
    f"B-2019-0001-V001,PT-7F3K9M2Q,{FIRST},2020-01-01",
    f"B-2019-0001-V002,PT-7F3K9M2Q,{SECOND},",
    "B-2019-0002-V001,PT-0A1B2C3D,B-2019-0002,3,2019-06-04,ln2a,1,1,3,keratinocytes,,,",
]
MAY_4 = 1_556_967_600_000
"""2019-05-04 11:00 UTC."""


class Clock(Protocol):
    now: int

    def __call__(self) -> int: ...
    def at(self, hours: float) -> None: ...


@pytest.fixture
def ledger(ledger_url: str, tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger(ledger_url, now=clock, keys=tmp_path / "data" / "secrets" / "patients")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bank.csv"


def bring(path: Path, ledger: Ledger, *, dry: bool = False, zone: bool = True) -> tuple[int, ...]:
    said = Said(
        zone=ZoneInfo("Europe/Zurich") if zone else None,
        product="",
        devices=["ln2a", "ln2b"],
        now=ledger.clerk.now(),
    )
    done = import_bank(path, said, ledger=ledger, act=ANNA, dry=dry)
    return done.vials, done.batches, done.patients


def mistakes(path: Path, ledger: Ledger, *, zone: bool = True) -> list[tuple[int, str, str]]:
    before = ledger.head()
    with pytest.raises(BankFileError) as refused:
        bring(path, ledger, zone=zone)
    assert ledger.head() == before
    assert "Maier" not in str(refused.value)
    return [(each.row, each.column, each.what) for each in refused.value.mistakes]


def rows(*lines: str, heading: str = HEADING) -> str:
    return "\n".join((heading, *lines)) + "\n"


def test_a_bank_comes_in_with_its_genealogy_and_places(
    path: Path, ledger: Ledger, clock: Clock, intruder: Intruder
) -> None:
    path.write_text(rows(*GOOD))
    assert bring(path, ledger, dry=True) == (3, 2, 2)
    assert ledger.head().sequence == 0
    assert bring(path, ledger) == (3, 2, 2)
    bank = Bank(ledger)
    first, second = "B-2019-0001-V001", "B-2019-0001-V002"
    assert [kin.child for kin in bank.ancestors(first)] == [first, "B-2019-0001", "BX-2019-0001"]
    assert bank.patient(first) == "PT-7F3K9M2Q"
    assert bank.patient("B-2019-0002-V001") == "PT-0A1B2C3D"
    assert [(v.id, v.passage, v.frozen_at) for v in bank.vials("B-2019-0001")] == [
        (first, 2, MAY_4),
        (second, 2, MAY_4),
    ]
    inside = bank.vials_in("ln2a", clock.now, clock.now + 1)
    assert [stay.position for stay in inside] == ["1/1/1", "1/1/2", "1/1/3"]
    # Since when the second stands there the file does not say: nobody knows its cold before.
    assert bank.life(second)[0].start == clock.now
    batch = ledger.batch("B-2019-0001")
    assert (batch.opened_at, batch.closed_at) == (MAY_4, MAY_4)
    assert ledger.acts(first)[0].reason == "imported from bank.csv, row 2"
    assert verify_chain(ledger.url) is None
    assert "PT-7F3K9M2Q" not in everything(intruder)


@pytest.mark.parametrize("wrote", ["semicolon", "tab", "utf-16", "bom", "cr"])
def test_a_file_is_read_whatever_wrote_it(path: Path, ledger: Ledger, wrote: str) -> None:
    text = rows(*GOOD)
    data = {
        "semicolon": text.replace(",", ";").replace("\n", "\r\n").encode(),
        "tab": text.replace(",", "\t").encode(),
        "utf-16": text.encode("utf-16"),
        "bom": text.encode("utf-8-sig"),
        "cr": text.replace("\n", "\r").encode(),
    }
    path.write_bytes(data[wrote])
    assert bring(path, ledger, dry=True) == (3, 2, 2)


WRONG = {
    "vial": ("B-2019-0009-V001", "is no vial of its batch"),
    "patient": ("Anna Maier", "is no token"),
    "batch": ("batch 1", "is not a batch id"),
    "passage": ("P2", "is no number from 0 to 99"),
    "frozen": ("04.05.2019", "is no time, ISO 8601"),
    "device": ("ln2z", "is no device of this site"),
    "rack": ("a/b", "may hold letters"),
    "box": ("", "is empty"),
    "slot": ("1;2", "may hold letters"),
    "product": ("a\x07b", "holds what cannot be shown"),
    "biopsy": ("biopsy", "is not a batch id"),
    "biopsy_taken": ("", "are said together"),
    "stored": ("2126-01-01", "lies in the future"),
}


def test_every_cell_is_checked_and_each_mistake_has_its_place(path: Path, ledger: Ledger) -> None:
    columns = HEADING.split(",")
    lines, expected = [], []
    for number, (column, (text, said)) in enumerate(WRONG.items()):
        cells = GOOD[0].split(",")
        cells[0] = f"B-2019-0001-V{number:03}"
        cells[columns.index("slot")] = str(number)
        cells[columns.index(column)] = text
        lines.append(",".join(cells))
        expected.append((number + 2, column, said))
    path.write_text(rows(*lines))
    found = mistakes(path, ledger)
    for row, column, said in expected:
        assert [what for r, c, what in found if (r, c) == (row, column) and said in what], column
    assert {row for row, _, _ in found} == {row for row, _, _ in expected}


def test_times_need_a_zone_and_one_meaning(path: Path, ledger: Ledger) -> None:
    path.write_text(rows(GOOD[1]))
    assert (2, "frozen", "'2019-05-04 13:00' has no offset; add it, or say --zone") in mistakes(
        path, ledger, zone=False
    )
    path.write_text(rows(GOOD[1].replace("2019-05-04 13:00", "2019-10-27 02:30")))
    assert "comes twice or never" in mistakes(path, ledger)[0][2]
    for text, said in (
        ("0001-01-01", "before 1970"),
        ("0001-01-01T00:00:00+23:59", "before 1970"),
        ("9999-12-31T23:59:59-23:59", "in the future"),
    ):
        path.write_text(rows(GOOD[1].replace("2019-05-04 13:00", text)))
        assert said in mistakes(path, ledger)[0][2]
    path.write_text(rows(GOOD[0].replace("2020-01-01", "2019-01-01")))
    assert mistakes(path, ledger) == [(2, "stored", "lies before frozen")]


def test_rows_that_contradict_each_other_are_both_named(path: Path, ledger: Ledger) -> None:
    path.write_text(
        rows(
            *GOOD,
            GOOD[0],
            GOOD[1].replace("-V002", "-V003").replace("PT-7F3K9M2Q", "PT-0A1B2C3D"),
        )
    )
    assert mistakes(path, ledger) == [
        (5, "vial", "is in row 2 as well"),
        (5, "slot", "ln2a 1/1/1 is given to the vial of row 2 as well"),
        (6, "slot", "ln2a 1/1/2 is given to the vial of row 3 as well"),
        (6, "patient", "is another one than in row 2, of the same batch or biopsy"),
        (6, "patient", "is another one than in row 2, of the same batch or biopsy"),
    ]


def test_what_contradicts_the_ledger_is_named_with_its_row(
    path: Path, ledger: Ledger, clock: Clock
) -> None:
    lineage = Lineage(ledger)
    lineage.enrol(token="PT-7F3K9M2Q", act=ANNA)  # noqa: S106 # a patient's token
    lineage.take("BX-2019-0001", "PT-7F3K9M2Q", act=ANNA)
    lineage.start("B-2019-0002", "BX-2019-0001", product="x", act=ANNA)
    clock.at(1)
    lineage.freeze("B-2019-0002", [Place(device="ln2a", rack="1", box="1", slot="2")], act=ANNA)
    clock.at(2)
    path.write_text(rows(*GOOD))
    found = {(row, column): what for row, column, what in mistakes(path, ledger)}
    assert found[4, "vial"].startswith("B-2019-0002-V001 exists already (row ")
    assert found[4, "patient"] == "B-2019-0002 is of another patient, or of none"
    assert found[4, "frozen"].startswith("B-2019-0002 was not open then (row ")
    assert found[3, "slot"].startswith("ln2a 1/1/2 holds B-2019-0002-V001 (row ")
    assert found[2, "biopsy_taken"] == "BX-2019-0001 was taken at another time"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "there is no column 'vial'"),
        (HEADING.encode() + b"\n", "no vial follows"),
        (HEADING.encode() + b",name\n", "'name' is no column of a bank"),
        (HEADING.encode() + b",slot\n", "there are two columns 'slot'"),
        (HEADING.encode() + b"\na,b\n", "has 2 cells, the heading 13"),
        (HEADING.encode() + b'\n"a\n', "is not CSV"),
        (HEADING.encode() + b"\n\xe4\n", "row 2, all: is not in UTF-8"),
    ],
)
def test_a_file_that_is_no_bank_is_refused(
    path: Path, ledger: Ledger, data: bytes, said: str
) -> None:
    path.write_bytes(data)
    with pytest.raises(BankFileError, match=said):
        bring(path, ledger)


def test_a_bank_grows_by_a_second_file(path: Path, ledger: Ledger) -> None:
    path.write_text(rows(*GOOD[:1], GOOD[2]))
    bring(path, ledger)
    path.write_text(rows(GOOD[1]))
    assert bring(path, ledger) == (1, 0, 0)
    assert len(Bank(ledger).vials("B-2019-0001")) == 2
    path.write_text(rows(GOOD[1]))
    assert [c for _, c, _ in mistakes(path, ledger)] == ["vial", "slot"]


def test_no_bytes_make_it_fail_otherwise(path: Path, ledger: Ledger) -> None:
    chance = random.Random(20_190_504)
    good = rows(*GOOD).encode()
    for _ in range(200):
        data = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        with contextlib.suppress(BankFileError):
            assert bring(path, ledger, dry=True)[0] in {1, 2, 3}
