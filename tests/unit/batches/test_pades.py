"""The signed copy of the pages, made with certificates and a server of time stamps of the test."""

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.generic import NumberObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext

from batches.export import pades
from batches.export.pades import Certified, PadesError, Said
from batches.export.stamp import box, stamp
from batches.export.token import Token
from batches.export.token import certified as on_token
from batches.signature import Step
from tests.unit.batches.certified import NEW_YEAR, pem_files, pkcs12_file, time_stamps

pytestmark = pytest.mark.long

WORD = "of the key"
JANUARY = round(NEW_YEAR.timestamp() * 1000) + 10 * 86_400_000
DAY = 86_400_000
PREPARED = Said(
    field="Prepared",
    name="Anna Åberg (anna)",
    reason="Prepared: I made this record, and it is of this batch.",
    location="Cell laboratory",
    picture=stamp("Anna Åberg Ωμέγα", ["operator"], at=JANUARY, zone="Europe/Zurich", meaning="m"),
    place=box(Step.PREPARED),
)
APPROVED = Said(
    field="Approved",
    name="Quin (quin)",
    reason="Approved: yes",
    location="here",
    picture=stamp("Quin", ["qa"], at=JANUARY, zone="UTC", meaning="I approve it."),
    place=box(Step.APPROVED),
)


@pytest.fixture(scope="module")
def pages(written: Path) -> bytes:
    return (written / "record.pdf").read_bytes()


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    path = pkcs12_file(tmp_path_factory.mktemp("key") / "site.p12", WORD)
    return pades.load(path, password=WORD)


@pytest.fixture(scope="module")
def signed(certified: Certified, pages: bytes) -> bytes:
    return certified.sign(certified.sign(pages, PREPARED), APPROVED)


def test_each_signature_is_an_update_behind_the_pages_and_pyhanko_finds_it_valid(
    signed: bytes, pages: bytes
) -> None:
    assert signed.startswith(pages)
    found = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    assert [each.field_name for each in found] == ["Prepared", "Approved"]
    assert found[0].sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert found[0].sig_object["/Name"] == "Anna Åberg (anna)"
    assert found[0].sig_object["/Reason"] == PREPARED.reason
    for each in found:
        status = validate_pdf_signature(
            each,
            ValidationContext(
                trust_roots=[each.signer_cert], allow_fetching=False, moment=NEW_YEAR
            ),
            key_usage_settings=KeyUsageConstraints(key_usage=set()),
        )
        assert (status.intact, status.valid, status.trusted) == (True, True, True)
        assert status.timestamp_validity is None
    checked = list(pades.check(pages, signed))
    assert [well for well, _ in checked] == [True, True, True]
    assert "signature 'Approved' is intact; certificate SHA-256" in checked[2][1]


