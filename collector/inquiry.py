"""One poll of one unit: asks for its blocks, and says what came of each."""

import time
from collections import deque
from collections.abc import Iterable

from collector.errors import UNREACHED, DeviceError, NoAnswerError, RefusedError
from collector.modbus import ModbusClient
from devices.plan import Block, split

_ILLEGAL_FUNCTION = 1


class Answers:
    """What came of one poll. ``payloads`` stand in the order of ``blocks``, None for a lost one.

    ``blocks`` differ from those asked for where ``is_replanned``: a refused block was parted, and
    what is refused for good stands in ``refused`` instead. ``failure`` is what ended the poll
    early, at ``failed``. ``slowest_s`` is how long the slowest answer took, in seconds.
    """

    __slots__ = (
        "_last_refusal",
        "blocks",
        "failed",
        "failure",
        "is_heard",
        "is_replanned",
        "payloads",
        "refused",
        "slowest_s",
    )

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.payloads: list[bytes | None] = []
        self.refused: list[Block] = []
        self.is_heard = False
        self.is_replanned = False
        self.slowest_s = 0.0
        self.failure: DeviceError | None = None
        self.failed: Block | None = None
        self._last_refusal: RefusedError | None = None

    @property
    def is_whole(self) -> bool:
        """Whether every block was answered."""
        return None not in self.payloads

    @property
    def is_silence(self) -> bool:
        """Whether the unit, and not the link to it, gave nothing more."""
        return isinstance(self.failure, NoAnswerError | RefusedError)

    def add(self, block: Block, payload: bytes | None) -> None:
        """Keep what ``block`` gave."""
        self.blocks.append(block)
        self.payloads.append(payload)

    def refuse(self, block: Block, error: RefusedError) -> tuple[Block, ...]:
        """Note that the unit refuses ``block``; gives what to ask instead."""
        self.is_heard = True
        if not error.is_lasting:
            self.add(block, None)
            return ()
        self.is_replanned = True
        # A function that the device does not have is not had by halves either.
        halves = () if error.code == _ILLEGAL_FUNCTION else split(block)
        if not halves:
            self.refused.append(block)
            self._last_refusal = error
        return halves

    def conclude(self) -> None:
        """A unit that refuses everything is starting up, or not the one meant: no new plan."""
        if self._last_refusal is not None and not self.blocks:
            self.is_heard = False
            self.is_replanned = False
            self.refused = []
            self.failure = self._last_refusal

    def give_up(self, block: Block, failure: DeviceError) -> None:
        """Ask nothing more after ``block``."""
        self.add(block, None)
        self.failure = failure
        self.failed = block


async def inquire(
    client: ModbusClient,
    unit: int,
    blocks: Iterable[Block],
    timeout_s: float,
    whole_s: float | None = None,
) -> Answers:
    """Read ``blocks`` of ``unit``, as many at a time as the client's window has room for.

    Each answer is waited for ``timeout_s``; ``whole_s`` is the unit's own timeout, where that is
    longer: what comes until then comes late.

    What is refused for good is parted and asked for again at once. The first silence ends the
    poll: every further question to a silent unit would cost its neighbours a timeout.
    """
    answers = Answers()
    left = deque(blocks)
    while left and answers.failure is None:
        group = [left.popleft() for _ in range(min(client.window, len(left)))]
        began_s = time.monotonic()
        outcomes = await _ask(client, unit, group, timeout_s, whole_s or timeout_s)
        took_s = time.monotonic() - began_s
        for block, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, bytes):
                answers.is_heard = True
                answers.slowest_s = max(took_s, answers.slowest_s)
                answers.add(block, outcome)
            elif isinstance(outcome, RefusedError) and outcome.code not in UNREACHED:
                left.extendleft(reversed(answers.refuse(block, outcome)))
            else:
                answers.give_up(block, outcome)
    for block in left:
        answers.add(block, None)
    answers.conclude()
    return answers


async def _ask(
    client: ModbusClient, unit: int, group: list[Block], timeout_s: float, whole_s: float
) -> list[bytes | DeviceError]:
    futures = [
        client.submit(unit, block.table, block.address, block.count, timeout_s, whole_s)
        for block in group
    ]
    outcomes: list[bytes | DeviceError] = []
    try:
        for future in futures:
            try:
                outcomes.append(await future)
            except DeviceError as error:
                outcomes.append(error)
    finally:
        for future in futures[len(outcomes) :]:
            # Only when cancelled; an outcome that nobody takes would be reported as forgotten.
            if not future.cancel() and not future.cancelled():
                future.exception()
    return outcomes
