"""A private key on a token or HSM (PKCS#11), for ``batches.export.pades``. The door to PKCS#11.

python-pkcs11 is wanted by few, and comes with the extra ``pkcs11``. The key never leaves the token.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from batches.export import pades
from batches.export.pades import Certified, PadesError


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """Where the key is: the maker's ``module``, the ``label`` of the token, that of the ``key``.

    ``certificate`` is its certificate (PEM or DER); None: the token has it, labelled as the key.
    """

    module: Path
    label: str
    key: str
    pin: str
    certificate: Path | None = None


@contextmanager
def certified(token: Token, *, server: str = "") -> Iterator[Certified]:
    """The key of ``token``, whose session ends with this; ``server`` gives time stamps.

    Raises:
        PadesError: python-pkcs11 is not installed, the token is not there, it has no such key or
            certificate, the PIN is another, or it does not sign.
    """
    try:
        import pkcs11  # noqa: PLC0415 # an extra: few have a token
    except ImportError as error:
        raise PadesError(
            "[signing] names a token, and python-pkcs11 is not installed; install "
            "culturewatch[pkcs11]. Nothing was signed"
        ) from error
    where = f"{token.module}: token {token.label!r}"
    certificate = None if token.certificate is None else pades.certificate(token.certificate)
    try:
        found = pkcs11.lib(str(token.module)).get_token(token_label=token.label)
        with found.open(user_pin=token.pin) as session:
            key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=token.key)
            # Many tokens sign by elliptic curves only what was hashed before.
            hashed = pkcs11.Mechanism.ECDSA_SHA256 not in found.slot.get_mechanisms()
            signer = pades.of_session(
                session,
                token.key,
                certificate,
                hashed=hashed and key.key_type == pkcs11.KeyType.EC,
            )
            yield Certified(signer, token.certificate or token.module, server)
    except pkcs11.PKCS11Error as error:
        raise PadesError(f"{where}: {_why(error, token)}. Nothing was signed") from error


def _why(error: Exception, token: Token) -> str:
    """In words; most errors of a token are a name and nothing else."""
    found = {
        "PinIncorrect": "the PIN is another; a token locks itself after a few of those",
        "PinLocked": "its PIN is locked; unlock it with the maker's program",
        "NoSuchToken": "there is none of this label; see what the maker's program lists",
        "NoSuchKey": f"it has no private key {token.key!r} that this PIN may use",
        "MultipleObjectsReturned": f"it has several private keys {token.key!r}",
        "TokenNotPresent": "it is not plugged in",
        "DeviceRemoved": "it was taken out",
    }.get(type(error).__name__)
    return found or f"{type(error).__name__} {error}".strip()
