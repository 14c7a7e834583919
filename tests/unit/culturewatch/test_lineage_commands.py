"""The chain of identity as people type it: patient, biopsy, batches, vials, and what is asked."""

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts import history
from alerts.schema import open_store
from alerts.transition import Transition, What
from culturewatch.cli import app
from devices.scan import Layout, Scan
from tests.integration.laboratory import lay_out
from tests.unit.storage.archive.week import store

pytestmark = pytest.mark.long

PATIENT = "PT-7F3K9M2Q"
B, PART = "B-2026-0001", "B-2026-0002"
V1, V2 = f"{B}-V001", f"{B}-V002"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    monkeypatch.setenv("COLUMNS", "200")
    lay_out(tmp_path, served)
    return tmp_path


def typed(words: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, words.split())
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output.splitlines()


def good(words: str) -> list[str]:
    code, said = typed(words)
    assert code == 0, said
    return said


@pytest.fixture
def grown() -> None:
    """A batch of a patient, passaged, split and frozen into two slots of ln2a."""
    assert good(f"patient enrol {PATIENT}") == [PATIENT]
    assert good(f"patient biopsy {PATIENT} BX-2026-0001") == [
        f"BX-2026-0001 was taken from {PATIENT}"
    ]
    assert good(f"batch open {B} --product Fibroblasts --biopsy BX-2026-0001") == [
        f"{B} is open: Fibroblasts"
    ]
    assert good(f"batch passage {B}") == [f"{B} is in passage P1"]
    assert good(f"batch split {B} --into {PART}") == [f"{B} was split; open now: {PART}"]
    assert good(f"vial freeze {B} --in ln2a --rack R1 --box B1 --slots 1-2") == [
        f"{V1} is frozen in passage P1",
        f"{V2} is frozen in passage P1",
    ]


@pytest.mark.usefixtures("grown")
def test_genealogy_is_shown_both_ways() -> None:
    said = good(f"vial genealogy {V1}")
    assert said[0] == f"{V1} comes from"
    assert [line.split("  ")[1] for line in said[1:4]] == [
        f"{V1} from {B}",
        f"{B} from BX-2026-0001",
        f"BX-2026-0001 from {PATIENT}",
    ]
    assert said[4:] == ["nothing came of it yet"]
    found = json.loads(good(f"vial genealogy {PATIENT} --json")[0])
    assert found["ancestors"] == []
    assert {kin["child"] for kin in found["descendants"]} == {"BX-2026-0001", B, PART, V1, V2}


@pytest.mark.usefixtures("grown")
def test_a_vial_is_shown_moved_thawed_and_disposed_of() -> None:
    assert good(f"vial move {V1} --in ln2a --rack R1 --box B1 --slot 9") == [
        f"{V1} is in ln2a R1/B1/9"
    ]
    assert good(f"vial remove {V1}") == [f"{V1} has left ln2a R1/B1/9"]
    assert good(f"batch thaw {V1} --into B-2026-0003") == [f"B-2026-0003 is open, thawed from {V1}"]
    assert typed(f"vial dispose {V2}") == (1, [f"culturewatch: {V2}: say why it was disposed of"])
    assert good(f"vial dispose {V2} --reason cracked") == [f"{V2} was disposed of"]
    assert good(f"vial list --batch {B}") == [f"{V1}  P1  thaw", f"{V2}  P1  dispose"]
    shown = json.loads(good(f"vial show {V1} --json")[0])
    assert (shown["patient"], shown["vial"]["ended_how"]) == (PATIENT, "thaw")
    assert [lived["placement"]["position"] for lived in shown["life"]] == ["R1/B1/1", "R1/B1/9"]
    assert good(f"vial show {V1}")[0] == f"{V1}  P1  {PATIENT}"
    assert good(f"batch pool {B} {PART} --into B-2026-0004") == [
        f"B-2026-0004 is open, pooled from {B}, {PART}"
    ]
    assert good("batch dispose B-2026-0004 --reason mould") == ["B-2026-0004 was disposed of"]


@pytest.mark.usefixtures("grown")
def test_warmth_needs_the_readings_of_a_core_that_ran() -> None:
    code, said = typed(f"vial warmth {V1}")
    assert (code, len(said)) == (1, 1)
    assert "journal" in said[0]


@pytest.mark.usefixtures("grown")
def test_a_slot_that_is_taken_is_refused() -> None:
    code, (said,) = typed(f"vial freeze {B} --in ln2a --rack R1 --box B1 --slots 2,3")
    assert code == 1
    assert said.startswith(f"culturewatch: ln2a R1/B1/2: holds {V2} at that time (row ")
    assert typed(f"vial freeze {B} --in ln2a --rack R1 --box B1 --slots 3-1")[0] == 2
    assert len(good(f"vial list --batch {B}")) == 2


@pytest.mark.usefixtures("grown")
def test_vials_in_a_tank_are_listed_for_a_time() -> None:
    assert good("vial list --in ln2a") == [
        f"{V1}  ln2a R1/B1/1",
        f"{V2}  ln2a R1/B1/2",
        "2 vials",
    ]
    assert good("vial list --in ln2a --from 2020-01-01 --to 2020-01-02") == ["0 vials"]
    assert typed("vial list --in ln2a --from 2020-01-02 --to 2020-01-01") == (
        2,
        ["culturewatch: --to lies before --from"],
    )
    assert typed("vial list --in nowhere")[0] == 2
    assert typed("vial list")[0] == 2


