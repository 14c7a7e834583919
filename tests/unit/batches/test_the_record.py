"""What docs/the-record.md says of a record holds."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest

from batches.export.csv import COLUMNS
from batches.export.parquet import TABLE
from batches.protocol import load
from tools import record_schema

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "the-record.md").read_text(encoding="utf-8")


def test_the_published_schema_is_that_of_the_types() -> None:
    """If this fails: ``python -m tools.record_schema``, and a new name if a field changed."""
    assert record_schema.main(["--check"]) == 0


def test_a_record_is_what_the_schema_says(written: Path) -> None:
    schema = json.loads(record_schema.PUBLISHED.read_bytes())
    validator = jsonschema.Draft202012Validator(schema)
    record = json.loads((written / "record.json").read_bytes())
    validator.validate(record)
    assert record["schema"] in PAGE
    del record["stays"][0]["channels"][0]["exposure"]["verdict"]
    assert not validator.is_valid(record)


def test_every_file_is_told_of(written: Path) -> None:
    told = set(re.findall(r"^\| `([\w.-]+)` \|", PAGE, re.MULTILINE))
    assert {path.name for path in written.iterdir()} <= told


def test_every_column_is_told_of() -> None:
    rows = re.findall(r"^\| (`[^|]*`) \| [^|]* \| ([^|]*) \|", PAGE, re.MULTILINE)
    told = {name: kind for names, kind in rows for name in re.findall(r"`(\w+)`", names)}
    for name in COLUMNS:
        kind = TABLE.field(name).type
        if pa.types.is_dictionary(kind):
            assert told[name].strip() == "dictionary of strings", name
        else:
            assert told[name].strip() == str(kind).replace(", tz=", ", "), name


def by_hand(folder: Path) -> list[str]:
    (script,) = re.findall(r"```sh\ncd record\n(.*?)```", PAGE, re.DOTALL)
    shell = shutil.which("sh") or ""
    done = subprocess.run(  # noqa: S603 # what the page says
        [shell, "-c", script], cwd=folder, capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_record_is_checked_by_hand_as_the_page_says(written: Path, tmp_path: Path) -> None:
    seal, sealed, *files = by_hand(written)
    assert seal == sealed
    assert len(files) == 6
    assert all(line.startswith("same ") for line in files)
    changed = Path(shutil.copytree(written, tmp_path / "changed"))
    with (changed / "record.json").open("a") as file:
        file.write(" ")
    text = (changed / "manifest.json").read_text().replace('"batch": "B-2026-0001"', '"batch": "X"')
    (changed / "manifest.json").write_text(text)
    seal, sealed, *files = by_hand(changed)
    assert seal != sealed
    assert [line for line in files if line.startswith("CHANGED")] == ["CHANGED  record.json"]


def test_the_example_protocol_can_be_used_and_shows_every_key() -> None:
    path = ROOT / "examples" / "protocol.toml"
    protocol = load(path)
    assert [step.id for step in protocol.step] == ["culture", "bank"]
    text = path.read_text(encoding="utf-8")
    for key in (
        *("name", "version", "title", "id", "devices", "second_check", "channel", "low", "high"),
        *("coverage", "allowed", "longest", "times", "per"),
    ):
        assert re.search(rf"\b{key} = ", text), key


@pytest.mark.parametrize("step", ["culture", "bank"])
def test_the_example_judges_the_devices_it_names(step: str) -> None:
    protocol = load(ROOT / "examples" / "protocol.toml")
    device = {"culture": "inc1", "bank": "ln2-1"}[step]
    found = protocol.step_in(device)
    assert found is not None
    assert found.id == step
    assert found.policy("temperature").limits.given
