"""The thread that writes the journal: groups what waits, and holds on to it when it cannot."""

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from storage.damage import is_damage
from storage.pack import DamagedError
from storage.waiting import Committed, Waiting

_LARGEST_GROUP = 2_000
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0


class File(Protocol):
    """What the thread needs of the journal's file."""

    unsure: Committed | None

    def holds(self, seq: int) -> bool: ...
    def commit(self, batch: Sequence[Waiting]) -> Committed: ...
    def force(self) -> None: ...
    def close(self) -> None: ...


class Hearing(NamedTuple):
    """Whom the thread tells what; each is called on the thread."""

    committed: Callable[[Committed, int], None]
    failing: Callable[[str], None]
    recovered: Callable[[str], None]
    ended: Callable[[], None]


class Writer:
    """Owns the file from ``start`` to its end."""

    def __init__(
        self,
        file: File,
        reopen: Callable[[bool], File],
        hearing: Hearing,
        *,
        group_s: float,
        group_size: int,
    ) -> None:
        """Take over ``file``; ``reopen(thorough)`` gives another after a failure."""
        self._file: File | None = file
        self._reopen = reopen
        self._hearing = hearing
        self._group_s = group_s
        self._group_size = group_size
        self._waiting: deque[Waiting] = deque()
        self._something = threading.Event()
        self._enough = threading.Event()
        self._ending = threading.Event()
        self._give_up_at = float("inf")
        self._suspect = False
        self._failing_since: float | None = None
        self._thread = threading.Thread(target=self._run, name="journal writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def add(self, item: Waiting) -> None:
        """Let ``item`` wait for the next commit. Does not block."""
        self._waiting.append(item)
        if len(self._waiting) >= self._group_size and not self._enough.is_set():
            self._enough.set()
        if not self._something.is_set():
            self._something.set()

    def suspect(self) -> None:
        """Have the file examined, and salvaged if need be, before the next commit."""
        self._suspect = True
        self._enough.set()
        self._something.set()

    def end(self, within_s: float) -> None:
        """Write what waits, for at most ``within_s`` seconds, and end. Does not block."""
        self._give_up_at = time.monotonic() + within_s
        self._ending.set()
        self._enough.set()
        self._something.set()

    def join(self, within_s: float) -> None:
        """Wait for the end."""
        self._thread.join(within_s)

    def _run(self) -> None:
        try:
            while (batch := self._next()) is not None:
                if (batch or self._suspect) and not self._store(batch):
                    break
        finally:
            if self._file is not None:
                self._file.close()
            self._hearing.ended()

    def _next(self) -> list[Waiting] | None:
        self._something.wait()
        # What came while the last group was being written has waited already.
        waited_s = time.monotonic() - self._waiting[0].since if self._waiting else 0.0
        self._enough.wait(max(0.0, self._group_s - waited_s))
        # Cleared before the queue is emptied: what comes in between rings again.
        self._something.clear()
        if not self._ending.is_set():
            self._enough.clear()
        count = min(len(self._waiting), _LARGEST_GROUP)
        batch = [self._waiting.popleft() for _ in range(count)]
        if self._waiting or self._ending.is_set():
            self._something.set()
        if len(self._waiting) >= self._group_size:
            self._enough.set()
        if not batch and self._ending.is_set() and not self._waiting:
            return None
        return batch

    def _store(self, batch: Sequence[Waiting]) -> bool:
        """Write ``batch``, as often as it takes; False if the end came before."""
        unsure: Committed | None = None
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                answer = self._attempt(batch, unsure)
            except (sqlite3.Error, DamagedError, OSError) as error:
                unsure = self._let_go(error) or unsure
                self._failed(error, len(batch))
            else:
                self._hearing.committed(answer, len(batch))
                self._recovered()
                return True
            if not self._hold(pause_s):
                return False
            pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)

    def _attempt(self, batch: Sequence[Waiting], unsure: Committed | None) -> Committed:
        if self._suspect and self._file is not None:
            self._file.close()
            self._file = None
        if self._file is None:
            self._file = self._reopen(self._suspect)
            self._suspect = False
        if unsure is not None and self._file.holds(unsure.last):
            # The commit that failed had been written. What a failed fsync left in memory only
            # is written once more by this.
            self._file.force()
            return unsure
        return self._file.commit(batch)

    def _let_go(self, error: Exception) -> Committed | None:
        """Close the file after a failure; what its last commit would have brought."""
        self._suspect = self._suspect or is_damage(error)
        if self._file is None:
            return None
        unsure = self._file.unsure
        self._file.close()
        self._file = None
        return unsure

    def _hold(self, pause_s: float) -> bool:
        """Wait before the next attempt; False when it is time to give up."""
        if self._ending.is_set():
            time.sleep(min(pause_s, max(0.0, self._give_up_at - time.monotonic())))
        else:
            self._ending.wait(pause_s)
        return time.monotonic() < self._give_up_at

    def _failed(self, error: Exception, count: int) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
            self._hearing.failing(
                f"cannot be written: {error}; {count} entries wait in memory and nothing is "
                "acknowledged meanwhile: make room or mend the disk, it goes on by itself"
            )

    def _recovered(self) -> None:
        if self._failing_since is not None:
            lasted_s = time.monotonic() - self._failing_since
            self._failing_since = None
            self._hearing.recovered(
                f"is written again after {lasted_s:.1f} s; nothing was lost of what waited"
            )
