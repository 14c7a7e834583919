"""The program in the folder of a record: with nothing but Python, it finds what was changed."""

import ast
import hashlib
import json
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


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"record": None}, id="no name"),
        pytest.param({"files": []}, id="no files"),
        pytest.param({"files": {"record.pdf": None}}, id="nothing of a file"),
        pytest.param({"files": {"record.pdf": {"size": "1", "sha256": "x", "chunks": []}}},
                     id="a size that is no number"),
        pytest.param({"files": {"record.pdf": {"size": 1, "sha256": "x", "chunks": [None]}}},
                     id="no chunk"),
        pytest.param({"files": {"readings.csv": {"size": 1, "sha256": "x", "chunks": [
                         {"first": 1, "rows": 1, "offset": 0, "size": 10**30, "sha256": "x",
                          "checks": 0, "moments": 0}]}}},
                     id="a chunk that is no size"),
    ],
)  # fmt: skip
def test_a_manifest_that_somebody_else_sealed_is_named_and_trips_nobody(
    record: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object]
) -> None:
    path = record / "manifest.json"
    listed = {**json.loads(path.read_bytes()), **change, "seal": ""}
    text = json.dumps(listed, sort_keys=True, ensure_ascii=False, indent=1) + "\n"
    seal = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(text.replace('"seal": ""\n}\n', f'"seal": "{seal}"\n}}\n'))
    code, lines = told(record, capsys)
    assert (code, lines[0]) == (
        1,
        "WRONG  manifest.json: is damaged: it is no list of a record's files",
    )
    assert not verify(record).sound


def test_a_name_that_no_folder_can_hold_is_named(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = manifest.read(record)
    files = {**listed.files, "x" * 5_000: listed.files["record.pdf"]}
    other = msgspec.structs.replace(listed, files=files)
    (record / "manifest.json").write_bytes(canonical(other.sealed()))
    code, lines = told(record, capsys)
    assert code == 1
    assert [line for line in lines if line.startswith(f"WRONG  {'x' * 5_000}: cannot be read")]
    assert not verify(record).sound


@pytest.mark.parametrize("size", [1 << 60, 10**30, -1])
def test_a_chunk_of_any_size_is_read_no_further_than_the_file(
    record: Path, capsys: pytest.CaptureFixture[str], size: int
) -> None:
    listed = manifest.read(record)
    table = listed.files["readings.csv"]
    chunk = msgspec.structs.replace(table.chunks[0], size=size)
    changed = msgspec.structs.replace(table, sha256="0" * 64, chunks=(chunk,))
    other = msgspec.structs.replace(listed, files={**listed.files, "readings.csv": changed})
    (record / "manifest.json").write_bytes(canonical(other.sealed()))
    assert {fault.where for fault in verify(record).faults} == {"readings.csv"}
    assert told(record, capsys)[0] == 1


@pytest.mark.parametrize("name", ["manifest.json", "signatures.json"])
def test_what_is_nested_deeper_than_anybody_reads_is_named(
    record: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (record / name).write_bytes(b"[" * 100_000)
    code, lines = told(record, capsys)
    assert code == 1
    assert [line.split(":")[0] for line in lines if line.startswith("WRONG")] == [f"WRONG  {name}"]
    assert [fault.where for fault in verify(record).faults] == [name]


# RFC 8032, 7.1: tests 1 to 3.
@pytest.mark.parametrize(
    ("key", "message", "seal"),
    [
        pytest.param(
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
            "1cf9b46bd25bf5f0595bbe24655141438e7a100b",
            id="1",
        ),
        pytest.param(
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
            "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            id="2",
        ),
        pytest.param(
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
            "984dc6594a7c15e9716ed28dc027beceea1ec40a",
            id="3",
        ),
    ],
)
def test_seals_are_checked_as_the_rfc_says(key: str, message: str, seal: str) -> None:
    public, said, sealed = map(bytes.fromhex, (key, message, seal))
    assert program.is_signed(public, sealed, said)
    assert not program.is_signed(public, sealed, said + b"1")
    for place in (0, 31, 32, 63):
        flipped = bytearray(sealed)
        flipped[place] ^= 1
        assert not program.is_signed(public, bytes(flipped), said), place
    # The scalar is below the order of the group (5.1.7), or one signature could be written twice.
    scalar = int.from_bytes(sealed[32:], "little") + program.ORDER
    assert not program.is_signed(public, sealed[:32] + scalar.to_bytes(32, "little"), said)
    assert not program.is_signed(public[:31], sealed, said)


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
