"""Readings of files on their way into the journal: kept beside it until its one writer has them.

A file waits under the SHA-256 that tells it from every other, and what was taken in leaves a note
under the same name, so that it is taken in once. Whoever holds the journal moves it: the core, or
the command itself where no core runs. Broken off, it goes on where it was.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from storage.journal import Journal, JournalFullError
from storage.waiting import MessageKey
from storage.wall import wall_ms

_AT_ONCE = 1_000
_POLL_S, _PAUSE_S = 5.0, 1.0
_TOPIC = "\0intake "
_WAITING, _DONE, _BAD = ".waiting", ".done", ".bad"
Row = tuple[int, float | None]
"""When (epoch ms, UTC), and what was measured; None where nothing was."""


class IntakeError(Exception):
    """Readings cannot be kept or taken in; the text says where, why and what to do."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a file's readings are. ``id`` is the SHA-256 of the file and of how it is read.

    ``start`` and ``end`` are of the first and last reading, epoch milliseconds, UTC.
    """

    id: str
    device: str
    channel: str
    quantity: str
    file: str
    by: str
    readings: int
    start: int
    end: int


_origin = msgspec.json.Decoder(Origin)
_rows = msgspec.json.Decoder(list[Row])


class Intake:
    """The folder in which they wait."""

    def __init__(self, data: Path) -> None:
        """Beside the journal in ``data``; touch nothing yet."""
        self._folder = data / "intake"

    def is_done(self, id_: str) -> bool:
        """Whether the journal has all of it."""
        return self._path(id_, _DONE).exists()

    def began(self, id_: str) -> bool:
        """Whether it was checked and kept before, and some of it may be in the journal."""
        return any(self._path(id_, suffix).exists() for suffix in (_WAITING, _BAD))

    def waiting(self) -> list[Origin]:
        """What waits, oldest first.

        Raises:
            IntakeError: a file there cannot be read.
        """
        try:
            paths = [path for path in self._folder.iterdir() if path.suffix == _WAITING]
            paths.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
            return [self._head(path) for path in paths]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unusable(error) from error

    def put(self, origin: Origin, rows: Iterable[Row]) -> None:
        """Keep ``rows``, in the order of time; on disk when this returns.

        Raises:
            IntakeError: they cannot be kept.
        """
        path = self._path(origin.id, _WAITING)
        part = path.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(msgspec.json.encode(origin) + b"\n")
                for some in _slices(rows):
                    file.write(msgspec.json.encode(some) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            self._force()
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise self._unusable(error) from error

    async def move(self, origin: Origin, journal: Journal) -> None:
        """Put what waits as ``origin`` into the journal, each reading once.

        Raises:
            IntakeError: the file is not as it was written; it was put aside.
            JournalError: the journal is closed.
        """
        path = self._path(origin.id, _WAITING)
        layout = Layout(origin.device, (origin.channel,), (origin.quantity,))
        name = f"intake {origin.id}"
        moved = await journal.cursor(name)
        count = 0
        try:
            for number, rows in enumerate(self._chunks(path), start=1):
                count += len(rows)
                if number > moved:
                    await self._append(origin, layout, number, rows, journal)
                    await journal.advance(name, number)
            if count != origin.readings:
                raise self._bad(path, f"holds {count} readings instead of {origin.readings}")
        except (msgspec.MsgspecError, ValueError) as error:
            raise self._bad(path, str(error)) from error
        await asyncio.to_thread(self._finish, origin)

    def _finish(self, origin: Origin) -> None:
        try:
            done = self._path(origin.id, _DONE)
            part = done.with_suffix(".part")
            part.write_bytes(msgspec.json.encode(origin) + b"\n")
            part.replace(done)
            self._force()
            self._path(origin.id, _WAITING).unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    async def _append(
        self, origin: Origin, layout: Layout, number: int, rows: list[Row], journal: Journal
    ) -> None:
        received = wall_ms()
        digest = bytes.fromhex(origin.id)
        scans = [
            (
                Scan(layout, at, received, (value,), _quality(value), Source.BACKFILL),
                MessageKey(_TOPIC + origin.id, f"{number}.{place}", digest),
            )
            for place, (at, value) in enumerate(rows)
        ]
        while scans:
            try:
                # A whole part only: its keys make what is tried again count once.
                for scan, key in scans[:-1]:
                    journal.append(scan, key=key)
                await journal.put(scans[-1][0], key=scans[-1][1])
            except JournalFullError:
                # Live readings come first: this can wait for the disk.
                await asyncio.sleep(_PAUSE_S)
            else:
                return

    def _chunks(self, path: Path) -> Iterator[list[Row]]:
        with path.open("rb") as file:
            file.readline()
            for line in file:
                yield _rows.decode(line)

    def _head(self, path: Path) -> Origin:
        try:
            with path.open("rb") as file:
                return _origin.decode(file.readline())
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._bad(path, str(error)) from error

    def _bad(self, path: Path, why: str) -> IntakeError:
        aside = path.with_suffix(_BAD)
        with contextlib.suppress(FileNotFoundError):
            path.replace(aside)
        return IntakeError(
            f"{aside}: these readings are not as they were written: {why}; import the logger's "
            "file again"
        )

    def _path(self, id_: str, suffix: str) -> Path:
        return self._folder / f"{id_}{suffix}"

    def _force(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _unusable(self, error: OSError) -> IntakeError:
        return IntakeError(
            f"{self._folder}: {error.strerror}; see that the disk has room and that this user may "
            "write there"
        )


async def watch(intake: Intake, journal: Journal, *, on_trouble: Callable[[str], None]) -> None:
    """Move whatever waits into the journal, for ever, one file after the other."""
    told = ""
    while True:
        try:
            for origin in await asyncio.to_thread(intake.waiting):
                await intake.move(origin, journal)
        except IntakeError as error:
            if str(error) != told:
                on_trouble(str(error))
            told = str(error)
        await asyncio.sleep(_POLL_S)


def _quality(value: float | None) -> bytes:
    return bytes((Quality.NO_ANSWER if value is None else Quality.GOOD,))


def _slices(rows: Iterable[Row]) -> Iterator[list[Row]]:
    some: list[Row] = []
    for row in rows:
        some.append(row)
        if len(some) == _AT_ONCE:
            yield some
            some = []
    if some:
        yield some
