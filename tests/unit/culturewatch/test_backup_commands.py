"""Backing up and putting back as people and timers type it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alerts.reader import AlarmReader
from alerts.schema import open_store
from batches.authority import Why
from batches.batch import Signed
from batches.export.folder import make_record
from batches.ledger import Ledger
from batches.person import UNKNOWN, Person
from batches.record import Made
from culturewatch import paths
from culturewatch.cli import app
from culturewatch.parts import rulebook, setting
from culturewatch.site import load
from devices.scan import Layout, Scan
from storage.acts import head
from storage.archive.log import LogReader
from storage.backup import keyring, last
from storage.database import Database, revision, upgrade
from tests.unit.batches.staff import PASSWORD, enlist
from tests.unit.culturewatch.bare_site import BARE_SITE
from tests.unit.storage.archive.week import MINUTE, MONDAY, at_day, store

pytestmark = pytest.mark.long

PATIENT, OTHER = "PT-7F3K9M2Q", "PT-0A1B2C3D"
BATCH = "B-2026-0001"
MORE = """\

[[person]]
id = "oncall"
channels = ["inbox"]

[[policy]]
id = "standard"
steps = [{ after = "0s", to = ["oncall"] }]

[webhook]
secret = { file = "hook" }
"""
SITE = BARE_SITE + MORE
RULES = """
[[rule]]
id = "hot"
channel = "inc1.temperature"
kind = "high"
limit = 38.0
severity = "high"
policy = "standard"
cause = "c"
consequence = "c"
action = "a"
respond_within = "10m"
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "lab"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("USER", "tester")
    (home / "site.toml").write_text(SITE)
    (home / "hook").write_text("s3cret")
    (home / "rules.d").mkdir()
    (home / "rules.d" / "a.toml").write_text(RULES)
    return home


def typed(words: str, *, typing: str = "") -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, words.split(), input=typing)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output.splitlines()


def good(words: str) -> list[str]:
    code, said = typed(words)
    assert code == 0, said
    return said


def backed_up(words: str = "") -> Path:
    (said,) = good(f"backup site.toml --out ../backups --json {words}")
    return Path(json.loads(said)["made"]["path"])


def test_a_site_is_put_back_as_it_was_and_says_what_is_to_be_added() -> None:
    good(f"patient enrol {PATIENT}")
    made = backed_up("--unattended")
    assert good(f"restore {made}") == [f"{made}: 3 files, every file is what was kept"]
    said = good(f"restore {made} --to ../new")
    assert said[1:] == [
        "2 keys of patients were put back",
        "not in a backup, to be put there: webhook.secret: the file hook",
        "next: culturewatch verify ../new/data --replay",
    ]
    assert Path("../new/site.toml").read_text() == SITE
    assert Path("../new/rules.d/a.toml").read_text() == RULES
    assert good("verify ../new/data")[0].startswith("ok")
    Path("../new/hook").write_text("s3cret")
    restored = load(Path("../new/site.toml"))
    assert restored.digest == load(Path("site.toml")).digest
    # The patient is known there by the token.
    assert typed(f"patient enrol {PATIENT} --site ../new/site.toml")[0] == 1


@pytest.mark.long
def test_an_erased_patient_is_in_no_backup_from_the_next_one_on(here: Path) -> None:
    for token in (PATIENT, OTHER):
        good(f"patient enrol {token}")
    before = backed_up()
    kept = here.parent / "backups" / keyring.FOLDER
    assert len(list(kept.iterdir())) == 3
    good(f"patient erase {PATIENT} --reason asked")
    backed_up()
    assert len(list(kept.iterdir())) == 2
    good(f"restore {before} --to ../new")
    ledger = Ledger(paths.ledger_url(here.parent / "new" / "data"))
    assert ledger.identities.handle(PATIENT) is None
    assert ledger.identities.handle(OTHER) is not None


