"""A folder a mistake in ``tests/mistakes``: what the program says of it, word for word."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from culturewatch.cli import app

pytestmark = pytest.mark.long

MISTAKES = Path(__file__).parents[2] / "mistakes"
CASES = sorted(MISTAKES.iterdir())


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_mistake_is_told_as_where_what_and_what_to_do(
    case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(case)
    said = CliRunner().invoke(app, ["check", "site.toml"])
    assert said.stderr == (case / "expected.txt").read_text(encoding="utf-8")
    assert said.stdout == ""
    assert said.exit_code == 2
    assert isinstance(said.exception, SystemExit)


def test_a_line_is_told_for_each_of_several_mistakes() -> None:
    expected = (MISTAKES / "several-mistakes" / "expected.txt").read_text(encoding="utf-8")
    assert len(expected.splitlines()) == 3


@pytest.mark.parametrize("command", ["check", "run", "core", "console", "simulate", "status"])
def test_every_command_tells_a_mistake_alike(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = MISTAKES / "misspelt-key"
    monkeypatch.chdir(case)
    said = CliRunner().invoke(app, [command, "site.toml"])
    assert said.stderr == (case / "expected.txt").read_text(encoding="utf-8")
    assert said.exit_code == 2


def test_a_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(app, ["check", "site.toml"])
    assert said.stderr == "culturewatch: site.toml: cannot be read: No such file or directory\n"
    assert said.exit_code == 2


def test_a_folder_in_the_place_of_the_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.toml").mkdir()
    said = CliRunner().invoke(app, ["check", "site.toml"])
    assert said.stderr == "culturewatch: site.toml: cannot be read: Is a directory\n"
    assert said.exit_code == 2
