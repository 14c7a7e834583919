"""Setting right what was entered about a batch, as people type it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from culturewatch.cli import app
from tests.integration.laboratory import lay_out

B = "B-2026-0001"
LATE = "--reason late"

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def here(tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    monkeypatch.setenv("COLUMNS", "200")
    lay_out(tmp_path, served)
    return tmp_path


def typed(words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words.split())
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def good(words: str) -> str:
    code, said = typed(words)
    assert code == 0, said
    return said


@pytest.fixture(autouse=True)
def placed(here: Path) -> None:
    del here
    good(f"batch open {B} --product Fibroblasts --at 2026-01-01T07:00 {LATE}")
    good(f"batch place {B} inc1 --position S2 --at 2026-01-01T08:00 {LATE}")
    good(f"batch remove {B} --at 2026-01-01T10:00 {LATE}")


def test_stays_are_shown_with_the_rows_that_say_so() -> None:
    assert good(f"batch stays {B}") == (
        "row 2: inc1 S2 from 2026-01-01 08:00 CET to 2026-01-01 10:00 CET (ended by row 3), "
        "by tester\n"
    )


def test_a_stay_is_corrected_checked_and_taken_back() -> None:
    code, said = typed("batch correct 2 --start 2026-01-01T09:00")
    assert (code, "a correction needs a reason (row 2)" in said) == (1, True)
    said = good("batch correct 2 --device inc2 --start 2026-01-01T09:00 --reason mistyped")
    assert said == f"{B} in inc2: row 4 takes the place of 2\n"
    code, said = typed("batch correct 4 --goes-on --end 2026-01-01T11:00 --reason x")
    assert (code, "either --end TIME or --goes-on" in said) == (2, True)
    assert good("batch check 4 --by ben") == f"row 4: {B} in inc2 was checked by ben\n"
    (stay,) = json.loads(good(f"batch stays {B} --json"))
    assert (stay["device"], stay["position"], stay["corrects"], stay["checked_by"]) == (
        "inc2",
        "S2",
        2,
        "ben",
    )
    good("batch withdraw 4 --reason never")
    assert good(f"batch stays {B}") == f"{B} was in no device\n"


def test_a_batch_is_amended() -> None:
    said = good(f"batch amend {B} --product Keratinocytes --reason mistyped")
    assert said == f"{B}: Keratinocytes\n"
