"""What becomes of signatures when a record, or they, are touched."""

import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from batches import attested, signature
from batches.attested import Finding
from batches.export import manifest
from batches.export import verify_record as program
from batches.export.json import canonical
from batches.signature import Signature, SignatureError, Step
from batches.signing import Signatory
from batches.verify import verify
from tests.unit.batches.conftest import HOUR, MONDAY, B
from tests.unit.batches.signing.laboratory import KEY, Laboratory, told_by_program

pytestmark = pytest.mark.long


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
    assert told_by_program(lab.record, capsys)[0] == 0


def test_a_signed_record_cannot_be_rewritten_without_the_key(
    lab: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.sign_all()
    rewritten(lab.record)
    assert {fault.where for fault in verify(lab.record).faults} == {"signatures.json"}
    assert told_by_program(lab.record, capsys)[0] == 1
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
        assert found_by_python(lab.record), place
    path.write_bytes(data.replace(b'"name": "Sue"', b'"name": "Eve"'))
    (fault,) = verify(lab.record).faults
    assert fault.what == "signature 2 (reviewed by sue) was changed: it does not match its own hash"
    code, said = told_by_program(lab.record, capsys)
    assert code == 1
    assert "WRONG  signatures.json: signature 2 was changed" in said


@pytest.mark.parametrize("instead", ["nothing", "folder", "pipe", "link to nowhere"])
def test_signed_pages_without_the_pages_that_were_signed_are_named(
    lab: Laboratory, capsys: pytest.CaptureFixture[str], instead: str
) -> None:
    lab.signatory = Signatory(
        lab.ledger, KEY, "UTC", stamp=lambda pages, *_: pages + b"% one more signature"
    )
    lab.sign(Step.PREPARED, "anna")
    path = lab.record / "record.pdf"
    path.unlink()
    if instead == "folder":
        path.mkdir()
    elif instead == "pipe":
        os.mkfifo(path)
    elif instead == "link to nowhere":
        path.symlink_to("nowhere")
    assert {fault.where for fault in verify(lab.record).faults} == {
        "record.pdf",
        "record-signed.pdf",
    }
    code, said = told_by_program(lab.record, capsys)
    assert code == 1
    assert "WRONG  record-signed.pdf: does not begin with the bytes of record.pdf" in said
    assert "WRONG  record.pdf: " in said


def test_a_seal_by_another_key_is_named_by_python_alone(
    lab: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    (prepared, *_) = lab.sign_all()
    assert (
        f"sealed by the key with SHA-256 {signature.fingerprint(prepared.key)}"
        in told_by_program(lab.record, capsys)[1]
    )
    found = signature.read(lab.record)
    assert found is not None
    forged = msgspec.structs.replace(prepared, seal=found.signatures[1].seal)
    text = canonical(msgspec.structs.replace(found, signatures=(forged, *found.signatures[1:])))
    (lab.record / "signatures.json").write_bytes(text)
    code, said = told_by_program(lab.record, capsys)
    assert code == 1
    assert "WRONG  signatures.json: signature 1 was not sealed by the key it names" in said


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
