"""One connection on which answers carry no number, and so one question at a time.

Little in an answer says which question it answers. So an answer counts only when it is alone:
nothing came before it, and a silence follows it. After a question without an answer its unit is
not asked again until what it may still say is over.
"""

import asyncio
from abc import abstractmethod
from collections import deque
from typing import Generic, TypeVar, cast

from collector.address import Address, TcpAddress
from collector.clock import RUNNING_S
from collector.connection import SILENT_LIMIT, Asking, Counts
from collector.errors import UNREACHED, DeviceError, LinkError, NoAnswerError, RefusedError
from collector.frame import GarbageError
from collector.kept import Kept
from collector.serial_frame import TURNAROUND

LATEST = 2.0
"""How late an answer may come, in timeouts after its request: until then its unit is left alone."""
CHATTER_S = 5.0
"""How long a request waits for a silence on a line on which something talks unasked."""


class Quarantine:
    """Units that may still answer a question that was given up; kept over all connections."""

    def __init__(self) -> None:
        self._until_s: dict[int, float] = {}

    def put(self, unit: int, until_s: float) -> None:
        """Leave ``unit`` alone until a time of the running clock."""
        self._until_s[unit] = max(until_s, self._until_s.get(unit, 0.0))

    def left_s(self, unit: int, now_s: float) -> float:
        """For how long ``unit`` is still to be left alone, in seconds."""
        return max(self._until_s.get(unit, 0.0) - now_s, 0.0)


Outcome = bytes | RefusedError
R = TypeVar("R", bound=Asking)


