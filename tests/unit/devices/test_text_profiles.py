"""What profiles of devices that answer in text may say: nothing by which something could be set."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import document
from devices.decoded import PoisonError
from devices.loose_json import mended
from devices.profile import Profile

LINE = """
model = "M"
maker = "{maker}"
manual = "x"
period = "10s"
[line]
serial = {{ baud = 9600 }}
{line}
[[channels]]
key = "level"
quantity = "level"
unit = "cm"
resolution = 0.1
range = [0, 100]
source = {{ via = "line", {source} }}
"""
HTTP = """
model = "M"
maker = "m"
manual = "x"
period = "10s"
[http]
path = "{path}"
[[channels]]
key = "t"
quantity = "temperature"
unit = "degC"
resolution = 0.1
range = [0, 100]
source = {{ via = "json", path = "t" }}
"""


def line(source: str, line: str = "", maker: str = "m") -> Profile:
    text = LINE.format(source=source, line=line, maker=maker)
    return document.parse(text, Profile, name="m.toml")


@pytest.mark.parametrize(
    "ask", ["LEVel?", "*IDN?", "MEAS? 1", "CH1:FILL:STATE?", "ALARm:RATE?", "TEMPA?"]
)
def test_a_word_with_a_question_mark_may_be_asked(ask: str) -> None:
    assert line(f"ask = '{ask}'").channels[0].source.ask == ask  # type: ignore[union-attr] # a line


@pytest.mark.parametrize(
    "ask",
    [
        *("FILL 1", "FILL", "HI=90.0", "HI=90.0?", "CM", "LEVEL", "*RST", "RATE A", "UNITS 1"),
        *("FILL 1;MEAS?", "MEAS?;FILL 1", "FILL 1\\nMEAS?", "MEAS? 1\\rFILL 1", "MEAS? 1 2"),
        *("FILT 30?", "MEAS? FILL", "?", " MEAS?", "\u041cEAS?"),
    ],
)
def test_what_might_set_something_is_never_asked(ask: str) -> None:
    with pytest.raises(document.DocumentError, match="might set something"):
        line(f'ask = "{ask}"')


def test_bare_words_are_asked_of_the_maker_whose_manual_says_that_they_ask() -> None:
    line('ask = "LEVEL"', maker="American Magnetics")
    for setting in ("CM", "INCH", "PERCENT", "SAVE", "LEVEL=3"):
        with pytest.raises(document.DocumentError, match="might set something"):
            line(f'ask = "{setting}"', maker="American Magnetics")
    with pytest.raises(document.DocumentError, match="might set something"):
        line('ask = "LEVEL", given = { ask = "CM", factors = {} }', maker="American Magnetics")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('end = "\\r\\nFILL 1\\r\\n"', "is not known here"),
        ('address = "FILL 1\\r\\n{unit:03d} "', "may hold one"),
        ('address = "{unit} {unit}"', "may hold one"),
        ('address = "{unit.__class__}"', "may hold one"),
        ('address = "001 "', "may hold one"),
        ('timeout = "0s"', "leaves no time"),
        ('wake = ["REMOTE"]', "unknown key `wake`"),
    ],
)
def test_nothing_can_be_smuggled_in_beside_a_question(text: str, words: str) -> None:
    with pytest.raises(document.DocumentError, match=words):
        line('ask = "MEAS?"', line=text)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("ask = 'A?', pattern = '(' ", "is none"),
        ("ask = 'A?', pattern = '.*' ", "has no group"),
        ("ask = 'A?', given = { ask = 'B?', factors = {}, pattern = 'x' }", "has no group"),
    ],
)
def test_a_pattern_that_takes_no_value_is_refused(source: str, words: str) -> None:
    with pytest.raises(document.DocumentError, match=words):
        line(source)


@pytest.mark.parametrize("path", ["/", "/atmoweb?Temp1Read=&CO2Read=", "/a/b.json", "/a?b"])
def test_a_path_that_only_asks_is_taken(path: str) -> None:
    profile = document.parse(HTTP.format(path=path), Profile, name="m.toml")
    assert profile.http is not None
    assert profile.http.path == path


@pytest.mark.parametrize(
    "path",
    [
        *("", "atmoweb", "//host/x", "http://host/x", "/a?TempSet=37", "/a?t=&TempSet=37.0"),
        *("/a?x=%3d1", "/a b", "/a\\r\\nX: y", "/a#b", "/a?x==1", "/a?x=;TempSet=3"),
    ],
)
def test_a_path_that_might_set_something_is_refused(path: str) -> None:
    with pytest.raises(document.DocumentError, match="path"):
        document.parse(HTTP.format(path=path), Profile, name="m.toml")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ('{"a": 1,}', b'{"a":1}'),
        ('"a": 1.5', b'{"a":1.5}'),
        ("“a”: „b”", b'{"a":"b"}'),
        ("{a: N/A, b: null, c: true", b'{"a":"N/A","b":null,"c":true}'),
        ('{"r": {min: 20, max: -50,}', b'{"r":{"min":20,"max":-50}}'),
        ('{"a": [1, 2,', b'{"a":[1,2]}'),
        ("\ufeff{}", b"{}"),
    ],
)
def test_what_is_nearly_json_is_mended(said: str, meant: bytes) -> None:
    assert mended(said.encode(), is_whole=True) == meant


def test_a_number_is_never_completed() -> None:
    assert mended(b'"a": 37', is_whole=True) == b'{"a":37}'
    assert mended(b'"a": 37\n', is_whole=False) == b'{"a":37}'
    with pytest.raises(PoisonError, match="ends within a number"):
        mended(b'"a": 37', is_whole=False)


@pytest.mark.parametrize(
    "said", ['{"a": 37.}', '{"a": 3.7.1}', '{"a": 1,2}x"', '{"a": +1}', '"a', "{]", "{" * 99]
)
def test_what_is_not_nearly_json_is_left(said: str) -> None:
    with pytest.raises(PoisonError):
        mended(said.encode(), is_whole=True)


@given(st.binary(max_size=200))
def test_any_bytes_are_mended_or_refused(said: bytes) -> None:
    with contextlib.suppress(PoisonError):
        mended(said, is_whole=False)
