"""The pages that QA reads: PDF/A, the same bytes each time, and text that stays text."""

import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.generic import DictionaryObject
from pyhanko.pdf_utils.reader import PdfFileReader

from batches import handling
from batches.export.chart import FONTS, printable, width
from batches.export.drawings import Drawings
from batches.export.glyphs import BREAK, ROOM_EM, Glyphs
from batches.export.paper import front, handled
from batches.export.paper.sheet import LISTED, Sheet
from batches.export.paper.whole import sheet
from batches.export.pdf import pdf
from batches.placement import Interval
from batches.record import BatchRecord
from batches.survey import Channel
from batches.version import Difference, Former, Version
from devices import duration

MONDAY = 1_767_596_400_000
GLYPHS = Glyphs(printable(), width)
HOSTILE = (
    '#panic("x") #import "a.typ" *bold* _it_ $x^2$ <label> @ref \\u{202e} `raw` // not a comment '
    "/* nor this */ [content] {code} ${} <script>alert(1)</script>"
)


@pytest.fixture(scope="session")
def record(written: Path) -> BatchRecord:
    return msgspec.json.decode(
        (written / "record.json").read_bytes(),
        type=BatchRecord,
        dec_hook=lambda _, text: duration.parse(text),
    )


def pages(shown: Sheet) -> bytes:
    return pdf(shown, GLYPHS, FONTS, at=MONDAY)


def text_of(data: bytes, tmp_path: Path) -> str:
    """What poppler reads out of it, spaces made one."""
    path = tmp_path / "read.pdf"
    path.write_bytes(data)
    tool = shutil.which("pdftotext")
    if tool is None and not os.environ.get("CULTUREWATCH_REQUIRE_SERVICES"):
        pytest.skip("pdftotext (poppler-utils) is not installed")
    assert tool, "pdftotext (poppler-utils) is needed"
    done = subprocess.run(  # noqa: S603 # of the system
        [tool, "-layout", str(path), "-"], capture_output=True, text=True, check=True, timeout=30
    )
    return " ".join(done.stdout.replace(BREAK, "").split())


def test_it_is_pdf_a_2_by_what_can_be_read_of_it(written: Path) -> None:
    with (written / "record.pdf").open("rb") as file:
        found = PdfFileReader(file, strict=False)
        assert not found.encrypted
        root: Any = found.root
        (intent,) = root["/OutputIntents"]
        assert intent.get_object()["/S"] == "/GTS_PDFA1"
        assert intent.get_object()["/DestOutputProfile"].get_object().data
        xmp = root["/Metadata"].data.decode()
        assert re.search(r"<pdfaid:part>2</pdfaid:part>", xmp)
        assert re.search(r"<pdfaid:conformance>A</pdfaid:conformance>", xmp)
        # Tagged, in a language, so that it can be read out.
        assert root["/MarkInfo"]["/Marked"] == True  # noqa: E712 # a PDF boolean
        assert str(root["/Lang"]) == "en"
        assert "/StructTreeRoot" in root
        for forbidden in ("/AcroForm", "/OpenAction", "/AA"):
            assert forbidden not in root
        fonts = list(_fonts(root["/Pages"]))
        assert fonts
        for font in fonts:
            assert "/FontFile2" in font or "/FontFile3" in font, "a font that is not embedded"


def _fonts(node: DictionaryObject) -> Iterator[DictionaryObject]:
    """The descriptors of all fonts of the pages below ``node`` of the page tree."""
    if "/Kids" in node:
        for kid in node["/Kids"]:
            yield from _fonts(kid.get_object())
        return
    resources = node["/Resources"]
    if "/Font" not in resources:
        return
    fonts = resources["/Font"]
    for name in fonts:
        for below in fonts[name]["/DescendantFonts"]:
            yield below.get_object()["/FontDescriptor"]


