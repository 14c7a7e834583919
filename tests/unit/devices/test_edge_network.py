"""Whatever a network does to the messages of an edge node, nothing false is told."""

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.dialects.edge_node import LONGEST_PAUSE_S, Step
from tests.sparkplug_messages import DOUBLE, metric, payload
from tests.unit.devices.node_desk import NOON, Desk, nbirth, ndeath

# The property: a node that really exists, a network that is bad, and a host that must not err.


@dataclass
class Edge:
    """A node with two devices of two metrics, which gives its aliases anew at each birth.

    Written after the specification, for itself: each value is a number of its own, so that
    ``truth`` tells where a number belongs, and when it was so.
    """

    chance: Random
    at: int = NOON
    seq: int = 0
    bdseq: int = 0
    aliases: dict[tuple[str, str], int] = field(default_factory=dict)
    truth: dict[float, tuple[str, str, int]] = field(default_factory=dict)

    def births(self) -> list[tuple[str, str, bytes]]:
        """NBIRTH and all DBIRTHs."""
        self.seq = 0
        names = [(device, name) for device in ("a", "b") for name in ("T", "H")]
        numbers = self.chance.sample(range(4), 4)
        self.aliases = dict(zip(names, numbers, strict=True))
        self.at += 1
        said = [("NBIRTH", "", nbirth(bdseq=self.bdseq, at=self.at, seq=self._next()))]
        for device in ("a", "b"):
            made = [
                metric(name, alias=alias, datatype=DOUBLE, double_value=self._value(device, name))
                for (owner, name), alias in self.aliases.items()
                if owner == device
            ]
            said.append(("DBIRTH", device, payload(made, at=self.at, seq=self._next())))
        return said

    def data(self) -> tuple[str, str, bytes]:
        """DDATA of one metric."""
        self.at += self.chance.randint(1, 2_000)
        device, name = self.chance.choice([*self.aliases])
        made = metric(alias=self.aliases[device, name], double_value=self._value(device, name))
        return "DDATA", device, payload([made], at=self.at, seq=self._next())

    def restart(self) -> list[tuple[str, str, bytes]]:
        """Its death by the broker, and the births of its next life."""
        dead = ("NDEATH", "", ndeath(self.bdseq))
        self.bdseq = (self.bdseq + 1) % 256
        return [dead, *self.births()]

    def _next(self) -> int:
        self.seq, now = (self.seq + 1) % 256, self.seq
        return now

    def _value(self, device: str, name: str) -> float:
        value = float(len(self.truth))
        self.truth[value] = device, name, self.at
        return value


Sent = tuple[str, str, bytes]


BIRTHS = 3
LATE = {"twice": 2, "late": 3, "very late": 20}
FATES = st.lists(
    st.sampled_from(["come"] * 8 + ["lost", "twice", "late", "very late", "restart", "wait"]),
    min_size=5,
    max_size=80,
)


class Network:
    """Between an edge node and a host. What the host tells is held against the truth at once."""

    def __init__(self, edge: Edge, fates: list[str]) -> None:
        self.edge = edge
        self.desk = Desk()
        self.told: set[float] = set()
        self.fates = iter(fates)
        self.late: list[tuple[int, Sent]] = []
        self.count = 0
        self.waiting: list[Sent] = []
        self.is_sending = False

    def send(self, *messages: Sent) -> None:
        """Each has its fate; a death is not lost, nor are all births that follow each other."""
        self.waiting += messages
        if self.is_sending:
            return
        self.is_sending, unheard = True, 0
        while self.waiting:
            sent = self.waiting.pop(0)
            fate = next(self.fates, "come")
            unheard = unheard + 1 if sent[0].endswith("BIRTH") else 0
            if sent[0] == "NDEATH" or unheard == BIRTHS:
                fate = "come"
            if fate not in {"lost", "late", "very late"}:
                unheard = 0
            self.meet(fate, sent)
        self.is_sending = False

    def meet(self, fate: str, sent: Sent) -> None:
        """One message and its fate."""
        self.count += 1
        if fate in LATE:
            self.late.append((self.count + LATE[fate], sent))
        if fate not in {"lost", "late", "very late"}:
            self.arrive(sent)
        if fate == "wait":
            self.wait(2.0)
        if fate == "restart":
            self.send(*self.edge.restart())
        self.deliver_late()

    def deliver_late(self) -> None:
        """What was held up comes now."""
        due = [each for each in self.late if each[0] <= self.count]
        self.late = [each for each in self.late if each[0] > self.count]
        for _, sent in due:
            self.arrive(sent)

    def arrive(self, sent: Sent) -> None:
        """At the host."""
        self.follow(self.desk.say(sent[0], sent[2], sent[1]))

    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.follow(self.desk.wait(seconds))

    def follow(self, step: Step[str]) -> None:
        """Judge what is told, and let the node answer."""
        for one in (one for _, spoken in step.told for one in spoken):
            value = one.metric.value(one.datatype)
            if isinstance(value, float):
                assert self.edge.truth[value] == (one.device, one.name, one.at)
                assert value not in self.told, "what was told once is not told again"
                self.told.add(value)
        if step.rebirth:
            self.send(*self.edge.births())


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), fates=FATES)
def test_whatever_the_network_does_no_number_is_told_as_another_s_or_of_another_time(
    seed: int, fates: list[str]
) -> None:
    live(seed, fates)


@pytest.mark.long
@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 10_000), fates=FATES)
def test_nor_is_it_in_hundreds_of_lives(seed: int, fates: list[str]) -> None:
    live(seed, fates)


def live(seed: int, fates: list[str]) -> None:
    """A node's life over a network with these fates."""
    edge = Edge(Random(seed))
    network = Network(edge, fates)
    network.send(*edge.births())
    for _ in range(len(fates)):
        network.send(edge.data())
    # The network is good again: after a pause of the host's at most, all is told.
    for _ in range(40):
        network.send(edge.data())
        network.wait(LONGEST_PAUSE_S / 20)
    network.send(edge.data())
    assert max(edge.truth) in network.told
