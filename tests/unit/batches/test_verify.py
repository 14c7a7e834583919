"""Whoever changes a record is found out, and the place is named."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batches.export import manifest
from batches.export.csv import CHUNK_ROWS
from batches.export.json import canonical
from batches.verify import Fault, Report, verify

pytestmark = pytest.mark.long


FILES = (
    *("readings.csv", "readings.parquet", "record.html", "record.json", "record.pdf"),
    "verify_record.py",
)


@pytest.fixture
def sound(record: Path) -> Iterator[Path]:
    """The record, put right again after each example."""
    kept = record.parent / "kept"
    shutil.copytree(record, kept)
    yield record
    shutil.rmtree(kept)


def restore(record: Path) -> None:
    shutil.rmtree(record)
    shutil.copytree(record.parent / "kept", record)


def flip(path: Path, place: int, mask: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= mask
    path.write_bytes(data)


def test_a_sound_record_verifies_and_says_what_was_checked(record: Path) -> None:
    report = verify(record)
    assert report.sound
    assert len(report.checked) == 7
    assert report.checked[1].startswith("readings.csv: ")


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_one_changed_byte_anywhere_is_found_in_its_file(sound: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*FILES, "manifest.json"]))
    path = sound / name
    flip(path, data.draw(st.integers(0, path.stat().st_size - 1)), data.draw(st.integers(1, 255)))
    try:
        report = verify(sound)
        assert not report.sound
        assert {fault.where for fault in report.faults} == {name}
    finally:
        restore(sound)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_changed_byte_in_the_table_is_named_with_its_row(
    sound: Path, data: st.DataObject
) -> None:
    path = sound / "readings.csv"
    table = path.read_bytes()
    row = data.draw(st.integers(1, table.count(b"\n") - 1))
    begin = sum(len(line) for line in table.splitlines(keepends=True)[:row])
    end = table.index(b"\n", begin)
    flip(path, data.draw(st.integers(begin, end - 1)), 0x80)
    try:
        assert verify(sound).faults[-1] == Fault(
            where="readings.csv", what=f"row {row} was changed"
        )
    finally:
        restore(sound)


def test_several_changed_rows_are_named_as_a_range(record: Path) -> None:
    path = record / "readings.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    for row in (5, 9):
        lines[row] = lines[row].replace(b"inside", b"INSIDE")
    path.write_bytes(b"".join(lines))
    assert verify(record).faults[-1].what == f"differs somewhere in rows 0 to {CHUNK_ROWS - 1}"


def test_a_row_taken_out_is_named_by_where_it_begins_to_differ(record: Path) -> None:
    path = record / "readings.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1200] + lines[1201:]))
    changed, where = verify(record).faults
    assert "bytes instead of" in changed.what
    assert len(changed.expected) == len(changed.actual) == 64
    assert where.what == f"differs from somewhere in rows 1000 to {len(lines) - 1} on"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(record: Path, name: str) -> None:
    (record / name).unlink()
    (fault,) = verify(record).faults
    assert (fault.where, fault.what) == (name, "is missing")


def test_a_file_that_was_added_is_named(record: Path) -> None:
    (record / "note.txt").write_text("trust me")
    (fault,) = verify(record).faults
    assert (fault.where, fault.what) == ("note.txt", "is not part of the record; it was added")


def test_a_manifest_that_was_taken_away_is_missed(record: Path) -> None:
    (record / "manifest.json").unlink()
    (fault,) = verify(record).faults
    assert fault.where == "manifest.json"
    assert "cannot be read" in fault.what


def test_a_link_to_somewhere_else_is_no_file_of_the_record(record: Path) -> None:
    (record / "record.json").rename(record.parent / "elsewhere")
    (record / "record.json").symlink_to(record.parent / "elsewhere")
    (fault,) = verify(record).faults
    assert (fault.where, fault.what) == ("record.json", "is not a file of this folder")


def test_a_manifest_that_is_a_link_is_no_file_of_the_record(record: Path) -> None:
    (record / "manifest.json").rename(record.parent / "elsewhere")
    (record / "manifest.json").symlink_to(record.parent / "elsewhere")
    (fault,) = verify(record).faults
    assert fault.where == "manifest.json"
    assert "is not a file of this folder" in fault.what


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_pipe_in_the_place_of_a_file_is_named_and_not_waited_for(record: Path, name: str) -> None:
    (record / name).unlink()
    os.mkfifo(record / name)
    (fault,) = verify(record).faults
    assert fault.where == name
    assert "is not a file of this folder" in fault.what


@pytest.mark.usefixtures("lived")
def test_a_record_without_its_manifest_is_not_taken_for_a_folder_of_data(
    record: Path, tmp_path: Path
) -> None:
    (record / "manifest.json").unlink()
    shutil.copy(tmp_path / "data" / "ledger.db", record)
    (fault,) = verify(record).faults
    assert fault.where == "manifest.json"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"a\nok     everything", r"'a\nok     everything'"),
        (b"\x1b[2J", r"'\x1b[2J'"),
        (b"\xff", r"'\udcff'"),
    ],
)
def test_the_name_of_a_file_that_was_added_cannot_speak_for_the_report(
    record: Path, name: bytes, shown: str
) -> None:
    Path(os.fsdecode(os.path.join(os.fsencode(record), name))).touch()  # noqa: PTH118 # bytes
    report = verify(record)
    (fault,) = report.faults
    assert fault.where == shown
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


@pytest.mark.parametrize("name", ["a\0b", "../x", "/etc/hostname", "", "."])
def test_a_manifest_that_lists_what_is_no_file_of_the_folder_is_refused(
    record: Path, name: str
) -> None:
    listed = manifest.read(record)
    files = listed.files | {name: listed.files["record.json"]}
    forged = msgspec.structs.replace(listed, files=files).sealed()
    (record / "manifest.json").write_bytes(canonical(forged))
    (fault,) = verify(record).faults
    assert fault.what == "is not a file of this folder"


def test_a_folder_that_is_neither_is_said_to_be_none(tmp_path: Path) -> None:
    assert not verify(tmp_path).sound
    assert not verify(tmp_path / "nowhere").sound
