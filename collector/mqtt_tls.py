"""Who a broker must be, and who we are to it."""

import ssl
from collections.abc import Mapping
from types import MappingProxyType

from collector.errors import LinkError
from collector.mqtt_settings import TlsFiles

_UNTRUSTED = "its certificate is signed by nobody who is trusted; give the one who did as tls.ca"
_VERIFY: Mapping[int, str] = MappingProxyType(
    {
        9: "its certificate is not valid yet; check this machine's clock",
        10: "its certificate has expired; renew it at the broker",
        18: _UNTRUSTED,
        19: _UNTRUSTED,
        20: _UNTRUSTED,
        21: _UNTRUSTED,
        23: "its certificate was revoked; renew it at the broker",
    }
)
"""What OpenSSL found wrong with a certificate (X509_V_ERR_..., x509_vfy.h), and what helps."""
_NAME = frozenset({62, 63, 64})
"""Its codes for a certificate of another host name, mail or network address."""
_ALERTS: Mapping[str, str] = MappingProxyType(
    {
        "CERTIFICATE_REQUIRED": "it wants to know who we are; give tls.certificate and tls.key",
        "BAD_CERTIFICATE": "it does not take tls.certificate; have it signed by whom it trusts",
        "UNKNOWN_CA": "it does not trust who signed tls.certificate; ask whom it does",
        "CERTIFICATE_EXPIRED": "tls.certificate has expired; renew it",
        "HANDSHAKE_FAILURE": "it refuses; it may want to know who we are: tls.certificate, tls.key",
        "WRONG_VERSION_NUMBER": "it does not speak TLS at this port; mostly it does at 8883",
    }
)


def context(files: TlsFiles) -> ssl.SSLContext:
    """What a connection to a broker is checked with: its name, and TLS 1.2 or later.

    Raises:
        LinkError: a file cannot be used.
    """
    try:
        trust = ssl.create_default_context(cafile=files.ca)
    except (OSError, ssl.SSLError) as error:
        raise LinkError(f"{files.ca}: is no file of certificates: {_said(error)}") from error
    if files.certificate is None:
        return trust
    try:
        # Without a password of ours, OpenSSL would ask for one at the terminal.
        trust.load_cert_chain(files.certificate, files.key, password=lambda: files.key_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise LinkError(
            f"{files.certificate} and {files.key}: are no certificate and its key, or "
            f"tls.key_password is wrong: {_said(error)}"
        ) from error
    return trust


def explained(error: ssl.SSLError, host: str) -> str:
    """What went wrong with TLS to ``host``, and what to do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _NAME:
            return f"its certificate is not for {host}; write host as the certificate has it"
        return _VERIFY.get(error.verify_code, f"its certificate is wrong: {error.verify_message}")
    reason = error.reason or ""
    for alert, words in _ALERTS.items():
        if reason.endswith(alert):
            return words
    return f"TLS failed: {_said(error)}; check that it speaks TLS at this port"


def _said(error: Exception) -> str:
    return getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
