"""Who signs a record: in which order, bound to what, and what becomes of it when it is touched."""

import json
import shutil
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from alerts.reader import AlarmReader
from batches import attested, signature, signing
from batches.attested import Finding
from batches.authority import Denied
from batches.export import manifest
from batches.export import verify_record as program
from batches.export.folder import make_record
from batches.export.json import canonical
from batches.ledger import Ledger
from batches.person import Person, Role
from batches.placement import Refused
from batches.record import Made
from batches.signature import Signature, SignatureError, Step
from batches.signing import Signatory, Wish
from batches.verify import verify
from culturewatch.make_record import Versions
from tests.unit.batches.conftest import HOUR, MONDAY, Clock, alarmed, day, live, site
from tests.unit.batches.staff import enlist

pytestmark = pytest.mark.long

B = "B-2026-0001"
KEY = b"k" * 48
STAFF = {
    "admin": ("admin",),
    "anna": ("operator",),
    "ben": ("operator",),
    "carl": ("operator",),
    "sue": ("supervisor",),
    "quin": ("qa",),
    "quentin": ("qa",),
}
STEPS = list(Step)


class Laboratory:
    """A folder with data and the records made of it."""

    def __init__(self, base: Path, served: str = "") -> None:
        """``served``: the address of the ledger, where that is not in the folder."""
        self.base = base
        self.served = served
        self.clock = Clock()
        self.clock.at(10)
        url = served or f"sqlite:///{base}/data/ledger.db"
        keys = base / "data" / "secrets" / "patients"
        self.ledger = Ledger(url, now=self.clock, keys=keys)
        self.record = base / "record"
        self.signatory = Signatory(self.ledger, KEY, "Europe/Zurich")

    def person(self, name: str) -> Person:
        return Person(
            row=1, id=name, name=name.title(), roles=tuple(map(Role, STAFF[name])), active=True
        )

    def wish(self, step: Step, name: str, **other: object) -> Wish:
        why = {} if step is not Step.APPROVED else dict.fromkeys(range(1, self.items + 1), "judged")
        return msgspec.structs.replace(Wish(step=step, person=self.person(name), why=why), **other)

    @property
    def items(self) -> int:
        return len(json.loads((self.record / "record.json").read_bytes())["open_items"])

    def sign(self, step: Step, name: str, **other: object) -> Signature:
        return self.signatory.sign(self.record, self.wish(step, name, **other))

    def sign_all(self) -> list[Signature]:
        people = ("anna", "sue", "quin")
        return [self.sign(step, name) for step, name in zip(STEPS, people, strict=True)]

    def make(self, out: Path, hours: float) -> Path:
        versions = Versions(self.ledger, B, "quin")
        out = versions.beside(out)
        with AlarmReader(self.base / "data" / "alarms.db") as alarms:
            return make_record(
                B,
                out,
                ledger=self.ledger,
                readings=day(),
                alarms=alarms,
                setting=site(),
                made=Made(by="quin", at=MONDAY + round(hours * HOUR)),
                former=versions.former,
                keeping=partial(versions.keeping, out),
            )

    def kinds(self) -> list[str]:
        return [act.kind for act in self.ledger.acts(B)]


