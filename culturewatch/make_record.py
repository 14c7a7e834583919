"""Writes the record of a batch from a site's data, as a version that the ledger keeps."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Protocol

import msgspec

from alerts.configuration import kept
from alerts.reader import AlarmReader
from batches import editions
from batches.batch import Signed
from batches.editions import Edition
from batches.examination import Visit
from batches.export import manifest
from batches.export.folder import make_record
from batches.export.json import canonical
from batches.export.publish import take_back
from batches.in_force import InForce, in_force
from batches.ledger import Ledger
from batches.record import BatchRecord, Made, assemble
from batches.trail import Note
from batches.version import Content, Difference, Former, Version
from culturewatch import paths
from culturewatch.leaving import BEGUN, leaving
from culturewatch.parts import rulebook, setting
from culturewatch.site import Site
from storage.archive.log import LogReader
from storage.database import DatabaseError
from storage.wall import wall_ms


def write_record(
    site: Site,
    batch: str,
    out: Path,
    *,
    by: str,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Path:
    """Write the record of ``batch`` as of now into ``out``; returns the folder it is in.

    Where ``out`` holds an earlier version it stays, and the new one lies beside it: ``out-v2``.

    Raises:
        culturewatch.site.SiteError: the rules cannot be used.
        as ``batches.export.folder.make_record``.
    """
    ledger = Ledger(site.ledger_url)
    versions = Versions(ledger, batch, by)
    out = versions.beside(out)
    with LogReader(site.data) as readings, AlarmReader(paths.alarms(site.data)) as alarms:
        return make_record(
            batch,
            out,
            ledger=ledger,
            readings=readings,
            alarms=alarms,
            setting=setting(site, rulebook(site)),
            made=Made(by=by, at=wall_ms()),
            past=past_of(site, readings, alarms),
            former=versions.former,
            keeping=partial(versions.keeping, out),
            progress=progress,
        )


def past_of(site: Site, readings: LogReader, alarms: AlarmReader) -> InForce:
    """What was in force at a site before now."""
    return in_force(readings.notes(), alarms.told(), cache(partial(kept, site.data)))


class Versioned(Protocol):
    """What is kept of a record or report as a version."""

    @property
    def id(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def version(self) -> Version: ...
    @property
    def content(self) -> Content | Mapping[str, str]: ...


class Versions:
    """The versions of the record of one batch or vial, or of one report, in the ledger."""

    def __init__(self, ledger: Ledger, subject: str, by: str) -> None:
        """``by``: who makes one."""
        self._ledger = ledger
        self._subject = subject
        self._by = by

    def former(self) -> tuple[Former, Content] | None:
        """The newest version, and what it says; None when there is none."""
        last = self._last()
        if last is None:
            return None
        return _former(last), msgspec.json.decode(last.content, type=Content)

    def next(self, said: Mapping[str, str]) -> Version:
        """The place of a report that says ``said`` in short."""
        last = self._last()
        if last is None:
            return Version()
        before = msgspec.json.decode(last.content, type=dict[str, str])
        return Version(
            number=last.version + 1,
            former=_former(last),
            changed=tuple(
                Difference(what=what, before=before.get(what, ""), now=now)
                for what, now in said.items()
                if before.get(what, "") != now
            ),
        )

    @contextmanager
    def keeping(self, out: Path, record: Versioned, digest: str) -> Iterator[None]:
        """Enter ``record``, whose manifest has the SHA-256 ``digest``, when the context ends.

        That it goes out stands in the audit trail before, so before the folder ``out`` appears;
        what came of it is entered together with the version, and of what was not entered nothing
        stays in ``out``.

        Raises:
            batches.placement.Refused: another version was entered meanwhile.
            DatabaseError: the ledger cannot be written.
        """
        new = Edition(
            row=0,
            record=record.id,
            subject=record.subject,
            version=record.version.number,
            manifest=digest,
            content=msgspec.json.encode(record.content, order="sorted").decode(),
        )
        note = Note(
            kind="export",
            by=self._by,
            subject=f"record of {self._subject}",
            area="export",
            item=out.name,
            outcome=BEGUN,
            new=digest,
        )
        with leaving(self._ledger, note) as export:
            try:
                with self._ledger.database.writing() as connection:
                    act = Signed(by=self._by, reason=f"version {new.version}")
                    entry = self._ledger.clerk.entry("record", new.subject, act)
                    editions.enter(connection, new, entry)
                    export.enter(connection)
                    yield
            except DatabaseError:
                self._take_back(out, digest)
                raise

    def _take_back(self, out: Path, digest: str) -> None:
        # Writing, as that waits until what failed has surely ended. Where nobody can tell
        # whether it is a version, the folder stays.
        with suppress(DatabaseError, OSError), self._ledger.database.writing() as connection:
            if editions.of_manifest(connection, digest) is None:
                take_back(out, digest)

    def beside(self, out: Path) -> Path:
        """``out``, or a folder beside it where that holds an earlier version."""
        made = {each.manifest for each in self._known()}
        listed = out / manifest.NAME
        if not manifest.is_plain(listed) or manifest.describe(listed).sha256 not in made:
            return out
        return out.with_name(f"{out.name}-v{len(made) + 1}")

    def _last(self) -> Edition | None:
        known = self._known()
        return known[-1] if known else None

    def _known(self) -> tuple[Edition, ...]:
        with self._ledger.database.reading() as connection:
            return editions.editions(connection, self._subject)


def _former(last: Edition) -> Former:
    return Former(version=last.version, record=last.record, manifest=last.manifest)


def assembled(site: Site, ledger: Ledger, batch: str, *, by: str, visit: Visit) -> BatchRecord:
    """The record of ``batch`` as of now, which nobody keeps; ``visit`` is shown every scan.

    Raises:
        culturewatch.site.SiteError: the rules cannot be used.
        as ``batches.record.assemble``.
    """
    with LogReader(site.data) as readings, AlarmReader(paths.alarms(site.data)) as alarms:
        return assemble(
            batch,
            ledger=ledger,
            readings=readings,
            alarms=alarms,
            setting=setting(site, rulebook(site)),
            made=Made(by=by, at=wall_ms()),
            visit=visit,
            past=past_of(site, readings, alarms),
        )


def record_of(site: Site, batch: str, by: str) -> bytes:
    """The record of ``batch`` as of now, as JSON; that ``by`` has asked is in the audit trail.

    Raises:
        culturewatch.site.SiteError: the rules cannot be used.
        as ``batches.record.assemble``.
    """
    ledger = Ledger(site.ledger_url)
    record = assembled(site, ledger, batch, by=by, visit=lambda *_: None)
    ledger.note(
        Note(
            kind="export",
            by=by,
            subject=f"record of {batch}",
            area="export",
            item="api",
            outcome="made",
        )
    )
    return canonical(record)
