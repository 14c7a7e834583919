"""What is known of an edge node; and whatever a network does, nothing false is told."""

from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.dialects import edge_node
from devices.dialects.edge_node import LONGEST_PAUSE_S, REORDER_S, EdgeNode, Message, Step
from devices.dialects.sparkplug import parse
from tests.sparkplug_messages import DOUBLE, INT64, metric, payload

NOON = 1_772_366_400_000
Told = dict[tuple[str, str], float]


def heard(ticket: str, kind: str, data: bytes, device: str = "") -> tuple[Message[str], bytes]:
    """A message as the host hands it over."""
    return Message(ticket, kind, device, parse(data)), f"{kind} {device} ".encode() + data


class Desk:
    """A node under test, and what it told."""

    def __init__(self) -> None:
        self.node: EdgeNode[str] = EdgeNode()
        self.now_s = 0.0
        self.count = 0
        self.node.connect(self.now_s)

    def say(self, kind: str, data: bytes, device: str = "") -> Step[str]:
        """One message."""
        self.count += 1
        message, digest = heard(f"m{self.count}", kind, data, device)
        return self.node.take(message, digest, self.now_s)

    def wait(self, seconds: float) -> Step[str]:
        """Time goes by."""
        self.now_s += seconds
        return self.node.tick(self.now_s)


def values(step: Step[str]) -> Told:
    """The numbers that were told."""
    found: Told = {}
    for _, spoken in step.told:
        for one in spoken:
            value = one.metric.value(one.datatype)
            if isinstance(value, float):
                found[one.device, one.name] = value
    return found


def nbirth(*, seq: int = 0, bdseq: int = 0, at: int = NOON) -> bytes:
    return payload([metric("bdSeq", datatype=INT64, long_value=bdseq)], at=at, seq=seq)


def dbirth(seq: int, value: float, *, alias: int = 7, name: str = "T", at: int = NOON) -> bytes:
    made = metric(name, alias=alias, datatype=DOUBLE, double_value=value)
    return payload([made], at=at, seq=seq)


def data(seq: int, value: float, *, alias: int = 7, at: int = NOON) -> bytes:
    return payload([metric(alias=alias, double_value=value)], at=at, seq=seq)


def ndeath(bdseq: int) -> bytes:
    return payload([metric("bdSeq", datatype=INT64, long_value=bdseq)])


@pytest.fixture
def desk() -> Desk:
    """A node that is born, with one device that has one metric."""
    made = Desk()
    made.say("NBIRTH", nbirth())
    assert values(made.say("DBIRTH", dbirth(1, 20.0), "probe")) == {("probe", "T"): 20.0}
    return made


def test_a_birth_names_what_data_call_by_its_alias(desk: Desk) -> None:
    step = desk.say("DDATA", data(2, 21.0), "probe")
    assert values(step) == {("probe", "T"): 21.0}
    assert (step.rebirth, step.dead, step.put_aside) == (False, [], [])


def test_data_before_any_birth_wait_and_are_put_aside_and_a_birth_is_asked_for() -> None:
    desk = Desk()
    assert values(desk.say("DDATA", data(5, 21.0), "probe")) == {}
    step = desk.wait(REORDER_S)
    assert [ticket for ticket, _ in step.put_aside] == ["m1"]
    assert step.rebirth


def test_a_host_that_connects_asks_at_once_and_then_ever_less_often() -> None:
    node: EdgeNode[str] = EdgeNode()
    assert node.connect(0.0).rebirth
    asked = [second for second in range(1, 1300) if node.tick(float(second)).rebirth]
    assert asked == [5, 15, 35, 75, 155, 315, 615, 915, 1215]


def test_a_message_that_comes_late_is_told_in_its_turn(desk: Desk) -> None:
    assert values(desk.say("DDATA", data(3, 22.0), "probe")) == {}
    step = desk.say("DDATA", data(2, 21.0), "probe")
    assert [ticket for ticket, _ in step.told] == ["m4", "m3"]
    assert not desk.wait(REORDER_S).rebirth


