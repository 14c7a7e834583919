"""What was taken in and not yet acknowledged: acknowledged in the order in which it came."""

from collections import deque
from collections.abc import Callable

import msgspec

_SHARE = 8


class Ticket(msgspec.Struct, eq=False):
    """One message under way. ``size`` is that of its payload, in bytes."""

    acknowledge: Callable[[], None]
    size: int
    is_settled: bool = False


class Window:
    """The tickets of the messages under way, oldest first.

    It is full with more than ``most`` messages or ``most_bytes`` of payload, and has room again
    when an eighth of both is free: soon, as whoever waits for much room waits for the disk.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._open: deque[Ticket] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._open)

    @property
    def is_full(self) -> bool:
        """Whether no more should be taken in."""
        return len(self._open) > self._most or self._bytes > self._most_bytes

    @property
    def has_room(self) -> bool:
        """Whether it is time to take in more again."""
        free, free_bytes = self._most - len(self._open), self._most_bytes - self._bytes
        return free * _SHARE >= self._most and free_bytes * _SHARE >= self._most_bytes

    def admit(self, acknowledge: Callable[[], None], size: int) -> Ticket:
        """Enter a message; ``acknowledge`` is called once it and all before it are settled."""
        ticket = Ticket(acknowledge, size)
        self._open.append(ticket)
        self._bytes += size
        return ticket

    def settle(self, ticket: Ticket) -> None:
        """Note that a message is safe on disk, and acknowledge what may be."""
        ticket.is_settled = True
        while self._open and self._open[0].is_settled:
            first = self._open.popleft()
            self._bytes -= first.size
            first.acknowledge()
