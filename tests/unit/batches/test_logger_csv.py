"""Loggers' files as they come: their signs, their order, and what is refused with which words."""

from pathlib import Path

import pytest

from batches.logger_csv import LoggerFile, LoggerFileError, Row

JANUARY_5_0700 = 1_767_596_400_000
"""2026-01-05 07:00 UTC in milliseconds since 1970."""
IN_ORDER = [(0, 37.0), (60_000, 36.5), (120_000, None)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logger.csv"


def values(file: LoggerFile) -> list[tuple[int, float | None]]:
    return [(row.at, row.value) for row in file]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"time,value\n0,37.0\n60,36.5\n120,\n", id="plain"),
        pytest.param(b"\xef\xbb\xbftime,value\n0,37.0\n60,36.5\n120,\n", id="byte order mark"),
        pytest.param(b"time;value\r\n0;37,0\r\n60;36,5\r\n120;\r\n", id="semicolon and comma"),
        pytest.param(b"time\tvalue\n0\t37,0\n60\t36.5\n120\t", id="tab, no last line feed"),
        pytest.param(b"time,value\r0,37.0\r60,36.5\r120,\r", id="carriage returns alone"),
        pytest.param(b'"Time","Value"\n"0","37.0"\n\n"60","36.5"\n"120",""\n', id="quoted, blank"),
        pytest.param(b"no,VALUE , time\n1,37.0,0\n2,36.5,60\n3,,120\n", id="other columns"),
        pytest.param(b"time,value,T [\xb0C]\n0,37.0,a\n60,36.5,\xe4\n120,,\n", id="old encoding"),
        pytest.param("time;value\r\n0;37,0\r\n60;36,5\r\n120;".encode("utf-16"), id="UTF-16"),
        pytest.param(b"time,value\n120,\n0,37.0\n60,36.5\n", id="not in order"),
        pytest.param(b"time,value\n0,37\n0,37.0\n60,36.5\n120,\n60,36.50\n", id="rows twice"),
        pytest.param(b"time,value\n0,\n0,37\n60,36.5\n60,\n120,\n", id="empty and measured"),
        pytest.param(b"time,value\n0,37,\n60,36.5,\n120,,\n", id="a comma too many"),
    ],
)
def test_a_file_is_read_whatever_wrote_it(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    file = LoggerFile(path)
    assert values(file) == IN_ORDER
    assert (file.readings, file.period, file.start, file.end) == (3, 60_000, 0, 180_000)


@pytest.mark.parametrize(
    "text",
    ["2026-01-05T07:00:00", "2026-01-05 07:00:00Z", "2026-01-05T08:00:00.000+01:00", "20260105T07"],
)
def test_a_date_without_an_offset_is_utc(path: Path, text: str) -> None:
    path.write_text(f"time,value\n{text},37\n")
    file = LoggerFile(path, period=60_000)
    assert file.dated
    assert file.start == JANUARY_5_0700


def test_a_duration_is_how_long_a_reading_stands(path: Path) -> None:
    path.write_text("time;duration_s;value\n0;82800;5\n82800;3600,5;15\n")
    file = LoggerFile(path)
    assert list(file) == [Row(2, 0, 5.0, 82_800_000), Row(3, 82_800_000, 15.0, 3_600_500)]
    assert file.end == 86_400_500


def test_the_usual_time_between_readings_is_their_period(path: Path) -> None:
    path.write_text("time,value\n0,1\n60,1\n120,1\n1000,1\n1060,1\n")
    assert LoggerFile(path).period == 60_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", ":1: is empty; the first row names the columns", id="empty"),
        pytest.param("\n0,1\n", ":1: begins with an empty row", id="no heading"),
        pytest.param("time,value\n", ": holds a heading and no reading", id="no reading"),
        pytest.param("time,temp\n0,1\n", ":1: there is no column 'value'; found: 'time', 'temp'",
                     id="wrong column"),
        pytest.param("0,37.0\n60,37.1\n", ":1: there is no column 'time'; found: '0', '37.0'",
                     id="no names"),
        pytest.param("time,value,value\n0,1,2\n", ":1: there are two columns 'value'", id="two"),
        pytest.param("time,value\n0,37\n60,NaN\n", ":3: value 'NaN' is no temperature", id="NaN"),
        pytest.param("time,value\n0,inf\n", ":2: value 'inf' is no temperature", id="infinite"),
        pytest.param("time,value\n0,-273.15\n", ":2: value '-273.15' is no temp", id="zero K"),
        pytest.param("time,value\n0,37 C\n", ":2: value '37 C' is no temperature", id="unit"),
        pytest.param("time;value\n0;1.037,5\n", ":2: value '1.037,5' is no temperature",
                     id="thousands"),
        pytest.param("time,value\n0,37\n60\n", ":3: has 1 cells, the heading 2", id="short"),
        pytest.param("time,value\n0,37,5\n", ":2: has 3 cells, the heading 2; with decimal commas",
                     id="decimal comma between commas"),
        pytest.param("time,value\nnoon,37\n", ":2: time 'noon' is neither seconds nor a",
                     id="noon"),
        pytest.param("time,value\n0,37\n2026-01-05,37\n",
                     ":3: time '2026-01-05' is no number of seconds; write all",
                     id="seconds, then dates"),
        pytest.param("time,value\n2026-01-05T07:00Z,37\n2026-01-05T07:01,37\n",
                     ":3: time '2026-01-05T07:01' is no date and time, ISO 8601, with an",
                     id="with an offset, then without"),
        pytest.param("time,value\n9999-12-31,37\n", ":2: time '9999-12-31' is no date and time",
                     id="too late for what follows it to have a date"),
        pytest.param("time,value\n1767596400000,37\n", ":2: time '1767596400000' is no number",
                     id="milliseconds"),
        pytest.param("time,value\n0,37\n,37\n", ":3: time '' is no number of sec", id="no time"),
        pytest.param("time,value\n0,37\n60,36\n0,36.9\n",
                     ":4: says 36.9 at the time for which row 2 says 37", id="contradiction"),
        pytest.param("time,value,duration_s\n0,37,-1\n", ":2: duration_s '-1' is no number",
                     id="negative duration"),
        pytest.param("time,value,duration_s\n0,37,\n", ":2: duration_s '' is no number",
                     id="no duration"),
        pytest.param('time,value\n0,"37\n', ": is not CSV: unexpected end of data", id="quote"),
        pytest.param("time,value\n0,37\n", ": holds readings of one instant only; say with",
                     id="one reading"),
    ],
)  # fmt: skip
def test_what_is_no_reading_is_told_in_one_line_with_its_row(
    path: Path, text: str, said: str
) -> None:
    path.write_text(text)
    with pytest.raises(LoggerFileError) as refused:
        values(LoggerFile(path))
    assert str(refused.value).startswith(f"{path}{said}")
    assert "\n" not in str(refused.value)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(LoggerFileError, match="is a folder"):
        LoggerFile(tmp_path)
    with pytest.raises(LoggerFileError, match="there is no such file"):
        LoggerFile(tmp_path / "none.csv")


def test_rows_that_are_added_while_it_is_read_are_left_for_the_next_time(path: Path) -> None:
    path.write_text("time,value\n0,37\n60,37\n")
    file = LoggerFile(path)
    with path.open("a") as more:
        more.write("120,37\n")
    assert len(list(file)) == 2
