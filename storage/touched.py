"""Whether a file of SQLite was written since it was last looked at, without opening it."""

import os
import time
from pathlib import Path

LONGEST_S = 20.0
"""After so long it counts as written: two writes in one tick of a clock look like one."""
_BESIDE = ("", "-wal")
"""With a rollback journal what is committed is in the file itself."""


class Touched:
    """What was seen of the file at ``path``; without one (on a server) it is always written."""

    def __init__(
        self, path: Path | None, *, longest_s: float = LONGEST_S, rest_s: float | None = None
    ) -> None:
        """Have seen nothing yet; after ``longest_s`` it counts as written again.

        Once that has been so since the last change, a further one cannot hide behind it: from then
        on it counts as written after ``rest_s``, where that is given.
        """
        # As text, once: five times a second a path's own methods would be what costs most.
        self._files = () if path is None else tuple(f"{path}{end}" for end in _BESIDE)
        self._longest_s = longest_s
        self._rest_s = longest_s if rest_s is None else rest_s
        self._is_settled = False
        self._seen: tuple[tuple[int, int], ...] = ()
        self._looked_s = 0.0

    def __call__(self) -> bool:
        """Whether to look into it now; what is written after this is found the next time."""
        if not self._files:
            return True
        now_s = time.monotonic()
        seen = tuple(map(_stat, self._files))
        same = seen == self._seen
        wait_s = self._rest_s if self._is_settled else self._longest_s
        if same and now_s - self._looked_s < wait_s:
            return False
        self._is_settled = same
        self._seen, self._looked_s = seen, now_s
        return True

    def forget(self) -> None:
        """Look again the next time: the last look failed."""
        self._seen = ()
        self._is_settled = False


def _stat(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 # see above
    except OSError:
        return 0, 0
    # Whoever only reads makes an empty log and takes it away again: nothing was written.
    return (found.st_mtime_ns, found.st_size) if found.st_size else (0, 0)
