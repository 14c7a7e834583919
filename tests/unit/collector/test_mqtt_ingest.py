"""What waits for the journal is stored as what it was when it came."""

import asyncio
from collections.abc import Callable
from typing import cast

from collector.mqtt_ingest import Counts, Ingest
from collector.mqtt_link import Link, Message
from collector.mqtt_settings import BrokerSettings, Subscription
from devices.catalog import find
from devices.profile import layout
from devices.quality import Quality
from devices.scan import Scan
from storage.journal import JournalFullError, MessageKey, Outcome

NOON = 1_772_366_400_000
SAID = b'{"time": "2026-03-01T12:00:00Z", "sequence": 7, "oxygen": 20.9, "fault": false}'


class Line:
    """A connection on which nothing is heard again."""

    resumed = False

    def __init__(self) -> None:
        self.acknowledged: list[Message] = []

    def acknowledge(self, message: Message) -> None:
        self.acknowledged.append(message)


class Log:
    """A journal that takes nothing the first time."""

    def __init__(self) -> None:
        self.scans: list[Scan] = []
        self.aside: list[tuple[str, str]] = []
        self.refused = asyncio.Event()
        self.taken = asyncio.Event()

    def append(
        self,
        entry: Scan,
        *,
        key: MessageKey | None = None,  # noqa: ARG002 # as the journal has it
        done: Callable[[Outcome], None] | None = None,
    ) -> None:
        if not self.refused.is_set():
            self.refused.set()
            raise JournalFullError("full")
        self.scans.append(entry)
        if done is not None:
            done(Outcome.STORED)
        self.taken.set()

    def quarantine(
        self, origin: str, reason: str, payload: bytes, *, done: Callable[[], None] | None = None
    ) -> None:
        assert payload
        self.aside.append((origin, reason))
        if done is not None:
            done()
        self.taken.set()


class Clock:
    """A clock that was set moments ago."""

    is_unsure = True

    def now(self) -> int:
        return NOON


async def test_what_came_while_the_clock_was_unsure_is_marked_however_late_it_is_stored() -> None:
    profile, log, clock, line = find("sim-room-oxygen"), Log(), Clock(), Line()
    ingest = Ingest(
        BrokerSettings(id="b", host="127.0.0.1", client_id="c"),
        {"room": Subscription(layout("room", profile), profile, 1_000)},
        log,
        clock,
        Counts(),
    )
    sent = Message("room", SAID, 1, 1, again=False, retained=False, received=NOON)
    ingest.take(cast("Link", line), sent)
    clock.is_unsure = False
    async with asyncio.TaskGroup() as tasks:
        storing = tasks.create_task(ingest.store(), name="store")
        async with asyncio.timeout(10):
            await log.refused.wait()
            assert line.acknowledged == []
            await log.taken.wait()
        storing.cancel()
    assert [scan.qualities for scan in log.scans] == [bytes([Quality.CLOCK_UNSURE] * 2)]
    assert line.acknowledged == [sent]


async def test_of_a_message_that_was_cut_it_is_said_how_long_it_was() -> None:
    profile, log, line = find("sim-room-oxygen"), Log(), Line()
    ingest = Ingest(
        BrokerSettings(id="b", host="127.0.0.1", client_id="c"),
        {"room": Subscription(layout("room", profile), profile, 1_000)},
        log,
        Clock(),
        Counts(),
    )
    sent = Message("room", b" " * 300_000, 1, 1, again=False, retained=False, received=NOON, cut=7)
    ingest.take(cast("Link", line), sent)
    async with asyncio.TaskGroup() as tasks:
        storing = tasks.create_task(ingest.store(), name="store")
        async with asyncio.timeout(10):
            await log.taken.wait()
        storing.cancel()
    ((origin, reason),) = log.aside
    assert origin == "room"
    assert reason.startswith("300007 bytes, of which 300000 were taken in: ")
    assert line.acknowledged == [sent]
