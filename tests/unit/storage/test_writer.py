"""When the journal's thread writes a group."""

import threading
import time
from collections.abc import Sequence

from storage.waiting import Committed, CursorMove, Waiting
from storage.writer import Hearing, Writer

HOUR_S = 3_600.0


class Swallowing:
    """A file that takes all, and keeps nothing."""

    def __init__(self) -> None:
        self.unsure: Committed | None = None

    def commit(self, batch: Sequence[Waiting]) -> Committed:
        """Nothing new."""
        return Committed(len(batch), [], [], [], {}, 0, 0, 0, 0, 0)

    def holds(self, _seq: int) -> bool:
        """Nothing."""
        return False

    def force(self) -> None:
        """Nothing to force."""

    def close(self) -> None:
        """Nothing to close."""


def test_what_waited_while_another_group_was_written_does_not_wait_once_more() -> None:
    taken: list[int] = []
    failures: list[str] = []
    stored = threading.Event()

    def committed(_: Committed, count: int) -> None:
        taken.append(count)
        stored.set()

    hearing = Hearing(committed, failures.append, failures.append, lambda: None)
    writer = Writer(Swallowing(), lambda _: Swallowing(), hearing, group_s=HOUR_S, group_size=100)
    writer.start()
    writer.add(CursorMove("anybody", 1, lambda: None, time.monotonic() - HOUR_S))
    in_time = stored.wait(10.0)
    writer.end(1.0)
    writer.join(10.0)
    assert in_time
    assert (taken, failures) == ([1], [])
