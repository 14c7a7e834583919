"""Message → journal → acknowledgement, in this order, and a reading for each silence."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from msgspec.structs import replace

from collector.clock import Clock
from collector.mqtt_arrival import Arrival, Finding, Findings
from collector.mqtt_feed import Feed, Intake
from collector.mqtt_feeds import Feeds
from collector.mqtt_link import Link, Message
from collector.mqtt_settings import BrokerSettings, Subscription
from collector.mqtt_window import Window
from collector.silence import Silence
from collector.sparkplug_host import command_topic
from devices.dialects.sparkplug import rebirth_request
from devices.quality import Quality
from devices.scan import Scan, Source, absent
from storage.journal import JournalFullError, MessageKey, Outcome

log = logging.getLogger(__name__)

WINDOW_BYTES = 32 * 1024 * 1024
"""Bytes of payload that are taken in and not yet acknowledged; one message may exceed it."""
FULL_PAUSE_S = 1.0
"""How long to wait before a full journal is tried again."""
MOST_STRANGERS = 1_000
MOST_COMPLAINTS = 10_000
"""Topics of which it is remembered what was wrong; a wildcard may bring any number of them."""
_UNWATCHED_S = 3_600.0
_LEAST_PAUSE_S = 0.01
_NODES_S = 0.5


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
        self._feeds = Feeds(subscriptions)
        self._silence = Silence(
            {sub.layout.device: sub.period_ms / 1000 for sub in subscriptions.values()},
            start_s=self._now_s(),
        )
        self._window = Window(settings.window, WINDOW_BYTES)
        self._waiting: deque[Arrival | Callable[[], None]] = deque()
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

    @property
    def is_host(self) -> bool:
        """Whether there are Sparkplug edge nodes, to which a host application shows itself."""
        return bool(self._feeds.host)

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
        self._waiting.append(Arrival(link, message, ticket, self._now_s(), unsure))
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
                for attempt in self._due(self._waiting.popleft()):
                    # Most often there is room; a task that does not wait costs nothing.
                    if not self._is_handed_over(attempt):
                        await self._insist(attempt)

    async def watch(self) -> None:
        """Tell of every device that is silent; only cancellation ends this."""
        while True:
            # While the journal takes nothing, devices speak and are not heard.
            if self.is_stalled or not all(map(self._tell_silent, self._silence.due(self._now_s()))):
                await asyncio.sleep(FULL_PAUSE_S)
                continue
            pause_s = self._silence.pause_s(self._now_s())
            await asyncio.sleep(_UNWATCHED_S if pause_s is None else max(pause_s, _LEAST_PAUSE_S))

    async def watch_nodes(self) -> None:
        """Wait for what edge nodes owe; only cancellation ends this."""
        while self._feeds.host:
            await asyncio.sleep(_NODES_S)
            self._follow(self._feeds.host.tick(self._now_s()))
        await asyncio.Event().wait()

    def connected(self, link: Link) -> None:
        """Note that a link is open and its topics are asked for."""
        if link is not self._link:
            self._begin(link)
        self._follow(self._feeds.host.connect(self._now_s()))

    def _begin(self, link: Link) -> None:
        self._link = link
        if link.resumed:
            self._feeds.resume(self._now_s())

    def _follow(self, findings: Findings) -> None:
        self._waiting.extend(self._attempts(findings))
        self._something.set()

    def _due(self, item: Arrival | Callable[[], None]) -> Sequence[Callable[[], None]]:
        """What is to be handed to the journal now that it is the turn of ``item``."""
        if isinstance(item, Arrival):
            return self._attempts(self._feeds.take(item))
        return (item,)

    def _attempts(self, findings: Findings) -> list[Callable[[], None]]:
        """What is to be handed to the journal."""
        attempts: list[Callable[[], None]] = []
        for finding in findings.found:
            attempts += self._attempts_of(finding)
        for feed in findings.dead:
            attempts.append(partial(self._tell_dead, feed))
        for node in findings.nodes:
            self._ask_for_rebirth(node)
        return attempts

    def _attempts_of(self, finding: Finding) -> list[Callable[[], None]]:
        arrival, topic = finding.arrival, finding.arrival.message.topic
        arrival.left = len(finding.intakes) + bool(finding.aside)
        if not arrival.left:
            self._settle(arrival)
            return []
        if finding.stranger:
            self._refuse_stranger(arrival.link, topic)
        elif finding.aside:
            self._complain(topic, f"cannot be read and is put aside: {finding.aside}")
        attempts = [self._prepared(arrival, *found) for found in finding.intakes]
        if finding.aside:
            attempts.append(partial(self._put_aside, arrival, finding.aside))
        return attempts

    def _prepared(self, arrival: Arrival, feed: Feed, intake: Intake) -> Callable[[], None]:
        self.last_message_ms[feed.device] = arrival.message.received
        self._counts.repeats += intake.scan.repeat
        fault = intake.stamp_fault
        self._counts.misdated += bool(fault)
        told = f"is given the time of its arrival: {fault}" if fault else ""
        self._complain(arrival.message.topic, told)
        return partial(self._append, arrival, feed, intake)

    def _is_handed_over(self, attempt: Callable[[], None]) -> bool:
        try:
            attempt()
        except JournalFullError as error:
            if not self.is_stalled:
                log.warning("%s: messages wait and are not acknowledged: %s", self._name, error)
            self.is_stalled = True
            return False
        return True

    async def _insist(self, attempt: Callable[[], None]) -> None:
        """Try again until the journal has room."""
        while True:
            await asyncio.sleep(FULL_PAUSE_S)
            if self._is_handed_over(attempt):
                break
        log.info("%s: the journal takes messages again", self._name)
        self.is_stalled = False

    def _append(self, arrival: Arrival, feed: Feed, intake: Intake) -> None:
        done = partial(self._stored, arrival, feed, intake)
        self._journal.append(intake.scan, key=intake.key, done=done)

    def _put_aside(self, arrival: Arrival, reason: str) -> None:
        message = arrival.message
        if message.cut:
            kept = len(message.payload)
            reason = f"{kept + message.cut} bytes, of which {kept} were taken in: {reason}"
        self._journal.quarantine(
            message.topic, reason, message.payload, done=partial(self._settle, arrival)
        )
        self._counts.poison += 1

    def _stored(self, arrival: Arrival, feed: Feed, intake: Intake, outcome: Outcome) -> None:
        match outcome:
            case Outcome.STORED:
                self._counts.stored += 1
                self._hear(arrival, feed, intake)
            case Outcome.DUPLICATE:
                self._counts.duplicates += 1
            case Outcome.CONFLICT:
                self._counts.conflicts += 1
        anew = self._anew(arrival, feed, intake, outcome)
        if anew is None:
            self._settle(arrival)
        else:
            self._waiting.append(partial(self._append, arrival, feed, anew))
            self._something.set()

    def _anew(
        self, arrival: Arrival, feed: Feed, intake: Intake, outcome: Outcome
    ) -> Intake | None:
        """The reading to be stored without a key, its own being taken; None if it is not to be."""
        if outcome is Outcome.STORED or not intake.by_sequence:
            return None
        if outcome is Outcome.DUPLICATE and arrival.message.again:
            return None
        # A sequence number alone recurs when a device starts again. Only what the broker
        # itself says it repeats, and is the same to the byte, is surely nothing new.
        if outcome is Outcome.CONFLICT and intake.key is not None:
            feed.restart(intake.key, arrival.message.received)
        repeat = outcome is Outcome.DUPLICATE
        self._counts.repeats += repeat
        scan = replace(intake.scan, repeat=repeat)
        return replace(intake, scan=scan, key=None, by_sequence=False)

    def _hear(self, arrival: Arrival, feed: Feed, intake: Intake) -> None:
        # Only what is live, new and stored breaks a silence: a device whose clock stands still,
        # or of which old messages arrive, is as good as silent.
        live = intake.scan.source is Source.LIVE and not intake.gone
        if live and not arrival.message.retained:
            self._silence.heard(feed.device, arrival.came_s)

    def _settle(self, arrival: Arrival) -> None:
        arrival.left -= 1
        if arrival.left > 0:
            return
        self._window.settle(arrival.ticket)
        if self._window.has_room and not self._room.is_set():
            self._room.set()
            if self._link is not None:
                self._link.resume()

    def _tell_dead(self, feed: Feed) -> None:
        self._journal.append(absent(feed.layout, at=self._clock.now(), quality=Quality.STALE))
        self._counts.absent += 1

    def _ask_for_rebirth(self, node: str) -> None:
        if self._link is not None:
            log.info("%s: edge node %s is asked for its births", self._name, node)
            self._link.publish(command_topic(node), rebirth_request(self._clock.now()))

    def _tell_silent(self, device: str) -> bool:
        feed = self._feeds.by_device[device]
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
        if topic not in self._complaints and len(self._complaints) >= MOST_COMPLAINTS:
            return
        self._complaints[topic] = text
        if text:
            log.warning("%s: topic %s: the message %s", self._name, topic, text)
        else:
            log.info("%s: topic %s: messages are as expected again", self._name, topic)
