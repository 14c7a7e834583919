"""Whether a file of SQLite was written since it was last looked at, without opening it."""

import time
from pathlib import Path

LONGEST_S = 20.0
"""After so long it counts as written: two writes in one tick of a clock look like one."""
_BESIDE = ("", "-wal", "-journal")


class Touched:
    """What was seen of the file at ``path``; without one (on a server) it is always written."""

    def __init__(self, path: Path | None, *, longest_s: float = LONGEST_S) -> None:
        """Have seen nothing yet; after ``longest_s`` it counts as written again."""
        self._path = path
        self._longest_s = longest_s
        self._seen: tuple[tuple[int, int], ...] = ()
        self._looked_s = 0.0

    def __call__(self) -> bool:
        """Whether to look into it now; what is written after this is found the next time."""
        if self._path is None:
            return True
        now_s = time.monotonic()
        seen = tuple(_stat(self._path.with_name(self._path.name + end)) for end in _BESIDE)
        if seen == self._seen and now_s - self._looked_s < self._longest_s:
            return False
        self._seen, self._looked_s = seen, now_s
        return True

    def forget(self) -> None:
        """Look again the next time: the last look failed."""
        self._seen = ()


def _stat(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
