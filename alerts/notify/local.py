"""Pages into a file of this machine and onto its console: needs no network and no account."""

import asyncio
import logging
import os
from pathlib import Path

import msgspec

from alerts.notify.notifier import Message, Sent, TemporaryError

log = logging.getLogger(__name__)


class LocalNotifier:
    """Appends each message to an inbox file, one JSON object a line, and logs its subject."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._one_at_a_time = asyncio.Lock()

    async def send(self, message: Message) -> Sent:
        """Append and flush to disk; in the file it is delivered.

        Raises:
            TemporaryError: the file cannot be written.
        """
        line = msgspec.json.encode(message) + b"\n"
        async with self._one_at_a_time:
            try:
                await asyncio.to_thread(_append, self._path, line)
            except OSError as error:
                raise TemporaryError(f"inbox {self._path}: {error.strerror}") from error
        log.info("to %s: %s", message.person, message.subject)
        return Sent(provider_id=self._path.name, delivered=True)


def _append(path: Path, line: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # It holds acknowledge links: for the eyes of the owner only.
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        _end_a_torn_line(descriptor)
        written = os.write(descriptor, line)
        if written != len(line):
            raise OSError(0, f"only {written} of {len(line)} bytes were written")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _end_a_torn_line(descriptor: int) -> None:
    """A crash or a full disk may have left half a line; it must not swallow the next one."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.write(descriptor, b"\n")