def test_keys_that_are_lost_are_told_and_stay_beside_the_backups(here: Path) -> None:
    good(f"patient enrol {PATIENT}")
    backed_up()
    for path in (here / "data" / "secrets" / "patients").iterdir():
        path.unlink()
    code, said = typed("backup site.toml --out ../backups")
    assert (code, sum("is gone, and nobody was erased" in line for line in said)) == (1, 2)
    assert len(list((here.parent / "backups" / keyring.FOLDER).iterdir())) == 2


def test_who_made_a_backup_stands_in_the_audit_trail() -> None:
    good("backup site.toml --out ../backups --by ada")
    good("backup site.toml --out ../backups --unattended")
    lines = json.loads(good("audit --area export --json")[0])["lines"]
    assert [(each["by"], each["item"], each["outcome"]) for each in lines] == [
        ("ada", "backup", "begun"),
        ("ada", "backup", "made"),
        ("culturewatch", "backup", "begun"),
        ("culturewatch", "backup", "made"),
    ]
    listed = json.loads((Path("../backups") / lines[1]["subject"] / "backup.json").read_text())
    assert listed["sha256"] == lines[1]["new"]


@pytest.mark.long
def test_whoever_does_not_prove_who_they_are_is_refused_and_nothing_is_made(here: Path) -> None:
    enlist(Ledger(paths.ledger_url(here / "data")), {"admin": ["admin"], "anna": ["operator"]})
    words = "backup site.toml --out ../backups --by"
    code, said = typed(f"{words} anna", typing=PASSWORD)
    assert (code, "anna" in said[0]) == (1, True), said
    assert not (here.parent / "backups").exists()
    assert typed(f"{words} admin", typing=PASSWORD)[0] == 0


def test_how_it_went_is_known_to_the_core(here: Path) -> None:
    code, _ = typed("backup site.toml --out data/backups")
    found = last.read(here / "data")
    assert found is not None
    assert (code, found.good_at, "is within the data" in found.trouble) == (1, None, True)
    made = backed_up("--check --unattended")
    found = last.read(here / "data")
    assert found is not None
    assert (found.path, found.trouble) == (str(made.resolve()), "")
    assert found.checked_at == found.good_at
    (made / "site.toml").write_text("[site]")
    assert typed(f"restore {made} --site site.toml")[0] == 1
    damaged = last.read(here / "data")
    assert damaged is not None
    assert (damaged.checked_at, "site.toml" in damaged.trouble) == (found.checked_at, True)
    (made / "backup.json").write_text("{}")
    assert typed(f"restore {made} --site site.toml")[0] == 1
    gone = last.read(here / "data")
    assert gone is not None
    assert "is not the list of a backup" in gone.trouble


@pytest.mark.long
def test_what_is_checked_copied_and_put_back_stands_in_the_audit_trail(here: Path) -> None:
    ledger = Ledger(paths.ledger_url(here / "data"))
    made = backed_up("--by ada")
    good("backup site.toml --out ../backups --by ada")
    assert typed("backup site.toml --out data/backups --by ada")[0] == 1
    good(f"restore {made} --site site.toml --by ben")
    good(f"restore {made} --site site.toml --by ben --to ../new")
    before = ledger.head()
    good("verify ../new/data")
    assert ledger.head() == before
    good("verify data --by eva")
    good("ledger verify --by eva")
    lines = [
        (each.by, each.item, each.subject, each.outcome)
        for each in ledger.trail().lines
        if each.area in {"export", "audit"}
    ]
    new = (here.parent / "new").resolve()
    second = lines[3][2]
    assert lines == [
        ("ada", "backup", made.name, "begun"),
        ("ada", "backup", made.name, "made"),
        ("ada", "backup", second, "begun"),
        ("ada", "backup", second, "made"),
        ("ada", "backup", "backups", "failed"),
        ("ben", "restore", made.name, "checked: all is sound"),
        ("ben", "restore", made.name, f"3 files put into {new}"),
        ("eva", "verify", "data", "nothing was changed"),
        ("eva", "verify", "data", "nothing was changed"),
    ]
    assert good(f"verify {new}/data")[0].startswith("ok")


