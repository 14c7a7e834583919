"""Sensors and calibrations as people type them, against a ledger in a real file."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from batches.lockout import Patience
from culturewatch import in_calibration
from culturewatch.cli import app
from culturewatch.order import order
from culturewatch.site import load
from storage.entry import Command
from storage.inbox import Inbox
from tests.integration.laboratory import lay_out, ledger_of
from tests.unit.batches.staff import QUICK, enlist

B = "B-2026-0001"
HEAT = "inc1.temperature"
CERTIFY = (
    "calibration certificate T-1 --laboratory Metrology --date 2026-01-02T08:00 "
    "--interval 365d --unit degF --tolerance 0.54 --number 26-117"
)
OFF = "--point 98.6,99.32,98.6,0.36"
"""37 °C, found 0.4 °C too high, uncertain by 0.2 °C; the tolerance above is 0.3 °C."""

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def here(tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    monkeypatch.setenv("COLUMNS", "200")
    lay_out(tmp_path, served)
    return tmp_path


def typed(words: str, said: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(app, words.split(), input=said)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def good(words: str) -> str:
    code, said = typed(words)
    assert code == 0, said
    return said


@pytest.fixture
def installed() -> None:
    good("sensor add T-1 --model HMP252 --maker Vaisala")
    good(f"sensor install T-1 {HEAT} --at 2026-01-01T08:00 --reason start")


@pytest.mark.usefixtures("installed")
def test_sensors_are_listed_with_where_they_are_and_were() -> None:
    good("sensor add T-2 --model HMP252")
    assert good(f"sensor swap {HEAT} T-2 --at 2026-01-03T08:00 --reason due") == (
        f"sensor T-2 measures at {HEAT}\n"
    )
    good(f"sensor uninstall {HEAT} --at 2026-01-04T08:00 --reason broken")
    lines = good("sensor list").splitlines()
    assert [line.partition("from")[0].strip() for line in lines] == [
        "T-1  HMP252",
        f"row 2: {HEAT}",
        "T-2  HMP252",
        f"row 5: {HEAT}",
    ]
    book = json.loads(good("sensor list --json"))
    assert [one["sensor"] for one in book["installations"]] == ["T-1", "T-2"]


def test_a_channel_that_the_site_has_not_is_wrong_use() -> None:
    good("sensor add T-1 --model x")
    code, said = typed("sensor install T-1 inc1.humor")
    assert code == 2
    assert "'inc1.humor' is no channel of this site; known: inc1." in said


@pytest.mark.usefixtures("installed")
def test_a_certificate_is_settled_kept_and_its_deviation_leads_to_the_batches(here: Path) -> None:
    good(f"batch open {B} --product Fibroblasts --at 2026-01-01T08:00 --reason late")
    good(f"batch place {B} inc1 --position S2 --at 2026-01-01T09:00 --reason late")
    (here / "c.pdf").write_bytes(b"%PDF certificate")
    said = good(f"{CERTIFY} {OFF} --file c.pdf")
    assert "as-found deviation +0.4 °C at 37 °C" in said
    (kept,) = json.loads(good("sensor list --json"))["certificates"]
    assert kept["points"] == [
        {"reference": 37000, "as_found": 37400, "as_left": 37000, "uncertainty": 200}
    ]
    assert (kept["tolerance"], kept["file"]) == (
        300,
        hashlib.sha256(b"%PDF certificate").hexdigest(),
    )
    assert good("calibration impact T-1").splitlines()[1:][-1].strip() == f"{B}  S2"
    (found,) = json.loads(good("calibration impact T-1 --json"))
    assert [stay["batch"] for stay in found["parts"][0]["batches"]] == [B]
    code, said = typed("calibration impact T-9")
    assert (code, "is no sensor" in said) == (1, True)


@pytest.mark.usefixtures("installed")
def test_due_dates_are_listed_and_what_is_not_known_fails_the_check() -> None:
    code, said = typed("calibration due")
    assert (code, said) == (1, f"not known  T-1 at {HEAT}\n")
    good(f"{CERTIFY.replace('365d', '3650d')} --point 98.6,98.6,98.6,0.36")
    assert good("calibration due").endswith(f"T-1 at {HEAT}\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--point 98.6,98.6", "write reference,as found,as left,uncertainty"),
        ("--point a,b,c,d", "write four numbers"),
        ("--point 98.6,98.6,98.6,-1", "0 or above"),
        ("--point 98.6,98.6,98.6,nan", "0 or above"),
        (f"{OFF} --due 2027-01-01", "either --due TIME or --interval SPAN"),
    ],
)
@pytest.mark.usefixtures("installed")
def test_a_certificate_typed_wrongly_is_wrong_use(words: str, why: str) -> None:
    code, said = typed(f"{CERTIFY} {words}")
    assert (code, why in said) == (2, True), said
    assert json.loads(good("sensor list --json"))["certificates"] == []


@pytest.mark.usefixtures("installed")
def test_a_calibration_takes_its_alarms_out_of_service_until_the_planned_end(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = order
    monkeypatch.setattr(in_calibration, "order", lambda *a, **k: real(*a, **(k | {"wait": False})))
    code, said = typed("calibration begin T-1")
    assert (code, "a calibration has a planned end" in said) == (2, True)
    said = good("calibration begin T-1 --for 2h --reason yearly")
    assert said.startswith("sensor T-1 is in calibration\n")
    assert "out_of_service is kept, and done when a core runs" in said
    assert good("calibration end T-1").startswith("sensor T-1 measures again\n")
    with Inbox(here / "data") as inbox:
        commands = inbox.take()
    orders = [(c.target, int(c.arguments["until"])) for c in commands if isinstance(c, Command)]
    assert {c.verb for c in commands if isinstance(c, Command)} == {"out_of_service"}
    out, back = orders[: len(orders) // 2], orders[len(orders) // 2 :]
    assert out
    assert [target for target, _ in out] == [target for target, _ in back]
    assert all("calibration" not in target for target, _ in out)
    # Planned for two hours; five minutes after it was ended its alarms page again.
    planned, really = out[0][1], back[0][1]
    assert really - planned == pytest.approx(-115 * 60_000, abs=60_000)


@pytest.mark.usefixtures("installed")
def test_a_calibration_ended_after_its_planned_end_takes_nothing_out_of_service_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = order
    monkeypatch.setattr(in_calibration, "order", lambda *a, **k: real(*a, **(k | {"wait": False})))
    good("calibration begin T-1 --at 2026-01-02T08:00 --for 2h --reason late")
    with Inbox(here / "data") as inbox:
        before = len(inbox.take())
    assert good("calibration end T-1").splitlines()[1] == (
        "its alarms page since the planned end of the calibration"
    )
    with Inbox(here / "data") as inbox:
        assert len(inbox.take()) == before


def test_to_keep_alarms_quiet_by_a_calibration_takes_the_permit_for_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batches.password.hasher", lambda: QUICK)
    monkeypatch.setattr("culturewatch.who.PATIENCE", Patience(pace_ms=0))
    monkeypatch.setattr(in_calibration, "order", lambda *a, **k: order(*a, **(k | {"wait": False})))
    roles = {"boss": ("admin",), "anna": ("operator",), "ben": ("operator", "on-call")}
    people = enlist(ledger_of(load(here / "site.toml")), roles)
    own, first = "another horse 22", "correct horse 1"
    for name in roles:
        people.change_password(name, first, own)

    def by(name: str, words: str) -> tuple[int, str]:
        return typed(f"{words} --by {name}", f"{own}\n")

    assert by("anna", "sensor add T-1 --model HMP252")[0] == 0
    assert by("anna", f"sensor install T-1 {HEAT}")[0] == 0
    code, told = by("anna", "calibration begin T-1 --for 2h --reason yearly")
    assert (code, "alarm.out_of_service is for: on-call, supervisor" in told) == (1, True), told
    assert json.loads(typed("sensor list --json")[1])["periods"] == []
    code, told = by("ben", "calibration begin T-1 --for 2h --reason yearly")
    assert (code, told.startswith("sensor T-1 is in calibration")) == (0, True), told
