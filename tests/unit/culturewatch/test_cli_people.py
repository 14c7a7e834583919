"""People, logins and the audit trail as people type them; no terminal, so that lines are read."""

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from batches.ledger import Ledger
from batches.lockout import Patience
from console.pins import Pins, Verdict
from culturewatch import paths, session
from culturewatch.cli import app
from culturewatch.session import Session, Sessions
from culturewatch.site import Site
from storage.inbox import Inbox
from tests.integration.laboratory import lay_out, ledger_of
from tests.intruder import intruder_of
from tests.unit.batches.staff import QUICK, enlist

pytestmark = pytest.mark.long

FIRST, OWN = "correct horse 1", "another horse 22"
B = "B-2026-0001"
STAFF = {
    "boss": ("admin",),
    "anna": ("operator",),
    "ben": ("operator", "on-call"),
    "quin": ("qa",),
    "sue": ("supervisor",),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of a site whose people have chosen their passwords; all have the same one."""
    data = tmp_path_factory.mktemp("staffed") / "data"
    staff(Ledger(paths.ledger_url(data)))
    return data


def staff(ledger: Ledger) -> None:
    """Enter them."""
    people = enlist(ledger, STAFF)
    for person in STAFF:
        people.change_password(person, FIRST, OWN)


@pytest.fixture
def bare(tmp_path: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose ledger knows nobody."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr("batches.password.hasher", lambda: QUICK)
    monkeypatch.setattr("culturewatch.who.PATIENCE", Patience(pace_ms=0))
    return lay_out(tmp_path, served)


@pytest.fixture
def site(bare: Site, template: Path, served: str) -> Site:
    if served:
        staff(ledger_of(bare))
    else:
        shutil.copytree(template, bare.data, dirs_exist_ok=True)
    return bare


def typed(words: str, *said: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words.split(), input="".join(f"{line}\n" for line in said))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.output
    assert OWN not in done.output
    return done.exit_code, done.output


def good(words: str, *said: str) -> str:
    code, told = typed(words, *said)
    assert code == 0, told
    return told


def refused(words: str, *said: str) -> str:
    code, told = typed(words, *said)
    assert code == 1, told
    assert told.count("\n") == 1
    return told


def trail(**wanted: str) -> list[dict[str, str]]:
    lines = json.loads(good("audit --json --as quin", OWN))["lines"]
    return [line for line in lines if all(line[name] == value for name, value in wanted.items())]


@pytest.mark.usefixtures("bare")
def test_the_first_admin_comes_by_a_token_and_enters_the_others() -> None:
    assert "nobody is entered" in good("user list")
    assert "user bootstrap" in typed("login boss", OWN)[1]
    good(f"batch open {B} --product x")
    assert "the first person is an admin" in refused("user add x --name X --role qa", FIRST)
    token = good("user bootstrap").splitlines()[0]
    assert "not made here" in refused("user add boss --name Boss --token wrong", OWN)
    assert good(f"user add boss --name Boss --token {token}", OWN) == (
        "boss is entered: Boss (admin)\n"
    )
    assert "can sign in" in refused("user bootstrap")
    assert "no password of tester was given" in refused(f"batch close {B}")
    assert good("user add anna --name Anna --role operator --by boss", OWN, FIRST) == (
        "anna is entered: Anna (operator)\n"
    )
    assert "change it first" in refused(f"batch close {B} --by anna", FIRST)
    good("user password anna", FIRST, OWN)
    good(f"batch close {B} --by anna", OWN)
    # Who acted before people were known is still who it says.
    assert {line["by"] for line in json.loads(good("audit --json --as boss", OWN))["lines"]} >= {
        *("tester", "boss", "anna"),
    }


@pytest.mark.usefixtures("site")
def test_an_act_needs_the_person_the_password_and_the_role() -> None:
    assert good(f"batch open {B} --product x --by anna", OWN)
    told = refused(f"batch place {B} inc1 --by quin", OWN)
    assert told == (
        f"culturewatch: {B}: quin (roles: qa) has no role that may do this; "
        "place is for: operator, supervisor\n"
    )
    assert "no password of mallory" in refused(f"batch place {B} inc1 --by mallory")
    assert "name or the password is wrong" in refused(f"batch place {B} inc1 --by mallory", OWN)
    for words in (["batch", "close", B, "--by", "a\x1b[2Jb"], ["login", "a\nb"]):
        done = CliRunner().invoke(app, words, input=f"{OWN}\n")
        assert done.exit_code == 2
        assert done.output.rstrip("\n").isprintable()
    (denied,) = trail(item="place")
    assert (denied["by"], denied["subject"], denied["area"]) == ("quin", B, "data")
    assert denied["outcome"] == "has no role that may do this"
    assert trail(area="access", subject="(unknown)")
    assert "may do this" in refused("audit --as anna", OWN)


@pytest.mark.long
def test_who_is_logged_in_need_not_type_it_again_until_something_changes(site: Site) -> None:
    assert "is logged in at this terminal until" in good("login anna", OWN)
    assert good(f"batch open {B} --product x")
    assert Ledger(site.ledger_url).batch(B).opened_by == "anna"
    # Somebody else types theirs all the same.
    assert "no password of sue" in refused(f"batch close {B} --by sue")
    good("user change anna --role supervisor --reason promoted --by boss", OWN)
    good(f"batch place {B} inc1")
    good("user change anna --role qa --reason moved --by boss", OWN)
    assert "roles: qa" in refused(f"batch move {B} inc2")
    good("user change anna --role operator --reason back --by boss", OWN)
    good("user end anna --reason left --by boss", OWN)
    assert "no password of" in refused(f"batch move {B} inc2")
    good("user return anna --reason back --by boss", OWN)
    good("user password anna", OWN, "a third horse 3")
    assert "no password of" in refused(f"batch move {B} inc2 --by anna")
    good("login anna", "a third horse 3")
    assert good("logout") == "logged out: anna\n"
    assert "no password of" in refused(f"batch move {B} inc2 --by anna")


@pytest.mark.usefixtures("site")
def test_a_session_is_one_persons_at_one_terminal_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good("login anna --for 10m", OWN)
    (file,) = (Path(os.environ["XDG_STATE_HOME"]) / "culturewatch" / "sessions").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    sound = file.read_text()
    opening = f"batch open {B} --product x --by anna"
    for broken in ("", "x" + sound, sound[:-1], sound.replace(".", "..", 1)):
        file.write_text(broken)
        assert "no password of anna" in refused(opening)
    file.write_text(sound)
    file.chmod(0o644)
    assert "no password of anna" in refused(opening)
    file.chmod(0o600)
    # A copy under another's name is not theirs.
    other = file.with_name(file.name.replace("anna", "sue"))
    shutil.copy(file, other)
    assert "no password of sue" in refused(f"batch open {B} --product x --by sue")
    other.unlink()
    monkeypatch.setattr(session, "terminal", lambda: "1:1")
    assert "no password of anna" in refused(opening)


@pytest.mark.parametrize(
    ("now", "counts"),
    [(999_940_000, True), (999_939_999, False), (1_000_599_999, True), (1_000_600_000, False)],
)
def test_a_session_ends_in_time_and_is_not_of_the_future(now: int, counts: bool) -> None:  # noqa: FBT001 # a parameter of the test
    one = Session("anna", 7, "here", 1_000_000_000, 1_000_600_000)
    assert one.is_good(credential=7, terminal="here", now=now) is counts
    assert not one.is_good(credential=8, terminal="here", now=1_000_000_000)
    assert not one.is_good(credential=7, terminal="there", now=1_000_000_000)


def test_a_session_of_another_key_is_none(tmp_path: Path) -> None:
    one = Session("anna", 7, session.terminal(), 1, 2)
    Sessions(b"a" * 32, tmp_path, folder=tmp_path).keep(one)
    assert Sessions(b"a" * 32, tmp_path, folder=tmp_path).find("anna") == one
    assert Sessions(b"b" * 32, tmp_path, folder=tmp_path).find("anna") is None


@pytest.mark.long
def test_the_second_person_types_a_password_whoever_is_logged_in(site: Site) -> None:
    good("login anna", OWN)
    good("login ben", OWN)
    good(f"batch open {B} --product x --by anna")
    placing = f"batch place {B} inc1 --by anna --checked-by"
    assert "no password of ben" in refused(f"{placing} ben")
    assert "roles: qa" in refused(f"{placing} quin", OWN)
    good(f"{placing} ben", OWN)
    (stay,) = Ledger(site.ledger_url).stays(B)
    assert (stay.by, stay.checked_by) == ("anna", "ben")


def test_orders_to_the_alarm_engine_need_a_role_too(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("culturewatch.order.ANSWER_S", 0.0)
    assert "alarm.ack is for: on-call, operator, supervisor" in refused(
        "alarm ack inc1-hot --by quin", OWN
    )
    with Inbox(site.data) as inbox:
        assert inbox.take() == []
    # No core runs: it is kept for when one does.
    code, told = typed("alarm ack inc1-hot --by ben", OWN)
    assert (code, "is kept, but no core has answered" in told) == (1, True)
    with Inbox(site.data) as inbox:
        (command,) = inbox.take()
    assert (getattr(command, "by", ""), getattr(command, "verb", "")) == ("ben", "ack")
    (denied,) = trail(item="alarm.ack")
    assert (denied["by"], denied["subject"]) == ("quin", "inc1-hot")


@pytest.mark.long
def test_who_is_locked_out_works_on_and_acknowledges_by_links(site: Site) -> None:
    ledger = Ledger(site.ledger_url)
    good("login anna", OWN)
    pins = Pins(paths.pins(site.data))
    pins.keep("anna", "4711")
    for _ in range(4):
        assert "name or the password is wrong" in refused("login anna", "a wrong guess")
    assert "too many wrong passwords" in refused("login anna", "a wrong guess")
    assert ledger.trail(area="access").lines[-1].outcome.startswith("locked out for 900 s")
    assert "wait, or ask an admin to unlock (until " in refused("login anna", OWN)
    # Somebody else's wrong guesses keep nobody from what they were doing, nor from a page.
    good(f"batch open {B} --product x")
    assert pins.check("anna", "4711") is Verdict.RIGHT
    good("user unlock anna --reason called --by boss", OWN)
    good("login anna", OWN)


@pytest.mark.long
def test_after_somebodys_wrong_password_a_login_waits_its_second(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("culturewatch.who.PATIENCE", Patience(pace_ms=300))
    refused("login ben", "a wrong guess")
    assert "is logged in" in good("login anna", OWN)
    assert [line.outcome for line in Ledger(site.ledger_url).trail().lines][-2:] == [
        *("wrong password", "right"),
    ]


@pytest.mark.long
def test_a_pin_is_given_by_its_person_or_an_admin_and_noted(site: Site) -> None:
    person = site.file.person[0].id
    refused(f"user pin {person} --by anna", OWN, "4711")
    good(f"user pin {person} --by boss", OWN, "4711")
    good(f"user forget-pin {person} --by boss", OWN)
    assert [line["outcome"] for line in trail(area="user", item="pin")][-2:] == [
        *("given", "taken away"),
    ]
    assert "4711" not in good("audit --json --as quin", OWN)


@pytest.mark.usefixtures("site")
def test_the_trail_is_shown_filtered_and_without_hashes() -> None:
    good(f"batch open {B} --product x --by anna", OWN)
    told = good("audit --as quin --area data", OWN).splitlines()
    assert len(told) == 2
    assert f"anna  open  {B}" in told[0]
    assert told[1].startswith("1 entries; ledger up to row ")
    whole = good("audit --json --as quin", OWN) + good("user list --json")
    assert "argon2" not in whole
    assert "digest" not in whole
    later = good("audit --since 2999-01-01 --as quin", OWN)
    assert later.startswith("0 entries")


@pytest.mark.long
def test_one_changed_byte_of_the_trail_is_located(site: Site) -> None:
    refused(f"batch open {B} --product x --by quin", OWN)
    assert (
        good("verify data --site site.toml")
        .splitlines()[-1]
        .startswith("data: nothing was changed")
    )
    intruder = intruder_of(site.ledger_url)
    ((row,),) = intruder.run("SELECT MAX(sequence) FROM audit WHERE item = 'open'")
    intruder.tamper("UPDATE audit SET item = 'opem' WHERE sequence = :row", {"row": row})
    code, told = typed("verify data --site site.toml")
    assert code == 1
    assert f"table audit, row {row}, item: shows 'opem', was entered as 'open'" in told