def test_a_message_that_never_comes_ends_all_that_was_known(desk: Desk) -> None:
    desk.say("DDATA", data(3, 22.0), "probe")
    assert not desk.wait(REORDER_S - 0.5).rebirth
    step = desk.wait(0.5)
    assert step.rebirth
    assert step.dead == ["", "probe"]
    assert [ticket for ticket, _ in step.put_aside] == ["m3"]
    assert values(desk.say("DDATA", data(4, 23.0), "probe")) == {}, "an alias may be another's now"


def test_after_a_rebirth_all_goes_on(desk: Desk) -> None:
    desk.say("DDATA", data(3, 22.0), "probe")
    desk.wait(REORDER_S)
    desk.say("NBIRTH", nbirth(at=NOON + 6_000))
    desk.say("DBIRTH", dbirth(1, 23.0, alias=9, at=NOON + 6_000), "probe")
    step = desk.say("DDATA", data(2, 24.0, alias=9, at=NOON + 7_000), "probe")
    assert values(step) == {("probe", "T"): 24.0}


def test_a_message_that_comes_twice_is_told_once(desk: Desk) -> None:
    said = data(2, 21.0)
    desk.say("DDATA", said, "probe")
    step = desk.say("DDATA", said, "probe")
    assert (step.told, step.repeats) == ([], ["m4"])
    assert values(desk.say("DDATA", data(3, 22.0), "probe")) == {("probe", "T"): 22.0}


def test_the_sequence_goes_round(desk: Desk) -> None:
    for n in range(2, 600):
        step = desk.say("DDATA", data(n % 256, float(n), at=NOON + n), "probe")
        assert values(step) == {("probe", "T"): float(n)}


def test_a_long_gap_is_one_too(desk: Desk) -> None:
    step = desk.say("DDATA", data(202, 22.0, at=NOON + 60_000), "probe")
    assert (values(step), step.put_aside) == ({}, [])
    assert desk.wait(REORDER_S).rebirth


def test_the_death_of_this_life_ends_it_and_one_of_an_earlier_does_not() -> None:
    desk = Desk()
    desk.say("NBIRTH", nbirth(bdseq=4))
    desk.say("DBIRTH", dbirth(1, 20.0), "probe")
    assert desk.say("NDEATH", ndeath(3)).dead == []
    assert values(desk.say("DDATA", data(2, 21.0), "probe")) == {("probe", "T"): 21.0}
    assert desk.say("NDEATH", ndeath(4)).dead == ["", "probe"]
    assert desk.say("NDEATH", ndeath(4)).dead == []
    assert values(desk.say("DDATA", data(3, 22.0), "probe")) == {}


def test_the_death_of_a_device_leaves_the_others(desk: Desk) -> None:
    desk.say("DBIRTH", dbirth(2, 4.0, alias=8), "other")
    assert desk.say("DDEATH", payload(at=NOON, seq=3), "probe").dead == ["probe"]
    assert values(desk.say("DDATA", data(4, 5.0, alias=8), "other")) == {("other", "T"): 5.0}
    step = desk.say("DDATA", data(5, 21.0), "probe")
    assert (values(step), step.rebirth) == ({}, True)


def test_a_birth_of_the_node_ends_its_devices_until_they_are_born_again(desk: Desk) -> None:
    assert desk.say("NBIRTH", nbirth(bdseq=1, at=NOON + 60_000)).dead == ["probe"]
    assert values(desk.say("DDATA", data(1, 21.0, at=NOON + 60_000), "probe")) == {}


def test_another_metric_s_alias_is_not_believed(desk: Desk) -> None:
    step = desk.say("DDATA", data(2, 21.0, alias=8), "probe")
    assert (values(step), step.rebirth) == ({}, True)
    desk.say("DBIRTH", dbirth(3, 4.0, alias=8), "other")
    assert values(desk.say("DDATA", data(4, 21.0, alias=8), "probe")) == {}


