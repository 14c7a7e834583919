"""Who signs a record: in which order, and what of it."""

import msgspec
import pytest

from batches import signature
from batches.authority import Denied
from batches.placement import Refused
from batches.signature import SignatureError, Step
from batches.signing import Signatory
from batches.verify import verify
from tests.unit.batches.conftest import HOUR, MONDAY
from tests.unit.batches.signing.laboratory import Laboratory, told_by_program

pytestmark = pytest.mark.long


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
    code, lines = told_by_program(lab.record, capsys)
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
