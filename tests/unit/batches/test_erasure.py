"""A patient's token is sealed, and gone for good once its key is destroyed; the chain holds."""

import re
from base64 import b64decode
from pathlib import Path
from typing import Protocol

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from batches.authority import Denied
from batches.bank import Bank
from batches.batch import Signed
from batches.identities import Identities, IdentityError
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from batches.vial import Place
from storage.acts import Act, append, verify_chain
from storage.database import Database
from tests.intruder import Intruder, everything
from tests.unit.batches.staff import enlist

pytestmark = pytest.mark.long

TOKEN, OTHER = "PT-7F3K9M2Q", "PT-0A1B2C3D"
B = "B-2026-0001"
ANNA = Signed(by="anna")
ASKED = Signed(by="quality", reason="the patient asked for it in writing")


class Clock(Protocol):
    now: int

    def __call__(self) -> int: ...
    def at(self, hours: float) -> None: ...


@pytest.fixture
def ledger(ledger_url: str, tmp_path: Path, clock: Clock) -> Ledger:
    return Ledger(ledger_url, now=clock, keys=tmp_path / "data" / "secrets" / "patients")


@pytest.fixture
def grown(lineage: Lineage, clock: Clock) -> None:
    """Cells of TOKEN in a batch and a vial of it; another patient without any."""
    lineage.enrol(token=TOKEN, act=ANNA)
    lineage.enrol(token=OTHER, act=ANNA)
    lineage.take("BX-2026-0001", TOKEN, act=ANNA)
    lineage.start(B, "BX-2026-0001", product="x", act=ANNA)
    clock.at(1)
    lineage.freeze(B, [Place(device="ln2", rack="1", box="1", slot="1")], act=ANNA)


def holding(folder: Path, token: str) -> list[str]:
    """Every file below ``folder`` in which, or in whose name, ``token`` can be found."""
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and (token in path.name or token.encode() in path.read_bytes())
    ]


@pytest.mark.usefixtures("grown")
def test_the_token_stands_nowhere_even_before_it_is_erased(
    tmp_path: Path, bank: Bank, intruder: Intruder
) -> None:
    assert bank.patient(B) == TOKEN
    assert holding(tmp_path, TOKEN) == []
    kept = everything(intruder)
    assert B in kept
    assert TOKEN not in kept


@pytest.mark.usefixtures("grown")
def test_erasing_destroys_the_key_and_leaves_chain_and_genealogy(
    tmp_path: Path, ledger: Ledger, lineage: Lineage, bank: Bank
) -> None:
    keys = tmp_path / "data" / "secrets" / "patients"
    before = sorted(keys.iterdir())
    assert len(before) == 3
    handle = lineage.erase(TOKEN, act=ASKED, stored=True)
    assert re.fullmatch("PH-[0-9A-Z]{12}", handle)
    assert [path.name.partition(".")[0] for path in before if not path.exists()] == [handle]
    assert [path for path in keys.iterdir() if path.name.startswith(handle)] == []
    assert holding(tmp_path, TOKEN) == []
    assert verify_chain(ledger.url) is None
    assert (bank.patient(f"{B}-V001"), bank.handle(f"{B}-V001")) == (handle, handle)
    assert [kin.child for kin in bank.descendants(handle)] == ["BX-2026-0001", B, f"{B}-V001"]
    assert bank.descendants(TOKEN) == ()
    assert bank.endangered("ln2", ledger.clerk.now(), ledger.clerk.now() + 1).patients == (handle,)
    (erased,) = (act for act in ledger.acts(handle) if act.kind == "erase")
    assert (erased.by, erased.reason) == (ASKED.by, ASKED.reason)