@pytest.mark.usefixtures("grown")
def test_what_a_device_or_an_alarm_endangers_is_told(here: Path) -> None:
    assert good("vial endangered ln2a")[1:] == [
        f"{V1}  ln2a R1/B1/1",
        f"{V2}  ln2a R1/B1/2",
        "0 batches and 2 vials of 1 patients",
    ]
    code, (said,) = typed("vial endangered ln2a-warm")
    assert code == 1
    assert "there is no alarm store yet" in said
    store = open_store(here / "data" / "alarms.db")
    for seq, (what, at) in enumerate([(What.SET, 1_000), (What.CLEAR, 2_000)], start=1):
        facts = {"rule": "ln2a-warm", "channel": "ln2a.temperature", "occurrence": 1}
        history.append(store, seq, Transition(at=at, what=what, **facts))  # type: ignore[arg-type] # facts of mixed types
    store.close()
    past = json.loads(good("vial endangered ln2a-warm --json")[0])
    assert (past["device"], past["span"]) == ("ln2a", {"start": 1_000, "end": 2_000})
    assert past["vials"] == []
    assert typed("vial endangered nothing")[0] == 2


@pytest.mark.usefixtures("grown")
def test_a_parent_is_corrected_with_a_reason() -> None:
    other = good("patient enrol")[0]
    kin = json.loads(good(f"vial genealogy {B} --json")[0])["ancestors"]
    row = next(each["row"] for each in kin if each["child"] == "BX-2026-0001")
    assert typed(f"batch relink {row} {other}")[0] == 1
    assert good(f"batch relink {row} {other} --reason swapped") == [
        f"BX-2026-0001 comes from {other}"
    ]
    assert json.loads(good(f"vial show {V1} --json")[0])["patient"] == other


@pytest.mark.usefixtures("grown")
def test_a_patient_is_erased_and_its_cells_stay_findable(here: Path) -> None:
    code, (said,) = typed(f"patient erase {PATIENT} --reason asked")
    assert code == 1
    assert "are still kept" in said
    assert PATIENT not in said
    erased = good(f"patient erase {PATIENT} --reason asked --keep-cells")
    handle = erased[0].partition(":")[0]
    assert "backups hold the key" in erased[1]
    assert good(f"vial show {V1}")[0] == f"{V1}  P1  {handle}"
    assert json.loads(good(f"vial genealogy {handle} --json")[0])["descendants"]
    for path in (here / "data").rglob("*"):
        assert path.is_dir() or PATIENT.encode() not in path.read_bytes(), path


def test_a_bank_is_imported_whole_or_told_row_by_row(here: Path) -> None:
    heading = "vial,patient,batch,passage,frozen,device,rack,box,slot"
    row = f"B-2019-0001-V001,{PATIENT},B-2019-0001,2,2019-05-04 13:00,ln2a,1,1,1"
    (here / "bank.csv").write_text(f"{heading}\n{row}\n{row.replace('V001', 'V002')}\n")
    words = "vial import bank.csv --product Fibroblasts --zone Europe/Zurich"
    code, said = typed(words)
    assert (code, said) == (
        1,
        [
            "culturewatch: bank.csv: row 3, slot: ln2a 1/1/1 is given to the vial of row 2 as well",
            "culturewatch: bank.csv: 1 mistakes; nothing was entered",
        ],
    )
    code, said = typed(f"{words} --json")
    assert json.loads(said[0])["mistakes"][0]["column"] == "slot"
    (here / "bank.csv").write_text(f"{heading}\n{row}\n")
    came = "1 vials, 1 new batches and 1 new patients"
    assert good(f"{words} --dry-run") == [f"{came} could be entered; nothing was"]
    assert good(words) == [f"{came} were entered"]
    assert good("vial list --in ln2a") == ["B-2019-0001-V001  ln2a 1/1/1", "1 vials"]


@pytest.mark.long
@pytest.mark.usefixtures("grown")
def test_a_vial_has_a_record_of_its_own_that_says_what_the_command_says(here: Path) -> None:
    open_store(here / "data" / "alarms.db").close()
    at = round(time.time() * 1000)
    layout = Layout("ln2a", ("temperature",), ("temperature",))
    store(here / "data", [Scan(layout, at, at, (-190.0,), bytes(1))])
    assert good(f"record {V1} --out ../record")[0].startswith("../record: the record of")
    record = json.loads(Path("../record/record.json").read_text())
    assert (record["vial"]["id"], record["batch"]["id"]) == (V1, B)
    warmth = json.loads(good(f"vial warmth {V1} --json")[0])["warmth"]
    said = [(each["threshold"], each["above_ms"]) for each in record["warmth"]]
    assert said == [(each["threshold"], each["above_ms"]) for each in warmth]
    assert said == [(-150.0, 0), (-135.0, 0)]
    assert PATIENT not in Path("../record/record.json").read_text()
    assert good("verify ../record --data data --site site.toml")
    code, said_of_none = typed(f"record {B}-V009 --out ../none")
    assert (code, f"{B}-V009" in said_of_none[0], Path("../none").exists()) == (1, True, False)
