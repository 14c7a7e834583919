"""Proves that a record, or a folder of data, is what was written; else names what changed."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from alerts import configuration, replayed
from alerts.reader import AlarmReader
from alerts.replayed import ReplayError
from alerts.rulebook import RuleError
from alerts.schema import StoreError
from batches import alarm_checks, alarm_trail, attested, certificates, sensor_rows
from batches.alarm_checks import Noted, distinct
from batches.attested import Finding
from batches.export import manifest
from batches.export.chunk import Chunk
from batches.export.manifest import File, Manifest, ManifestError, describe, is_plain
from storage import acts, consistency, database, introduced
from storage.archive import check as archive
from storage.chain import Broken
from storage.consistency import Wrong
from storage.database import Database, DatabaseError
from storage.journalfile import NAME as JOURNAL
from storage.reader import JournalReader
from storage.waiting import JournalError

ALARMS = "alarms.db"
LEDGER = "ledger"
"""How a ledger on a server is called: its address is nobody's business."""
_DATA = (database.NAME, ALARMS, JOURNAL)
_CHUNKS_NAMED = 10


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it was written: where, and what is wrong with it.

    ``expected`` and ``actual`` are SHA-256 values where those were compared.
    """

    where: str
    what: str
    expected: str = ""
    actual: str = ""

    def __str__(self) -> str:
        hashes = f" (expected {self.expected}, found {self.actual})" if self.expected else ""
        return f"{self.where}: {self.what}{hashes}"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was checked, as sentences, and every fault that was found.

    ``absent`` are the stores that a folder of data may have and this one has not; of a record that
    is held against its data, the versions that do not lie beside it.
    """

    path: str
    checked: tuple[str, ...]
    faults: tuple[Fault, ...]
    absent: tuple[str, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether something was checked and nothing is wrong."""
        return bool(self.checked) and not self.faults


Progress = Callable[[int, int], None]


def verify(
    path: Path,
    *,
    data: Path | None = None,
    ledger: str = "",
    key: str = "",
    replay: Progress | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Report:
    """Check a record folder, or a folder of data, reading every byte once.

    Args:
        path: the folder.
        data: for a record, the folder of data it was made from, if that is at hand: its chains
            must still pass through the heads that the record noted.
        key: the fingerprint of the key that must have sealed a record's signatures, if known.
        ledger: the address of the ledger, where that is not a file of the folder of data.
        replay: for a folder of data, judge its journal again from the first entry and see that
            the alarm history is what it gives; called with how many entries of how many are done.
        progress: told how many bytes of how many of the archive are read.
    """
    if _is_data(path, ledger):
        elsewhere = {database.NAME} if ledger else set()
        absent = tuple(
            name for name in _DATA if name not in elsewhere and not (path / name).exists()
        )
        found = _data(path, None, ledger, progress)
        if replay is not None and not {ALARMS, JOURNAL} & set(absent):
            found = _both(found, _replayed(path, replay))
        return msgspec.structs.replace(_report(path, found), absent=absent)
    findings, absent = _record(path, key), ()
    if data is not None:
        findings = _both(findings, _anchored(path, data, ledger))
        absent = _versions_absent(path, _address(data, ledger))
    return msgspec.structs.replace(_report(path, findings), absent=absent)


Findings = Iterator[str | Fault]
"""What was checked (a sentence), and what was found wrong, as it comes."""


def _report(path: Path, findings: Findings) -> Report:
    found = list(findings)
    return Report(
        path=_shown(str(path)),
        checked=tuple(each for each in found if isinstance(each, str)),
        faults=tuple(each for each in found if isinstance(each, Fault)),
    )


def _shown(name: str) -> str:
    """``name`` as one line that no terminal obeys and every file can hold."""
    return name if name.isprintable() else ascii(name)


def _both(first: Findings, second: Findings) -> Findings:
    yield from first
    yield from second


def _is_data(path: Path, ledger: str) -> bool:
    # Of a site whose ledger is on a server nothing else may be there yet.
    # A record whose manifest was taken away is still a record, whatever was put in beside it.
    record = (manifest.NAME, manifest.READINGS, manifest.RECORD, manifest.PAGE, manifest.PAPER)
    return (bool(ledger) or _any_of(_DATA, path)) and not _any_of(record, path)


def _any_of(names: Iterable[str], folder: Path) -> bool:
    return any((folder / name).exists() for name in names)


def _record(folder: Path, key: str) -> Findings:
    try:
        listed = manifest.read(folder)
    except ManifestError as error:
        yield Fault(where=manifest.NAME, what=str(error))
        return
    yield f"{manifest.NAME} of record {_shown(listed.record)} matches its seal"
    for name, file in listed.files.items():
        yield from _file(folder, name, file)
    try:
        present = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        yield Fault(where=str(folder), what=f"cannot be listed: {error.strerror}")
        return
    for name in present:
        if name not in {manifest.NAME, *manifest.BESIDE, *listed.files}:
            yield Fault(where=_shown(name), what="is not part of the record; it was added")
    yield from map(_told, attested.beside(folder, listed, key))


def _told(found: Finding) -> str | Fault:
    what = _shown(found.what)
    return f"{found.where}: {what}" if found.well else Fault(where=found.where, what=what)


def _file(folder: Path, name: str, file: File) -> Findings:
    path = folder / name
    if path.parent != folder or not name.isprintable():
        yield Fault(where=_shown(name), what="is not a file of this folder")
        return
    if not os.path.lexists(path):
        yield Fault(where=name, what="is missing", expected=file.sha256, actual="nothing")
        return
    if not is_plain(path):
        yield Fault(where=name, what="is not a file of this folder")
        return
    try:
        actual = describe(path)
    except OSError as error:
        yield Fault(where=name, what=f"cannot be read: {error.strerror}")
        return
    if actual.sha256 == file.sha256 and actual.size == file.size:
        yield f"{name}: {file.size} bytes, SHA-256 {file.sha256}"
        return
    what = "was changed"
    if actual.size != file.size:
        what = f"was changed: it has {actual.size} bytes instead of {file.size}"
    yield Fault(where=name, what=what, expected=file.sha256, actual=actual.sha256)
    yield from _chunks(path, file)


def _chunks(path: Path, file: File) -> Findings:
    """Which rows of a table changed; only the first place when bytes were put in or taken out."""
    size = path.stat().st_size
    shifted = size != file.size
    named = 0
    with path.open("rb") as table:
        for chunk in file.chunks:
            # Whoever wrote another manifest may say any size.
            data = table.read(max(0, min(chunk.size, size)))
            if chunk.matches(data):
                continue
            yield Fault(where=path.name, what=_rows(chunk, data, shifted=shifted))
            named += 1
            if shifted or named == _CHUNKS_NAMED:
                return


def _rows(chunk: Chunk, data: bytes, *, shifted: bool) -> str:
    last = chunk.first + chunk.rows - 1
    if shifted:
        return f"differs from somewhere in rows {chunk.first} to {last} on"
    row = chunk.changed_row(data.splitlines(keepends=True))
    if row is None:
        return f"differs somewhere in rows {chunk.first} to {last}"
    return "the heading was changed" if row == 0 else f"row {row} was changed"


def _anchored(folder: Path, data: Path, ledger: str) -> Findings:
    try:
        listed = manifest.read(folder)
    except ManifestError:
        return
    for name in (ALARMS,) if ledger else (database.NAME, ALARMS):
        if not (data / name).exists():
            yield Fault(where=name, what=f"is not in {data}; the record cannot be held against it")
    yield from _data(data, listed, ledger, lambda _done, _all: None)
    if url := _address(data, ledger):
        name = LEDGER if ledger else database.NAME
        yield from map(_told, attested.in_ledger(folder, listed, url, name))


def _address(data: Path, ledger: str) -> str:
    """Where the ledger of ``data`` is; nothing when it has none."""
    file = data / database.NAME
    return ledger or (f"sqlite:///{file.absolute()}" if file.exists() else "")


def _versions_absent(folder: Path, url: str) -> tuple[str, ...]:
    try:
        return attested.missing(folder, manifest.read(folder), url) if url else ()
    except ManifestError:
        return ()


def _data(folder: Path, anchors: Manifest | None, ledger: str, progress: Progress) -> Findings:
    sealed = archive.check(folder, progress=progress)
    newest = sealed.sealed[-1].seal if sealed.sealed else None
    url = _address(folder, ledger)
    name = LEDGER if ledger else database.NAME
    if url:
        noted = (anchors.ledger_head if anchors else None, newest.ledger if newest else None)
        yield from _ledger(url, name, noted)
        yield from _certificates(url, folder)
    if (folder / ALARMS).exists():
        noted = (anchors.alarm_head if anchors else None, newest.alarms if newest else None)
        yield from map(_as_finding, alarm_checks.check(folder / ALARMS, noted))
    yield from map(_as_finding, sealed.found)
    if (folder / JOURNAL).exists():
        yield from _journal(folder, sealed)
        if (folder / introduced.NAME).exists():
            yield from map(_as_finding, introduced.check(folder))
    if anchors is None:
        yield from _configurations(folder / configuration.FOLDER)
    if url:
        yield from _trail(url, name, folder)


def _configurations(folder: Path) -> Findings:
    """Each rulebook that ran is called after its SHA-256."""
    kept = sorted(folder.glob("*.json"))
    for path in kept:
        where = f"{folder.name}/{_shown(path.name)}"
        try:
            actual = describe(path).sha256
        except OSError as error:
            yield Fault(where=where, what=f"cannot be read: {error.strerror}")
            continue
        if actual != path.stem:
            yield Fault(where=where, what="was changed", expected=_shown(path.stem), actual=actual)
    if kept:
        yield f"{folder.name}: each version of the rules that ran ({len(kept)}) has its own hash"


def _ledger(url: str, name: str, noted: Noted) -> Findings:
    try:
        found = [acts.verify_chain(url, anchor) for anchor in distinct(noted)]
    except DatabaseError as error:
        yield Fault(where=name, what=str(error))
        return
    broken = next(filter(None, found), None)
    fault = None if broken is None else Fault(where=name, what=str(broken))
    yield fault or f"{name}: the chain of the ledger holds"


def _trail(url: str, name: str, folder: Path) -> Findings:
    """What the ledger has of the other chains, against these as they are."""
    ledger = database.Database(url, inspecting=True)
    try:
        if not alarm_trail.is_kept(ledger):
            return
        broken: list[Broken] = []
        if (folder / ALARMS).exists():
            with AlarmReader(folder / ALARMS) as alarms:
                broken += alarm_trail.deviations(ledger, alarms)
                broken += filter(None, [alarm_trail.delivered_otherwise(ledger, alarms)])
        read = alarm_trail.noted(ledger, alarm_trail.JOURNAL)
        if read is not None and (folder / JOURNAL).exists():
            with JournalReader(folder, copy=True) as journal:
                if journal.last < read[0]:
                    why = f"entries were cut off: {read[0]} were noted"
                    broken.append(Broken(table=JOURNAL, row=journal.last, field="end", why=why))
    except (DatabaseError, StoreError, JournalError, msgspec.MsgspecError):
        # Each of them was read before this, and has its line.
        return
    yield from (Fault(where=name, what=str(each)) for each in broken)
    if not broken:
        yield f"{name}: what it has of alarm history and journal is what they are"


def _certificates(url: str, folder: Path) -> Findings:
    try:
        with Database(url, inspecting=True).reading() as connection:
            wanted = sensor_rows.files(connection)
    except DatabaseError:
        # The chain of the ledger has said what is wrong with it.
        return
    kept = certificates.FOLDER
    try:
        found = list(certificates.faults(folder, wanted))
    except OSError as error:
        yield Fault(where=kept, what=f"cannot be read: {error.strerror}")
        return
    for name, what in found:
        yield Fault(where=f"{kept}/{_shown(name)}", what=what)
    if wanted and not found:
        yield f"{kept}: {len(wanted)} files are what the ledger names by their SHA-256"


def _replayed(folder: Path, progress: Callable[[int, int], None]) -> Findings:
    try:
        found = replayed.replay(folder, progress=progress)
    except (ReplayError, RuleError, StoreError, JournalError, msgspec.MsgspecError) as error:
        yield Fault(where=ALARMS, what=f"cannot be held against the journal: {error}")
        return
    if found.difference is not None:
        yield Fault(where=ALARMS, what=str(found.difference))
        return
    yield (
        f"{ALARMS}: all {found.rows} rows are what the first {found.entries} entries of the "
        "journal give, replayed under the rules of then"
    )


def _journal(folder: Path, sealed: archive.Checked) -> Findings:
    try:
        with JournalReader(folder, copy=True) as journal:
            removed = journal.removed
        if removed > sealed.last:
            what = (
                f"was freed of entries up to {removed}, the archive ends with {sealed.last}: seals "
                "are gone; put them back from a backup"
            )
            yield Fault(where=JOURNAL, what=what)
        yield from map(_as_finding, consistency.check(folder, noted=sealed.noted))
    except JournalError as error:
        yield Fault(where=JOURNAL, what=str(error))


def _as_finding(found: str | Wrong) -> str | Fault:
    if isinstance(found, str):
        return _shown(found)
    where, what, expected, actual = found
    return Fault(where=_shown(where), what=_shown(what), expected=expected, actual=actual)
