"""Asks devices one after another: one scan a device and period, also when nobody answers."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

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
NEVER_S = float("inf")
MARK_UNSURE = bytes(Quality.CLOCK_UNSURE if code == Quality.GOOD else code for code in range(256))


class TalkStats(msgspec.Struct, frozen=True, kw_only=True):
    """How one device has been spoken with since the start, in lines of text or over HTTP.

    ``polls`` are ticks taken, or for one that speaks unasked lines heard and silences told;
    ``answered`` those that gave something.
    """

    device: str
    is_answering: bool
    polls: int
    answered: int


class TalkLinkStats(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint that speaks text or HTTP, and its devices.

    Over HTTP each question has a connection of its own: it is ``connected`` while it answers, and
    ``connects`` are not counted.
    """

    endpoint: str
    connected: bool
    connects: int | None
    devices: tuple[TalkStats, ...]


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

    __slots__ = (
        "answered",
        "beat",
        "breaker",
        "device",
        "hurried_s",
        "is_answering",
        "is_told_lost",
        "polls",
    )

    def __init__(self, device: Asked, beat: Beat) -> None:
        self.device = device
        self.beat = beat
        self.breaker = breaker.HEALTHY
        self.hurried_s = NEVER_S
        self.is_answering = False
        self.is_told_lost = False
        self.polls = 0
        self.answered = 0

    @property
    def wanted_s(self) -> float:
        """Since when, or from when on, the device is to be asked."""
        return min(self.beat.due_s, self.hurried_s)


class Rounds:
    """Asks ``devices``, which share one line, each at its own beat.

    ``offset`` is the share of its period by which each begins later.
    """

    def __init__(
        self, devices: Sequence[Asked], *, clock: Clock, deliver: Deliver, offset: float = 0.0
    ) -> None:
        self._clock = clock
        self._deliver = deliver
        self._woken = asyncio.Event()
        self._turns = tuple(_Turn(device, _beat(device, offset)) for device in devices)

    async def run(self) -> None:
        """Ask for ever; only cancellation ends this."""
        while True:
            self._woken.clear()
            turn = min(self._turns, key=lambda turn: turn.wanted_s)
            now_s = time.monotonic()
            if turn.wanted_s > now_s:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(turn.wanted_s - now_s):
                        await self._woken.wait()
                continue
            turn.hurried_s = NEVER_S
            if turn.beat.due_s <= now_s:
                turn.beat.advance(now_s)
            scan = await self._scan(turn)
            turn.polls += 1
            self._deliver(scan)

    def hurry(self) -> None:
        """Ask at once whoever could not be asked, rather than at its next tick: the link is new."""
        now_s = time.monotonic()
        for turn in self._turns:
            turn.breaker = breaker.wake(turn.breaker, now_s)
            if not turn.is_answering:
                turn.hurried_s = now_s
        self._woken.set()

    def stats(self) -> tuple[TalkStats, ...]:
        """A snapshot of the counters."""
        return tuple(
            TalkStats(
                device=turn.device.layout.device,
                is_answering=turn.is_answering,
                polls=turn.polls,
                answered=turn.answered,
            )
            for turn in self._turns
        )

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
        turn.is_answering = True
        turn.answered += 1
        if turn.is_told_lost:
            log.info("%s answers again", turn.device.layout.device)
            turn.is_told_lost = False

    def _lose(self, turn: _Turn, error: DeviceError) -> None:
        turn.is_answering = False
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
