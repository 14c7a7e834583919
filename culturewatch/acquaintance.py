"""Remembers what each device said of itself, over restarts: one that is exchanged is noticed."""

import asyncio
import os
from pathlib import Path

from devices.identity import Identity
from storage.introduced import AlteredError, spelled, understood


class AcquaintanceError(Exception):
    """The file cannot be used; the text says which, and why."""


class Acquaintance:
    """Who the devices are, in the file at ``path``; it is written whole, and seldom."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Identity] | None = None
        self._writing = asyncio.Lock()

    async def of(self, device: str) -> Identity | None:
        """What ``device`` said last; None when it never said anything.

        Raises:
            AcquaintanceError: the file cannot be read.
        """
        return (await asyncio.to_thread(self._read)).get(device)

    async def keep(self, device: str, said: Identity) -> None:
        """Remember what ``device`` says of itself, durably.

        Raises:
            AcquaintanceError: the file cannot be read, or not be written.
        """
        async with self._writing:
            await asyncio.to_thread(self._write, device, said)

    def _write(self, device: str, said: Identity) -> None:
        known = self._read() | {device: said}
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            with fresh.open("wb") as file:
                file.write(spelled(known))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            raise AcquaintanceError(f"{self._path}: {error}; check the disk") from error
        self._known = known

    def _read(self) -> dict[str, Identity]:
        if self._known is None:
            try:
                self._known = understood(self._path.read_bytes())
            except FileNotFoundError:
                self._known = {}
            except (OSError, AlteredError) as error:
                raise AcquaintanceError(
                    f"{self._path}: {error}; delete it, and each device is met anew"
                ) from error
        return self._known