def test_a_birth_that_was_delayed_does_not_bring_its_aliases_back(desk: Desk) -> None:
    old = nbirth(at=NOON - 60_000)
    step = desk.say("NBIRTH", old)
    assert (step.told, step.rebirth, step.dead) == ([], True, ["", "probe"])
    desk.say("NBIRTH", nbirth(at=NOON + 10_000))
    assert desk.node.is_born


def test_a_node_that_lost_its_clock_and_its_count_is_believed_the_second_time() -> None:
    desk = Desk()
    desk.say("NBIRTH", nbirth(bdseq=9))
    assert desk.say("NBIRTH", nbirth(bdseq=0, at=1_000)).rebirth
    desk.say("NBIRTH", nbirth(bdseq=0, at=2_000))
    assert desk.node.is_born


def test_messages_overtake_the_birth_and_wait_for_it() -> None:
    desk = Desk()
    desk.say("DBIRTH", dbirth(1, 20.0), "probe")
    step = desk.say("NBIRTH", nbirth())
    assert values(step) == {("probe", "T"): 20.0}


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


def test_a_node_that_bears_devices_without_end_is_doubted_and_what_was_known_let_go(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_node, "MOST_KNOWN", 20_000)
    for number in range(2, 200):
        step = desk.say("DBIRTH", dbirth(number, 1.0, alias=number), f"d{number}")
        if step.rebirth:
            break
    else:
        pytest.fail("it was never doubted")
    assert [reason for _, reason in step.put_aside] == ["its node has too many metrics"]
    assert "probe" in step.dead
    assert not desk.node.is_born
    assert values(desk.say("NBIRTH", nbirth(bdseq=1, at=NOON + 1))) == {}
    born = dbirth(1, 20.0, at=NOON + 1)
    assert values(desk.say("DBIRTH", born, "probe")) == {("probe", "T"): 20.0}


def test_a_device_that_comes_and_goes_costs_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_node, "MOST_KNOWN", 2_000)
    seq = 2
    for _ in range(20):
        assert not desk.say("DBIRTH", dbirth(seq, 1.0, alias=9), "other").rebirth
        assert not desk.say("DDEATH", payload(seq=seq + 1, at=NOON), "other").rebirth
        seq += 2
    assert values(desk.say("DDATA", data(seq, 21.0), "probe")) == {("probe", "T"): 21.0}


def test_what_waits_for_a_missing_message_is_bounded_by_its_metrics_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_node, "MOST_HELD_METRICS", 10)
    many = payload([metric(alias=7, double_value=1.0)] * 6, at=NOON, seq=4)
    assert not desk.say("DDATA", many, "probe").rebirth
    more = payload([metric(alias=7, double_value=1.0)] * 6, at=NOON, seq=5)
    step = desk.say("DDATA", more, "probe")
    assert step.rebirth
    assert len(step.put_aside) == 2


@pytest.mark.parametrize("times", [2, 3])
def test_of_an_alias_that_a_device_gives_to_several_metrics_nothing_is_told(
    desk: Desk, times: int
) -> None:
    names = ["T", "Set point", "Ambient"][:times]
    born = [metric(name, alias=3, datatype=DOUBLE, double_value=1.0) for name in names]
    step = desk.say("DBIRTH", payload(born, at=NOON, seq=2), "other")
    assert len(values(step)) == times
    step = desk.say("DDATA", data(3, -20.0, alias=3), "other")
    assert values(step) == {}
    assert step.rebirth


def test_an_alias_that_another_device_was_given_before_is_no_metric_of_that_one(desk: Desk) -> None:
    desk.say("DBIRTH", dbirth(2, 1.0, alias=7, name="Ambient"), "other")
    assert values(desk.say("DDATA", data(3, 2.0), "other")) == {("other", "Ambient"): 2.0}
    step = desk.say("DDATA", data(4, 21.0), "probe")
    assert values(step) == {}
    assert step.rebirth
