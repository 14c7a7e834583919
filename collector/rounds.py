"""Asks devices one after another: one scan a device and period, also when nobody answers."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from collector import breaker
from collector.clock import Clock
from collector.errors import DeviceError, NoAnswerError
from collector.schedule import Beat
from devices.codec import Decoded
from devices.duration import Duration
from devices.quality import Quality
from devices.scan import Layout, Scan, absent

log = logging.getLogger(__name__)

Deliver = Callable[[Scan], object]
"""Takes a scan without waiting; what it gives back is not looked at."""
MARK_UNSURE = bytes(Quality.CLOCK_UNSURE if code == Quality.GOOD else code for code in range(256))


class Asked(Protocol):
    """A device that can be asked; ``ask`` is bounded in time."""

    @property
    def layout(self) -> Layout:
        """Its channels."""

    @property
    def period(self) -> Duration:
        """How often it is asked."""

    async def ask(self) -> Decoded:
        """Values and qualities of its channels.

        Raises:
            DeviceError: it gave nothing.
        """


class _Turn:
    """A device, its beat, and how it has been answering."""

    __slots__ = ("beat", "breaker", "device", "is_told_lost")

    def __init__(self, device: Asked, beat: Beat) -> None:
        self.device = device
        self.beat = beat
        self.breaker = breaker.HEALTHY
        self.is_told_lost = False


class Rounds:
    """Asks ``devices``, which share one line, each at its own beat.

    ``offset`` is the share of its period by which each begins later.
    """

    def __init__(
        self, devices: Sequence[Asked], *, clock: Clock, deliver: Deliver, offset: float = 0.0
    ) -> None:
        self._clock = clock
        self._deliver = deliver
        self._turns = tuple(_Turn(device, _beat(device, offset)) for device in devices)

    async def run(self) -> None:
        """Ask for ever; only cancellation ends this."""
        while True:
            turn = min(self._turns, key=lambda turn: turn.beat.due_s)
            wait_s = turn.beat.due_s - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            turn.beat.advance(time.monotonic())
            self._deliver(await self._scan(turn))

    async def _scan(self, turn: _Turn) -> Scan:
        layout, began_s = turn.device.layout, time.monotonic()
        if not turn.breaker.may_ask(began_s):
            return absent(layout, at=self._clock.now())
        try:
            values, qualities = await turn.device.ask()
        except DeviceError as error:
            self._lose(turn, error)
            return absent(layout, at=self._clock.now())
        self._hear(turn)
        return stamped(self._clock, layout, (values, qualities), time.monotonic() - began_s)

    def _hear(self, turn: _Turn) -> None:
        turn.breaker = breaker.HEALTHY
        if turn.is_told_lost:
            log.info("%s answers again", turn.device.layout.device)
            turn.is_told_lost = False

    def _lose(self, turn: _Turn, error: DeviceError) -> None:
        if isinstance(error, NoAnswerError):
            # Else the link is to blame, and asking costs nobody any time.
            now_s, alone = time.monotonic(), len(self._turns) == 1
            turn.breaker = breaker.missed(turn.breaker, now_s, alone=alone)
        if not turn.is_told_lost:
            log.warning("%s stopped answering: %s", turn.device.layout.device, error)
            turn.is_told_lost = True


def stamped(clock: Clock, layout: Layout, decoded: Decoded, round_trip_s: float) -> Scan:
    """What was ``decoded`` as a scan of the middle of its round trip, which has just ended."""
    values, qualities = decoded
    received = clock.now()
    if clock.is_unsure:
        qualities = qualities.translate(MARK_UNSURE)
    # Half the round trip back from the answer: the wall clock may have been set in between.
    return Scan(layout, received - round(round_trip_s * 500), received, values, qualities)


def _beat(device: Asked, offset: float) -> Beat:
    now_s, period_s = time.monotonic(), device.period.seconds
    return Beat(start_s=now_s - now_s % period_s + offset * period_s, period_s=period_s)