def test_a_ledger_of_an_earlier_version_is_not_upgraded_to_be_checked(here: Path) -> None:
    (here / "data").mkdir()
    url = paths.ledger_url(here / "data")
    upgrade(url, to="r0008")
    assert good("verify data")[0] == "ok     ledger.db: the chain of the ledger holds"
    with Database(url, inspecting=True).reading() as connection:
        assert (revision(connection), head(connection).sequence) == ("r0008", 0)


@pytest.mark.long
def test_who_may_not_put_back_is_denied_and_who_checks_need_not_say_who(here: Path) -> None:
    ledger = Ledger(paths.ledger_url(here / "data"))
    made = backed_up("--unattended")
    people = enlist(ledger, {"admin": ["admin"], "anna": ["operator"]})
    assert isinstance(people.change_password("anna", PASSWORD, "another horse 22"), Person)
    words = f"restore {made} --to ../new --site site.toml --by"
    assert typed(f"{words} anna", typing="another horse 22")[0] == 1
    assert not (here.parent / "new").exists()
    code, said = typed("export --channel inc1.temperature --out x.csv --by anna", typing="guess")
    assert (code, Path("x.csv").exists()) == (1, False), said
    good("verify data")
    told = [each for each in ledger.trail().lines if each.item in {"restore", "verify"}]
    denied, checked = told
    wrong = ledger.trail(area="access").lines[-1]
    assert (denied.by, denied.item, denied.outcome) == ("anna", "restore", Why.ROLE)
    assert (wrong.item, wrong.subject, wrong.outcome) == ("password", "anna", "wrong password")
    assert (checked.by, checked.item) == (UNKNOWN, "verify")
    assert "the user tester of this machine" in checked.reason
    assert typed(f"{words} admin", typing=PASSWORD)[0] == 0
    # After a disaster nobody is asked: there is no ledger to know anybody.
    for file in (here / "data").glob("ledger.db*"):
        file.unlink()
    assert typed(f"restore {made} --to ../again --site site.toml")[0] == 0
    (here / "data" / "ledger.db").write_bytes(b"this is no ledger at all\n" * 99)
    code, said = typed(f"restore {made} --to ../third --site site.toml")
    assert code == 0, said
    assert any("this is in no audit trail" in line for line in said)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("backup site.toml --out data/backups", "is within the data"),
        ("backup site.toml --out site.toml", "the backup cannot be made"),
        ("restore ../nothing --to ../new", "is not the list of a backup"),
        ("restore ../nothing", "is not the list of a backup"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(words: str, why: str) -> None:
    code, said = typed(words)
    assert (code, len(said), why in said[0]) == (1, 1, True), said


@pytest.mark.long
def test_a_record_made_from_what_was_put_back_has_the_same_bytes(here: Path) -> None:
    layout = Layout("inc1", ("temperature",), ("temperature",))
    times = range(MONDAY, at_day(1), 60 * MINUTE)
    store(here / "data", [Scan(layout, at, at + 40, (37.0,), bytes(1)) for at in times])
    open_store(here / "data" / "alarms.db").close()
    ledger = Ledger(paths.ledger_url(here / "data"))
    act = Signed(by="ada", at=MONDAY, reason="entered later")
    ledger.open_batch(BATCH, product="x", act=act)
    ledger.place(BATCH, "inc1", act=act)

    def record(base: Path, out: Path) -> dict[str, bytes]:
        site = load(base / "site.toml")
        with LogReader(site.data) as readings, AlarmReader(paths.alarms(site.data)) as alarms:
            make_record(
                BATCH,
                out,
                ledger=Ledger(site.ledger_url),
                readings=readings,
                alarms=alarms,
                setting=setting(site, rulebook(site)),
                made=Made(by="ada", at=at_day(1)),
            )
        return {path.name: path.read_bytes() for path in out.iterdir()}

    was = record(here, here.parent / "r1")
    good(f"restore {backed_up()} --to ../new")
    Path("../new/hook").write_text("s3cret")
    assert record(here.parent / "new", here.parent / "r2") == was
    assert {"record.pdf", "record.json", "manifest.json", "readings.parquet"} <= was.keys()
