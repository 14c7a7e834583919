"""Logs and excursion reports are made like records: pages, versions, signatures, verified."""

from functools import partial
from pathlib import Path

import msgspec
import pytest

from alerts.reader import AlarmReader
from batches import signature
from batches.authority import Denied
from batches.batch import Signed
from batches.care import Caretaker, Kind
from batches.equipment_log import equipment_log
from batches.excursions import excursion_report
from batches.export import verify_record as program
from batches.export.excursion_listing import Lines, excursions_report
from batches.export.folder import make_record
from batches.export.listing import write_report
from batches.export.log_listing import log_report
from batches.ledger import Ledger
from batches.person import Person, Role
from batches.placement import Interval
from batches.record import Made
from batches.signature import SignatureError, Step
from batches.signing import Signatory, Wish
from batches.verify import verify
from culturewatch.make_record import Versions
from tests.unit.batches.conftest import HOUR, MINUTE, MONDAY, Clock, alarmed, day, live, site
from tests.unit.batches.staff import enlist
from tests.unit.batches.test_paper import text_of

pytestmark = pytest.mark.long

STAFF = {
    "admin": ("admin",),
    "anna": ("operator",),
    "ben": ("operator",),
    "sue": ("supervisor",),
    "quin": ("qa",),
}
SPAN = Interval(MONDAY, MONDAY + 9 * HOUR)
MADE = Made(by="quin", at=MONDAY + 9 * HOUR)
HOSTILE = '#panic("x") *bold* $x$ <label> `raw` \N{CJK UNIFIED IDEOGRAPH-4E2D}'


class Laboratory:
    """One whose inc1 was cleaned, with people; reports go to ``base``."""

    def __init__(self, base: Path, served: str = "") -> None:
        self.base = base
        self.clock = Clock()
        self.ledger = Ledger(
            served or f"sqlite:///{base}/data/ledger.db",
            devices=["inc1", "inc2"],
            now=self.clock,
            keys=base / "data" / "secrets" / "patients",
        )
        enlist(self.ledger, STAFF)
        live(self.ledger, self.clock)
        self.clean(4.5)

    def clean(self, hours: float, agent: str = "ethanol 70 %") -> None:
        act = Signed(by="anna", at=MONDAY + round(hours * HOUR), reason="entered later")
        Caretaker(self.ledger).enter("inc1", Kind.CLEAN, act=act, agent=agent)

    def log(self, out: Path, *, made: Made = MADE) -> Path:
        found = equipment_log("inc1", SPAN, ledger=self.ledger, setting=site(), made=made)
        versions = Versions(self.ledger, found.subject, made.by)
        found = msgspec.structs.replace(found, version=versions.next(found.content))
        out = versions.beside(out)
        return write_report(
            log_report(found),
            out,
            keeping=partial(versions.keeping, out, found),
        )

    def excursions(self, out: Path, alarms: AlarmReader) -> Path:
        lines = Lines()
        found = excursion_report(
            SPAN,
            ("inc1", "inc2"),
            ledger=self.ledger,
            readings=day(),
            alarms=alarms,
            setting=site(),
            made=MADE,
            visit=lines,
        )
        return write_report(excursions_report(found, lines), out)


def person(name: str) -> Person:
    roles = tuple(map(Role, STAFF[name]))
    return Person(row=1, id=name, name=name.title(), roles=roles, active=True)


@pytest.fixture
def lab(tmp_path: Path, served: str) -> Laboratory:
    return Laboratory(tmp_path, served)


def test_the_pages_of_a_log_say_what_the_list_says_and_nothing_entered_is_a_command(
    lab: Laboratory,
) -> None:
    lab.clean(5, HOSTILE)
    data = (lab.log(lab.base / "log") / "record.pdf").read_bytes()
    said = text_of(data, lab.base)
    assert "Equipment log · Cell laboratory inc1" in said
    assert said.count("that it was cleaned was checked by nobody.") == 2
    for words in ("12:30:00 CET", "ethanol 70 %", "fibroblasts <P2>", '#panic("x")'):
        assert words in said
    assert "[U+4E2D]" in said
    assert b"pdfaid:part" in data


def test_the_pages_of_excursions_have_limits_charts_and_who_was_there(lab: Laboratory) -> None:
    with alarmed(lab.base / "data" / "alarms.db") as alarms:
        one = lab.excursions(lab.base / "one", alarms)
        two = lab.excursions(lab.base / "two", alarms)
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in two.iterdir())
    for name in names:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    said = text_of((one / "record.pdf").read_bytes(), lab.base)
    assert "Out of limits 5m in 1 excursion" in said
    assert "There meanwhile batches and vials: 1; patients: not known to the ledger" in said
    assert "36 to 38 38.50 alarm rules" in said
    assert "hatched band: gap, nothing is known" in said
    assert "temperature, °C inc1.temperature, 2026-01-05 08:00:00 CET to" in said
    assert verify(one).sound
    assert program.main([str(one)]) == 0


