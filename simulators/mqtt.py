"""Freezers and room monitors that publish JSON over MQTT; the one door to aiomqtt.

The payloads are this project's own, no real device has them::

    {"time": "2026-01-05T08:00:00.000Z", "sequence": 7, "level_mm": 551,
     "temperature": {"top": -170.6, "bottom": -196.0}, "lid": "closed", "filling": false,
     "fill_alarm": false}
    {"time": "2026-01-05T08:00:00.000Z", "sequence": 7, "oxygen": 20.9, "fault": false}

``time`` is the wall clock in UTC, never a simulated one. ``sequence`` counts measurements from 1
without holes; a publisher that was started again begins anew. A missing value is ``null``.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol

import aiomqtt
import msgspec

from simulators import freezer, room
from simulators.faults import Faults
from simulators.noise import uniform

PERIOD_S = 1.0
ANSWER_S = 3.0
"""How long a broker may take to acknowledge."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
WAITING_MESSAGES = 600
"""What a device keeps while the broker is away: ten minutes; the oldest go first."""

Body = Mapping[str, object]
log = logging.getLogger(__name__)


class Speaker(Protocol):
    """What a publisher speaks for."""

    faults: Faults

    def body(self) -> Body:
        """What the device says now, without time and sequence."""


class Publisher:
    """One device with its own connection, which publishes at least once (QoS 1).

    A message is sent again, with the same stamp and sequence, until the broker has acknowledged
    it. What is measured while the broker is away waits in the device.
    """

    def __init__(
        self, *, name: str, topic: str, device: Speaker, period_s: float = PERIOD_S
    ) -> None:
        self.name = name
        self._topic = topic
        self._device = device
        self._period_s = period_s
        self._sequence = 0
        self._waiting: deque[bytes] = deque(maxlen=WAITING_MESSAGES)
        self._news = asyncio.Event()
        self._nudged = asyncio.Event()
        self._held: Body | None = None

    async def run(self, host: str, port: int) -> None:
        """Measures and publishes until cancelled; comes back by itself when the broker does."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._measure(), name=f"simulators.{self.name}.measure")
            tasks.create_task(self._connect(host, port), name=f"simulators.{self.name}.publish")

    def nudge(self) -> None:
        """Something worth telling at once has happened."""
        self._nudged.set()

    def measure(self, at: datetime) -> bytes | None:
        """The message of this instant, or nothing from a silent device."""
        faults = self._device.faults
        if faults.silent:
            return None
        if self._held is None or not faults.stuck:
            self._held = self._device.body()
        self._sequence += 1
        shown = at + timedelta(seconds=faults.clock_off_s)
        stamped = {"time": _iso(shown), "sequence": self._sequence, **self._held}
        return msgspec.json.encode(stamped)

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            message = self.measure(datetime.now(UTC))
            if message is not None:
                self._waiting.append(message)
                self._news.set()
            if not self._nudged.is_set():
                due = max(due + self._period_s, loop.time())
            self._nudged.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._nudged.wait()

    async def _connect(self, host: str, port: int) -> None:
        failures = 0
        while True:
            try:
                async with _connection(f"sim-{self.name}", host, port) as client:
                    if failures:
                        log.info("%s: the broker at %s:%s is back", self.name, host, port)
                    failures = 0
                    await self._publish(client)
            except aiomqtt.MqttError as error:
                _heed_cancellation()
                if failures == 0:
                    log.warning(
                        "%s: no broker at %s:%s (%s); trying again", self.name, host, port, error
                    )
            failures += 1
            await asyncio.sleep(_pause_s(failures))

    async def _publish(self, client: aiomqtt.Client) -> None:
        while True:
            _heed_cancellation()
            while self._waiting:
                message = self._waiting[0]
                await client.publish(self._topic, message, qos=1)
                _heed_cancellation()
                # A full queue may have dropped it meanwhile.
                if self._waiting and self._waiting[0] is message:
                    self._waiting.popleft()
            self._news.clear()
            await self._news.wait()


@asynccontextmanager
async def _connection(name: str, host: str, port: int) -> AsyncIterator[aiomqtt.Client]:
    """A client that is connected; aiomqtt.MqttError if that fails or ends."""
    client = aiomqtt.Client(host, port, identifier=name, timeout=ANSWER_S, keepalive=15)
    # When aiomqtt is cancelled while it connects, it leaves a socket and a task behind: so it is
    # let finish, which its own time limit bounds, and is then closed.
    opening = asyncio.create_task(client.__aenter__(), name=f"{name}.connect")
    try:
        await asyncio.shield(opening)
        yield client
    finally:
        await asyncio.wait({opening})
        if opening.exception() is None:
            with suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)
                # Takes the reason of a lost connection, or asyncio would log it as an error.
                await anext(client.messages)


def _heed_cancellation() -> None:
    """Ends a cancelled task that did not notice."""
    # asyncio.wait_for of Python 3.11, which aiomqtt uses, swallows a cancellation that comes
    # together with the answer.
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def freezer_body(shown: freezer.Readings, faults: Faults) -> Body:
    """What a freezer says; with ``not_a_number`` its measurements are null."""
    missing = faults.not_a_number
    return {
        "level_mm": None if missing else shown.level_mm,
        "temperature": {
            "top": None if missing else round(shown.top_c, 1),
            "bottom": None if missing else round(shown.bottom_c, 1),
        },
        "lid": "open" if shown.lid_open else "closed",
        "filling": shown.filling,
        "fill_alarm": shown.fill_alarm,
    }


def room_body(shown: room.Readings, faults: Faults) -> Body:
    """What a room monitor says; with ``not_a_number`` its measurement is null."""
    missing = faults.not_a_number or shown.oxygen_pct is None
    oxygen = None if missing or shown.oxygen_pct is None else round(shown.oxygen_pct, 1)
    return {"oxygen": oxygen, "fault": shown.fault}


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _pause_s(failures: int) -> float:
    """Full jitter (0 to the doubled pause), from the count itself: no two runs differ."""
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures, 10))
    return longest * uniform(failures, 0)