@pytest.fixture(scope="session")
def signable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A staffed ledger and a record that it knows, made once."""
    base = tmp_path_factory.mktemp("signable")
    furnish(Laboratory(base))
    return base


def furnish(lab: Laboratory) -> None:
    lab.clock.at(0)
    enlist(lab.ledger, STAFF)
    live(lab.ledger, lab.clock)
    alarmed(lab.base / "data" / "alarms.db").close()
    lab.clock.at(10)
    lab.make(lab.base / "record", 9)


@pytest.fixture
def lab(signable: Path, tmp_path: Path) -> Laboratory:
    return Laboratory(shutil.copytree(signable, tmp_path / "lab"))


def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = program.main([str(folder)])
    return code, capsys.readouterr().out


def test_three_people_sign_in_order_and_all_of_it_verifies(
    lab: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    given = lab.sign_all()
    kept = signature.read(lab.record)
    assert kept is not None
    assert list(kept.signatures) == given
    assert [(g.number, g.step, g.name, g.roles, g.at, g.zone) for g in given] == [
        (1, "prepared", "Anna", ("operator",), MONDAY + 10 * HOUR, "Europe/Zurich"),
        (2, "reviewed", "Sue", ("supervisor",), MONDAY + 10 * HOUR, "Europe/Zurich"),
        (3, "approved", "Quin", ("qa",), MONDAY + 10 * HOUR, "Europe/Zurich"),
    ]
    assert given[0].meaning == "I made this record, and it is of this batch."
    assert given[2].justified[0].item == (
        "In no device for 10m; its environment there is not measured."
    )
    report = verify(lab.record, data=lab.base / "data", ledger=lab.served)
    assert report.faults == ()
    said = "\n".join(report.checked)
    assert "signatures.json: approved by Quin (quin, qa), 2026-01-05 17:00:00 UTC" in said
    key = signature.fingerprint(lab.signatory.public)
    assert f"signatures.json: sealed by the key with SHA-256 {key}" in said
    assert "manifest.json: is version 1 of 1" in said
    code, lines = told(lab.record, capsys)
    assert code == 0
    assert "ok     signatures.json: reviewed by Sue (sue): I reviewed it" in lines
    assert lab.kinds()[-4:] == ["record", "sign-prepared", "sign-reviewed", "sign-approved"]


@pytest.mark.parametrize(
    ("before", "step", "name", "why"),
    [
        (0, Step.REVIEWED, "sue", "is not signed as prepared; that comes before reviewed"),
        (0, Step.APPROVED, "quin", "is not signed as prepared; that comes before approved"),
        (1, Step.APPROVED, "quin", "is not signed as reviewed; that comes before approved"),
        (1, Step.PREPARED, "ben", "was signed as prepared by anna already"),
    ],
)
def test_the_order_of_steps_is_enforced(
    lab: Laboratory, before: int, step: Step, name: str, why: str
) -> None:
    if before:
        lab.sign(Step.PREPARED, "anna")
    kinds = lab.kinds()
    with pytest.raises(SignatureError, match=why):
        lab.sign(step, name)
    assert lab.kinds() == kinds
    assert (lab.record / "signatures.json").exists() is bool(before)


def test_nobody_reviews_what_they_made_or_prepared_and_no_admin_signs(lab: Laboratory) -> None:
    lab.sign(Step.PREPARED, "sue")
    for name in ("anna", "sue", "admin", "nobody"):
        person = msgspec.structs.replace(lab.person("quin"), id=name)
        with pytest.raises(Denied):
            lab.signatory.sign(lab.record, lab.wish(Step.REVIEWED, "quin", person=person))
        assert lab.ledger.trail().lines[-1].item == "sign-reviewed"
    assert lab.sign(Step.REVIEWED, "quentin").person == "quentin"
    with pytest.raises(Denied):
        lab.signatory.sign(lab.record, lab.wish(Step.APPROVED, "admin"))
    assert len(signature.read(lab.record).signatures) == 2  # type: ignore[union-attr] # it is there


def test_a_record_with_open_items_is_approved_only_when_each_is_justified(lab: Laboratory) -> None:
    with pytest.raises(SignatureError, match="justified by whoever approves"):
        lab.sign(Step.PREPARED, "anna", why={1: "x"})
    lab.sign(Step.PREPARED, "anna")
    lab.sign(Step.REVIEWED, "sue")
    with pytest.raises(SignatureError) as refused:
        lab.sign(Step.APPROVED, "quin", why={1: "the bench is at 22 °C", 2: " "})
    lines = str(refused.value).splitlines()
    assert "--justify" in lines[0]
    assert lines[1] == "  2: Stay 1 in inc1, temperature: 1 excursion, 5m out of limits."
    assert len(lines) == lab.items
    with pytest.raises(SignatureError, match="has no open item 99"):
        lab.sign(Step.APPROVED, "quin", why={99: "x"})
    assert lab.kinds()[-1] == "sign-reviewed"


def test_one_record_is_sealed_by_one_key(lab: Laboratory) -> None:
    lab.sign(Step.PREPARED, "anna")
    lab.signatory = Signatory(lab.ledger, b"another key" * 4, "UTC")
    with pytest.raises(SignatureError, match=r"put secrets/signing\.key back from a backup"):
        lab.sign(Step.REVIEWED, "sue")


def test_what_cannot_be_kept_is_refused(lab: Laboratory) -> None:
    with pytest.raises(Refused, match="characters"):
        lab.sign(Step.PREPARED, "anna", meaning="a\x1b[2J")
    with pytest.raises(Refused, match="token"):
        lab.sign(Step.PREPARED, "anna", meaning="of PT-0A1B2C3D")
    assert not (lab.record / "signatures.json").exists()


def test_a_record_that_was_changed_is_not_signed(lab: Laboratory) -> None:
    page = lab.record / "record.html"
    page.write_bytes(page.read_bytes().replace(b"38", b"37", 1))
    with pytest.raises(SignatureError, match=r"record\.html: was changed.*nothing was signed"):
        lab.sign(Step.PREPARED, "anna")


def rewritten(record: Path) -> None:
    """As somebody would who has no key: another table, and a manifest that fits it."""
    table = record / "readings.csv"
    table.write_bytes(table.read_bytes().replace(b",38.5,", b",37.5,"))
    listed = manifest.read(record)
    files = dict(listed.files)
    files["readings.csv"] = manifest.describe(table)
    whole = msgspec.structs.replace(listed, files=files, seal="").sealed()
    (record / "manifest.json").write_bytes(canonical(whole))


def test_a_table_and_manifest_rewritten_together_are_found_by_the_ledger_and_by_signatures(
    lab: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    rewritten(lab.record)
    assert verify(lab.record).sound
    (fault,) = verify(lab.record, data=lab.base / "data", ledger=lab.served).faults
    assert "never entered a record with this manifest" in fault.what
    with pytest.raises(SignatureError, match="the ledger knows no record with this manifest"):
        lab.sign(Step.PREPARED, "anna")
    assert told(lab.record, capsys)[0] == 0


def test_a_signed_record_cannot_be_rewritten_without_the_key(
    lab: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.sign_all()
    rewritten(lab.record)
    assert {fault.where for fault in verify(lab.record).faults} == {"signatures.json"}
    assert told(lab.record, capsys)[0] == 1
    # Nor when the chain is made anew as well: the seals are of the key.
    kept = signature.read(lab.record)
    assert kept is not None
    before = digest = signature.manifest_digest(lab.record)
    forged = []
    for each in kept.signatures:
        fresh = msgspec.structs.replace(each, previous=before)
        before = fresh.sealed(b"x" * 32).hash
        forged.append(msgspec.structs.replace(fresh, hash=before))
    whole = msgspec.structs.replace(kept, manifest=digest, signatures=tuple(forged))
    (lab.record / "signatures.json").write_bytes(canonical(whole))
    faults = [fault.what for fault in verify(lab.record).faults]
    assert faults[0] == "signature 1 (prepared by anna) was not sealed by the key it names"
    assert len(faults) == 3


def test_whoever_makes_up_all_of_it_has_another_key(lab: Laboratory) -> None:
    ours = signature.fingerprint(lab.signatory.public)
    (fault,) = verify(lab.record, key=ours).faults
    assert str(fault) == "signatures.json: is missing: nobody has signed"
    lab.signatory = Signatory(lab.ledger, b"of somebody else" * 3, "UTC")
    lab.sign_all()
    theirs = signature.fingerprint(lab.signatory.public)
    assert verify(lab.record, key=theirs.upper()).sound
    (fault,) = verify(lab.record, key=ours).faults
    assert str(fault) == f"signatures.json: sealed by the key with SHA-256 {theirs}, not by {ours}"


def test_every_byte_of_the_signatures_counts_and_what_was_changed_is_named(
    lab: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.sign_all()
    path = lab.record / "signatures.json"
    data = path.read_bytes()
    for place in range(0, len(data), 199):
        flipped = bytearray(data)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        assert {each.where for each in beside(lab.record)} == {"signatures.json"}, place
        line = data[data.rfind(b"\n", 0, place) + 1 : place + 1]
        # That a seal was changed only its key tells.
        assert found_by_python(lab.record) or line.lstrip().startswith(b'"seal": "'), place
    path.write_bytes(data.replace(b'"name": "Sue"', b'"name": "Eve"'))
    (fault,) = verify(lab.record).faults
    assert fault.what == "signature 2 (reviewed by sue) was changed: it does not match its own hash"
    code, said = told(lab.record, capsys)
    assert code == 1
    assert "WRONG  signatures.json: signature 2 was changed" in said


def beside(record: Path) -> list[Finding]:
    return [each for each in attested.beside(record, manifest.read(record)) if not each.well]


def found_by_python(record: Path) -> bool:
    listed = manifest.read(record)
    found = program._signatures(record, listed.record, signature.manifest_digest(record))
    return any(mark == "WRONG" for mark, _ in found)


def test_a_signature_carried_to_another_record_does_not_count(lab: Laboratory) -> None:
    lab.sign_all()
    other = lab.make(lab.base / "other", 11)
    shutil.copy(lab.record / "signatures.json", other)
    whats = [fault.what for fault in verify(other).faults]
    assert f"is of record {B}/{MONDAY + 9 * HOUR}, not of {B}/{MONDAY + 11 * HOUR}" in whats
    assert "is of another manifest; these signatures were given to another record" in whats
    assert any("does not follow what stands before it" in what for what in whats)


def test_a_signature_taken_away_is_missed_by_the_ledger(lab: Laboratory) -> None:
    lab.sign_all()
    kept = signature.read(lab.record)
    assert kept is not None
    fewer = msgspec.structs.replace(kept, signatures=kept.signatures[:2])
    (lab.record / "signatures.json").write_bytes(canonical(fewer))
    assert verify(lab.record).sound
    (fault,) = verify(lab.record, data=lab.base / "data", ledger=lab.served).faults
    assert str(fault) == "signatures.json: lacks 1 signatures that the ledger knows"
    with pytest.raises(SignatureError, match="does not hold the 3 signatures"):
        lab.sign(Step.APPROVED, "quentin")


def test_a_full_disk_leaves_no_signature_anywhere(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.sign(Step.PREPARED, "anna")
    before, kinds = (lab.record / "signatures.json").read_bytes(), lab.kinds()

    def full(path: Path, data: bytes) -> None:
        path.write_bytes(data[:10])
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(signing, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        lab.sign(Step.REVIEWED, "sue")
    assert lab.kinds() == kinds
    assert (lab.record / "signatures.json").read_bytes() == before
    assert sorted(path.name for path in lab.base.iterdir()) == ["data", "record"]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("kept", [True, False], ids=["after the ledger", "before the ledger"])
def test_whoever_is_killed_while_signing_leaves_what_the_next_one_ends(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        ready: Callable[..., None] = signing._lay_ready

        def laid(*given: object) -> None:
            ready(*given)
            raise Killed

        patch.setattr(signing, "_put" if kept else "_lay_ready", killed if kept else laid)
        with pytest.raises(Killed):
            lab.sign(Step.PREPARED, "anna")
    assert not (lab.record / "signatures.json").exists()
    # The same record by the next process.
    again = Laboratory(lab.base, lab.served)
    signing.settle(again.record, again.ledger)
    assert (again.record / "signatures.json").exists() is kept
    assert sorted(path.name for path in lab.base.iterdir()) == ["data", "record"]
    again.sign(Step.REVIEWED if kept else Step.PREPARED, "sue")
    assert verify(again.record, data=again.base / "data", ledger=again.served).sound


def test_whoever_looks_while_somebody_signs_takes_nothing_away(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    looking = Laboratory(lab.base, lab.served)
    looks = threading.Thread(target=signing.settle, args=(looking.record, looking.ledger))
    ready: Callable[..., None] = signing._lay_ready

    def laid(*given: object) -> None:
        ready(*given)
        looks.start()
        # The other waits for the ledger, which this one has not yet let go of.
        looks.join(0.3)
        assert looks.is_alive()

    with monkeypatch.context() as patch:
        patch.setattr(signing, "_lay_ready", laid)
        lab.sign(Step.PREPARED, "anna")
    looks.join(30)
    assert not looks.is_alive()
    assert sorted(path.name for path in lab.base.iterdir()) == ["data", "record"]
    assert verify(lab.record, data=lab.base / "data", ledger=lab.served).sound
    assert signature.read(lab.record) is not None


def test_two_people_who_sign_at_once_leave_one_signature(lab: Laboratory) -> None:
    other = Laboratory(lab.base, lab.served)

    def meanwhile(pages: bytes, *_: object) -> bytes:
        other.sign(Step.PREPARED, "ben")
        return pages

    lab.signatory = Signatory(lab.ledger, KEY, "UTC", stamp=meanwhile)
    with pytest.raises(SignatureError, match="somebody signed it meanwhile"):
        lab.sign(Step.PREPARED, "anna")
    kept = signature.read(lab.record)
    assert kept is not None
    assert [each.person for each in kept.signatures] == ["ben"]
    assert not (lab.record / "record-signed.pdf").exists()


def test_a_chain_is_the_same_in_both_programs() -> None:
    odd = 'é "quoted" \\ \u2028 \N{GREEK SMALL LETTER ALPHA} \U0001f9ea'
    bare = Signature(
        number=1,
        step=Step.PREPARED,
        person="anna",
        name=odd,
        roles=("operator", "on-call"),
        meaning=odd,
        at=1,
        zone="UTC",
        justified=(),
        paper="",
        key="ab",
        previous="0" * 64,
    )
    sealed = bare.sealed(b"k" * 32)
    assert program._linked(json.loads(canonical(sealed))) == sealed.hash
