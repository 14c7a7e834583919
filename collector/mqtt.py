"""Collects from one MQTT broker, for ever: what it acknowledges is stored."""

import asyncio
import logging
from collections.abc import Mapping
from random import Random

from collector.clock import Clock
from collector.errors import LinkError
from collector.mqtt_feeds import filters
from collector.mqtt_ingest import Counts, Ingest, Store
from collector.mqtt_link import Link
from collector.mqtt_settings import BrokerSettings, MqttStats, Subscription
from collector.mqtt_topics import TopicMemory, TopicMemoryError
from collector.reconnect import ConnectBudget, pause_s
from collector.sparkplug_host import State, state_topic

log = logging.getLogger(__name__)

STEADY_S = 10.0
"""A connection that held for so long was a good one: the next failure is the first again."""


class MqttCollector:
    """One broker's topics into the journal; ``run`` is its life.

    ``memory`` is where the topics asked for are remembered, so that one that is taken out of
    the site is no longer sent; without it such a topic is only found by its next message.

    Raises:
        ValueError: an address does not fit its profile, or the profile does not speak over MQTT.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        subscriptions: Mapping[str, Subscription],
        journal: Store,
        clock: Clock,
        *,
        memory: TopicMemory | None = None,
        budget: ConnectBudget | None = None,
        chance: Random | None = None,
    ) -> None:
        self.name = f"mqtt {settings.id}"
        for address, subscription in subscriptions.items():
            _check(f"broker {settings.id}, {address!r}", subscription)
        self._topics = filters(subscriptions)
        self._settings = settings
        self._subscriptions = dict(subscriptions)
        self._journal = journal
        self._clock = clock
        self._memory = memory
        self._budget = budget or ConnectBudget()
        self._chance = chance or Random()  # noqa: S311 # spreads load, guards nothing
        self._counts = Counts()
        self._ingest: Ingest | None = None
        self._connects = 0
        self._connected = False
        self._refused: dict[str, str] = {}
        self._told = ""
        self._forgetful = ""

    async def run(self) -> None:
        """Connect, take in and store, and connect again; only cancellation ends this.

        Raises:
            JournalError: the journal is closed.
        """
        # What an earlier run left unfinished was not acknowledged, and comes again.
        ingest = self._ingest = Ingest(
            self._settings, self._subscriptions, self._journal, self._clock, self._counts
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._stay_connected(ingest), name=f"{self.name} connection")
                tasks.create_task(ingest.store(), name=f"{self.name} store")
                tasks.create_task(ingest.watch(), name=f"{self.name} silence")
                tasks.create_task(ingest.watch_nodes(), name=f"{self.name} edge nodes")
        finally:
            self._connected = False

    @property
    def stats(self) -> MqttStats:
        """A snapshot."""
        counts, ingest = self._counts, self._ingest
        return MqttStats(
            connected=self._connected,
            connects=self._connects,
            messages=counts.messages,
            bytes=counts.bytes,
            stored=counts.stored,
            duplicates=counts.duplicates,
            conflicts=counts.conflicts,
            repeats=counts.repeats,
            poison=counts.poison,
            absent=counts.absent,
            misdated=counts.misdated,
            unacknowledged=ingest.unacknowledged if ingest else 0,
            waiting_for_journal=ingest.is_stalled if ingest else False,
            refused_topics=tuple(sorted(self._refused)),
            last_message_ms=dict(ingest.last_message_ms) if ingest else {},
        )

    async def _stay_connected(self, ingest: Ingest) -> None:
        now_s = asyncio.get_running_loop().time
        failures = 0
        while True:
            # Connecting brings up to a window of messages, and there must be room for them.
            await ingest.room()
            await self._budget.turn()
            began_s = now_s()
            try:
                reason = await self._serve(ingest)
            except LinkError as error:
                reason = str(error)
            failures = 0 if self._connected and now_s() - began_s > STEADY_S else failures + 1
            self._connected = False
            self._tell_lost(reason)
            await asyncio.sleep(pause_s(failures, self._chance))

    async def _serve(self, ingest: Ingest) -> str:
        state, began = state_topic(self._settings.client_id), self._clock.now()
        will = (state, State(online=False, timestamp=began).payload) if ingest.is_host else None
        link = Link(self._settings, ingest.take, self._clock.now, will)
        async with link:
            await self._ask_for_topics(link)
            self._connected = True
            self._connects += 1
            self._tell_connected(resumed=link.resumed)
            if will is None:
                return await link.lost()
            link.publish(state, State(online=True, timestamp=began).payload, qos=1, retain=True)
            ingest.connected(link)
            try:
                return await link.lost()
            finally:
                left = State(online=False, timestamp=self._clock.now())
                link.publish(state, left.payload, qos=1, retain=True)

    async def _ask_for_topics(self, link: Link) -> None:
        wanted = self._topics
        asked = await self._remembered()
        if not wanted <= asked:
            await self._remember(wanted | asked)
        self._tell_refused(await link.subscribe(sorted(wanted)))
        if dropped := asked - wanted:
            await link.unsubscribe(sorted(dropped))
            await self._remember(wanted)

    # Without its memory a topic that was left out is found by its next message: no reason to
    # hear nobody.
    async def _remembered(self) -> frozenset[str]:
        try:
            return await self._memory.read() if self._memory else frozenset()
        except TopicMemoryError as error:
            self._tell_forgetful(str(error))
            return frozenset()

    async def _remember(self, topics: frozenset[str]) -> None:
        try:
            if self._memory:
                await self._memory.write(topics)
        except TopicMemoryError as error:
            self._tell_forgetful(str(error))

    def _tell_forgetful(self, reason: str) -> None:
        if reason != self._forgetful:
            log.warning("%s: a topic taken out of the site is noticed late: %s", self.name, reason)
        self._forgetful = reason

    def _tell_refused(self, refused: dict[str, str]) -> None:
        for topic, reason in refused.items():
            if self._refused.get(topic) != reason:
                log.warning(
                    "%s: broker %s does not grant topic %s at QoS 1: %s; allow it there to %r",
                    *(self.name, self._settings.address, topic, reason, self._settings.username),
                )
        self._refused = refused

    def _tell_connected(self, *, resumed: bool) -> None:
        session = "it kept what came meanwhile" if resumed else "it begins a new session"
        log.info(
            "%s: connected to broker %s for %d topics; %s",
            *(self.name, self._settings.address, len(self._topics), session),
        )
        self._told = ""

    def _tell_lost(self, reason: str) -> None:
        if reason != self._told:
            log.warning(
                "%s: no connection to broker %s: %s; trying again until it answers",
                *(self.name, self._settings.address, reason),
            )
        self._told = reason


def _check(where: str, subscription: Subscription) -> None:
    if subscription.period_ms <= 0:
        raise ValueError(f"{where}: a period of {subscription.period_ms} ms is none")
