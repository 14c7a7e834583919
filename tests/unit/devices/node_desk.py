"""An edge node under test: messages laid out for it, and what it told of them."""

from devices.dialects.edge_node import EdgeNode, Message, Step
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
