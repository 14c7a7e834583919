"""Reads bar codes from modules, after the standards and apart from what writes them.

Data Matrix: ISO/IEC 16022:2006, annex F (placement), 5.2.3 (ASCII encodation), annex E and its
field of 256 elements over x^8+x^5+x^3+x^2+1 with generator 2. Code 128: ISO/IEC 15417, by the
widths of bars and spaces, of which table 1 gives six a sign.
"""

from collections.abc import Iterator

_FIELD = 0x12D
_ERRORS = {10: 5, 12: 7, 14: 10, 16: 12, 18: 14, 20: 18, 22: 20, 24: 24, 26: 28}
"""Codewords for error correction, by the side of the symbol (table 7)."""


def data_matrix(rows: tuple[str, ...]) -> str:
    """The text of a square symbol of one region; ``AssertionError`` where it is none."""
    side = len(rows)
    assert all(len(row) == side for row in rows)
    assert all(row[0] == "1" for row in rows), "the left edge of the finder is not solid"
    assert set(rows[-1]) == {"1"}, "the lower edge of the finder is not solid"
    assert rows[0] == "10" * (side // 2), "the upper edge does not alternate"
    assert [row[-1] for row in rows] == ["0", "1"] * (side // 2), "nor does the right one"
    return _ascii(codewords(rows))


def codewords(rows: tuple[str, ...]) -> list[int]:
    """The data codewords of a symbol, once those for error correction agree with them."""
    words = list(_codewords([row[1:-1] for row in rows[1:-1]]))
    checks = _ERRORS[len(rows)]
    assert _syndromes(words, checks) == [0] * checks, "the codewords do not check"
    return words[:-checks]


def _syndromes(words: list[int], checks: int) -> list[int]:
    found = []
    for power in range(1, checks + 1):
        root, value = _power(2, power), 0
        for word in words:
            value = _times(value, root) ^ word
        found.append(value)
    return found


def _times(one: int, other: int) -> int:
    product = 0
    while other:
        if other & 1:
            product ^= one
        one <<= 1
        if one & 0x100:
            one ^= _FIELD
        other >>= 1
    return product


def _power(base: int, exponent: int) -> int:
    value = 1
    for _ in range(exponent):
        value = _times(value, base)
    return value


def _codewords(cells: list[str]) -> Iterator[int]:  # noqa: C901 # one walk, as annex F has it
    """Along the diagonals of annex F, with its four corner cases."""
    n = len(cells)
    used: set[tuple[int, int]] = set()

    def bit(row: int, column: int) -> str:
        if row < 0:
            row, column = row + n, column + 4 - (n + 4) % 8
        if column < 0:
            row, column = row + 4 - (n + 4) % 8, column + n
        used.add((row, column))
        return cells[row][column]

    def word(*places: tuple[int, int]) -> int:
        return int("".join(bit(*place) for place in places), 2)

    def utah(r: int, c: int) -> int:
        steps = ((-2, -2), (-2, -1), (-1, -2), (-1, -1), (-1, 0), (0, -2), (0, -1), (0, 0))
        return word(*((r + dr, c + dc) for dr, dc in steps))

    corners = {
        1: ((n - 1, 0), (n - 1, 1), (n - 1, 2), (0, n - 2), (0, n - 1), (1, n - 1), (2, n - 1),
            (3, n - 1)),
        2: ((n - 3, 0), (n - 2, 0), (n - 1, 0), (0, n - 4), (0, n - 3), (0, n - 2), (0, n - 1),
            (1, n - 1)),
        3: ((n - 3, 0), (n - 2, 0), (n - 1, 0), (0, n - 2), (0, n - 1), (1, n - 1), (2, n - 1),
            (3, n - 1)),
        4: ((n - 1, 0), (n - 1, n - 1), (0, n - 3), (0, n - 2), (0, n - 1), (1, n - 3), (1, n - 2),
            (1, n - 1)),
    }  # fmt: skip
    row, column = 4, 0
    while row < n or column < n:
        if (row, column) == (n, 0):
            yield word(*corners[1])
        if (row, column) == (n - 2, 0) and n % 4:
            yield word(*corners[2])
        if (row, column) == (n - 2, 0) and n % 8 == 4:
            yield word(*corners[3])
        if (row, column) == (n + 4, 2) and not n % 8:
            yield word(*corners[4])
        while row >= 0 and column < n:
            if row < n and column >= 0 and (row, column) not in used:
                yield utah(row, column)
            row, column = row - 2, column + 2
        row, column = row + 1, column + 3
        while row < n and column >= 0:
            if row >= 0 and column < n and (row, column) not in used:
                yield utah(row, column)
            row, column = row + 2, column - 2
        row, column = row + 3, column + 1


def _ascii(words: list[int]) -> str:
    text = ""
    for word in words:
        if word == 129:
            return text
        assert 1 <= word <= 229, f"codeword {word} is not of ASCII encodation"
        text += chr(word - 1) if word <= 128 else f"{word - 130:02}"
    return text


WIDTHS = (  # noqa: SIM905 # a table
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 "
    "122132 122231 113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 "
    "321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311 "
    "211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 "
    "213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 "
    "121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 "
    "241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 "
    "412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 "
    "211214 211232"
).split()
_STOP = "2331112"


def code128(bars: str) -> str:
    """The text of a symbol in code sets B and C; ``AssertionError`` where it is none."""
    widths, at = "", 0
    while at < len(bars):
        run = len(bars[at:]) - len(bars[at:].lstrip(bars[at]))
        widths, at = widths + str(run), at + run
    assert bars[0] == bars[-1] == "1"
    assert widths.endswith(_STOP)
    signs = widths.removesuffix(_STOP)
    values = [WIDTHS.index(signs[place : place + 6]) for place in range(0, len(signs), 6)]
    first, *middle, check = values
    assert check == (first + sum(n * value for n, value in enumerate(middle, start=1))) % 103
    assert first in {104, 105}
    text, in_c = "", first == 105
    for value in middle:
        if value == (100 if in_c else 99):
            in_c = not in_c
        elif in_c:
            text += f"{value:02}"
        else:
            text += chr(value + 32)
    return text
