"""Remembers which topics a broker was asked for, so that those left out can be taken back."""

import asyncio
import os
from pathlib import Path

import msgspec


class TopicMemoryError(Exception):
    """The file of topics cannot be used; the text says which, and why."""


class TopicMemory:
    """The topics asked for under one client id, in the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def read(self) -> frozenset[str]:
        """The topics asked for; none when there is no file.

        Raises:
            TopicMemoryError: the file cannot be read.
        """
        return await asyncio.to_thread(self._read)

    async def write(self, topics: frozenset[str]) -> None:
        """Remember ``topics``, durably.

        Raises:
            TopicMemoryError: the file cannot be written.
        """
        await asyncio.to_thread(self._write, topics)

    def _read(self) -> frozenset[str]:
        try:
            return frozenset(msgspec.json.decode(self._path.read_bytes(), type=list[str]))
        except FileNotFoundError:
            return frozenset()
        except (OSError, msgspec.MsgspecError) as error:
            raise TopicMemoryError(f"{self._path}: {error}; delete it") from error

    def _write(self, topics: frozenset[str]) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            with fresh.open("wb") as file:
                file.write(msgspec.json.encode(sorted(topics)))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            raise TopicMemoryError(f"{self._path}: {error}; check the disk") from error
