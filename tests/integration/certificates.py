"""Certificates for tests, made by a real library: good ones, and ones that must be refused."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates for others; its own is ``path``."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.path = folder / f"{name}.pem"
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(f"authority {name}")
        self.path.write_bytes(
            self._signed(self._name, self._key.public_key(), is_authority=True).public_bytes(
                Encoding.PEM
            )
        )

    def issue(
        self,
        name: str,
        *,
        host: str = "",
        days: int = 30,
        password: bytes = b"",
    ) -> tuple[Path, Path]:
        """A certificate and its key, for the network address or name ``host``."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, secret = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        signed = self._signed(_named(name), key.public_key(), host=host, days=days)
        certificate.write_bytes(signed.public_bytes(Encoding.PEM))
        how: KeySerializationEncryption = NoEncryption()
        if password:
            how = BestAvailableEncryption(password)
        secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
        return certificate, secret

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        *,
        host: str = "",
        days: int = 30,
        is_authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if host:
            alternative: x509.GeneralName = x509.DNSName(host)
            if host[0].isdigit():
                alternative = x509.IPAddress(ip_address(host))
            builder = builder.add_extension(
                x509.SubjectAlternativeName([alternative]), critical=False
            )
        return builder.sign(self._key, hashes.SHA256())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
