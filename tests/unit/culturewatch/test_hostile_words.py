"""Words that nobody should type: each is refused with what to write, and never with a traceback."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from batches.placement import Refused, check_times
from culturewatch.cli import app
from culturewatch.faults import told
from culturewatch.site import SiteError

EXAMPLES = Path(__file__).parents[3] / "examples"
HUGE = "99999999999999999999999"
ROWS = (
    *("batch check", "batch correct", "batch withdraw", "batch relink", "equipment check"),
    *("equipment withdraw", "sensor correct", "sensor withdraw", "calibration correct", "explain"),
)


def typed(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("command", ROWS)
@pytest.mark.parametrize("row", [HUGE, "0", "-1", "nan", ""])
def test_a_row_that_no_ledger_can_have_is_wrong_use(command: str, row: str) -> None:
    code, _, said = typed(*command.split(), "--reason", "why", "--", row)
    assert code == 2
    assert "ROW" in said


@pytest.mark.parametrize("passage", ["-1", "100", HUGE, "one"])
def test_a_passage_is_a_number_up_to_99(passage: str) -> None:
    code, _, said = typed("batch", "passage", "B-2026-0001", "--to", passage)
    assert (code, "--to" in said) == (2, True)


def test_cells_are_not_thawed_into_nothing() -> None:
    code, _, said = typed("batch", "thaw", "B-2026-0001-V001", "--into", "")
    assert (code, "--into: name the batch" in said) == (2, True)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.long
@pytest.mark.usefixtures("site")
def test_an_area_of_the_trail_that_is_misspelt_does_not_look_like_a_quiet_year() -> None:
    typed("batch", "open", "B-2026-0001", "--product", "x")
    code, said, note = typed("audit", "--area", "dta")
    assert (code, said[:9]) == (0, "0 entries")
    assert note == "culturewatch: NOTE: of area 'dta' there is nothing; areas: data\n"


@pytest.mark.usefixtures("site")
def test_a_site_without_a_rota_says_so() -> None:
    assert typed("rota", "show") == (
        0,
        "no [[rota]] stands in the site's files: its policies name people themselves\n",
        "",
    )


@pytest.mark.parametrize(
    ("at", "entered", "words"),
    [
        (8_000_000, 0, "lies 2h13m in the future"),
        (253_402_300_799_000, 1_795_752_000_000, "lies 2912112d19h in the future"),
        (0, 900_001, "was 15m ago"),
        (0, 90_000_000, "was 1d1h ago"),
    ],
)
def test_a_time_that_is_far_off_is_told_as_people_say_it(at: int, entered: int, words: str) -> None:
    with pytest.raises(Refused, match=words):
        check_times(at=at, entered=entered, reason="", what="B-2026-0001")


def test_what_is_told_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), told():
        raise SiteError(["--at \x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}über: is no time"])
    assert capsys.readouterr().err == "culturewatch: --at \\x1b[2J\\u202eüber: is no time\n"


@pytest.mark.usefixtures("site")
def test_the_year_1_is_a_mistyped_one() -> None:
    span = ("--from", "0001-01-01", "--to", "2026-01-01")
    assert typed("equipment", "log", "inc1", *span, "--out", "log") == (
        2,
        "",
        "culturewatch: --from 0001-01-01: lies before 1970; check the year\n",
    )