@pytest.mark.usefixtures("grown")
def test_no_key_that_is_left_opens_what_the_ledger_still_holds(
    tmp_path: Path, lineage: Lineage, intruder: Intruder
) -> None:
    handle = lineage.erase(TOKEN, act=ASKED, stored=True)
    query = "SELECT sealed FROM enrolment WHERE handle = :handle"
    ((text,),) = intruder.run(query, {"handle": handle})
    sealed = b64decode(text)
    left = [path.read_bytes() for path in (tmp_path / "data" / "secrets").rglob("*.*")]
    assert len(left) == 2
    for key in left:
        with pytest.raises(InvalidTag):
            AESGCM(key).decrypt(sealed[:12], sealed[12:], handle.encode())


@pytest.mark.usefixtures("grown")
def test_one_erasure_leaves_the_other_patient(lineage: Lineage, bank: Bank) -> None:
    lineage.take("BX-2026-0002", OTHER, act=ANNA)
    lineage.erase(TOKEN, act=ASKED, stored=True)
    assert bank.patient("BX-2026-0002") == OTHER


@pytest.mark.usefixtures("grown")
def test_an_erased_token_that_comes_again_is_another_patient(lineage: Lineage, bank: Bank) -> None:
    handle = lineage.erase(TOKEN, act=ASKED, stored=True)
    assert lineage.enrol(token=TOKEN, act=ANNA) == TOKEN
    lineage.take("BX-2026-0009", TOKEN, act=ANNA)
    assert bank.patient("BX-2026-0009") == TOKEN
    assert bank.handle("BX-2026-0009") != handle


@pytest.mark.usefixtures("grown")
def test_cells_that_are_kept_are_named_before_their_patient_is_forgotten(
    ledger: Ledger, lineage: Lineage, clock: Clock
) -> None:
    before = ledger.head()
    with pytest.raises(Refused, match=f"still kept: {B}, {B}-V001; dispose of them first"):
        lineage.erase(TOKEN, act=ASKED)
    assert ledger.head() == before
    clock.at(2)
    lineage.dispose(f"{B}-V001", act=ASKED)
    lineage.dispose(B, act=ASKED)
    lineage.erase(TOKEN, act=ASKED)


@pytest.mark.usefixtures("grown")
def test_an_erasure_needs_a_reason_and_a_patient(ledger: Ledger, lineage: Lineage) -> None:
    before = ledger.head()
    with pytest.raises(Refused, match="say why"):
        lineage.erase(TOKEN, act=ANNA)
    with pytest.raises(Refused, match="no patient of this ledger") as refused:
        lineage.erase("PT-ZZZZ9999", act=ASKED)
    assert "ZZZZ" not in str(refused.value)
    assert ledger.head() == before


@pytest.mark.usefixtures("grown")
def test_an_erasure_that_broke_off_after_its_entry_is_finished_by_the_next_call(
    tmp_path: Path, ledger: Ledger, lineage: Lineage, bank: Bank
) -> None:
    handle = bank.handle(B)
    assert handle is not None
    keys = tmp_path / "data" / "secrets" / "patients"
    (key,) = (path for path in keys.iterdir() if path.name.startswith(handle))
    kept = key.read_bytes()
    lineage.erase(TOKEN, act=ASKED, stored=True)
    key.write_bytes(kept)
    # As after a kill between entry and key: the ledger names nobody, and the key goes.
    assert bank.patient(B) == handle
    head = ledger.head()
    assert lineage.erase(TOKEN, act=ASKED, stored=True) == handle
    assert not key.exists()
    assert ledger.head() == head


@pytest.mark.usefixtures("grown")
def test_a_key_that_cannot_be_destroyed_is_told(
    tmp_path: Path, lineage: Lineage, bank: Bank
) -> None:
    handle = bank.handle(B)
    assert handle is not None
    keys = tmp_path / "data" / "secrets" / "patients"
    (key,) = (path for path in keys.iterdir() if path.name.startswith(handle))
    key.unlink()
    key.mkdir()
    with pytest.raises(IdentityError, match=r"still names the patient: .* erase again"):
        lineage.erase(handle, act=ASKED, stored=True)
    key.rmdir()
    assert lineage.erase(handle, act=ASKED, stored=True) == handle


