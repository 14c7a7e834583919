"""Readings of a logger's file, checked before any of them is kept, as a device's own of then."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from sqlalchemy import select

from batches.batch import Signed
from batches.holding import holds_ms
from batches.ledger import Ledger
from batches.logger_csv import Form, LoggerFile
from batches.placement import Refused
from devices.duration import Duration
from devices.scan import Source
from storage import schema
from storage.acts import append
from storage.archive import doubt
from storage.archive.export import Scans
from storage.chain import Scalar
from storage.intake import Origin, Row
from storage.reader import JournalReader


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Whose readings they are: a channel of a device, and what that measures."""

    device: str
    channel: str
    quantity: str


class Gap(msgspec.Struct, frozen=True):
    """No reading holds from ``start`` to ``end``, as in an exposure; epoch milliseconds, UTC."""

    start: int
    end: int


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A file that may be taken in. ``empty`` of its readings say that nothing was measured.

    Each holds for ``period`` (milliseconds), the logger's own.
    """

    origin: Origin
    period: int
    gaps: tuple[Gap, ...]
    empty: int


def check(
    path: Path, target: Target, *, form: Form, period: int | None, by: str, now: int
) -> tuple[LoggerFile, Checked]:
    """Go through the whole file.

    Raises:
        batches.logger_csv.LoggerFileError: a row cannot be read.
        Refused: its times are no dates or in no zone, go back, or lie in the future, or for how
            long a reading holds is not said, or said to be longer than was measured.
        OSError: it cannot be read.
    """
    file = LoggerFile(path, period=period, form=form)
    if not file.dated:
        raise Refused(f"{path}: its times are seconds, not dates; nobody knows when this was")
    if not file.zoned and form.zone is None:
        raise Refused(
            f"{path}: its times have no offset; say with --zone in which zone the logger's clock "
            "was, such as Europe/Zurich, or Etc/GMT-1 for a clock that stayed one hour ahead"
        )
    if file.backward is not None:
        raise Refused(
            f"{path}:{file.backward}: its time lies before that of the row above: the clock was "
            "set, or the zone is another; import each part as a file of its own"
        )
    _check_period(file, path, given=period)
    last, empty, gaps = None, 0, []
    for row in file:
        if last is not None and row.at - last > holds_ms(file.period):
            gaps.append(Gap(last + file.period, row.at))
        last, empty = row.at, empty + (row.value is None)
    if last is None or last > now:
        raise Refused(f"{path}: its last reading, {_shown(last or 0)}, lies in the future")
    origin = Origin(
        id=_identity(path, target, form),
        device=target.device,
        channel=target.channel,
        quantity=target.quantity,
        file=path.name,
        by=by,
        readings=file.readings,
        start=file.start,
        end=last,
    )
    return file, Checked(origin=origin, period=int(file.period), gaps=tuple(gaps), empty=empty)


def _check_period(file: LoggerFile, path: Path, *, given: int | None) -> None:
    if given is None and not file.steady:
        raise Refused(
            f"{path}: its times do not say how often the logger measured; look it up, and say it "
            "with --period, such as 10m: for so long each reading holds"
        )
    if given is not None and file.usual is not None and given > holds_ms(file.usual):
        raise Refused(
            f"{path}: its readings are {Duration(file.usual)} apart; with --period "
            f"{Duration(given)} records would call known what nobody measured: leave it away, or "
            "say how often the logger measured"
        )


def check_alone(origin: Origin, others: list[Origin]) -> None:
    """None of ``others``, which wait, holds readings of that channel and time.

    Raises:
        Refused: one does.
    """
    for other in others:
        same = (other.device, other.channel) == (origin.device, origin.channel)
        if same and other.id != origin.id and _meet(other, origin):
            raise Refused(f"{origin.file}: {other.file} waits already with readings of that time")


def check_known(origin: Origin, data: Path, journal: JournalReader) -> None:
    """What is known of that channel and time can be read: archive and journal of it are whole.

    Raises:
        Refused: a segment, or an entry that is not sealed yet, is damaged or gone that may tell
            of it.
        storage.waiting.JournalError: the journal cannot be read.
        OSError: the archive cannot be read.
    """
    asked = doubt.Asked(origin.device, origin.channel, origin.start, origin.end + 1)
    for why in doubt.doubts(data, journal, asked):
        raise Refused(
            f"{origin.file}: nobody can say what is known of {origin.device}.{origin.channel} at "
            f"that time: {why}; put it back from a backup (culturewatch verify names all that is "
            "damaged), then import again"
        )


def check_free(origin: Origin, readings: Scans) -> None:
    """Nothing is known yet of that channel and time: there is one truth of it.

    Raises:
        Refused: something is.
        storage.waiting.JournalError: the journal cannot be read.
    """
    for scan in readings.scans(origin.device, origin.start, origin.end + 1):
        if scan.source is Source.TEST or origin.channel not in scan.layout.keys:
            continue
        if scan.values[scan.layout.keys.index(origin.channel)] is not None:
            raise Refused(
                f"{origin.file}: {origin.device}.{origin.channel} has readings of that time "
                f"already, such as at {_shown(scan.at)}; import only what lies outside of them"
            )


def enter(ledger: Ledger, found: Checked, *, act: Signed) -> bool:
    """Enter into the ledger that these readings are taken in; whether that is new.

    Raises:
        Refused: somebody, or a reason, cannot be kept.
        storage.database.DatabaseError: the ledger cannot be written.
    """
    origin, column = found.origin, schema.intake.c
    with ledger.database.writing() as connection:
        there = select(column.sequence).where(column.sha256 == origin.id)
        if connection.execute(there).first() is not None:
            return False
        detail: dict[str, Scalar] = {
            "device": origin.device,
            "channel": origin.channel,
            "quantity": origin.quantity,
            "file": ascii(origin.file)[1:-1],
            "sha256": origin.id,
            "readings": origin.readings,
            "period_ms": found.period,
            "start_at": origin.start,
            "end_at": origin.end,
        }
        append(connection, ledger.clerk.entry("intake", origin.device, act), "intake", detail)
        return True


def rows(file: LoggerFile) -> Iterator[Row]:
    """What is kept of it."""
    return ((row.at, row.value) for row in file)


def _identity(path: Path, target: Target, form: Form) -> str:
    """The SHA-256 of the file's bytes, and of what they are taken for."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    how = [content, *msgspec.structs.astuple(target), form.time, form.value, str(form.zone)]
    how.append(repr(tuple(form.stored)))
    return hashlib.sha256(msgspec.json.encode(how)).hexdigest()


def _meet(one: Origin, other: Origin) -> bool:
    return one.start <= other.end and other.start <= one.end


def _shown(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="seconds")
