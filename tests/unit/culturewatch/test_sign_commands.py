"""Records are signed at the command line: id and password for each signature, and nothing less."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from alerts.reader import AlarmReader
from batches import site_key
from batches.batch import Signed
from batches.export.folder import make_record
from batches.ledger import Ledger
from batches.lockout import Patience
from batches.record import Made
from batches.signature import fingerprint
from culturewatch import paths
from culturewatch.cli import app
from culturewatch.make_record import Versions
from culturewatch.site import Site
from storage import schema
from tests.integration.laboratory import lay_out, serve
from tests.unit.batches import conftest as day_of
from tests.unit.batches.certified import pkcs12_file, time_stamps
from tests.unit.batches.staff import PASSWORD, QUICK, enlist

pytestmark = pytest.mark.long

OWN = "another horse 22"
B = "B-2026-0001"
STAFF = {
    "boss": ("admin",),
    "anna": ("operator",),
    "ben": ("operator",),
    "sue": ("supervisor",),
    "quin": ("qa",),
}
WORD = "of the key"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a staffed site, and a record that its ledger knows."""
    base = tmp_path_factory.mktemp("signed")
    furnish(base, paths.ledger_url(base / "data"))
    return base


def furnish(base: Path, url: str) -> None:
    """Make both; the ledger is at ``url``."""
    clock = day_of.Clock()
    ledger = Ledger(url, now=clock, keys=paths.patients(base / "data"))
    people = enlist(ledger, STAFF)
    for person in STAFF:
        people.change_password(person, PASSWORD, OWN)
    day_of.live(ledger, clock)
    day_of.alarmed(paths.alarms(base / "data")).close()
    make(base, ledger, base / "record", hours=9)


def make(base: Path, ledger: Ledger, out: Path, *, hours: float) -> Path:
    versions = Versions(ledger, B, "quin")
    out = versions.beside(out)
    with AlarmReader(paths.alarms(base / "data")) as alarms:
        return make_record(
            B,
            out,
            ledger=ledger,
            readings=day_of.day(),
            alarms=alarms,
            setting=day_of.site(),
            made=Made(by="quin", at=day_of.MONDAY + round(hours * day_of.HOUR)),
            former=versions.former,
            keeping=partial(versions.keeping, out),
        )