def test_a_reader_of_pdf_shows_who_signed(signed: bytes, tmp_path: Path) -> None:
    reader = shutil.which("pdfsig")
    if reader is None:
        # poppler-utils is not of this project; the check by pyHanko above is.
        assert b"/ETSI.CAdES.detached" in signed
        return
    (tmp_path / "signed.pdf").write_bytes(signed)
    done = subprocess.run(  # noqa: S603 # what which() has found
        [reader, "-nocert", str(tmp_path / "signed.pdf")],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert re.findall(r"Signature Validation: (.*)", done.stdout) == ["Signature is Valid."] * 2
    assert done.stdout.count("Signature Type: ETSI.CAdES.detached") == 2
    assert "Signer Certificate Common Name: Cell laboratory" in done.stdout


def words(pages: bytes, folder: Path) -> dict[str, tuple[float, float]]:
    """Where poppler sees each word of page 1: its left edge, and the middle of its height."""
    (folder / "pages.pdf").write_bytes(pages)
    tool = shutil.which("pdftotext")
    if tool is None and not os.environ.get("CULTUREWATCH_REQUIRE_SERVICES"):
        pytest.skip("pdftotext (poppler-utils) is not installed")
    assert tool, "pdftotext (poppler-utils) is needed"
    done = subprocess.run(  # noqa: S603 # of the system
        [tool, "-l", "1", "-bbox", str(folder / "pages.pdf"), "-"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    found = re.findall(r'xMin="(.*?)" yMin="(.*?)" xMax=".*?" yMax="(.*?)">(.*?)<', done.stdout)
    return {word: (float(x), (float(low) + float(high)) / 2) for x, low, high, word in found}


def test_who_signed_and_when_stands_in_the_places_of_page_1(signed: bytes, tmp_path: Path) -> None:
    at = words(signed, tmp_path)
    for step, name in (("Prepared", "Ωμέγα"), ("Approved", "Quin")):
        # Two lines of a name and of roles in a row of 35 points, below "Name".
        assert abs(at[step][1] - at[name][1]) < 6
    assert at["Quin"][0] == pytest.approx(at["Name"][0], abs=1)
    assert at["Åberg"][0] > at["Name"][0]
    assert at["2026-01-11"][0] == pytest.approx(at["Date"][0], abs=1)
    assert at["CET"][1] < at["UTC"][1]


def test_with_a_server_of_time_stamps_it_is_of_baseline_t(tmp_path: Path, pages: bytes) -> None:
    key, certificate = pem_files(tmp_path)
    with time_stamps() as server:
        made = pades.load(key, certificate=certificate, server=server).sign(pages, PREPARED)
    (found,) = PdfFileReader(io.BytesIO(made)).embedded_signatures
    (attribute,) = found.signer_info["unsigned_attrs"]
    # RFC 3161, appendix A.
    assert attribute["type"].dotted == "1.2.840.113549.1.9.16.2.14"
    stamp = attribute["values"][0]["content"]["encap_content_info"]["content"].parsed
    assert stamp["gen_time"].native == NEW_YEAR + timedelta(days=10)
    assert "signature 'Prepared' with a time stamp is intact" in [*pades.check(pages, made)][1][1]


def test_no_time_stamp_no_signature(tmp_path: Path, pages: bytes) -> None:
    key, certificate = pem_files(tmp_path)
    with time_stamps(broken=True) as server:
        asked = pades.load(key, certificate=certificate, server=server)
        with pytest.raises(PadesError, match=r"gives no time stamp: .*503.*Nothing was signed"):
            asked.sign(pages, PREPARED)
    with pytest.raises(PadesError, match="gives no time stamp"):
        asked.sign(pages, PREPARED)


def test_a_certificate_that_is_not_good_now_is_refused(tmp_path: Path) -> None:
    found = pades.load(pkcs12_file(tmp_path / "site.p12", WORD, days=30), password=WORD)
    found.check(JANUARY)
    with pytest.raises(PadesError, match="expired on 2026-01-31; have a new one made and name it"):
        found.check(JANUARY + 20 * DAY)
    with pytest.raises(PadesError, match="is not good before 2026-01-01"):
        found.check(JANUARY - 11 * DAY)


def _wrong_password(folder: Path) -> Certified:
    return pades.load(pkcs12_file(folder / "site.p12", WORD), password="another")  # noqa: S106 # wrong


def _missing(folder: Path) -> Certified:
    return pades.load(folder / "nowhere.p12", password=WORD)


def _no_key(folder: Path) -> Certified:
    (folder / "site.p12").write_bytes(b"hello")
    return pades.load(folder / "site.p12", password=WORD)


def _no_pem(folder: Path) -> Certified:
    key, certificate = pem_files(folder)
    key.write_text("hello")
    return pades.load(key, certificate=certificate)


def _no_certificate(folder: Path) -> Certified:
    key, _ = pem_files(folder)
    return pades.load(key, certificate=folder / "none.pem")


@pytest.mark.parametrize(
    ("load", "why"),
    [
        (_wrong_password, "the password is another"),
        (_missing, "nowhere.p12: cannot be read: No such file"),
        (_no_key, "no key can be had from it"),
        (_no_pem, "holds no key with a certificate|no key can be had"),
        (_no_certificate, "none.pem: cannot be read: No such file"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_of_without_its_password(
    load: Callable[[Path], Certified], why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(PadesError, match=why) as refused:
        load(tmp_path)
    assert WORD not in str(refused.value) + caplog.text


def test_a_certificate_of_another_key_signs_nothing(tmp_path: Path, pages: bytes) -> None:
    private, _ = pem_files(tmp_path)
    (tmp_path / "other").mkdir()
    _, other = pem_files(tmp_path / "other")
    with pytest.raises(PadesError, match="its certificate is not that of the key"):
        pades.load(private, certificate=other).sign(pages, PREPARED)


def test_a_token_without_its_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    named = Token(module=tmp_path / "none.so", label="site", key="records", pin="4711")
    with pytest.raises(PadesError, match=r"install culturewatch\[pkcs11\]"), on_token(named):
        pytest.fail("it was opened")


@pytest.mark.parametrize("place", [0, 5_000, -1])
def test_a_changed_byte_is_located(signed: bytes, pages: bytes, place: int) -> None:
    place %= len(pages)
    changed = bytearray(signed)
    changed[place] ^= 1
    (found,) = pades.check(pages, bytes(changed))
    assert found == (False, f"its pages are not those of record.pdf, from byte {place}")


def test_a_change_behind_the_pages_and_what_was_added_are_found(
    signed: bytes, pages: bytes
) -> None:
    # Somewhere in what the first signature covers of its own update.
    place = signed.index(b"I made this record")
    changed = bytearray(signed)
    changed[place] ^= 1
    wrong = [what for well, what in pades.check(pages, bytes(changed)) if not well]
    assert wrong[0].startswith("signature 'Prepared': the bytes it covers were changed")
    assert not all(well for well, _ in pades.check(pages, signed + b"% more\n"))
    assert [what for well, what in pades.check(pages, pages) if not well] == ["holds no signature"]
    assert not all(well for well, _ in pades.check(pages, pages + b"\0" * 100))


@pytest.mark.long
@given(st.data())
@settings(max_examples=25, deadline=None)
def test_no_change_behind_the_pages_ends_the_check(
    signed: bytes, pages: bytes, data: st.DataObject
) -> None:
    place = data.draw(st.integers(len(pages), len(signed) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "put in"]))
    more = data.draw(st.binary(min_size=1, max_size=60))
    put = {
        "flip": bytes([signed[place] ^ 1]),
        "cut": b"",
        "put in": signed[place : place + 1] + more,
    }
    changed = signed[:place] + put[kind] + signed[place + (len(more) if kind == "cut" else 1) :]
    assert list(pades.check(pages, changed))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"/Size", b"/Sise", id="no size"),
        # The identifier of SHA-256, 2.16.840.1.101.3.4.2.1 (NIST), with another last arc.
        pytest.param(b"0609608648016503040201", b"06096086480165030402ff", id="no such hash"),
        pytest.param(b"/ByteRange", b"/ByteRangf", id="no range"),
    ],
)
def test_what_the_libraries_trip_over_is_told(
    signed: bytes, pages: bytes, old: bytes, new: bytes
) -> None:
    behind = signed[len(pages) :]
    assert old in behind
    wrong = [
        what for well, what in pades.check(pages, pages + behind.replace(old, new)) if not well
    ]
    assert wrong


def test_a_page_changed_by_an_update_and_signed_by_somebody_else_is_found(
    certified: Certified, pages: bytes
) -> None:
    update = IncrementalPdfFileWriter(io.BytesIO(certified.sign(pages, PREPARED)))
    update.root["/Pages"]["/Kids"][0].get_object()["/Rotate"] = NumberObject(180)  # type: ignore[no-untyped-call] # pyHanko has none
    update.update_container(update.root["/Pages"]["/Kids"][0].get_object())
    turned = io.BytesIO()
    update.write(turned)  # type: ignore[no-untyped-call] # as above
    again = certified.sign(turned.getvalue(), APPROVED)
    wrong = [what for well, what in pades.check(pages, again) if not well]
    assert wrong == ["signature 'Prepared': more than signatures was added after it"]


def test_a_signature_cut_off_is_not_told_from_one_that_never_was_by_the_pages_alone(
    certified: Certified, pages: bytes
) -> None:
    # That is why signatures.json holds the hash of the copy.
    once = certified.sign(pages, PREPARED)
    assert all(well for well, _ in pades.check(pages, once))