@pytest.mark.long
def test_another_process_writes_the_same_bytes(written: Path) -> None:
    code = """
import sys
from pathlib import Path
import conftest
made = conftest.write(Path(sys.argv[1]))
"""
    other = written.parent / "other"
    subprocess.run(  # noqa: S603 # our own interpreter
        [sys.executable, "-c", code, str(other)],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
        | {"PYTHONPATH": f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"},
        cwd=Path(__file__).parents[3],
        timeout=50,
    )
    for path in written.iterdir():
        assert path.read_bytes() == (other / "record" / path.name).read_bytes(), path.name


def test_the_first_page_answers_and_each_page_is_numbered(written: Path, tmp_path: Path) -> None:
    text = text_of((written / "record.pdf").read_bytes(), tmp_path)
    front_page, _, rest = text.partition("Page 1 of ")
    for said in (
        "Complete? In limits? Open? Signed?",
        "? No ✗ Out of limits ? 7 items ? See below",
        "not signed yet when this",
        "In no device for 10m; its environment there is not measured.",
        "Stay 1 in inc1, temperature: 1 excursion, 5m out of limits.",
        "I approve it for the batch record.",
    ):
        assert said in front_page
    count = int(rest.split()[0])
    assert f"Page {count} of {count}" in rest
    for section in (
        *("1 Identity and genealogy", "2 Stays", "3 Limits in force"),
        *("4 Measurements, excursions and gaps", "5 Openings and fills", "6 Alarms"),
        *("7 Sensors and calibration", "8 Clock", "9 Changes (audit trail)"),
        *("10 Origin and verification", "11 Signatures"),
    ):
        assert section in rest
    assert "No calibration on record." in rest
    assert "inc1-hot no. 1" in rest


def test_there_is_an_empty_place_for_each_signature(record: BatchRecord) -> None:
    shown = sheet(record, Drawings({}, 0))
    assert [(s.step, s.name, s.at) for s in shown.signing] == [
        ("Prepared", "", ""),
        ("Reviewed", "", ""),
        ("Approved", "", ""),
    ]
    assert shown.answers[3].answer == "See below"


def test_what_people_entered_is_text_and_nothing_of_it_runs(
    record: BatchRecord, tmp_path: Path
) -> None:
    replace = msgspec.structs.replace
    hostile = replace(
        record,
        batch=replace(record.batch, product=HOSTILE, closed_why=HOSTILE),
        open_items=(HOSTILE,),
        acts=tuple(replace(act, reason=HOSTILE, by=HOSTILE) for act in record.acts),
    )
    text = text_of(pages(sheet(hostile, Drawings({}, 0))), tmp_path).replace(" ", "")
    assert text.count(HOSTILE.replace(" ", "")) >= 2


@pytest.mark.parametrize(
    ("entered", "shown"),
    [
        pytest.param("a\x07b\x1b[2J", "a[U+0007]b[U+001B][2J", id="control characters"),
        pytest.param("\u202egnp.exe", "[U+202E]gnp.exe", id="turns the line"),
        pytest.param("A\u200bB\ufeff", "A[U+200B]B[U+FEFF]", id="invisible"),
        pytest.param("\u5f35", "[U+5F35]", id="not in the font"),
        pytest.param("\U0001f600 °C ≤ é Ж", "\U0001f600 °C ≤ é Ж", id="in the font"),
        pytest.param("שלום مرحبا", "שלום مرحبا", id="right to left"),
        pytest.param("\ud800", "[U+D800]", id="half a character"),
    ],
)
def test_nothing_is_hidden_in_a_text(entered: str, shown: str) -> None:
    assert GLYPHS.shown(entered).replace(BREAK, "") == shown


@pytest.mark.parametrize(
    ("name", "room", "parts"),
    [
        ("inc1-temperature-high-high", 7.0, ["inc1-", "temperature-", "high-", "high"]),
        ("ln2a.temperature_top", 7.0, ["ln2a.", "temperature_", "top"]),
        ("B-2026-0001-V001", 2.0, ["B-", "2026-", "0001-", "V001"]),
        ("kohlendioxidgehalt-hoch", 12.0, ["kohlendioxidgehalt-", "hoch"]),
        # Of eighteen letters, where there is room for some ten.
        ("kohlendioxidgehalt-hoch", 6.0, ["kohlendi", "oxidgeha", "lt-", "hoch"]),
        ("0123456789abcdef" * 4, 14.0, ["01234567", "89abcdef"] * 4),
    ],
)
def test_a_name_is_broken_where_its_parts_meet_if_there_is_room_for_them(
    name: str, room: float, parts: list[str]
) -> None:
    assert GLYPHS.shown(name, room).split(BREAK) == parts


@settings(max_examples=60)
@given(st.text(max_size=200))
def test_a_long_word_can_be_broken_and_nothing_is_lost(text: str) -> None:
    shown = GLYPHS.shown(text)
    assert all(
        len(part) <= 16 or sum(map(width, part)) <= ROOM_EM
        for word in shown.split()
        for part in word.split(BREAK)
    )
    plain = shown.replace(BREAK, "")
    for sign in text:
        assert sign in plain or f"[U+{ord(sign):04X}]" in plain
    assert not {unicodedata.category(c) for c in plain} & {"Cc", "Cf", "Cs", "Co"} - {"Cc"}


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(text=st.text(min_size=1, max_size=400))
def test_any_text_can_be_set(record: BatchRecord, text: str) -> None:
    replace = msgspec.structs.replace
    odd = replace(record, batch=replace(record.batch, product=text), open_items=(text,), alarms=())
    assert pages(sheet(odd, Drawings({}, 0))).startswith(b"%PDF-1.7")


def test_a_batch_that_was_nowhere_has_its_pages(record: BatchRecord, tmp_path: Path) -> None:
    bare = msgspec.structs.replace(record, stays=(), bench=(), alarms=(), acts=(), protocols=())
    text = text_of(pages(sheet(bare, Drawings({}, 0))), tmp_path)
    assert "It was never placed in a device." in text


def test_page_one_counts_no_openings_where_nothing_tells_of_them(record: BatchRecord) -> None:
    assert handled.counts(record) == "0 openings"

    def measuring(first: str, *keys: str) -> BatchRecord:
        channels = tuple(
            Channel(key=key, quantity="state" if key in handling.TELLING else key, unit="1")
            for key in keys
        )
        equipment = tuple(
            msgspec.structs.replace(each, channels=channels) if each.id == first else each
            for each in record.setting.equipment
        )
        setting = msgspec.structs.replace(record.setting, equipment=equipment)
        return msgspec.structs.replace(record, setting=setting)

    assert handled.counts(measuring("inc1", "temperature")) == "0 openings, not known of inc1"
    alone = msgspec.structs.replace(
        measuring("inc1", "temperature", "level"), stays=record.stays[:1]
    )
    assert handled.counts(alone) == "openings not known; fills with LN2 not known"
    alone = msgspec.structs.replace(measuring("inc1", "filling"), stays=record.stays[:1])
    assert handled.counts(alone) == "openings not known; 0 fills with LN2"
    assert handled.counts(msgspec.structs.replace(record, stays=())) == "in no device"


def test_of_too_many_alarms_the_gravest_are_on_paper(record: BatchRecord) -> None:
    replace, (alarm,) = msgspec.structs.replace, record.alarms
    many = [
        replace(
            alarm,
            occurrence=n,
            set_at=alarm.set_at + n,
            severity="critical" if n % 20 == 0 else "low",
        )
        for n in range(3_000)
    ]
    shown = sheet(replace(record, alarms=tuple(many)), Drawings({}, 0))
    (section,) = [s for s in shown.sections if s.title == "Alarms"]
    table = msgspec.to_builtins(section.blocks[1])
    assert len(table["rows"]) == LISTED
    assert sum(row[1]["text"] == "critical" for row in table["rows"]) == 150
    assert table["note"].startswith(f"The gravest {LISTED} of 3,000 alarms;")


def test_of_many_open_items_page_one_says_where_they_are(record: BatchRecord) -> None:
    items = tuple(f"Item {n}" for n in range(1_000))
    shown = sheet(msgspec.structs.replace(record, open_items=items), Drawings({}, 0))
    assert len(shown.items) == front.ON_FRONT
    assert shown.items_note == "1000 in all: see “Open items”."
    (section,) = [s for s in shown.sections if s.title == "Open items"]
    assert len(msgspec.to_builtins(section.blocks[0])["rows"]) == LISTED


def test_page_one_has_as_many_open_items_as_there_are_lines_for() -> None:
    short, long = "Stay 1 in inc1, temperature: 1 gap, 10m unknown.", "words of a longer item " * 5
    assert front.front_items((short,) * 16) == ((short,) * 16, "")
    assert front.front_items((short,) * 17)[1] == "17 in all: see “Open items”."
    assert front.front_items((long,) * 8) == ((long,) * 8, "")
    assert front.front_items((long,) * 9)[0] == (long,) * 8
    # Nothing is left out between two that are shown.
    assert front.front_items((*(short,) * 15, long, short))[0] == (short,) * 15
    (cut,), note = front.front_items(("x" * 161,))
    assert (cut, note) == (f"{'x' * 160} …", "1 in all: see “Open items”.")


def test_time_that_channels_share_is_told_once_on_page_one(record: BatchRecord) -> None:
    replace = msgspec.structs.replace
    stay = record.stays[0]
    (first, *_) = stay.channels
    # 5 min out of limits; and not known for 10 min in one channel, for the last 5 of these and 5
    # more in the other.
    gap, later = Interval(MONDAY, MONDAY + 600_000), Interval(MONDAY + 300_000, MONDAY + 900_000)
    channels = tuple(
        replace(
            first,
            channel=f"inc1.{n}",
            exposure=replace(first.exposure, gaps=(each,), unknown_ms=each.length),
        )
        for n, each in enumerate((gap, later))
    )
    both = replace(record, complete=False, stays=(replace(stay, channels=channels),))
    said = text_of_facts(both)
    assert said["Out of limits"] == "5m in 2 excursions"
    assert said["Not known"] == "15m in 2 gaps of channels with limits"
    (complete, *_) = sheet(both, Drawings({}, 0)).answers
    assert complete.small == "channels with limits went unmeasured for 15m in all"


def text_of_facts(record: BatchRecord) -> dict[str, str]:
    facts = msgspec.to_builtins(front.summary(record, ZoneInfo("UTC")))
    return {name: value["text"] for name, value in facts["rows"]}


def test_an_excursion_tells_whether_the_device_stood_open(record: BatchRecord) -> None:
    replace = msgspec.structs.replace
    stay = record.stays[0]
    (excursion,) = stay.channels[0].exposure.excursions
    assert handled.meanwhile(record, stay, excursion) == "device not known to have been open"
    opened = handling.Handling(
        what=handling.What.OPENED,
        channel="inc1.door",
        start=excursion.start - 60_000,
        end=excursion.start + 90_000,
        start_known=True,
        end_known=True,
        meanwhile=(),
    )
    before = replace(opened, end=excursion.start)
    assert handled.meanwhile(record, replace(stay, handlings=(opened, before)), excursion) == (
        "device open for 1m30s of it"
    )
    mute = replace(record, setting=replace(record.setting, equipment=()))
    assert handled.meanwhile(mute, stay, excursion) == "not known whether the device was open"


def test_what_is_said_of_a_later_version_pushes_no_signature_off_page_one(
    record: BatchRecord, tmp_path: Path
) -> None:
    replace = msgspec.structs.replace
    changed = tuple(
        Difference(what="readings that came late", before="1,234,567", now="7,654,321")
        for _ in range(14)
    )
    former = Former(version=1, record=f"B-2026-0001/{MONDAY}", manifest="ab" * 32)
    crowded = replace(
        record,
        batch=replace(record.batch, product="W" * 300),
        open_items=("WM " * 53,) * 40,
        version=Version(number=2, former=former, changed=changed),
    )
    text = text_of(pages(sheet(crowded, Drawings({}, 0))), tmp_path)
    first, _, _ = text.partition("Page 1 of ")
    assert "2. Since version 1 of 2026-01-05 08:00:00 CET: readings that came late 1,234," in first
    assert "Its manifest: abab" in first
    assert "I approve it for the batch record." in first


def test_the_longest_gaps_are_on_paper_when_there_are_too_many(record: BatchRecord) -> None:
    replace = msgspec.structs.replace
    gaps = tuple(Interval(MONDAY + n * 1_000, MONDAY + n * 1_000 + 1 + n % 90) for n in range(300))
    stay = record.stays[0]
    channel = replace(
        stay.channels[0], exposure=replace(stay.channels[0].exposure, gaps=gaps, judged=())
    )
    shown = sheet(replace(record, stays=(replace(stay, channels=(channel,)),)), Drawings({}, 0))
    (section,) = [s for s in shown.sections if s.title.startswith("Measurements")]
    (table,) = [
        b
        for b in map(msgspec.to_builtins, section.blocks)
        if b["kind"] == "table" and b["columns"][3]["title"] == "Not known"
    ]
    assert len(table["rows"]) == 40
    assert {row[2]["text"] for row in table["rows"]} >= {"90ms", "89ms"}
    assert table["note"] == "The longest 40 of 300 gaps; record.json has all of them."
