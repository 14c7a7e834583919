"""The Sparkplug host application of one broker: its edge nodes, and what it tells of itself."""

import hashlib
from collections.abc import Iterable

import msgspec

from collector.mqtt_arrival import Arrival, Finding, Findings
from collector.mqtt_feed import Feed, Intake
from devices.decoded import PoisonError
from devices.dialects.address import NAMESPACE
from devices.dialects.edge_node import EdgeNode, Message, Spoken, Step
from devices.dialects.metrics import MetricReader
from devices.dialects.sparkplug import parse
from devices.profile import Profile

_NODE_LEVELS, _DEVICE_LEVELS = 4, 5
_KINDS = {
    _NODE_LEVELS: frozenset({"NBIRTH", "NDATA", "NDEATH"}),
    _DEVICE_LEVELS: frozenset({"DBIRTH", "DDATA", "DDEATH"}),
}
_Node = tuple[str, str]


class State(msgspec.Struct, frozen=True):
    """What a host application says of itself, retained (Sparkplug 3.0.0, section 5.7).

    ``timestamp`` is that of its connection, in epoch milliseconds; when it leaves, of its going.
    """

    online: bool
    timestamp: int

    @property
    def payload(self) -> bytes:
        """As it is published."""
        return msgspec.json.encode(self)


def state_topic(client_id: str) -> str:
    """Where the host application tells of itself: it is called like its client id."""
    plain = "".join("-" if sign in "+/#" else sign for sign in client_id)
    return f"{NAMESPACE}/STATE/{plain}"


def command_topic(node: str) -> str:
    """Where the edge node at ``spBv1.0/GROUP/NODE`` takes commands."""
    namespace, group, name = node.split("/")
    return f"{namespace}/{group}/NCMD/{name}"


class SparkplugHost:
    """The edge nodes of which devices of the site are known."""

    def __init__(self) -> None:
        self._nodes: dict[_Node, EdgeNode[Arrival]] = {}
        self._feeds: dict[tuple[str, str, str], list[tuple[Feed, MetricReader]]] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._nodes)

    def add(self, topic: str, feed: Feed, profile: Profile) -> None:
        """Expect the device at ``spBv1.0/GROUP/NODE/DEVICE``, or the metrics of a node itself."""
        _, group, node, *device = topic.split("/")
        self._nodes.setdefault((group, node), EdgeNode())
        place = group, node, "".join(device)
        self._feeds.setdefault(place, []).append((feed, MetricReader(profile)))

    def take(self, arrival: Arrival) -> Findings | None:
        """What follows from a message; None if it is of no node that is known."""
        message = arrival.message
        levels = message.topic.split("/")
        if len(levels) not in _KINDS or levels[0] != NAMESPACE:
            return None
        _, group, kind, name, *device = levels
        node = self._nodes.get((group, name))
        if node is None or kind not in _KINDS[len(levels)]:
            return None
        if message.retained:
            return Findings([Finding(arrival, aside="it was retained, which Sparkplug forbids")])
        try:
            payload = parse(message.payload)
        except PoisonError as error:
            return Findings([Finding(arrival, aside=str(error))])
        digest = hashlib.sha256(message.topic.encode() + b"\0" + message.payload).digest()
        heard = Message(arrival, kind, "".join(device), payload)
        return self._findings((group, name), node.take(heard, digest, arrival.came_s))

    def connect(self, now_s: float) -> Findings:
        """Begin a connection."""
        return _all(self._findings(who, node.connect(now_s)) for who, node in self._nodes.items())

    def tick(self, now_s: float) -> Findings:
        """Give up what is overdue."""
        return _all(self._findings(who, node.tick(now_s)) for who, node in self._nodes.items())

    def _findings(self, who: _Node, step: Step[Arrival]) -> Findings:
        found = [Finding(arrival) for arrival in step.repeats]
        found += [Finding(arrival, aside=reason) for arrival, reason in step.put_aside]
        for arrival, spoken in step.told:
            found.append(Finding(arrival, list(self._intakes(who, arrival, spoken))))
        dead = [feed for device in step.dead for feed, _ in self._feeds.get((*who, device), ())]
        return Findings(found, dead, ["/".join((NAMESPACE, *who))] if step.rebirth else [])

    def _intakes(
        self, who: _Node, arrival: Arrival, spoken: tuple[Spoken, ...]
    ) -> Iterable[tuple[Feed, Intake]]:
        for feed, reader in self._feeds.get((*who, spoken[0].device), ()) if spoken else ():
            for intake in feed.give(
                reader.read(spoken),
                arrival.message,
                now_s=arrival.came_s,
                clock_unsure=arrival.clock_unsure,
            ):
                yield feed, intake


def _all(parts: Iterable[Findings]) -> Findings:
    whole = Findings()
    for part in parts:
        whole.found += part.found
        whole.dead += part.dead
        whole.nodes += part.nodes
    return whole
