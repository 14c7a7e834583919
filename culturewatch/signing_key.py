"""The file with the secret half of a site's signing key, held against what the ledger knows."""

from pathlib import Path

import msgspec

from alerts.token import load_key
from batches import site_key
from batches.ledger import Ledger
from batches.placement import Refused
from batches.signature import SignatureError
from culturewatch import paths
from culturewatch.site import Site

_SHORTEST = 32
"""Bytes; what is shorter is no key."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The fingerprint of the key that the ledger knows, and whether the file holds that one."""

    sha256: str | None
    well: bool
    file: str


def secret(site: Site, ledger: Ledger, by: str) -> bytes:
    """The secret of the site's key. It is made, and noted as ``by``'s, where nobody has signed yet.

    Raises:
        SignatureError: the site has a key, and the file is gone or holds another.
        alerts.token.KeyFileError: the file cannot be used.
        DatabaseError: the ledger cannot be used.
    """
    path = paths.signing_key(site.data)
    with ledger.database.reading() as connection:
        known = site_key.known(connection)
    if known is not None and (why := _unusable(path)):
        raise SignatureError(_what_to_do(path, why, known))
    found = load_key(path, {})
    here = site_key.fingerprint_of(found)
    if known is None:
        _note(ledger, here, by)
    elif here != known:
        raise SignatureError(_what_to_do(path, f"is another key ({here})", known))
    return found


def begin(site: Site, ledger: Ledger, *, by: str, reason: str) -> str:
    """Begin with a new key; the fingerprint of it. What is there is kept beside it.

    Raises:
        Refused: there is no reason.
        batches.authority.Denied: it is not theirs to begin one.
        alerts.token.KeyFileError: the file cannot be made.
        DatabaseError: the ledger cannot be used.
        OSError: what is there cannot be moved.
    """
    if not reason.strip():
        raise Refused("a new signing key needs a reason; say why with --reason")
    ledger.authorise(site_key.KIND, site_key.SUBJECT, by)
    path = paths.signing_key(site.data)
    if path.exists():
        path.rename(path.with_name(_old_name(path, ledger.clerk.now())))
    # Killed from here on, the ledger knows another key than the file holds, and nobody can sign
    # until this is done once more.
    here = site_key.fingerprint_of(load_key(path, {}))
    with ledger.database.writing() as connection:
        ledger.clerk.gate.check(site_key.KIND, site_key.SUBJECT, by)
        site_key.note(connection, here, by=by, at=ledger.clerk.now(), reason=reason)
    return here


def standing(site: Site, ledger: Ledger) -> Standing:
    """How the file stands to what the ledger knows.

    Raises:
        alerts.token.KeyFileError: the file cannot be read, or may be by others.
        DatabaseError: the ledger cannot be read.
    """
    path = paths.signing_key(site.data)
    with ledger.database.reading() as connection:
        known = site_key.known(connection)
    if why := _unusable(path):
        if known is None:
            return Standing(sha256=None, well=True, file=f"{path}: nobody has signed yet")
        return Standing(sha256=known, well=False, file=f"{path}: {why}")
    here = site_key.fingerprint_of(load_key(path, {}))
    if known is not None and here != known:
        return Standing(sha256=known, well=False, file=f"{path}: is another key ({here})")
    return Standing(sha256=here, well=True, file=f"{path}: holds that key")


def _unusable(path: Path) -> str:
    if not path.exists():
        return "is gone"
    return "" if path.stat().st_size >= _SHORTEST else "is damaged"


def _note(ledger: Ledger, key: str, by: str) -> None:
    with ledger.database.writing() as connection:
        # Somebody else may have signed first meanwhile, with the same file.
        if site_key.known(connection) is None:
            now = ledger.clerk.now()
            site_key.note(connection, key, by=by, at=now, reason=site_key.FIRST)


def _old_name(path: Path, now: int) -> str:
    return f"{path.stem}-until-{now}{path.suffix}"


def _what_to_do(path: Path, what: str, known: str) -> str:
    return (
        f"{path}: {what}; this site signs with the key with SHA-256 {known}. Put that back from a "
        "backup, or begin with a new one: culturewatch signing-key new --reason WHY. "
        "Nothing was signed"
    )
