"""Puts files into a backup: linked to an earlier one where they are the same, else copied."""

import os
import shutil
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from storage.archive.seal import File, describe
from storage.backup.manifest import Kept, Manifest

_READ_ONLY = 0o400
"""What stands in several backups must not be changed through one of them."""


class Stock:
    """The files of one backup that is being made in ``folder``.

    ``earlier`` are the backups before, newest first. Every file of theirs is read and hashed
    before it stands for one of today: what rotted there is copied afresh.
    """

    def __init__(
        self,
        folder: Path,
        earlier: Iterable[tuple[Path, Manifest]],
        *,
        done: Callable[[int], None],
    ) -> None:
        """``done`` is told bytes as they are dealt with."""
        self._folder = folder
        self._earlier = list(earlier)
        self._done = done
        self.files: dict[str, Kept] = {}
        self.folders: dict[str, int] = {}
        self.new_bytes = 0

    def place(self, name: str) -> Path:
        """Where the file called ``name`` goes; its folder is there."""
        target = self._folder / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return target

    def enter(self, name: str, mode: int) -> Kept:
        """Enter what was written at ``place(name)``, with the mode of the original."""
        target = self._folder / name
        found = describe(target)
        target.chmod(_READ_ONLY)
        self.new_bytes += found.size
        self.files[name] = Kept(found.size, found.sha256, stat.S_IMODE(mode))
        return self.files[name]

    def write(self, name: str, content: bytes, mode: int) -> None:
        """Enter ``content``."""
        self.place(name).write_bytes(content)
        self.enter(name, mode)

    def take(self, name: str, source: Path) -> None:
        """Enter the file ``source`` as it is now.

        Raises:
            OSError: it cannot be read, or the backup cannot be written.
        """
        mode = source.stat().st_mode
        found = describe(source)
        if self._linked(name, found, mode):
            return
        shutil.copyfile(source, self.place(name))
        self._done(self.enter(name, mode).size)

    def take_sealed(self, name: str, source: Path, sealed: File) -> bool:
        """Enter the file that was ``sealed``, from an earlier backup where ``source`` is not it.

        False when nobody has it any more: then nothing is entered.

        Raises:
            OSError: the backup cannot be written.
        """
        if self._linked(name, sealed, 0o640):
            return True
        try:
            shutil.copyfile(source, self.place(name))
        except FileNotFoundError:
            return False
        kept = self.enter(name, source.stat().st_mode)
        if (kept.size, kept.sha256) == (sealed.size, sealed.sha256):
            self._done(kept.size)
            return True
        self.place(name).unlink()
        del self.files[name]
        return False

    def _linked(self, name: str, wanted: File, mode: int) -> bool:
        for folder, manifest in self._earlier:
            kept = manifest.files.get(name)
            if kept is None or (kept.size, kept.sha256) != (wanted.size, wanted.sha256):
                continue
            if self._link(folder / name, name, wanted):
                self.files[name] = Kept(wanted.size, wanted.sha256, stat.S_IMODE(mode))
                self._done(wanted.size)
                return True
        return False

    def _link(self, before: Path, name: str, wanted: File) -> bool:
        try:
            if before.is_symlink() or describe(before) != wanted:
                return False
            os.link(before, self.place(name))
        except OSError:
            # Not every file system has links: then there is a copy.
            return False
        return True
