"""Signing on a full disk, killed, watched, and by two at once."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from batches import signature, signing
from batches.signature import SignatureError, Step
from batches.signing import Signatory
from batches.verify import verify
from tests.unit.batches.signing.laboratory import KEY, Laboratory

pytestmark = pytest.mark.long


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