@pytest.fixture
def site(tmp_path: Path, template: Path, served: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SITE_KEY", WORD)
    monkeypatch.setattr("batches.password.hasher", lambda: QUICK)
    monkeypatch.setattr("culturewatch.who.PATIENCE", Patience(pace_ms=0, tries=3))
    shutil.copytree(template / "record", tmp_path / "record")
    made = lay_out(tmp_path, served)
    shutil.copytree(template / "data", made.data, dirs_exist_ok=True)
    return made


def certify(site: Site, *, days: int = 3650, server: str = "") -> None:
    pkcs12_file(site.base / "site.p12", WORD, days=days)
    text = site.path.read_text(encoding="utf-8")
    site.path.write_text(
        f'{text}\n[signing]\nkey = "site.p12"\npassword = {{ env = "SITE_KEY" }}\n'
        f'timestamp = "{server}"\n',
        encoding="utf-8",
    )


def typed(words: list[str], *said: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, words, input="".join(f"{line}\n" for line in said))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.output
    assert not {OWN, WORD} & set(done.output.split("\n"))
    return done.exit_code, done.output


def sign(step: str, by: str, *more: str, word: str = OWN) -> tuple[int, str]:
    return typed(["sign", "record", "--as", step, "--by", by, *more], word)


def justified(folder: Path) -> list[str]:
    items = json.loads((folder / "record.json").read_bytes())["open_items"]
    return [each for n in range(1, len(items) + 1) for each in ("--justify", f"{n}=judged = fine")]


@pytest.mark.long
def test_a_record_is_signed_by_three_people_and_verifies_with_its_pages(site: Site) -> None:
    with time_stamps() as server:
        certify(site, server=server)
        assert sign("prepared", "anna") == (
            0,
            "record: prepared by Anna: I made this record, and it is of this batch.\n",
        )
        assert sign("reviewed", "sue", "--meaning", "Read, all of it.")[0] == 0
        assert sign("approved", "quin", *justified(Path("record")))[0] == 0
    code, said = typed(["verify", "record", "--data", str(site.data), "--site", "site.toml"])
    assert code == 0, said
    assert "ok     signatures.json: reviewed by Sue (sue, supervisor), " in said
    assert ": Read, all of it.\n" in said
    assert "open items justified" in said
    assert said.count("with a time stamp is intact; certificate SHA-256 ") == 3
    pages = Path("record/record-signed.pdf")
    data = bytearray(pages.read_bytes())
    data[-3000] ^= 1
    pages.write_bytes(data)
    code, said = typed(["verify", "record"])
    assert code == 1
    assert "WRONG  record-signed.pdf: was changed after the last signature" in said


def test_a_wrong_password_signs_nothing_and_locks_out(site: Site) -> None:
    for _ in range(2):
        code, said = sign("prepared", "anna", word="wrong horse 1")
        assert (code, "the name or the password is wrong" in said) == (1, True)
    assert "too many wrong passwords" in sign("prepared", "anna", word="wrong horse 1")[1]
    code, said = sign("prepared", "anna")
    assert (code, "too many wrong passwords" in said) == (1, True)
    assert not Path("record/signatures.json").exists()
    kinds = [line.item for line in Ledger(site.ledger_url).trail().lines]
    assert "sign-prepared" not in kinds


def test_who_is_logged_in_types_the_password_again(site: Site) -> None:
    assert typed(["login", "anna"], OWN)[0] == 0
    code, said = typed(["sign", "record", "--as", "prepared"])
    assert (code, "no password of anna was given" in said) == (1, True)
    assert sign("prepared", "")[0] == 0
    assert site.data.exists()


def test_wrong_order_roles_and_items_are_told_in_lines(site: Site) -> None:
    code, said = sign("approved", "quin", *justified(Path("record")))
    assert (code, "is not signed as prepared; that comes before approved" in said) == (1, True)
    code, said = sign("prepared", "quin")
    assert (code, "has no role that may do this" in said) == (1, True)
    sign("prepared", "anna")
    sign("reviewed", "sue")
    code, said = sign("approved", "quin")
    assert code == 1
    assert "Stay 1 in inc1, temperature: 1 excursion, 5m out of limits." in said
    code, said = sign("approved", "quin", "--justify", "first=fine")
    assert (code, "write the number of the item" in said) == (2, True)
    code, said = sign("approved", "boss", *justified(Path("record")))
    assert (code, "has no role that may do this" in said) == (1, True)
    assert site.data.exists()


@pytest.mark.parametrize(
    ("days", "word", "why"),
    [
        pytest.param(
            3, WORD, "its certificate expired on 2026-01-04; have a new one", id="expired"
        ),
        pytest.param(3650, "other", "the password is another", id="wrong password of the key"),
    ],
)
def test_a_key_that_cannot_sign_leaves_no_signature(
    site: Site, days: int, word: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    certify(site, days=days)
    monkeypatch.setenv("SITE_KEY", word)
    code, said = sign("prepared", "anna")
    assert (code, why in said) == (1, True), said
    assert not Path("record/signatures.json").exists()
    assert not Path("record/record-signed.pdf").exists()


def test_a_key_that_is_gone_or_another_is_missed_and_a_new_one_is_begun_by_a_person(
    site: Site,
) -> None:
    assert typed(["signing-key", "show"])[1].startswith("there is no key yet")
    assert sign("prepared", "anna")[0] == 0
    code, said = typed(["signing-key", "show"])
    key = said.split()[1]
    assert (code, len(key)) == (0, 64)
    assert said.endswith("signing.key: holds that key\n")
    path = paths.signing_key(site.data)
    secret = path.read_bytes()
    for broken, why in ((None, "is gone"), (b"", "is damaged"), (b"k" * 60, "is another key (")):
        path.unlink(missing_ok=True)
        if broken is not None:
            path.write_bytes(broken)
            path.chmod(0o600)
        code, said = sign("reviewed", "sue")
        assert code == 1
        assert f"signing.key: {why}" in said
        assert f"this site signs with the key with SHA-256 {key}" in said
        assert "culturewatch signing-key new --reason WHY" in said
        # Nothing was made in its place.
        assert (path.read_bytes() if path.exists() else None) == broken
        code, said = typed(["signing-key", "show"])
        assert (code, f"SHA-256 {key}\n" in said) == (1, True)
    path.write_bytes(secret)
    assert sign("reviewed", "sue")[0] == 0
    path.unlink()
    assert typed(["signing-key", "new", "--by", "quin"], OWN)[1].count("needs a reason") == 1
    code, said = typed(["signing-key", "new", "--by", "sue", "--reason", "lost"], OWN)
    assert (code, "signing-key is for: admin, qa" in said) == (1, True)
    assert not path.exists()
    code, said = typed(["signing-key", "new", "--by", "quin", "--reason", "the disk died"], OWN)
    new = said.split()[-1]
    assert (code, new != key) == (0, True)
    first, second = (
        line
        for line in Ledger(site.ledger_url).trail().lines
        if line.area == "signature" and line.item == "key"
    )
    assert (first.by, first.old, first.new) == ("anna", None, key)
    assert (second.by, second.old, second.new) == ("quin", key, new)
    assert second.reason == "the disk died"
    # What was signed in part stays what it is, and what is signed anew has the new key.
    code, said = sign("approved", "quin", *justified(Path("record")))
    assert (code, "was signed by another key of this site" in said) == (1, True)
    assert typed(["verify", "record", "--key", key])[0] == 0
    # A key that somebody has seen is put aside, not destroyed.
    assert typed(["signing-key", "new", "--by", "boss", "--reason", "it was copied"], OWN)[0] == 0
    assert len(list(path.parent.glob("signing-until-*.key"))) == 1


def test_a_site_that_signed_before_keys_were_noted_misses_its_key_too(site: Site) -> None:
    assert sign("prepared", "anna")[0] == 0
    ledger = Ledger(site.ledger_url)
    with ledger.database.reading() as connection:
        noted = site_key.known(connection)
        (content,) = connection.execute(select(schema.signature.c.content)).scalars()
    assert noted == fingerprint(json.loads(content)["key"])
    # The signature stands after the note, so it is what the ledger is asked for first.
    assert ledger.trail().lines[-1].item == "sign-prepared"


def test_a_review_of_the_audit_trail_is_signed_by_the_heads_that_were_read(site: Site) -> None:
    head = Ledger(site.ledger_url).head()
    # Once to read, and once for the signature.
    code, said = typed(["audit", "--as", "quin", "--sign", "Nothing is odd."], OWN, OWN)
    assert code == 0, said
    (line,) = [line for line in Ledger(site.ledger_url).trail().lines if line.item == "review"]
    assert (line.by, line.area, line.reason) == ("quin", "signature", "Nothing is odd.")
    signed = json.loads(line.new or "")
    assert signed["alarms"]["sequence"] == 3
    # The trail that was read holds the logging in of its reader.
    assert signed["ledger"]["sequence"] > head.sequence
    code, said = typed(["audit", "--as", "quin", "--sign", "x"], OWN)
    assert (code, "no password of quin was given" in said) == (1, True)
    code, said = typed(["audit", "--as", "sue", "--sign", "x"], OWN, OWN)
    assert (code, "sign-audit is for: qa" in said) == (1, True)


def test_without_people_nobody_signs(
    site: Site, served: str, further_url: Callable[[str], str]
) -> None:
    shutil.rmtree(site.data)
    if served:
        text = site.path.read_text(encoding="utf-8").partition("[ledger]")[0]
        site.path.write_text(text, encoding="utf-8")
        serve(site.path, further_url("nobody"))
    code, said = sign("prepared", "anna")
    assert (code, "begin with culturewatch user bootstrap" in said) == (1, True)


def test_a_correction_makes_a_second_version_beside_the_first(site: Site) -> None:
    ledger = Ledger(site.ledger_url)
    sign("prepared", "anna")
    stay = ledger.stays(B)[1]
    ledger.correct(
        stay.row,
        act=Signed(by="anna", reason="left half an hour earlier"),
        end=stay.end - day_of.HOUR // 2,  # type: ignore[operator] # it has ended
    )
    second = make(site.base, ledger, Path("record"), hours=11)
    assert second == Path("record-v2")
    version = json.loads((second / "record.json").read_bytes())["version"]
    assert version["number"] == 2
    assert version["former"]["version"] == 1
    changed = {each["what"]: (each["before"], each["now"]) for each in version["changed"]}
    # Two stays of 240 and 230 polls of three channels; 30 polls of three channels less.
    assert changed["readings"] == ("1,410", "1,320")
    assert changed["ledger entries"] == ("6", "7")
    page = (second / "record.html").read_text(encoding="utf-8")
    assert "readings 1,410 → 1,320" in page
    assert not (second / "signatures.json").exists()
    code, said = typed(["verify", "record-v2", "--data", str(site.data), "--site", "site.toml"])
    assert code == 0, said
    assert "ok     manifest.json: is version 2 of 2" in said
    code, said = sign("reviewed", "sue")
    assert (code, "there is version 2; sign that" in said) == (1, True)
    shutil.rmtree("record")
    code, said = typed(["verify", "record-v2", "--data", str(site.data), "--site", "site.toml"])
    assert code == 0
    assert f"absent version 1 of {B} (manifest {version['former']['manifest']})" in said
