"""Signs and checks the signed copy of a record's pages: PAdES, B-B or B-T. The door to pyHanko.

The copy begins with the very bytes of ``record.pdf``; each signature is an update behind them, so
that the pages stay those that the manifest lists. The certificate is the site's; who signed, as
what and with which meaning stands in the signature. With a server of time stamps (RFC 3161) each
is of baseline T, otherwise of baseline B (ETSI EN 319 142-1, 5.3 and 5.4).
"""

import logging
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, cast

import httpx
import msgspec
from asn1crypto import tsp, x509
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import AxisAlignment, Margins, SimpleBoxLayoutRule
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.general import SigningError
from pyhanko.sign.timestamps.api import TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko.sign.validation import EmbeddedPdfSignature, validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator import ValidationContext

_PATIENCE_S = 10
_UNREADABLE = (
    *(PdfError, SignatureValidationError, ValueError, TypeError, LookupError, AttributeError),
    *(ArithmeticError, RecursionError, NotImplementedError),
)
"""What the libraries were seen to trip over, or may, when bytes of a signed copy were changed."""


_AS_IT_IS = SimpleBoxLayoutRule(
    x_align=AxisAlignment.ALIGN_MIN, y_align=AxisAlignment.ALIGN_MIN, margins=Margins(0, 0, 0, 0)
)
_SILENT = logging.NullHandler()


class PadesError(Exception):
    """Pages cannot be signed; the text says why and what to do."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature in the pages says.

    ``picture`` is a page of PDF that is shown at ``place`` on page 1: left, bottom, right and top,
    in points.
    """

    field: str
    name: str
    reason: str
    location: str
    picture: bytes
    place: tuple[int, int, int, int]