def test_what_is_made_again_is_the_next_version_and_says_what_has_changed(
    lab: Laboratory, served: str
) -> None:
    first = lab.log(lab.base / "log")
    lab.clean(8)
    second = lab.log(lab.base / "log", made=Made(by="quin", at=MONDAY + 10 * HOUR))
    assert second == lab.base / "log-v2"
    version = msgspec.json.decode((second / "record.json").read_bytes())["version"]
    assert (version["number"], version["former"]["version"]) == (2, 1)
    changed = {each["what"]: (each["before"], each["now"]) for each in version["changed"]}
    assert changed["entries"] == ("3", "4")
    assert "2. Since version 1 of 2026-01-05 17:00:00 CET: entries 3 → 4" in text_of(
        (second / "record.pdf").read_bytes(), lab.base
    )
    alarmed(lab.base / "data" / "alarms.db").close()
    for folder, number in ((first, 1), (second, 2)):
        report = verify(folder, data=lab.base / "data", ledger=served)
        assert report.faults == ()
        assert any(f"is version {number} of 2" in each for each in report.checked)
    # Another period is another log, not a version of this one.
    assert Versions(lab.ledger, "equipment-log/inc1/0-1", "quin").next({}).number == 1


def test_a_log_is_signed_in_order_by_people_with_clean_hands(lab: Laboratory, served: str) -> None:
    folder = lab.log(lab.base / "log")
    signatory = Signatory(lab.ledger, b"k" * 48, "Europe/Zurich")
    given = signatory.sign(folder, Wish(step=Step.PREPARED, person=person("anna")))
    assert given.meaning == "I made this report, and it is of this period."
    lab.clock.at(10)
    # anna cleaned what the log tells of, and prepared it.
    anna = msgspec.structs.replace(person("sue"), id="anna")
    with pytest.raises(Denied):
        signatory.sign(folder, Wish(step=Step.REVIEWED, person=anna))
    signatory.sign(folder, Wish(step=Step.REVIEWED, person=person("sue")))
    with pytest.raises(SignatureError, match="that it was cleaned was checked by nobody"):
        signatory.sign(folder, Wish(step=Step.APPROVED, person=person("quin")))
    why = {1: "seen on the camera"}
    signatory.sign(folder, Wish(step=Step.APPROVED, person=person("quin"), why=why))
    kept = signature.read(folder)
    assert kept is not None
    assert [each.person for each in kept.signatures] == ["anna", "sue", "quin"]
    alarmed(lab.base / "data" / "alarms.db").close()
    assert verify(folder, data=lab.base / "data", ledger=served).faults == ()
    assert program.main([str(folder)]) == 0
    # A newer version is to be signed instead.
    lab.log(lab.base / "log", made=Made(by="quin", at=MONDAY + 10 * HOUR + MINUTE))
    with pytest.raises(SignatureError, match="there is version 2"):
        signatory.sign(folder, Wish(step=Step.PREPARED, person=person("anna")))


def test_a_record_lists_openings_by_stay_and_says_how_its_readings_were_summed_up(
    tmp_path: Path, ledger_url: str
) -> None:
    clock, readings = Clock(), day()
    for device, minutes in (("inc1", (60, 61, 239)), ("inc2", (270,))):
        kept = readings.kept[device]
        for minute in minutes:
            # Scans are a minute apart from five minutes before the first on.
            old = kept[minute + 5]
            kept[minute + 5] = msgspec.structs.replace(old, values=(*old.values[:2], 1.0))
    with alarmed(tmp_path / "data" / "alarms.db") as alarms:
        out = make_record(
            "B-2026-0001",
            tmp_path / "record",
            ledger=live(Ledger(ledger_url, now=clock), clock),
            readings=readings,
            alarms=alarms,
            setting=site(),
            made=MADE,
        )
    first, second = msgspec.json.decode((out / "record.json").read_bytes())["stays"]
    warm, late = first["handlings"]
    assert (warm["what"], warm["channel"]) == ("opened", "inc1.door")
    assert [(warm[key] - MONDAY) // MINUTE for key in ("start", "end")] == [60, 62]
    assert warm["start_known"]
    assert warm["end_known"]
    values = {each["channel"]: (each["minimum"], each["maximum"]) for each in warm["meanwhile"]}
    assert values == {"inc1.temperature": (38.5, 38.5), "inc1.carbon_dioxide": (5.0, 5.0)}
    # The batch was taken out at 240, and at that minute the door is shut.
    assert ((late["end"] - MONDAY) // MINUTE, late["end_known"]) == (240, True)
    assert len(second["handlings"]) == 1
    said = text_of((out / "record.pdf").read_bytes(), tmp_path)
    assert "Handling 3 openings (4m)" in said
    # Nothing here tells of fills, or holds anything to fill.
    assert "fills with LN2" not in said
    assert "Openings: 3, 4m in all" in said
    assert "temperature: 38.50 to 38.50 °C" in said
    held = "(inc1 1m30s, else 1m; inc2 1m30s, else 1m)"
    for text in (said, " ".join((out / "record.html").read_text().split())):
        assert "where that follows within 1.5 periods, else for one period" in text
        assert held in text
        assert "ΔH 83.144 kJ/mol" in text


def test_a_device_that_does_not_tell_of_its_door_is_named(tmp_path: Path, ledger_url: str) -> None:
    clock, setting = Clock(), site()
    blind = tuple(
        msgspec.structs.replace(each, channels=each.channels[:2]) for each in setting.equipment
    )
    with alarmed(tmp_path / "data" / "alarms.db") as alarms:
        out = make_record(
            "B-2026-0001",
            tmp_path / "record",
            ledger=live(Ledger(ledger_url, now=clock), clock),
            readings=day(),
            alarms=alarms,
            setting=msgspec.structs.replace(setting, equipment=blind),
            made=MADE,
        )
    said = text_of((out / "record.pdf").read_bytes(), tmp_path)
    assert "inc1 has no channel that tells of its door or lid: openings are not known." in said
