"""One Modbus TCP connection: pairs answers with requests, and uses no answer it cannot pair."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from collector import frame
from collector.clock import RUNNING_S
from collector.errors import UNREACHED, LinkError, NoAnswerError, RefusedError
from collector.frame import EXCEPTION_BIT, MAX_LENGTH, MEI_IDENTIFY, Frame, GarbageError
from collector.kept import Kept
from devices.identity import IdentityError, Level, page

log = logging.getLogger(__name__)

SILENT_LIMIT = 3
"""Unanswered requests in a row after which the connection itself is doubted and replaced."""
REMEMBERED = 64
"""Expired requests remembered, so that their late answers are counted as late."""
MOST_STRAY = 256
"""Answers in a row to nothing that was asked, after which the connection is given up."""
HELD_UP_S = 1.0
"""How late a timer may be on a busy machine; what is later than this has been asleep."""
_BITS = frozenset({1, 2})
_MEI = bytes((MEI_IDENTIFY,))


@dataclass(slots=True)
class Counts:
    """What was seen on an endpoint, over all its connections."""

    requests: int = 0
    timeouts: int = 0
    late: int = 0
    stray: int = 0
    wrong_unit: int = 0
    mismatched: int = 0
    garbage: int = 0


class Asking:
    """A question on its way to ``unit``. ``timeout_s`` runs from the moment it is sent.

    ``whole_s`` is how long the unit may take, where it is not waited for so long.
    """

    __slots__ = ("future", "sent_s", "timeout_s", "timer", "unit", "whole_s")

    def __init__(self, unit: int, timeout_s: float) -> None:
        self.unit = unit
        self.timeout_s = timeout_s
        self.whole_s = timeout_s
        self.future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.timer: asyncio.TimerHandle | None = None
        self.sent_s = float("inf")

    @property
    def is_over(self) -> bool:
        """Whether its time has passed unseen: a timer does not count a suspend."""
        return RUNNING_S() - self.sent_s > self.timeout_s + HELD_UP_S

    def settle(self, outcome: bytes | Exception) -> None:
        """Hand the outcome to whoever waits, if anybody still does."""
        if self.timer is not None:
            self.timer.cancel()
        if self.future.done():
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class Question(Asking, ABC):
    """What is asked of a unit: ``told`` are its function and what follows, as sent."""

    __slots__ = ("function", "told")

    def __init__(self, unit: int, told: bytes, timeout_s: float) -> None:
        super().__init__(unit, timeout_s)
        self.told = told
        self.function = told[0]

    @property
    @abstractmethod
    def subject(self) -> str:
        """What is asked for, in words."""

    @property
    @abstractmethod
    def longest(self) -> int:
        """How many bytes may follow the function in an answer."""

    @abstractmethod
    def fits(self, body: bytes) -> bool:
        """Whether ``body``, what follows the function, can be the answer."""


class Request(Question):
    """A read of ``count`` registers or bits from ``address``."""

    __slots__ = ("address", "size")

    def __init__(
        self, unit: int, function: int, address: int, count: int, timeout_s: float
    ) -> None:
        super().__init__(unit, frame.read(function, address, count), timeout_s)
        self.address = address
        self.size = (count + 7) // 8 if function in _BITS else 2 * count

    @property
    def subject(self) -> str:
        """What is asked for, in words."""
        return f"address {self.address}"

    @property
    def longest(self) -> int:
        """How many bytes may follow the function in an answer."""
        return self.size + 1

    def fits(self, body: bytes) -> bool:
        """Whether ``body``, what follows the function, can be the answer."""
        return len(body) == self.size + 1 and body[0] == self.size


class Introduction(Question):
    """Who the unit is: its objects of ``level`` from ``first`` on (43/14)."""

    __slots__ = ("first", "level")

    def __init__(self, unit: int, level: Level, first: int, timeout_s: float) -> None:
        super().__init__(unit, frame.introduction(level, first), timeout_s)
        self.level = level
        self.first = first

    @property
    def subject(self) -> str:
        """What is asked for, in words."""
        return f"device identification, object {self.first}"

    @property
    def longest(self) -> int:
        """How many bytes may follow the function in an answer."""
        return MAX_LENGTH - 2

    def fits(self, body: bytes) -> bool:
        """Whether ``body``, what follows the function, can be the answer."""
        if body[:1] != _MEI:
            return False
        try:
            found = page(body[1:])
        except IdentityError:
            return False
        # A device may keep to the level that it has, where more was asked for.
        return 1 <= found.level <= self.level


class Connection(Kept):
    """The protocol of one TCP connection to ``name``, with at most ``window`` open requests.

    ``on_late`` is told which unit answered a request that had been given up, and after how many
    seconds.
    """

    def __init__(
        self,
        name: str,
        window: int,
        counts: Counts,
        on_late: Callable[[int, float], None] = lambda _unit, _took_s: None,
    ) -> None:
        super().__init__()
        self._name = name
        self._window = window
        self._counts = counts
        self._on_late = on_late
        # Going on where the last connection ended: a gateway may give its late answers to this one.
        self._next = counts.requests & 0xFFFF
        self._pending: dict[int, Question] = {}
        self._waiting: deque[Question] = deque()
        self._expired: dict[int, Question] = {}
        self._silent = 0
        self._astray = 0
        self._oddity = ""

    def submit(self, request: Question) -> None:
        """Send ``request`` when the window has room."""
        if self.closed.done():
            request.settle(LinkError(f"{self._name}: {self.closed.result()}"))
        elif len(self._pending) < self._window:
            self._send(request)
        else:
            self._waiting.append(request)

    def data_received(self, data: bytes) -> None:
        """Pair the answers in ``data`` with their requests."""
        if self.closed.done():
            return
        try:
            frames, self._buffer = frame.take(self._buffer + data)
        except GarbageError as error:
            self._counts.garbage += 1
            self.abort(f"sent bytes that are not Modbus TCP ({error})")
            return
        for answer in frames:
            self._pair(answer)
        if self._astray > MOST_STRAY:
            self._counts.garbage += 1
            self.abort(f"sent {self._astray} answers in a row to nothing that was asked")

    def _send(self, request: Question) -> None:
        transaction = self._next
        while transaction in self._pending:
            transaction = transaction + 1 & 0xFFFF
        self._next = transaction + 1 & 0xFFFF
        self._expired.pop(transaction, None)
        self._pending[transaction] = request
        self._counts.requests += 1
        request.sent_s = RUNNING_S()
        request.timer = self._loop.call_later(request.timeout_s, self._expire, transaction)
        assert self._transport is not None  # noqa: S101 # asked only once connected
        self._transport.write(frame.request(transaction, request.unit, request.told))

    def _pair(self, answer: Frame) -> None:
        request = self._pending.get(answer.transaction)
        if request is not None and request.is_over:
            # It may have waited in the socket while we slept, and tell of before.
            self._expire(answer.transaction)
            request = None
        if request is None:
            self._count_unasked(answer)
        elif answer.unit != request.unit:
            self._counts.wrong_unit += 1
            self._oddity = f"; an answer of unit {answer.unit} was dropped"
            if self._counts.wrong_unit == 1:
                log.warning(
                    "%s: unit %d was asked, unit %d answered; dropped. Check the unit numbers",
                    self._name,
                    request.unit,
                    answer.unit,
                )
        elif answer.function == request.function and request.fits(answer.body):
            self._settle(answer.transaction, request, answer.body[1:])
        elif answer.function == request.function | EXCEPTION_BIT and len(answer.body) == 1:
            where = f"{self._name}: unit {request.unit}, {request.subject}"
            refused = RefusedError(where, answer.body[0])
            self._settle(answer.transaction, request, refused)
        else:
            self._counts.mismatched += 1
            self._oddity = f"; an answer of function {answer.function} did not fit and was dropped"

    def _settle(self, transaction: int, request: Question, outcome: bytes | RefusedError) -> None:
        self._oddity = ""
        if not isinstance(outcome, RefusedError) or outcome.code not in UNREACHED:
            self.has_answered = True
        self._silent = self._astray = 0
        del self._pending[transaction]
        request.settle(outcome)
        self._send_waiting()

    def _count_unasked(self, answer: Frame) -> None:
        request = self._expired.pop(answer.transaction, None)
        if request is not None:
            self._counts.late += 1
            # Late, but alive: the connection is not to blame.
            self._silent = 0
            if isinstance(request, Request) and answer.unit == request.unit:
                self._on_late(request.unit, RUNNING_S() - request.sent_s)
        else:
            self._counts.stray += 1
            self._astray += 1

    def _expire(self, transaction: int) -> None:
        request = self._pending.pop(transaction)
        self._counts.timeouts += 1
        self._silent += 1
        self._expired[transaction] = request
        if len(self._expired) > REMEMBERED:
            del self._expired[next(iter(self._expired))]
        waited = f"no answer within {request.timeout_s:g} s{self._oddity}"
        request.settle(NoAnswerError(f"{self._name}: unit {request.unit}: {waited}"))
        if self._buffer:
            # What follows a cut answer would be read as its end.
            self.abort("left an answer unfinished")
        elif self._silent >= SILENT_LIMIT:
            self.abort(f"{self._silent} requests in a row were not answered")
        else:
            self._send_waiting()

    def _send_waiting(self) -> None:
        while self._waiting and len(self._pending) < self._window and not self.closed.done():
            request = self._waiting.popleft()
            if not request.future.done():
                self._send(request)

    def _fail_open(self, reason: str) -> None:
        for request in (*self._pending.values(), *self._waiting):
            request.settle(LinkError(f"{self._name}: {reason}"))
        self._pending.clear()
        self._waiting.clear()