class _Server(TimeStamper):
    """A server of time stamps, asked by HTTP (RFC 3161, 3.4)."""

    def __init__(self, url: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # pyHanko has none
        self._url = url

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        headers = {"Content-Type": "application/timestamp-query"}
        try:
            async with httpx.AsyncClient(timeout=_PATIENCE_S, trust_env=False) as client:
                answer = await client.post(self._url, content=req.dump(), headers=headers)
        except httpx.HTTPError as error:
            raise TimestampRequestError(str(error) or type(error).__name__) from error
        kind = answer.headers.get("Content-Type")
        if not answer.is_success or kind != "application/timestamp-reply":
            raise TimestampRequestError(f"it answers {answer.status_code} and {kind}")
        return tsp.TimeStampResp.load(answer.content)


class Certified:
    """A private key with its certificate, and where time stamps come from."""

    def __init__(self, signer: signers.Signer, where: Path, server: str = "") -> None:
        self._signer = signer
        self._where = where
        self._server = server

    def check(self, now_ms: int) -> None:
        """The certificate is good at ``now_ms`` (epoch ms, UTC).

        Raises:
            PadesError: not yet, or no more.
        """
        # A signer without a certificate does not come so far.
        validity = _certificate(self._signer)["tbs_certificate"]["validity"]
        begins, ends = validity["not_before"].native, validity["not_after"].native
        if now_ms < begins.timestamp() * 1000:
            raise PadesError(f"{self._where}: its certificate is not good before {begins:%Y-%m-%d}")
        if now_ms >= ends.timestamp() * 1000:
            raise PadesError(
                f"{self._where}: its certificate expired on {ends:%Y-%m-%d}; have a new one made "
                "and name it under [signing] in the site's file. Nothing was signed"
            )

    def sign(self, pages: bytes, said: Said) -> bytes:
        """``pages`` with one more signature behind them.

        Raises:
            PadesError: no time stamp is to be had, or these are no pages.
        """
        meta = signers.PdfSignatureMetadata(
            field_name=said.field,
            md_algorithm="sha256",
            name=said.name,
            reason=said.reason,
            location=said.location,
            subfilter=fields.SigSeedSubFilter.PADES,
        )
        stamper = _Server(self._server) if self._server else None
        field = fields.SigFieldSpec(said.field, on_page=0, box=said.place)
        try:
            with NamedTemporaryFile(suffix=".pdf") as page:
                page.write(said.picture)
                page.flush()
                style = StaticStampStyle.from_pdf_file(
                    page.name, border_width=0, background_layout=_AS_IT_IS
                )
                out: BytesIO = signers.PdfSigner(
                    meta,
                    self._signer,
                    timestamper=stamper,
                    stamp_style=style,
                    new_field_spec=field,
                ).sign_pdf(IncrementalPdfFileWriter(BytesIO(pages)))
        except TimestampRequestError as error:
            raise PadesError(
                f"{self._server}: gives no time stamp: {error}; try again later, or take "
                "timestamp out of [signing]. Nothing was signed"
            ) from error
        except (PdfError, SigningError, ValueError) as error:
            raise PadesError(f"the pages cannot be signed: {error}") from error
        signed = out.getvalue()
        if not _verifies(signed):
            raise PadesError(
                f"{self._where}: its certificate is not that of the key: what was signed does not "
                "verify by it. Nothing was signed"
            )
        return signed


def load(
    key: Path, *, certificate: Path | None = None, password: str = "", server: str = ""
) -> Certified:
    """The key in a PKCS#12 file, or in a PEM file with its ``certificate`` in another.

    Raises:
        PadesError: it cannot be read with this password, or has no certificate.
    """
    phrase = password.encode() or None
    try:
        data = key.read_bytes()
        if certificate is None:
            signer = signers.SimpleSigner.load_pkcs12_data(data, [], passphrase=phrase)
        else:
            certificate.read_bytes()
            signer = signers.SimpleSigner.load(  # type: ignore[no-untyped-call] # pyHanko has none
                str(key), str(certificate), key_passphrase=phrase
            )
    except OSError as error:
        raise PadesError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        # Not the error's own words: nobody knows what they carry.
        raise PadesError(
            f"{key}: no key can be had from it; it is not of its kind, or the password is another"
        ) from error
    if signer is None or signer.signing_cert is None:
        raise PadesError(
            f"{key}: holds no key with a certificate, or the password is another; name a PKCS#12 "
            "file, or a PEM file and its certificate"
        )
    return Certified(signer, certificate or key, server)


def certificate(path: Path) -> x509.Certificate:
    """The certificate in a file, PEM or DER.

    Raises:
        PadesError: it cannot be read, or is none.
    """
    try:
        return load_cert_from_pemder(str(path))  # type: ignore[no-untyped-call] # pyHanko has none
    except OSError as error:
        raise PadesError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise PadesError(f"{path}: is no certificate (PEM or DER)") from error


def of_session(
    session: object, key: str, found: x509.Certificate | None, *, hashed: bool
) -> signers.Signer:
    """What signs by the key labelled ``key`` in a PKCS#11 session; see ``batches.export.token``.

    Its certificate is ``found``; None: the token has it, labelled alike. ``hashed``: the token only
    signs what was hashed before.
    """
    # It needs python-pkcs11, which is an extra.
    from pyhanko.sign.pkcs11 import PKCS11Signer  # noqa: PLC0415

    return PKCS11Signer(
        # Its type is python-pkcs11's, which batches.export.token alone knows.
        cast("Any", session),
        key_label=key,
        cert_label=None if found else key,
        signing_cert=found,
        use_raw_mechanism=hashed,
    )


def check(original: bytes, signed: bytes) -> Iterator[tuple[bool, str]]:
    """What is found in the signed copy ``signed`` of ``original``: whether it is well, in words.

    Whether somebody trusts the certificates is for that person; their fingerprints are told.
    """
    if not signed.startswith(original):
        yield False, f"its pages are not those of record.pdf, from byte {_first(original, signed)}"
        return
    yield True, "begins with the very bytes of record.pdf"
    _be_silent()
    try:
        found = list(PdfFileReader(BytesIO(signed)).embedded_signatures)
        if not found:
            yield False, "holds no signature"
        for each in found:
            yield _judged(each, is_last=each is found[-1])
    except _UNREADABLE as error:
        yield False, f"its signatures cannot be read: {type(error).__name__}: {error}"


def _be_silent() -> None:
    """What they find wrong is said here; without a handler they say it on the terminal as well."""
    for library in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(library).addHandler(_SILENT)


def _verifies(signed: bytes) -> bool:
    """Whether the last signature is one by the key of its certificate."""
    _be_silent()
    status = _status(PdfFileReader(BytesIO(signed)).embedded_signatures[-1], skip_diff=True)
    return status.intact and status.valid


def _status(each: EmbeddedPdfSignature, *, skip_diff: bool = False) -> PdfSignatureStatus:
    return validate_pdf_signature(
        each,
        ValidationContext(
            trust_roots=[each.signer_cert],
            allow_fetching=False,
            moment=each.self_reported_timestamp,
        ),
        key_usage_settings=KeyUsageConstraints(key_usage=set()),
        skip_diff=skip_diff,
    )


def _judged(each: EmbeddedPdfSignature, *, is_last: bool) -> tuple[bool, str]:
    status = _status(each)
    where = f"signature {each.field_name!r}"
    if not (status.intact and status.valid):
        return False, f"{where}: the bytes it covers were changed after it was given"
    if status.modification_level is ModificationLevel.OTHER:
        return False, f"{where}: more than signatures was added after it"
    if is_last and status.coverage is not SignatureCoverageLevel.ENTIRE_FILE:
        return False, f"{where}: something was added behind it"
    stamp = "" if status.timestamp_validity is None else " with a time stamp"
    print_ = each.signer_cert.sha256_fingerprint.replace(" ", "").lower()
    return True, f"{where}{stamp} is intact; certificate SHA-256 {print_}"


def _first(original: bytes, signed: bytes) -> int:
    pairs = zip(original, signed, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), len(signed))


def _certificate(signer: signers.Signer) -> x509.Certificate:
    return signer.signing_cert
