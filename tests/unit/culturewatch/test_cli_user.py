"""``culturewatch user …`` as people type it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from console.pins import Pins, Verdict
from culturewatch import paths
from culturewatch.cli import app
from culturewatch.site import load
from tests.integration.laboratory import serve

pytestmark = pytest.mark.long

EXAMPLE = Path(__file__).parents[3] / "examples" / "site.toml"


@pytest.fixture
def site(tmp_path: Path, served: str) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    serve(path, served)
    return path


def typed(*words: str | Path, said: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(app, ["user", *map(str, words)], input=said)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def test_a_person_gets_a_pin_and_loses_it(site: Path) -> None:
    pins = Pins(paths.pins(load(site).data))
    code, told = typed("pin", "oncall", "--site", site, said="4711\n")
    assert (code, "4711" in told) == (0, False)
    assert pins.check("oncall", "4711") is Verdict.RIGHT
    assert typed("forget-pin", "oncall", "--site", site) == (
        0,
        "oncall is asked for no PIN any more\n",
    )
    assert typed("forget-pin", "oncall", "--site", site) == (0, "oncall had no PIN\n")


def test_a_pin_that_cannot_be_taken_away_is_one_line(site: Path) -> None:
    (paths.pins(load(site).data) / "oncall.pin").mkdir(parents=True)
    code, said = typed("forget-pin", "oncall", "--site", site)
    assert (code, said.count("\n"), "cannot be taken away" in said) == (1, 1, True)


@pytest.mark.parametrize(
    ("person", "pin", "code", "told"),
    [("nobody", "4711", 2, "there is no person 'nobody'; known:"), ("oncall", "1", 1, "4 to 64")],
)
def test_what_is_refused_is_one_line(
    site: Path, person: str, pin: str, code: int, told: str
) -> None:
    ended, said = typed("pin", person, "--site", site, said=f"{pin}\n")
    assert ended == code
    assert told in said
    assert said.count("\n") == 1
