"""Bar codes: the standards' own figures, and what a reader of our own reads from them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batches.symbol import Symbology, symbol
from tests.unit.batches.barcode_reader import WIDTHS, code128, codewords, data_matrix

FIGURE_1 = """
101010101010101010 101000101010001111 101100000111000010 100000101110100111 100100000100011100
101011111010101111 100110011111110110 110011101111111101 111111111101111100 101110110100101101
100010110101001110 101101111001100001 110001101010011110 110110100000100011 101101001101011010
100010011001011011 100011000000100100 111111111111111111
""".split()  # noqa: SIM905 # a picture
FIGURE_R1 = """
1010101010101010 1010101010000001 1010101011101100 1010101010110011 1010101010001100
1010101010001101 1010101010000100 1010101001101001 1010101010000110 1000001001011001
1111111110000100 1101100110010101 1111111001100100 1110010111100101 1110010010100010
1111111111111111
""".split()  # noqa: SIM905 # a picture
FIGURE_O2 = """
1010101010 1100101101 1100000100 1100011101 1100001000 1000001111 1110110000 1111011001 1001110100
1111111111
""".split()  # noqa: SIM905 # a picture


def test_a_data_matrix_is_the_one_that_the_standard_shows() -> None:
    # ISO/IEC 16022:2006, figure O.2; its codewords are 142 164 186, annex O.
    assert list(symbol("123456", Symbology.DATAMATRIX).rows) == FIGURE_O2
    assert codewords(tuple(FIGURE_O2)) == [142, 164, 186]
    assert data_matrix(tuple(FIGURE_O2)) == "123456"


def test_the_reader_reads_the_standards_other_figures() -> None:
    # Figures 1 and R.1 are in other encodations; that they check is what counts. Table 7: a
    # symbol of 18 holds 18 data codewords, one of 16 holds 12.
    assert len(codewords(tuple(FIGURE_1))) == 18
    assert len(codewords(tuple(FIGURE_R1))) == 12


TEXTS = st.from_regex(r"[A-Z][A-Z0-9]{0,15}-[0-9]{4}-[0-9]{4,6}-V[0-9]{3,4}", fullmatch=True)


@settings(max_examples=30)
@given(TEXTS)
def test_every_id_of_a_vial_is_read_back(text: str) -> None:
    assert data_matrix(symbol(text, Symbology.DATAMATRIX).rows) == text
    (bars,) = symbol(text, Symbology.CODE128).rows
    assert code128(bars) == text


def test_a_damaged_symbol_is_not_taken_for_another() -> None:
    rows = list(symbol("B-2026-0001-V001", Symbology.DATAMATRIX).rows)
    rows[5] = rows[5][:4] + ("1" if rows[5][4] == "0" else "0") + rows[5][5:]
    with pytest.raises(AssertionError, match="do not check"):
        data_matrix(tuple(rows))


def test_code_128_is_that_of_the_standards_table() -> None:
    # ISO/IEC 15417 table 1: six widths of eleven modules in all, each sign another one.
    assert len(set(WIDTHS)) == len(WIDTHS) == 106
    assert {sum(map(int, widths)) for widths in WIDTHS} == {11}
    (bars,) = symbol("AB", Symbology.CODE128).rows
    # Start B, A (33), B (34), check (104 + 33 + 2 * 34) % 103 = 102, stop.
    start, a, b, check = "11010010000", "10100011000", "10001011000", "11110101110"
    assert bars == start + a + b + check + "1100011101011"


@pytest.mark.parametrize("text", ["", "Zürich", "a\nb"])
def test_what_no_bar_code_can_say_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="plain letters and digits can"):
        symbol(text, Symbology.DATAMATRIX)
