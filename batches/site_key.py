"""Which key a site seals signatures with, as its ledger knows it.

The secret half is a file, which can be lost or exchanged. The ledger says which one it must be:
that of the newest signature, or the one that was noted since. So a key that has gone is missed,
and a new one is begun by a person with a reason, never by the program.
"""

import hashlib

import msgspec
from sqlalchemy import Connection, select

from batches import ciphers
from batches.signature import Signature, fingerprint
from batches.trail import Note, keep
from storage import schema

KIND = "signing-key"
SUBJECT = "signing key"
FIRST = "the first one of this site"


def private_half(secret: bytes) -> bytes:
    """The key that seals, made of the site's ``secret``."""
    return hashlib.sha256(b"culturewatch.signing.1\n" + secret).digest()


def fingerprint_of(secret: bytes) -> str:
    """The SHA-256 of the public half: by it the key is known to others."""
    return fingerprint(ciphers.public_half(private_half(secret)).hex())


def known(connection: Connection) -> str | None:
    """The fingerprint of the key that this site seals with; None where nobody has signed."""
    signed, act, audit = schema.signature.c, schema.act.c, schema.audit.c
    last = connection.execute(
        select(signed.sequence, signed.content).order_by(signed.sequence.desc()).limit(1)
    ).first()
    noted = connection.execute(
        select(act.sequence, audit.new)
        .join(schema.audit, audit.sequence == act.sequence)
        .where(act.kind == KIND)
        .order_by(act.sequence.desc())
        .limit(1)
    ).first()
    if noted is not None and (last is None or noted.sequence > last.sequence):
        return str(noted.new)
    if last is None:
        return None
    return fingerprint(msgspec.json.decode(last.content, type=Signature).key)


def note(connection: Connection, key: str, *, by: str, at: int, reason: str) -> None:
    """Enter that from ``at`` (epoch ms, UTC) on the site seals with the key of this fingerprint."""
    before = known(connection)
    keep(
        connection,
        Note(
            kind=KIND,
            by=by,
            subject=SUBJECT,
            area="signature",
            item="key",
            outcome="begun",
            old=before,
            new=key,
            reason=reason,
        ),
        at=at,
    )
