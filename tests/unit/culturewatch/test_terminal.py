"""What is drawn over in a terminal is written line by line where nothing can be drawn over."""

import time
from io import StringIO
from pathlib import Path

import pytest

from culturewatch.show import show_status
from culturewatch.terminal import can_redraw, terminal

SITE = Path(__file__).parents[3] / "examples" / "site.toml"


def test_a_pipe_cannot_be_drawn_over() -> None:
    assert not can_redraw(terminal(file=StringIO()))


@pytest.mark.parametrize(("kind", "can"), [("xterm-256color", True), ("dumb", False)])
def test_a_dumb_terminal_cannot_be_drawn_over(
    kind: str, monkeypatch: pytest.MonkeyPatch, *, can: bool
) -> None:
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert can_redraw(terminal(file=StringIO())) is can


def test_a_status_that_is_watched_through_a_pipe_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.toml").write_bytes(SITE.read_bytes())
    looks = iter([None, None])

    def pause(_: float) -> None:
        # The third look is the last: somebody presses Ctrl-C.
        if next(looks, KeyboardInterrupt) is KeyboardInterrupt:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", pause)
    assert not show_status(tmp_path / "site.toml", as_json=False, watch=True)
    assert capsys.readouterr().out.count("CORE DOES NOT RUN") == 3
