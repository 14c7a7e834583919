"""A signature of a record: who, as what, when and with which meaning, bound to the manifest.

Each is chained to the one before it, and the first one to the manifest, by SHA-256; the site's
key seals each hash with Ed25519 (RFC 8032). So a signature cannot be carried to another record,
moved or edited, nor can another be added, by anybody who has not the key.

Facts: 21 CFR 11.50(a) printed name, date and time, meaning; 11.70 bound to the record.
"""

import hashlib
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from batches import ciphers
from batches.export import manifest
from batches.export.json import canonical
from storage.chain import link

NAME = "signatures.json"
SCHEMA = "culturewatch.signatures/1"
LATEST = 253_402_300_799_000
"""The end of the year 9999, epoch milliseconds: no later time can be shown."""
_PREFIX = "culturewatch.signature.1\n"
"""Before what is sealed, so that the key's signature can be taken for nothing else."""


class Step(StrEnum):
    """What is signed, in the order in which it has to be."""

    PREPARED = "prepared"
    REVIEWED = "reviewed"
    APPROVED = "approved"


MEANINGS = {
    Step.PREPARED: "I made this record, and it is of this batch.",
    Step.REVIEWED: "I reviewed it with its open items, alarms and changes.",
    Step.APPROVED: "I approve it for the batch record.",
}
"""What a signature means where nothing else is said; page 1 of the record says the same."""
REPORT_MEANINGS = {
    Step.PREPARED: "I made this report, and it is of this period.",
    Step.REVIEWED: "I reviewed it with its open items.",
    Step.APPROVED: "I approve it.",
}
"""The same of an equipment log and of the excursions of a period."""
_RECORDS = "culturewatch.record/"


class Justified(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An open item of the record, by its number there, and why it is approved all the same."""

    number: int
    item: str
    why: str


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One signature. ``at`` is epoch milliseconds, UTC; ``zone`` is that of the site.

    ``paper`` is the SHA-256 of the signed copy of the pages as it was then, empty without one.
    ``key`` is the public half of the site's key, in hexadecimal like ``hash`` and ``seal``.
    """

    number: int
    step: Step
    person: str
    name: str
    roles: tuple[str, ...]
    meaning: str
    at: Annotated[int, msgspec.Meta(ge=0, le=LATEST)]
    zone: str
    justified: tuple[Justified, ...]
    paper: str
    key: str
    previous: str
    hash: str = ""
    seal: str = ""

    @property
    def body(self) -> str:
        """What the hash covers, as canonical JSON: all of it but ``hash`` and ``seal``."""
        said = msgspec.to_builtins(self)
        del said["hash"], said["seal"]
        return msgspec.json.encode(said, order="sorted").decode()

    def sealed(self, private: bytes) -> "Signature":
        """The same with its hash, and the seal of the site's key over that."""
        digest = link(self.previous, self.body)
        seal = ciphers.signed(private, f"{_PREFIX}{digest}".encode()).hex()
        return msgspec.structs.replace(self, hash=digest, seal=seal)

    @property
    def is_sealed(self) -> bool:
        """Whether its seal is of its hash and its key."""
        try:
            public, seal = bytes.fromhex(self.key), bytes.fromhex(self.seal)
        except ValueError:
            return False
        return ciphers.is_signed(public, seal, f"{_PREFIX}{self.hash}".encode())


class Signatures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of ``signatures.json``. ``manifest`` is the SHA-256 of the manifest's bytes."""

    schema: str
    record: str
    manifest: str
    signatures: tuple[Signature, ...]


def is_report(schema: str) -> bool:
    """Whether what has this schema is a log or report, and not of a batch or vial."""
    return not schema.startswith(_RECORDS)


class SignatureError(Exception):
    """Signatures cannot be read, or nobody can sign so; the text says why and what to do."""


def fingerprint(key: str) -> str:
    """The SHA-256 of the public key ``key`` (hexadecimal): by it a key is known."""
    return hashlib.sha256(bytes.fromhex(key)).hexdigest()


def manifest_digest(folder: Path) -> str:
    """The SHA-256 of the manifest of a record's folder: what signatures are bound to."""
    return manifest.describe(folder / manifest.NAME).sha256


def read(folder: Path) -> Signatures | None:
    """The signatures beside a record; None when nobody has signed.

    Raises:
        SignatureError: they are there and cannot be read as what was written.
    """
    path = folder / NAME
    try:
        if not manifest.is_plain(path):
            if path.exists() or path.is_symlink():
                raise SignatureError("is not a file of this folder")
            return None
        data = path.read_bytes()
        found = msgspec.json.decode(data, type=Signatures)
    except OSError as error:
        raise SignatureError(f"cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SignatureError(f"was changed: {error}") from error
    if canonical(found) != data:
        raise SignatureError("was changed: it is not spelt as it was written")
    if found.schema != SCHEMA:
        raise SignatureError(f"is of schema {found.schema!r}; this version knows {SCHEMA!r}")
    return found


def faults(found: Signatures, record: str, digest: str) -> Iterator[str]:
    """What is wrong with the signatures of the record ``record`` with the manifest ``digest``."""
    if found.record != record:
        yield f"is of record {found.record}, not of {record}"
    if found.manifest != digest:
        yield "is of another manifest; these signatures were given to another record"
    if not found.signatures:
        yield "was changed: it holds no signature"
    before = digest
    for place, each in enumerate(found.signatures, start=1):
        why = _fault(each, place, before)
        if why is not None:
            yield f"signature {place} ({each.step} by {each.person}) {why}"
        before = each.hash
    yield from _order(found.signatures)


def _fault(each: Signature, place: int, before: str) -> str | None:
    if each.number != place or each.previous != before:
        return "does not follow what stands before it"
    if link(each.previous, each.body) != each.hash:
        return "was changed: it does not match its own hash"
    if not each.is_sealed:
        return "was not sealed by the key it names"
    return None


def _order(given: Sequence[Signature]) -> Iterator[str]:
    steps = [each.step for each in given]
    if steps != list(Step)[: len(steps)]:
        yield f"was changed: its steps are {', '.join(steps)}"
    if len({each.key for each in given}) > 1:
        yield "holds signatures sealed by different keys"


def why_not_now(step: Step, given: Sequence[Signature]) -> str | None:
    """Why ``step`` cannot be signed after ``given``; None when it is its turn."""
    done = {each.step: each for each in given}
    if step in done:
        return f"was signed as {step} by {done[step].person} already"
    missing = [each for each in list(Step)[: list(Step).index(step)] if each not in done]
    if missing:
        return f"is not signed as {missing[0]}; that comes before {step}"
    return None