def test_an_enrolment_that_broke_off_is_taken_up_again(tmp_path: Path, lineage: Lineage) -> None:
    keys = Identities(tmp_path / "data" / "secrets" / "patients")
    handle, _ = keys.enrol(TOKEN)
    with pytest.raises(Refused, match="no patient"):
        lineage.take("BX-2026-0001", TOKEN, act=ANNA)
    lineage.enrol(token=TOKEN, act=ANNA)
    assert keys.handle(TOKEN) == handle


def test_a_token_of_an_older_ledger_stays_and_that_is_said(
    ledger: Ledger, lineage: Lineage, bank: Bank
) -> None:
    with Database(ledger.url).writing() as connection:
        act = Act(kind="enrol", subject=TOKEN, by="anna", at=1, entered=1, reason="")
        append(connection, act, "patient", {"token": TOKEN})
    lineage.take("BX-2026-0001", TOKEN, act=ANNA)
    assert bank.patient("BX-2026-0001") == TOKEN
    with pytest.raises(Refused, match="exists already"):
        lineage.enrol(token=TOKEN, act=ANNA)
    with pytest.raises(Refused, match="entered in plain text, before tokens were sealed"):
        lineage.erase(TOKEN, act=ASKED)


@pytest.mark.usefixtures("grown")
def test_no_free_text_may_name_a_token(ledger: Ledger, lineage: Lineage) -> None:
    before = ledger.head()
    said = Signed(by="anna", reason=f"mixed up with {TOKEN}")
    with pytest.raises(Refused, match="names a patient's token") as refused:
        lineage.passage(B, act=said)
    assert TOKEN not in str(refused.value)
    with pytest.raises(Refused, match="product: names a patient's token"):
        ledger.amend(B, product=f"cells of {TOKEN}", act=Signed(by="anna", reason="x"))
    assert ledger.head() == before


@pytest.mark.usefixtures("grown")
def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    keys = tmp_path / "data" / "secrets" / "patients"
    assert {path.stat().st_mode & 0o777 for path in keys.iterdir()} == {0o600}
    assert keys.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("grown")
def test_a_key_of_another_ledger_names_nobody(tmp_path: Path, ledger: Ledger, bank: Bank) -> None:
    handle = bank.handle(B)
    assert handle is not None
    keys = tmp_path / "data" / "secrets" / "patients"
    (key,) = (path for path in keys.iterdir() if path.name.startswith(handle))
    key.write_bytes(b"k" * 32)
    with pytest.raises(IdentityError, match="did not seal what the ledger holds"):
        bank.patient(B)
    key.write_bytes(b"short")
    with pytest.raises(IdentityError, match="holds no key of 32 bytes"):
        bank.patient(B)
    assert bank.handle(B) == handle
    assert verify_chain(ledger.url) is None


@pytest.mark.usefixtures("grown")
def test_who_may_not_erase_is_denied_and_the_denial_names_no_token(
    tmp_path: Path, ledger: Ledger, lineage: Lineage, bank: Bank
) -> None:
    enlist(ledger, {"admin": ("admin",), "olga": ("operator",), "sven": ("supervisor",)})
    with pytest.raises(Denied):
        lineage.erase(TOKEN, act=Signed(by="olga", reason="asked"), stored=True)
    with pytest.raises(Denied):
        lineage.enrol(token="PT-12345678", act=Signed(by="nobody"))  # noqa: S106 # a patient's
    assert bank.patient(B) == TOKEN
    assert holding(tmp_path, TOKEN) == []
    assert holding(tmp_path, "PT-12345678") == []
    assert len(list((tmp_path / "data" / "secrets" / "patients").iterdir())) == 3
    lineage.erase(TOKEN, act=Signed(by="sven", reason="asked"), stored=True)
    assert verify_chain(ledger.url) is None
