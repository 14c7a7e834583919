"""What the demonstration says around its table."""

import sys
from io import StringIO
from pathlib import Path

import pytest

from culturewatch.demo import _must_run, _print, _program
from culturewatch.demo_summary import Summary
from culturewatch.processes import ChildError
from culturewatch.terminal import terminal

BROKEN_OFF = Summary(
    scans=13,
    values=49,
    journal_bytes=49_448,
    mqtt_messages=0,
    gaps=0,
    alarms=0,
    cleared=0,
    pages=0,
    acknowledged=0,
    latency_p50_ms=None,
    latency_p99_ms=None,
    shown=(),
)


def test_what_did_not_happen_has_no_figures() -> None:
    paper = StringIO()
    _print(BROKEN_OFF, Path("record"), terminal(width=80, file=paper))
    text = paper.getvalue()
    assert "None" not in text
    assert "no page was sent" in text
    assert "a device fell silent" not in text


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        (".venv/bin/culturewatch", ".venv/bin/culturewatch"),
        ("/src/culturewatch/__main__.py", f"{sys.executable} -m culturewatch"),
    ],
)
def test_the_other_terminal_is_told_a_command_that_is_there(
    called: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    assert _program() == expected


async def test_why_the_simulators_ended_is_told(tmp_path: Path) -> None:
    log = tmp_path / "simulators.log"
    with log.open("wb") as file, pytest.raises(ChildError) as told:
        await _must_run(["simulate", str(tmp_path / "none.toml")], file.fileno(), tmp_path)
    assert str(told.value) == (
        f"the simulators ended with 2 (all of it in {log}): "
        f"{tmp_path}/none.toml: cannot be read: No such file or directory"
    )
