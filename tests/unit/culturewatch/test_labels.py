"""Labels as they are printed: a picture of the page, from which the bar code is read back."""

import io
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from typer.testing import CliRunner

from batches.label import A4, Label, LabelError, Sheet, lay_out, lines, size
from batches.symbol import Symbology
from batches.vial import Vial
from culturewatch.cli import app
from culturewatch.label_pages import Pages, on_rolls, on_sheets, pdf, pictures
from tests.integration.laboratory import lay_out as lay_out_site
from tests.unit.batches.barcode_reader import code128, data_matrix

pytestmark = pytest.mark.long

ID = "B-2026-0001-V001"
VIENNA = ZoneInfo("Europe/Vienna")
VIAL = Vial(
    row=1,
    id=ID,
    batch="B-2026-0001",
    passage=2,
    frozen_at=1_767_596_400_000,
    frozen_by="anna",
    reason="",
)
TEXT = lines(VIAL, "PT-7F3K9M2QXX", VIENNA)
DPI = 600


def made(symbology: Symbology, on: str, dpi: int = 300) -> Label:
    return lay_out(ID, TEXT, symbology=symbology, on=size(on), dpi=dpi)


def looked_at(pages: Pages) -> Image.Image:
    (picture,) = pictures(pages, dpi=DPI)
    return Image.open(io.BytesIO(picture)).convert("L")


def module(picture: Image.Image, label: Label, row: int, column: int, *, at: float = 0) -> str:
    """Whether the middle of a module is dark, the label standing ``at`` mm to the right."""
    per_mm = DPI / 25.4
    x = (at + label.x + (column + 0.5) * label.module) * per_mm
    y = (label.y + (row + 0.5) * label.bar) * per_mm
    (level,) = picture.crop((int(x), int(y), int(x) + 1, int(y) + 1)).tobytes()
    return "1" if level < 128 else "0"


def test_a_label_says_id_token_passage_and_date_and_no_name() -> None:
    assert TEXT == (ID, "PT-7F3K9M2QXX", "P2  2026-01-05")
    assert lines(VIAL, None, VIENNA)[1] == "patient not known"


def test_a_printed_data_matrix_reads_back() -> None:
    label = made(Symbology.DATAMATRIX, "33x13")
    picture = looked_at(on_rolls([label], size("33x13")))
    assert picture.size == pytest.approx((33 / 25.4 * DPI, 13 / 25.4 * DPI), abs=1)
    side = max(column + length for _, column, length in label.dark)
    rows = tuple(
        "".join(module(picture, label, row, column) for column in range(side))
        for row in range(side)
    )
    assert data_matrix(rows) == ID
    # Its quiet zone is light, and ink is where the text is.
    assert {module(picture, label, row, -1) for row in range(side)} == {"0"}
    assert {module(picture, label, -1, column) for column in range(side)} == {"0"}
    text = picture.crop((int(label.tx * DPI / 25.4), 0, *picture.size))
    levels = text.tobytes()
    assert (min(levels) < 16, max(levels)) == (True, 255)


def test_a_printed_code_128_reads_back() -> None:
    label = made(Symbology.CODE128, "50x20")
    picture = looked_at(on_rolls([label], size("50x20")))
    width = max(column + length for _, column, length in label.dark)
    assert code128("".join(module(picture, label, 0, n) for n in range(width))) == ID
    assert {module(picture, label, 0, n) for n in (*range(-10, 0), width, width + 9)} == {"0"}


@pytest.mark.parametrize("dpi", [203, 300, 600])
def test_modules_are_whole_dots_of_the_printer(dpi: int) -> None:
    label = made(Symbology.DATAMATRIX, "33x13", dpi)
    dots = label.module * dpi / 25.4
    assert dots == pytest.approx(round(dots))
    assert dots >= 3
    assert label.y + 16 * label.module < 13


@pytest.mark.parametrize(
    ("symbology", "on", "said"),
    [
        (Symbology.CODE128, "33x13", "needs 40.7 mm of width; a Data Matrix needs less"),
        (Symbology.DATAMATRIX, "30x5", "of width and height"),
        (Symbology.DATAMATRIX, "16x13", "smaller than 3.5 pt"),
    ],
)
def test_what_could_not_be_read_is_not_printed(symbology: Symbology, on: str, said: str) -> None:
    with pytest.raises(LabelError, match=said):
        made(symbology, on)


@pytest.mark.parametrize("text", ["33", "33x", "33*13", "-3x4", "1x1", "999x2", "33x13x2"])
def test_a_size_is_two_lengths(text: str) -> None:
    with pytest.raises(LabelError, match="is no size"):
        size(text)


def test_a_sheet_holds_what_fits_and_begins_where_one_wishes() -> None:
    on, sheet = size("33x13"), Sheet(A4, 10, 2)
    # (210 - 20 + 2) // 35 = 5 across, (297 - 20 + 2) // 15 = 18 down.
    assert sheet.grid(on) == (5, 18)
    label = made(Symbology.DATAMATRIX, "33x13")
    pages = on_sheets([label] * 4, on, sheet, skip=88)
    assert [len(page) for page in pages.pages] == [2, 2]
    assert (pages.pages[0][0].x, pages.pages[0][0].y) == (10 + 3 * 35, 10 + 17 * 15)
    assert (pages.pages[1][1].x, pages.pages[1][1].y) == (45, 10)
    with pytest.raises(LabelError, match="a sheet has 90 labels"):
        on_sheets([label], on, sheet, skip=90)
    with pytest.raises(LabelError, match="no label of 300x13 mm fits"):
        sheet.grid(size("300x13"))


def test_the_same_labels_give_the_same_bytes() -> None:
    pages = on_rolls([made(Symbology.DATAMATRIX, "33x13")], size("33x13"))
    assert pdf(pages) == pdf(pages)
    assert pdf(pages).startswith(b"%PDF")


def test_labels_are_made_as_people_ask_for_them(
    tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lay_out_site(tmp_path, served)

    def typed(words: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, words.split())
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done.exit_code, done.output

    typed("batch open B-2026-0001 --product x --by anna")
    assert typed("batch passage B-2026-0001 --by anna")[0] == 0
    typed("vial freeze B-2026-0001 --in ln2a --rack R --box B --slots 1-3 --by anna")
    assert typed(f"vial label {ID} --out one.pdf") == (
        0,
        "one.pdf: 1 labels on 1 pages; print them at 100 %\n",
    )
    assert typed("vial label --batch B-2026-0001 --sheet --out all.pdf")[0] == 0
    assert (tmp_path / "all.pdf").read_bytes().startswith(b"%PDF")
    code, said = typed(f"vial label {ID} --symbology code128 --out no.pdf")
    assert (code, "needs 40.7 mm of width" in said) == (2, True)
    assert typed("vial label --out no.pdf")[0] == 2
    assert not (tmp_path / "no.pdf").exists()
