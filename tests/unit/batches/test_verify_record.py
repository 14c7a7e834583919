"""The program in the folder of a record: with nothing but Python, it finds what was changed."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from batches.export import manifest
from batches.export import verify_record as program
from batches.export.json import canonical
from batches.verify import verify


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As anybody would: no site packages, no environment, not even the path of this project."""
    return subprocess.run(  # noqa: S603 # our own interpreter
        [sys.executable, "-I", "-S", str(folder / "verify_record.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={},
        cwd=folder.parent,
        timeout=30,
    )


def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """The same within this process, which is quicker."""
    code = program.main([str(folder)])
    return code, capsys.readouterr().out.splitlines()


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_sound_record_is_found_sound_by_python_alone(record: Path) -> None:
    done = run(record)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split(":")[0].split()[:2] for line in lines[:-1]] == [
        ["ok", "manifest.json"],
        ["ok", "readings.csv"],
        ["ok", "readings.parquet"],
        ["ok", "record.html"],
        ["ok", "record.json"],
        ["ok", "record.pdf"],
        ["ok", "verify_record.py"],
    ]
    assert lines[-1] == f"{record}: nothing was changed"


def test_a_damaged_record_is_found_damaged_by_python_alone(record: Path) -> None:
    flip(record / "record.pdf", 1000)
    done = run(record, str(record))
    assert (done.returncode, done.stderr) == (1, "")
    (wrong,) = [line for line in done.stdout.splitlines() if line.startswith("WRONG")]
    assert wrong.startswith("WRONG  record.pdf: was changed (expected ")
    assert done.stdout.endswith(f"{record}: NOT as it was written\n")


@pytest.mark.parametrize(
    "name",
    [
        *("manifest.json", "readings.csv", "readings.parquet", "record.html", "record.json"),
        *("record.pdf", "verify_record.py"),
    ],
)
def test_it_says_of_one_changed_byte_what_the_whole_program_says(
    record: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in (0.0, 0.31, 0.77, 1.0):
        data = (record / name).read_bytes()
        flip(record / name, round(part * (len(data) - 1)))
        code, lines = told(record, capsys)
        wrong = {line.split()[1].rstrip(":") for line in lines if line.startswith("WRONG")}
        assert (code, wrong) == (1, {name})
        assert {fault.where for fault in verify(record).faults} == {name}
        (record / name).write_bytes(data)


def test_a_changed_row_is_named(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = record / "readings.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1234] = lines[1234].replace(b",good,", b",gooD,")
    path.write_bytes(b"".join(lines))
    wrong = [line for line in told(record, capsys)[1] if line.startswith("WRONG")]
    assert wrong[1:] == ["WRONG  readings.csv: row 1234 was changed"]
    assert str(verify(record).faults[-1]) == "readings.csv: row 1234 was changed"


def test_a_row_taken_out_an_added_file_and_a_missing_one_are_named(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record / "readings.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1200] + lines[1201:]))
    (record / "note.txt").write_text("trust me")
    (record / "record.html").unlink()
    (record / "record.json").rename(record.parent / "elsewhere")
    (record / "record.json").symlink_to(record.parent / "elsewhere")
    found = [line for line in told(record, capsys)[1] if line.startswith("WRONG")]
    last = len(lines) - 1
    assert found[1:] == [
        f"WRONG  readings.csv: differs from somewhere in rows 1000 to {last} on",
        "WRONG  record.html: is missing",
        "WRONG  record.json: is not a file of this folder",
        "WRONG  note.txt: is not part of the record; it was added",
    ]


@pytest.mark.parametrize("text", ["[]", "{}", "{", '{"schema": 1}\n', "\udcff"])
def test_what_lies_there_as_signatures_and_is_none_is_named(
    record: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (record / "signatures.json").write_bytes(os.fsencode(text))
    code, lines = told(record, capsys)
    assert code == 1
    assert [line.split(":")[0] for line in lines if line.startswith("WRONG")] == [
        "WRONG  signatures.json"
    ]
    assert [fault.where for fault in verify(record).faults] == ["signatures.json"]


def test_signed_pages_that_no_signature_names_are_named(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(record / "record.pdf", record / "record-signed.pdf")
    code, lines = told(record, capsys)
    assert code == 1
    (wrong,) = [line for line in lines if line.startswith("WRONG")]
    assert wrong == "WRONG  record-signed.pdf: is not the copy that the last signature names"
    (fault,) = verify(record).faults
    assert str(fault) == "record-signed.pdf: no signature names it; it was added"


def test_a_record_of_an_earlier_version_is_checked_as_well(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # As records of schema 2 were: three files, and a manifest of the same shape.
    for name in ("readings.parquet", "record.pdf", "verify_record.py"):
        (record / name).unlink()
    text = (record / "record.json").read_text()
    (record / "record.json").write_text(
        text.replace("culturewatch.record/3", "culturewatch.record/2")
    )
    listed = msgspec.json.decode((record / "manifest.json").read_bytes(), type=manifest.Manifest)
    table = manifest.READINGS
    old = msgspec.structs.replace(
        listed,
        record_schema="culturewatch.record/2",
        files={
            table: listed.files[table],
            **{n: manifest.describe(record / n) for n in ("record.html", "record.json")},
        },
    )
    (record / "manifest.json").write_bytes(canonical(old.sealed()))
    assert verify(record).sound
    assert told(record, capsys)[0] == 0
    flip(record / "record.json", 99)
    assert [fault.where for fault in verify(record).faults] == ["record.json"]
    assert told(record, capsys)[0] == 1


def test_a_name_that_was_added_cannot_speak_for_the_program(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(os.fsdecode(os.fsencode(record) + b"/a\nok     everything\x1b[2J\xff")).touch()
    code, lines = told(record, capsys)
    assert code == 1
    assert [line for line in lines if "everything" in line and line.startswith("ok")] == []


def test_without_a_manifest_it_says_so(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (record / "manifest.json").unlink()
    code, lines = told(record, capsys)
    assert code == 1
    assert lines[0] == "WRONG  manifest.json: is missing; without it nothing can be checked"


def test_wrong_use_is_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main([str(tmp_path / "nowhere")]) == 2
    assert program.main(["a", "b"]) == 2
    assert "python3 verify_record.py [FOLDER]" in capsys.readouterr().out


def test_it_is_written_for_old_pythons_and_needs_their_library_alone() -> None:
    text = Path(program.__file__).read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 8))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }
    assert imported <= {
        *("__future__", "collections.abc", "hashlib", "json", "pathlib", "re", "sys", "typing"),
        "zlib",
    }
