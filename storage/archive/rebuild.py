"""The log as ``storage.influx.Forwarder`` follows it, to fill an InfluxDB that has lost readings.

Writing a point again changes nothing, so the whole may be sent twice; how far it has come is kept
in a file, so that it goes on where it was broken off.
"""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import msgspec

from devices.scan import Scan
from storage.archive.log import LogReader
from storage.entry import Tick
from storage.waiting import Logged

NAME = "influx-rebuild.json"
_ASIDE = "influx-rebuild.refused"


class Span(msgspec.Struct, frozen=True):
    """Readings of ``[start, end)`` by the clocks of devices, epoch ms."""

    start: int
    end: int


class Rebuilt(msgspec.Struct, frozen=True):
    """How far it has come: entries up to ``seq`` are in the ``bucket``."""

    bucket: str
    span: Span
    seq: int


class ArchiveLog:
    """The whole log, read once from the beginning; ends when all of it was taken."""

    def __init__(
        self,
        data: Path,
        bucket: str,
        span: Span,
        *,
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        """Read what is in ``data``; ``bucket`` says where it goes, as text."""
        self.refused = 0
        self._path = data / NAME
        self._aside = data / _ASIDE
        self._bucket = bucket
        self._span = span
        self._progress = progress
        self._log = LogReader(data)
        self._confirmed = 0
        self._moved = asyncio.Event()

    def close(self) -> None:
        """Let go of the files."""
        self._log.close()

    @property
    def damaged(self) -> dict[int, str]:
        """What could not be read, by number."""
        return self._log.damaged

    @property
    def last(self) -> int:
        """The newest entry on disk."""
        return self._log.last

    async def cursor(self, _: str) -> int:
        """How far it has come in an earlier run with the same bucket and span."""
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
            found = msgspec.json.decode(self._path.read_bytes(), type=Rebuilt)
            if (found.bucket, found.span) == (self._bucket, self._span):
                self._confirmed = found.seq
        return self._confirmed

    async def advance(self, _: str, seq: int) -> None:
        """Remember that everything up to ``seq`` was taken."""
        await asyncio.to_thread(self._keep, seq)
        self._confirmed = seq
        self._progress(seq, self._log.last)
        self._moved.set()

    async def follow(self, after: int, *, limit: int = 2_000) -> AsyncGenerator[list[Logged], None]:
        """Every entry of the span above ``after``, until all that is there now was taken."""
        target = self.last
        while after < target:
            found = await asyncio.to_thread(self._log.entries, after, limit)
            if not found:
                break
            after = found[-1][0]
            kept = [logged for logged in found if self._wanted(logged)]
            # The last one goes along, to say how far it has come.
            yield kept if kept[-1:] == found[-1:] else [*kept, self._blank(found[-1])]
        while self._confirmed < after:
            self._moved.clear()
            await self._moved.wait()

    def quarantine(
        self, _: str, reason: str, payload: bytes, *, done: Callable[[], None] | None = None
    ) -> None:
        """Keep lines that the server refuses, in a file beside the journal."""
        digest = hashlib.sha256(payload).hexdigest()
        line = msgspec.json.encode(
            {"reason": reason, "sha256": digest, "lines": payload.decode(errors="replace")}
        )
        with self._aside.open("ab") as file:
            file.write(line + b"\n")
            os.fsync(file.fileno())
        self.refused += 1
        if done is not None:
            done()

    def forget(self) -> None:
        """Begin anew the next time."""
        self._path.unlink(missing_ok=True)

    def _wanted(self, logged: Logged) -> bool:
        entry = logged[1]
        return isinstance(entry, Scan) and self._span.start <= entry.at < self._span.end

    def _blank(self, logged: Logged) -> Logged:
        return logged[0], Tick(logged[1].at)

    def _keep(self, seq: int) -> None:
        part = self._path.with_name(f"{NAME}.part")
        part.write_bytes(msgspec.json.encode(Rebuilt(self._bucket, self._span, seq)))
        part.replace(self._path)
