"""What a program begins with: streams that are closed, full or unread, words that are no text."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest

from culturewatch import begin
from culturewatch.faults import told
from culturewatch.streams import is_of_output, no_text

EXAMPLES = Path(__file__).parents[3] / "examples"
PROGRAM = f"{sys.executable} -m culturewatch"
EACH = ["--help", "batch list", "audit --json"]


def unread() -> TextIO:
    """A pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def broken(stream: TextIO, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of what prints to ``stream``, which cannot take it."""
    with stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as ended, told():
            print("what was asked for", flush=True)  # noqa: T201 # to what is broken
        # Nothing is left that would be tried again at the end of the process.
        stream.flush()
    return int(str(ended.value.code))


def test_an_output_that_is_full_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        assert broken(full, monkeypatch) == 1
    assert capsys.readouterr().err == (
        "culturewatch: the standard output: No space left on device; what it shows is not whole\n"
    )


def test_a_reader_who_has_seen_enough_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert broken(unread(), monkeypatch) == 1
    assert capsys.readouterr().err == ""


def test_a_fault_elsewhere_is_not_the_outputs() -> None:
    assert not is_of_output(BrokenPipeError(32, "Broken pipe"))


@pytest.mark.parametrize("word", ["B-2026-0001", "Müller", "37 °C ≤ 38", "\N{THERMOMETER}", ""])
def test_words_in_utf_8_are_words(word: str) -> None:
    assert no_text(["batch", word]) is None


def test_a_word_in_another_encoding_is_told_with_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["culturewatch", "import", os.fsdecode(b"M\xfcller.csv")])
    with pytest.raises(SystemExit) as ended:
        begin.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "culturewatch: word 2, 'M\\udcfcller.csv': is not in UTF-8; write it so, or rename the "
        "file\n"
    )


def test_closed_streams_are_opened_before_any_file_takes_their_number(tmp_path: Path) -> None:
    program = (
        "import os, sys; from culturewatch import streams; streams.settle(); "
        "said = open('said', 'w'); said.write(f'{said.fileno()} {sys.stdin.read()!r}'); "
        "print('to nobody', file=sys.stdout, flush=True); print('nor', file=sys.stderr)"
    )
    line = f'exec "{sys.executable}" -c "{program}" <&- >&- 2>&-'
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, check=False)  # noqa: S603, S607 # a shell closes streams
    assert done.returncode == 0
    assert (tmp_path / "said").read_text() == "3 ''"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLES, tmp_path / "lab")
    return tmp_path / "lab"


def shell(line: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 # our own line
        ["bash", "-c", line],  # noqa: S607 # whichever there is
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.long
@pytest.mark.parametrize("words", EACH)
def test_no_command_ends_with_a_traceback_where_nothing_can_be_written(
    words: str, site: Path
) -> None:
    full = shell(f"{PROGRAM} {words} > /dev/full", site)
    assert full.returncode == 1
    assert full.stderr.count("\n") == 1
    assert full.stderr.startswith("culturewatch: the standard output: No space left on device")
    gone = shell(f"set -o pipefail; {PROGRAM} {words} | true; exit ${{PIPESTATUS[0]}}", site)
    assert gone.returncode in {0, 1}
    assert gone.stderr == ""
    closed = shell(f"{PROGRAM} {words} >&-", site)
    assert closed.returncode == 0
    assert "Traceback" not in closed.stderr


@pytest.mark.long
def test_a_password_without_a_standard_input_is_none(site: Path) -> None:
    done = shell(f"{PROGRAM} user add x --name X --role admin --token t <&-", site)
    assert done.returncode == 1
    assert done.stderr == (
        "culturewatch: no password of x was given; type it, or log in with culturewatch login\n"
    )


def test_ctrl_c_while_a_program_is_still_loading_leaves_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["culturewatch", "status"])
    monkeypatch.setattr(begin, "_run", interrupted)
    with pytest.raises(SystemExit) as ended:
        begin.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == ""
