"""``culturewatch rota`` and ``drill`` as people type them, while no core runs."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from culturewatch import order
from culturewatch.cli import app
from storage.entry import Command
from storage.inbox import Inbox

pytestmark = pytest.mark.long

SITE = """
[site]
id = "lab"
name = "Laboratory"
time_zone = "UTC"

[[endpoint]]
id = "bench"
host = "127.0.0.1"
port = 15099

[[device]]
id = "inc1"
profile = "sim-incubator"
endpoint = "bench"
unit = 1

[[person]]
id = "ada"
channels = ["inbox"]

[[person]]
id = "ben"
channels = ["inbox"]

[[policy]]
id = "standard"
steps = [{ after = "0s", to = ["@cryo"] }]
fallback = ["ben"]

[[rota]]
id = "cryo"
zone = "Europe/Vienna"
"""
ALWAYS = """
[[rota.shift]]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
from = "06:00"
to = "06:00"
person = "ada"
"""
WHEN = ["--until", "2026-12-24T20:00", "--from"]
CALENDAR = '\n[[rota.feed]]\nfile = "rota.ics"\n'


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    # No core answers here.
    monkeypatch.setattr(order, "ANSWER_S", 0.0)
    (tmp_path / "site.toml").write_text(SITE + ALWAYS)
    return tmp_path


def typed(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def kept(lab: Path) -> list[Command]:
    with Inbox(lab / "data") as inbox:
        return [entry for entry in inbox.take() if isinstance(entry, Command)]


def utc(text: str) -> str:
    return str(round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000))


@pytest.mark.usefixtures("lab")
def test_a_rota_is_shown_without_a_core() -> None:
    code, said = typed("rota", "show", "--json", "--days", "3")
    (view,) = json.loads(said)
    assert code == 0
    assert (view["rota"], view["zone"], view["now"]) == ("cryo", "Europe/Vienna", ["ada"])
    assert [period["people"] for period in view["periods"]] == [["ada"]]
    assert (view["acts"], view["problems"]) == ([], [])
    code, said = typed("rota", "show", "cryo")
    assert code == 0
    assert "cryo (Europe/Vienna)" in said
    assert "ada" in said


def test_a_gap_is_shown_and_fails(lab: Path) -> None:
    (lab / "site.toml").write_text(SITE + CALENDAR)
    (lab / "rota.ics").write_bytes(
        b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n"
    )
    code, said = typed("rota", "show")
    assert code == 1
    assert "NOBODY" in said
    assert "! nobody is on call from" in said
    (lab / "rota.ics").unlink()
    code, said = typed("rota", "show", "--json")
    assert code == 1
    assert json.loads(said)[0]["problems"][-1] == (
        "calendar rota.ics: cannot be read: No such file or directory"
    )


def test_an_override_is_kept_for_the_core_in_the_time_of_the_rota(lab: Path) -> None:
    when = ("--from", "2026-12-24T20:00", "--until", "2026-12-25T08:00")
    code, said = typed(
        "rota", "override", "cryo", "ben", *when, "--reason", "ada is ill", "--by", "ben"
    )
    assert code == 0
    assert said == ("override cryo: kept; the core has not answered, and does it when it runs\n")
    (command,) = kept(lab)
    assert (command.verb, command.target, command.by) == ("override", "cryo", "ben")
    assert command.arguments == {
        "from": utc("2026-12-24T19:00"),
        "until": utc("2026-12-25T07:00"),
        "to": "ben",
        "reason": "ada is ill",
    }


def test_a_swap_and_a_withdrawal_too(lab: Path) -> None:
    when = ("--from", "2026-12-24T20:00Z", "--until", "2026-12-25T08:00+01:00")
    code, said = typed(
        "rota", "swap", "cryo", "ada", "ben", *when, "--reason", "asked", "--by", "ada", "--json"
    )
    assert code == 0
    assert json.loads(said) == {"order": "swap cryo", "answer": None}
    assert typed("rota", "withdraw", "cryo", "cli-1", "--reason", "not needed")[0] == 0
    swap, withdraw = kept(lab)
    assert swap.arguments["from"] == utc("2026-12-24T20:00")
    assert swap.arguments["until"] == utc("2026-12-25T07:00")
    assert (withdraw.verb, withdraw.arguments) == (
        "withdraw",
        {"of": "cli-1", "reason": "not needed"},
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rota", "show", "fridge"], "no [[rota]] is called 'fridge'; known: cryo"),
        (
            ["rota", "override", "cryo", "zoe", "--from", "x", "--until", "x", "--reason", "x"],
            "there is no person 'zoe'",
        ),
        (
            ["rota", "override", "cryo", "ben", "--from", "soon", "--until", "x", "--reason", "x"],
            "soon: is no time; write 2026-12-24T20:00 or with an offset",
        ),
        (
            ["rota", "swap", "cryo", "ada", "ben", *WHEN, "0001-01-01", "--reason", "x"],
            "0001-01-01: is no time; write 2026-12-24T20:00 or with an offset",
        ),
        (["drill", "--person", "zoe"], "nobody is reached so: person 'zoe', channel ''"),
    ],
)
@pytest.mark.usefixtures("lab")
def test_wrong_use_is_one_line(words: list[str], said: str) -> None:
    assert typed(*words) == (2, f"culturewatch: {said}\n")


def test_drills_are_ordered_for_every_person_and_channel(lab: Path) -> None:
    assert typed("drill", "--by", "ben")[0] == 0
    assert typed("drill", "--person", "ada", "--channel", "inbox", "--note", "new phone")[0] == 0
    ordered = [(c.verb, c.target, c.arguments["channel"], c.arguments["note"]) for c in kept(lab)]
    assert ordered == [
        ("drill", "ada", "inbox", "ordered by ben"),
        ("drill", "ben", "inbox", "ordered by ben"),
        ("drill", "ada", "inbox", "new phone"),
    ]


@pytest.mark.usefixtures("lab")
def test_who_was_never_drilled_is_listed_and_fails() -> None:
    assert typed("drill", "list") == (1, "ada  inbox  never drilled\nben  inbox  never drilled\n")
    code, said = typed("drill", "list", "--json")
    assert code == 1
    assert json.loads(said)[0] == {
        "person": "ada",
        "channel": "inbox",
        "standing": "never drilled",
        "proven": False,
        "newest": None,
        "answered": None,
    }
