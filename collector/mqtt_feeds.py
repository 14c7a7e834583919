"""The devices of one broker: which of them a message concerns, and what it says of them."""

from collections.abc import Iterable, Mapping

from collector.mqtt_arrival import Arrival, Finding, Findings
from collector.mqtt_feed import Feed
from collector.mqtt_settings import Subscription
from collector.sparkplug_host import SparkplugHost
from devices.decoded import PoisonError
from devices.dialects.address import route
from devices.dialects.reader import reader

STRANGER = "no device is expected on this topic"


class Feeds:
    """All that is expected from one broker.

    Raises:
        ValueError: an address does not fit its profile.
    """

    def __init__(self, subscriptions: Mapping[str, Subscription]) -> None:
        self.by_device: dict[str, Feed] = {}
        self._by_topic: dict[str, list[tuple[Feed, str]]] = {}
        self.host = SparkplugHost()
        for address, subscription in subscriptions.items():
            self._add(address, subscription)

    def _add(self, address: str, subscription: Subscription) -> None:
        profile = subscription.profile
        if profile.mqtt is not None and profile.mqtt.dialect == "sparkplug":
            feed = Feed(address, subscription)
            self.host.add(address, feed, profile)
        else:
            feed = Feed(address, subscription, reader(address, profile))
            for topic, tail in route(address, profile).topics.items():
                self._by_topic.setdefault(topic, []).append((feed, tail))
        self.by_device[feed.device] = feed

    def resume(self, now_s: float) -> None:
        """Note a connection on which the broker first sends what it kept for us."""
        for feed in self.by_device.values():
            feed.resume(now_s)

    def take(self, arrival: Arrival) -> Findings:
        """What is in a message."""
        message = arrival.message
        feeds = self._by_topic.get(message.topic)
        if feeds is None:
            known = self.host.take(arrival)
            return known or Findings([Finding(arrival, aside=STRANGER, stranger=True)])
        finding = Finding(arrival)
        for feed, tail in feeds:
            try:
                intakes = feed.take(
                    message, now_s=arrival.came_s, clock_unsure=arrival.clock_unsure, tail=tail
                )
            except PoisonError as error:
                finding.aside = str(error)
            else:
                finding.intakes += [(feed, intake) for intake in intakes]
        return Findings([finding])


def filters(subscriptions: Mapping[str, Subscription]) -> frozenset[str]:
    """What the broker is asked for.

    Raises:
        ValueError: an address does not fit its profile.
    """
    routes: Iterable[tuple[str, ...]] = (
        route(address, subscription.profile).filters
        for address, subscription in subscriptions.items()
    )
    return frozenset(topic for found in routes for topic in found)
