"""The certificate that the console shows: loaded, renewed while it serves, and when it expires.

The one door to ``ssl`` and to cryptography here.
"""

import asyncio
import logging
import os
import re
import ssl
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)

LOOK_S = 60.0
RENEW_BEFORE_MS = 30 * 86_400_000
"""Those who renew by themselves do so 30 days ahead; later than that nobody has."""
_OTHERS = 0o037
"""A key may be read by its group, as Debian's ``ssl-cert``, and changed by its owner alone."""
_BEGINS = re.compile(rb"-----BEGIN (?:X509 )?CERTIFICATE-----")

_State = tuple[tuple[int, int] | None, ...]


class CertificateError(Exception):
    """A certificate cannot be used; the text says which file, why, and what to do."""


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Two PEM files: the certificate with those that signed it, and its private key."""

    certificate: Path
    key: Path


def context(files: TlsFiles) -> ssl.SSLContext:
    """What a server speaks TLS 1.2 or newer by.

    Raises:
        CertificateError: a file cannot be read, others may read the key, or they do not fit.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    _load(made, files)
    return made


def expires(path: Path) -> int:
    """When the certificate at ``path`` stops being valid: epoch ms.

    Raises:
        CertificateError: it cannot be read.
    """
    from cryptography import x509  # noqa: PLC0415 # who only names the files needs none of it

    try:
        data = path.read_bytes()
        found = x509.load_pem_x509_certificates(data)
    except OSError as error:
        raise CertificateError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CertificateError(
            f"{path}: is no certificate in PEM; give the file that begins with "
            "-----BEGIN CERTIFICATE-----"
        ) from error
    if len(found) != len(_BEGINS.findall(data)):
        raise CertificateError(
            f"{path}: its certificate number {len(found) + 1} is not whole, as in a file that is "
            "being written; give the whole file its name when it is done"
        )
    # Where one of those that signed it ends first, so does the trust in it.
    return min(round(each.not_valid_after_utc.timestamp() * 1000) for each in found)


def renewal_wait_s(files: TlsFiles | None, now: int) -> float | None:
    """For how long a certificate has been due to be renewed at ``now`` (epoch ms).

    0 before that, and where there is none; None when it cannot be read.
    """
    if files is None:
        return 0.0
    try:
        return max(0, now - expires(files.certificate) + RENEW_BEFORE_MS) / 1000
    except CertificateError:
        return None


async def renew(live: ssl.SSLContext, files: TlsFiles) -> None:
    """Show a renewed certificate to whoever connects from then on; only cancellation ends this."""
    # At the first look it is loaded again: it may have been renewed since ``context``.
    shown: _State = ()
    said = ""
    while True:
        await asyncio.sleep(LOOK_S)
        found = await asyncio.to_thread(_state, files)
        if found == shown:
            continue
        try:
            # Tried first: a key that does not fit would take the old one from those who connect.
            await asyncio.to_thread(context, files)
            with _held(files) as held:
                _show(live, held, files)
        except CertificateError as error:
            if str(error) != said:
                log.warning("%s; the certificate of before is shown", error)
            said = str(error)
        else:
            if shown:
                log.info("%s: the renewed certificate is shown", files.certificate)
            shown, said = found, ""


def _load(into: ssl.SSLContext, files: TlsFiles) -> None:
    _check_key(files.key)
    # What it says of itself, before OpenSSL says less.
    expires(files.certificate)
    try:
        # An encrypted key would be asked for at a terminal that nobody sits at.
        into.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise CertificateError(
            f"{files.key}: is not the plain PEM key of {files.certificate} "
            f"({getattr(error, 'reason', None) or error}); give the key that was made with it, "
            "without a password"
        ) from error


def _show(live: ssl.SSLContext, held: TlsFiles, files: TlsFiles) -> None:
    try:
        context(held)
    except CertificateError as error:
        raise CertificateError(
            f"{files.certificate}: was changed just now, and its key was not"
        ) from error
    _load(live, held)


@contextmanager
def _held(files: TlsFiles) -> Iterator[TlsFiles]:
    """What the files hold at this instant, in memory: what was tried must be what is shown."""
    with ExitStack() as opened:
        yield TlsFiles(certificate=_copy(files.certificate, opened), key=_copy(files.key, opened))


def _copy(path: Path, opened: ExitStack) -> Path:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CertificateError(f"{path}: cannot be read: {error.strerror}") from error
    handle = os.memfd_create("tls")
    copy = opened.enter_context(os.fdopen(handle, "wb", buffering=0))
    os.fchmod(handle, stat.S_IRUSR | stat.S_IWUSR)
    copy.write(data)
    return Path(f"/proc/self/fd/{handle}")


def _check_key(path: Path) -> None:
    try:
        mode = path.stat().st_mode
        with path.open("rb"):
            pass
    except OSError as error:
        raise CertificateError(
            f"{path}: the console's key cannot be read: {error.strerror}; let the user that runs "
            "culturewatch read it"
        ) from error
    if mode & _OTHERS:
        raise CertificateError(
            f"{path}: others may read or change this key; run: chmod 600 {path} (640 for a group)"
        )


def _no_password() -> str:
    return ""


def _state(files: TlsFiles) -> _State:
    return tuple(_stamp(path) for path in (files.certificate, files.key))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