class HalfDuplex(Kept, Generic[R]):
    """The protocol of one connection to ``address`` over which one thing is asked at a time."""

    def __init__(self, address: Address, counts: Counts, quarantine: Quarantine) -> None:
        super().__init__()
        self._name = address.name
        self._address = address
        self._counts = counts
        self._quarantine = quarantine
        self._sent = b""
        self._asked: R | None = None
        self._answer: Outcome | None = None
        self._waiting: deque[R] = deque()
        self._turn: asyncio.TimerHandle | None = None
        self._free_s = 0.0
        self._held_s = float("inf")
        self._silent = 0
        self._oddity = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to ask, after a first silence."""
        super().connection_made(transport)
        self._free_s = RUNNING_S() + self._address.silence_s

    def submit(self, request: R) -> None:
        """Send ``request`` when its turn comes."""
        if self.closed.done():
            request.settle(LinkError(f"{self._name}: {self.closed.result()}"))
            return
        self._waiting.append(request)
        self._send_waiting()

    def data_received(self, data: bytes) -> None:
        """Look for the answer to the one open request in what has come."""
        if self.closed.done():
            return
        request = self._asked
        if request is None:
            self._hear_unasked()
            return
        if self._answer is not None:
            if data.strip(TURNAROUND):
                self._counts.stray += 1
                self._give_up("; more came right behind the answer; which is right is not known")
            return
        self._buffer += data
        self._drop_echo()
        try:
            self._search(request)
        except GarbageError as error:
            self._counts.garbage += 1
            self._give_up(f"; what came is no answer ({error})")

    def _hear_unasked(self) -> None:
        """A late answer, or noise: nothing is sent until it is over."""
        now_s = RUNNING_S()
        self._counts.stray += 1
        self._free_s = now_s + self._address.silence_s
        if now_s - self._held_s > CHATTER_S:
            self.abort(f"something talked unasked for {CHATTER_S:g} s; who else is on this line?")

    @abstractmethod
    def _spell(self, request: R) -> bytes:
        """What is sent for ``request``."""

    @abstractmethod
    def _longest(self, request: R) -> int:
        """How many characters its answer may have."""

    @abstractmethod
    def _take(self, request: R) -> Outcome | None:
        """The outcome of ``request`` in the buffer, from which it is taken, if it is there.

        Raises:
            GarbageError: what has come can be no answer to anything.
        """

    def _suspect(self, request: R) -> int:
        """Who may give a late answer that could be taken for that to ``request``."""
        return request.unit

    def _leave_alone(self, request: R) -> None:
        until_s = request.sent_s + LATEST * max(request.whole_s, request.timeout_s)
        self._quarantine.put(self._suspect(request), until_s)

    def _search(self, request: R) -> None:
        answer = self._take(request)
        if answer is None or self._asked is not request:
            return
        if request.is_over:
            # It may have waited in the socket while we slept, and tell of before.
            self._counts.late += 1
            self._give_up("")
            return
        if self._buffer.strip(TURNAROUND):
            self._counts.stray += 1
            self._give_up("; more came with the answer; which is right is not known")
            return
        self._answer = answer
        if request.timer is not None:
            request.timer.cancel()
        request.timer = self._loop.call_later(self._address.silence_s, self._settle, request)

    def _drop_echo(self) -> None:
        # Some two-wire adapters hear themselves. A short echo can even look like an answer, so
        # what is the same as the request is never one.
        if self._sent and self._buffer.startswith(self._sent):
            self._buffer = self._buffer[len(self._sent) :]
            self._sent = b""

    def _send_waiting(self) -> None:
        if self._asked is not None or self._turn is not None or self.closed.done():
            return
        while self._waiting and self._waiting[0].future.done():
            self._waiting.popleft()
        if not self._waiting:
            return
        now_s = RUNNING_S()
        suspect = self._suspect(self._waiting[0])
        wait_s = max(self._free_s - now_s, self._quarantine.left_s(suspect, now_s))
        if wait_s > 0:
            self._held_s = min(self._held_s, now_s)
            self._turn = self._loop.call_later(wait_s, self._take_turn)
        else:
            self._send(self._waiting.popleft())

    def _take_turn(self) -> None:
        self._turn = None
        self._send_waiting()

    def _send(self, request: R) -> None:
        self._buffer = b""
        self._answer = None
        self._asked = request
        self._sent = self._spell(request)
        self._counts.requests += 1
        self._held_s = float("inf")
        request.sent_s = RUNNING_S()
        # The line's own time is not the unit's.
        request.timeout_s += self._address.wire_s(len(self._sent) + self._longest(request))
        request.timer = self._loop.call_later(request.timeout_s, self._give_up, "")
        assert self._transport is not None  # noqa: S101 # asked only once connected
        self._transport.write(self._sent)

    def _settle(self, request: R) -> None:
        answer = cast("Outcome", self._answer)
        if not isinstance(answer, RefusedError) or answer.code not in UNREACHED:
            self.has_answered = True
        self._silent = 0
        self._oddity = ""
        self._finish(request, answer)

    def _give_up(self, oddity: str) -> None:
        """End the open request without an answer, and leave its unit alone for a while."""
        request = self._asked
        if request is None:
            return
        self._counts.timeouts += 1
        self._silent += 1
        self._leave_alone(request)
        waited = f"no answer within {request.timeout_s:g} s{oddity or self._oddity}"
        self._oddity = ""
        self._finish(request, NoAnswerError(f"{self._name}: unit {request.unit}: {waited}"))

    def _finish(self, request: R, outcome: bytes | DeviceError) -> None:
        self._asked = None
        self._answer = None
        self._buffer = b""
        self._free_s = RUNNING_S() + max(self._address.pause_s, self._address.silence_s)
        request.settle(outcome)
        if not isinstance(outcome, NoAnswerError):
            self._send_waiting()
        elif isinstance(self._address, TcpAddress):
            # What is still under way in the stream ends with it.
            self.is_flushed = True
            self.abort("left a request unanswered")
        elif self._silent >= SILENT_LIMIT:
            self.abort(f"{self._silent} requests in a row were not answered")
        else:
            self._send_waiting()

    def _fail_open(self, reason: str) -> None:
        if self._turn is not None:
            self._turn.cancel()
        if self._asked is not None:
            self._leave_alone(self._asked)
            self._waiting.appendleft(self._asked)
            self._asked = None
        for request in self._waiting:
            request.settle(LinkError(f"{self._name}: {reason}"))
        self._waiting.clear()
