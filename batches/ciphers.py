"""What is sealed so that it can be read, or made, by one key alone. The one door to cryptography.

AES-256-GCM (NIST SP 800-38D) keeps what only its key may open; Ed25519 (RFC 8032) signs what
anybody can check who has the public half.
"""

# Each function imports what it uses: the core knows this file, deciphers nothing most often, and
# runs for years with 7 MB less.

KEY_BYTES = 32
"""Of an Ed25519 key, private and public (RFC 8032, 5.1.5)."""


class WrongKeyError(Exception):
    """What was enclosed is not opened by this key, or was changed."""


def enclosed(key: bytes, nonce: bytes, plain: bytes, bound: bytes) -> bytes:
    """``plain`` under ``key``, bound to ``bound``; a nonce serves once."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 # see above

    return AESGCM(key).encrypt(nonce, plain, bound)


def disclosed(key: bytes, nonce: bytes, sealed: bytes, bound: bytes) -> bytes:
    """What was ``enclosed``.

    Raises:
        WrongKeyError: with another key, or bound to something else.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 # see above
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 # see above

    try:
        return AESGCM(key).decrypt(nonce, sealed, bound)
    except InvalidTag as error:
        raise WrongKeyError from error


def public_half(private: bytes) -> bytes:
    """The public key that belongs to ``private``."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 # see above
        Ed25519PrivateKey,
    )

    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def signed(private: bytes, message: bytes) -> bytes:
    """The signature of ``message``, 64 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 # see above
        Ed25519PrivateKey,
    )

    return Ed25519PrivateKey.from_private_bytes(private).sign(message)


def is_signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether whoever has the private half of ``public`` made ``signature`` of ``message``."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 # see above
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 # see above
        Ed25519PublicKey,
    )

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
