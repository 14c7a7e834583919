"""Message → journal → acknowledgement, in this order, and a reading for each silence."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from collector.clock import Clock
from collector.mqtt_feed import Feed, Intake
from collector.mqtt_link import Link, Message
from collector.mqtt_settings import BrokerSettings, Subscription
from collector.mqtt_window import Ticket, Window
from collector.silence import Silence
from devices.loose_json import PoisonError
from devices.scan import Scan, Source, absent
from storage.journal import JournalFullError, MessageKey, Outcome

log = logging.getLogger(__name__)

WINDOW_BYTES = 32 * 1024 * 1024
"""Bytes of payload that are taken in and not yet acknowledged; one message may exceed it."""
FULL_PAUSE_S = 1.0
"""How long to wait before a full journal is tried again."""
MOST_STRANGERS = 1_000
_UNWATCHED_S = 3_600.0
_LEAST_PAUSE_S = 0.01


class Store(Protocol):
    """The journal, as far as it is used here; ``done`` is called once a thing is on disk.

    Both raise JournalFullError when it takes nothing at the moment.
    """

    def append(
        self,
        entry: Scan,
        *,
        key: MessageKey | None = None,
        done: Callable[[Outcome], None] | None = None,
    ) -> None: ...

    def quarantine(
        self, origin: str, reason: str, payload: bytes, *, done: Callable[[], None] | None = None
    ) -> None: ...


@dataclass(slots=True)
class Counts:
    """What came in since the start; see ``MqttStats``."""

    messages: int = 0
    bytes: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    repeats: int = 0
    poison: int = 0
    absent: int = 0
    misdated: int = 0


class _Arrival:
    """A message under way, and what has been found out about it."""

    __slots__ = ("came_s", "clock_unsure", "intake", "link", "message", "ticket")

    def __init__(
        self, link: Link, message: Message, ticket: Ticket, came_s: float, *, clock_unsure: bool
    ) -> None:
        self.link = link
        self.message = message
        self.ticket = ticket
        self.came_s = came_s
        self.clock_unsure = clock_unsure
        self.intake: Intake | None = None


class Ingest:
    """Takes messages from one broker's links; ``store`` and ``watch`` are its two tasks."""

    def __init__(
        self,
        settings: BrokerSettings,
        subscriptions: Mapping[str, Subscription],
        journal: Store,
        clock: Clock,
        counts: Counts,
    ) -> None:
        self._name = f"mqtt {settings.id}"
        self._journal = journal
        self._clock = clock
        self._counts = counts
        self._now_s = asyncio.get_running_loop().time
        self._feeds = {topic: Feed(topic, sub) for topic, sub in subscriptions.items()}
        self._silence = Silence(
            {topic: sub.period_ms / 1000 for topic, sub in subscriptions.items()},
            start_s=self._now_s(),
        )
        self._window = Window(settings.window, WINDOW_BYTES)
        self._waiting: deque[_Arrival] = deque()
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._link: Link | None = None
        self._complaints: dict[str, str] = {}
        self._strangers: set[str] = set()
        self.last_message_ms: dict[str, int] = {}
        self.is_stalled = False
        """Whether the journal takes nothing at the moment."""

    @property
    def unacknowledged(self) -> int:
        """How many messages are taken in and not yet stored."""
        return len(self._window)

    async def room(self) -> None:
        """Wait until more messages may be taken in."""
        await self._room.wait()

    def take(self, link: Link, message: Message) -> None:
        """Take in one message; the link is paused when too many are under way."""
        if link is not self._link:
            self._begin(link)
        size = len(message.payload)
        self._counts.messages += 1
        self._counts.bytes += size
        ticket = self._window.admit(partial(link.acknowledge, message), size)
        # It may wait long for a full journal; what counts is the clock that stamped it.
        unsure = self._clock.is_unsure
        self._waiting.append(_Arrival(link, message, ticket, self._now_s(), clock_unsure=unsure))
        self._something.set()
        if self._window.is_full:
            self._room.clear()
            link.pause()

    async def store(self) -> None:
        """Hand what comes to the journal, in order; only cancellation ends this."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                await self._hand_over(self._prepared(self._waiting.popleft()))

    async def watch(self) -> None:
        """Tell of every device that is silent; only cancellation ends this."""
        while True:
            # While the journal takes nothing, devices speak and are not heard.
            if self.is_stalled or not all(map(self._tell_silent, self._silence.due(self._now_s()))):
                await asyncio.sleep(FULL_PAUSE_S)
                continue
            pause_s = self._silence.pause_s(self._now_s())
            await asyncio.sleep(_UNWATCHED_S if pause_s is None else max(pause_s, _LEAST_PAUSE_S))

    def _begin(self, link: Link) -> None:
        self._link = link
        if link.resumed:
            for feed in self._feeds.values():
                feed.resume(self._now_s())

    def _prepared(self, arrival: _Arrival) -> Callable[[], None]:
        message = arrival.message
        if arrival.intake is not None:
            return partial(self._append, arrival)
        feed = self._feeds.get(message.topic)
        if feed is None:
            self._refuse_stranger(arrival.link, message.topic)
            return partial(self._put_aside, arrival, "no device is expected on this topic")
        self.last_message_ms[feed.device] = message.received
        try:
            arrival.intake = feed.take(
                message, now_s=arrival.came_s, clock_unsure=arrival.clock_unsure
            )
        except PoisonError as error:
            self._complain(message.topic, f"cannot be read and is put aside: {error}")
            return partial(self._put_aside, arrival, str(error))
        self._counts.repeats += arrival.intake.scan.repeat
        fault = arrival.intake.stamp_fault
        self._counts.misdated += bool(fault)
        self._complain(message.topic, f"is given the time of its arrival: {fault}" if fault else "")
        return partial(self._append, arrival)

    async def _hand_over(self, attempt: Callable[[], None]) -> None:
        while True:
            try:
                attempt()
            except JournalFullError as error:
                if not self.is_stalled:
                    log.warning("%s: messages wait and are not acknowledged: %s", self._name, error)
                self.is_stalled = True
                await asyncio.sleep(FULL_PAUSE_S)
            else:
                break
        if self.is_stalled:
            log.info("%s: the journal takes messages again", self._name)
        self.is_stalled = False

    def _append(self, arrival: _Arrival) -> None:
        intake = arrival.intake
        assert intake is not None  # noqa: S101 # the caller made it
        self._journal.append(intake.scan, key=intake.key, done=partial(self._stored, arrival))

    def _put_aside(self, arrival: _Arrival, reason: str) -> None:
        message = arrival.message
        self._journal.quarantine(
            message.topic, reason, message.payload, done=partial(self._settle, arrival)
        )
        self._counts.poison += 1

    def _stored(self, arrival: _Arrival, outcome: Outcome) -> None:
        match outcome:
            case Outcome.STORED:
                self._counts.stored += 1
                self._hear(arrival)
            case Outcome.DUPLICATE:
                self._counts.duplicates += 1
            case Outcome.CONFLICT:
                self._counts.conflicts += 1
        if self._is_to_be_kept(arrival, outcome):
            self._waiting.append(arrival)
            self._something.set()
        else:
            self._settle(arrival)

    def _is_to_be_kept(self, arrival: _Arrival, outcome: Outcome) -> bool:
        """Whether the message is to be stored without a key, its own being taken."""
        intake = arrival.intake
        if outcome is Outcome.STORED or intake is None or not intake.by_sequence:
            return False
        if outcome is Outcome.DUPLICATE and arrival.message.again:
            return False
        # A sequence number alone recurs when a device starts again. Only what the broker
        # itself says it repeats, and is the same to the byte, is surely nothing new.
        if outcome is Outcome.CONFLICT and intake.key is not None:
            self._feeds[arrival.message.topic].restart(intake.key, arrival.message.received)
        repeat = outcome is Outcome.DUPLICATE
        self._counts.repeats += repeat
        scan = replace(intake.scan, repeat=repeat)
        arrival.intake = replace(intake, scan=scan, key=None, by_sequence=False)
        return True

    def _hear(self, arrival: _Arrival) -> None:
        # Only what is live, new and stored breaks a silence: a device whose clock stands still,
        # or of which old messages arrive, is as good as silent.
        intake, message = arrival.intake, arrival.message
        if intake is not None and intake.scan.source is Source.LIVE and not message.retained:
            self._silence.heard(message.topic, arrival.came_s)

    def _settle(self, arrival: _Arrival) -> None:
        self._window.settle(arrival.ticket)
        if self._window.has_room and not self._room.is_set():
            self._room.set()
            if self._link is not None:
                self._link.resume()

    def _tell_silent(self, topic: str) -> bool:
        feed = self._feeds[topic]
        try:
            self._journal.append(absent(feed.layout, at=self._clock.now()))
        except JournalFullError as error:
            log.warning("%s: the silence of %s is not stored: %s", self._name, feed.device, error)
            return False
        self._counts.absent += 1
        return True

    def _refuse_stranger(self, link: Link, topic: str) -> None:
        if topic in self._strangers or len(self._strangers) >= MOST_STRANGERS:
            return
        self._strangers.add(topic)
        link.forget(topic)
        log.warning(
            "%s: topic %s: no device is expected on it; its messages are put aside. Add the device "
            "to the site, or give this collector a client_id of its own",
            self._name,
            topic,
        )

    def _complain(self, topic: str, text: str) -> None:
        if self._complaints.get(topic, "") == text:
            return
        self._complaints[topic] = text
        if text:
            log.warning("%s: topic %s: the message %s", self._name, topic, text)
        else:
            log.info("%s: topic %s: messages are as expected again", self._name, topic)
