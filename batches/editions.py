"""Which records of a batch or vial were made: versions, each with the hash of its manifest."""

import msgspec
from sqlalchemy import Connection, RowMapping, select

from batches.placement import Refused
from batches.signature import Signature
from storage import schema
from storage.acts import Act, append


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    """Version ``version`` of the record of ``subject``, entered as row ``row`` of the ledger.

    ``manifest`` is the SHA-256 of its manifest, ``content`` what it said, as JSON, to tell later
    what has changed since.
    """

    row: int
    record: str
    subject: str
    version: int
    manifest: str
    content: str


def editions(connection: Connection, subject: str) -> tuple[Edition, ...]:
    """All versions of the record of ``subject``, oldest first."""
    columns = schema.edition.c
    query = select(schema.edition).where(columns.subject == subject).order_by(columns.version)
    return tuple(_edition(row) for row in connection.execute(query).mappings())


def of_manifest(connection: Connection, digest: str) -> Edition | None:
    """The version whose manifest has this SHA-256; None when none was entered."""
    query = select(schema.edition).where(schema.edition.c.manifest == digest)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else _edition(row)


def enter(connection: Connection, new: Edition, entry: Act) -> None:
    """Enter a version of a record; ``new.row`` is not used.

    Raises:
        Refused: somebody entered another of this number meanwhile.
    """
    last = max((each.version for each in editions(connection, new.subject)), default=0)
    if new.version != last + 1:
        raise Refused(
            f"{new.subject}: version {last} of its record was made meanwhile; make it again"
        )
    said = msgspec.to_builtins(new)
    del said["row"]
    append(connection, entry, "edition", said)


def signatures(connection: Connection, digest: str) -> tuple[Signature, ...]:
    """The signatures given to the record whose manifest has this SHA-256, in their order."""
    columns = schema.signature.c
    query = select(columns.content).where(columns.manifest == digest).order_by(columns.sequence)
    return tuple(
        msgspec.json.decode(text, type=Signature) for text in connection.execute(query).scalars()
    )


def enter_signature(connection: Connection, new: Signature, digest: str, entry: Act) -> None:
    """Enter ``new``, given to the record whose manifest has the SHA-256 ``digest``."""
    content = msgspec.json.encode(new, order="sorted").decode()
    detail: dict[str, str | int | None] = {
        "manifest": digest,
        "step": new.step.value,
        "content": content,
    }
    append(connection, entry, "signature", detail)


def _edition(row: RowMapping) -> Edition:
    return Edition(
        row=row["sequence"],
        record=row["record"],
        subject=row["subject"],
        version=row["version"],
        manifest=row["manifest"],
        content=row["content"],
    )
