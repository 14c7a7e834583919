"""The file of a certificate is kept as it came, and one that was changed or lost is named."""

from pathlib import Path

import pytest

from batches import certificates
from batches.batch import Signed
from batches.calibration import Point
from batches.certificates import CertificateError
from batches.instruments import Instruments
from batches.ledger import Ledger
from batches.verify import verify

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""SHA-256 of ``abc`` (FIPS 180-2, appendix B.1)."""


@pytest.fixture
def data(tmp_path: Path, ledger: Ledger) -> Path:
    """A folder of data whose ledger names the file ``abc``."""
    file = tmp_path / "certificate.pdf"
    file.write_bytes(b"abc")
    folder = tmp_path / "data"
    digest = certificates.keep(folder, file)
    sensors = Instruments(ledger)
    sensors.register("T-1", model="m", act=Signed(by="a"))
    sensors.certify(
        "T-1",
        quantity="temperature",
        at=ledger.clerk.now(),
        due=ledger.clerk.now() + 1,
        laboratory="l",
        number="n",
        tolerance=1,
        points=[Point(reference=1, as_found=1, as_left=1, uncertainty=1)],
        file=digest,
        act=Signed(by="a"),
    )
    return folder


def test_it_is_kept_under_its_sha_256(data: Path, served: str) -> None:
    assert [path.name for path in (data / "certificates").iterdir()] == [ABC]
    assert certificates.path_of(data, ABC).read_bytes() == b"abc"
    report = verify(data, ledger=served)
    assert report.sound
    assert "certificates: 1 files are what the ledger names by their SHA-256" in report.checked


def test_a_changed_byte_is_found(data: Path, served: str) -> None:
    path = certificates.path_of(data, ABC)
    path.chmod(0o644)
    path.write_bytes(b"abd")
    (fault,) = verify(data, ledger=served).faults
    assert fault.where == f"certificates/{ABC}"
    assert fault.what.startswith("was changed")


def test_one_that_is_gone_is_missed(data: Path, served: str) -> None:
    certificates.path_of(data, ABC).unlink()
    (fault,) = verify(data, ledger=served).faults
    assert fault.what.startswith("is missing")


def test_a_link_in_its_place_is_no_file(data: Path, tmp_path: Path, served: str) -> None:
    path = certificates.path_of(data, ABC)
    path.unlink()
    path.symlink_to(tmp_path / "certificate.pdf")
    (fault,) = verify(data, ledger=served).faults
    assert fault.what == "is not a file of this folder"


@pytest.mark.parametrize("content", [None, b""])
def test_what_is_no_certificate_is_refused_and_leaves_nothing(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "certificate.pdf"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CertificateError, match="certificate"):
        certificates.keep(tmp_path / "data", file)
    assert not (tmp_path / "data" / "certificates").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    file = tmp_path / "certificate.pdf"
    file.write_bytes(b"abc")
    (tmp_path / "data").write_bytes(b"in the way")
    with pytest.raises(CertificateError, match=r"cannot be kept in .*; nothing was entered"):
        certificates.keep(tmp_path / "data", file)
