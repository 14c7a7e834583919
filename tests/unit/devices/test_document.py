"""Where a mistake in a configuration file stands, and what it is called."""

from pathlib import Path
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import document
from devices.document import DocumentError, line_of
from devices.duration import Duration


class Inner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table in a table."""

    limit: float = 0.0
    kind: Literal["high", "low"] = "high"
    after: Duration = Duration(0)


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of an array of tables."""

    id: str
    steps: tuple[Inner, ...] = ()
    source: Inner | None = None


class Whole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file."""

    name: str = ""
    entry: tuple[Entry, ...] = ()


def mistake(text: str) -> str:
    with pytest.raises(DocumentError) as caught:
        document.parse(text, Whole, name="f.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            'name = "x"\nentri = 1\n',
            "f.toml:2: unknown key `entri`; did you mean `entry`?",
            id="at the top",
        ),
        pytest.param(
            '[[entry]]\nid = "a"\n\n[[entry]]\nid = "b"\nstep = []\n',
            "f.toml:6: entry[1]: unknown key `step`; did you mean `steps`?",
            id="in the second of two",
        ),
        pytest.param(
            '[[entry]]\nid = "a"\nsteps = [\n  { limit = 1 },\n  { limits = 2 },\n]\n',
            "f.toml:5: entry[0].steps[1]: unknown key `limits`; did you mean `limit`?",
            id="in an inline table over lines",
        ),
        pytest.param(
            '[[entry]]\nid = "a"\nsource = { lim = 2 }\n',
            "f.toml:3: entry[0].source: unknown key `lim`; did you mean `limit`?",
            id="in a table that may be absent",
        ),
        pytest.param(
            '[[entry]]\nid = "a"\n[entry.source]\nwhat = 2\n',
            "f.toml:4: entry[0].source: unknown key `what`; known: limit, kind, after",
            id="far from any key",
        ),
        pytest.param(
            '[[entry]]\nid = "a"\n[entry.source]\nkind = "hihg"\n',
            "f.toml:4: entry[0].source.kind: 'hihg' is not known here; did you mean `high`?",
            id="a word of a choice",
        ),
        pytest.param(
            '[[entry]]\nid = "a"\n[entry.source]\nkind = "?"\n',
            "f.toml:4: entry[0].source.kind: '?' is not known here; known: high, low",
            id="no word of a choice",
        ),
        pytest.param(
            '[[entry]]\nid = "a"\nsource = 1\n',
            "f.toml:3: entry[0].source: Expected a table of limit, kind, after",
            id="a number for a table",
        ),
        pytest.param(
            "[[entry]]\nsteps = []\n", "f.toml:1: entry[0]: the key `id` is missing", id="missing"
        ),
        pytest.param(
            '[[entry]]\nid = "a"\nsource = { after = "soon" }\n',
            "f.toml:3: entry[0].source.after: 'soon' is not a span of time",
            id="no span",
        ),
        pytest.param("name = \n", "f.toml:1: not TOML:", id="not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_path(text: str, told: str) -> None:
    assert mistake(text).startswith(told)
    assert "\n" not in mistake(text)


@given(st.integers(0, 5), st.integers(0, 6), st.integers(0, 9))
def test_the_line_is_that_of_the_mistake(before: int, entry: int, blank: int) -> None:
    tables = [f'[[entry]]\nid = "e{n}"\n' + "\n" * blank for n in range(7)]
    tables[entry] = tables[entry].rstrip("\n") + "\nwrong = 1\n"
    text = "# comment\n" * before + "".join(tables)
    line = int(mistake(text).split(":")[1])
    assert text.splitlines()[line - 1] == "wrong = 1"


@given(st.text(max_size=80))
def test_any_text_is_a_document_or_one_line_of_mistake(text: str) -> None:
    told = "f.toml"
    try:
        document.parse(text, Whole, name="f.toml")
    except DocumentError as error:
        told = str(error)
    assert told.startswith("f.toml")
    assert len(told.splitlines()) == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"absent\.toml: cannot be read: No such file"):
        document.read(tmp_path / "absent.toml", Whole)


def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "f.toml").write_bytes('name = "a"\n# für\n'.encode("latin-1"))
    with pytest.raises(DocumentError, match=r"f\.toml:2: is not UTF-8 text"):
        document.read(tmp_path / "f.toml", Whole)


def test_a_file_may_begin_with_the_mark_that_some_editors_write(tmp_path: Path) -> None:
    (tmp_path / "f.toml").write_bytes(b'\xef\xbb\xbfname = "a"\r\n')
    assert document.read(tmp_path / "f.toml", Whole).name == "a"


def test_the_line_is_that_of_a_table_and_not_of_its_word_in_a_comment_or_an_inline_table() -> None:
    text = (
        '# addresses = { mail = "a" }\n[[person]]\naddresses = { mail = "a" }\n[mail]\nhost = ""\n'
    )
    assert line_of(text, "mail.host") == 5
    assert line_of(text, "person[0].addresses.mail") == 3
