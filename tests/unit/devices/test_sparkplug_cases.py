"""Every case of Sparkplug under ``tests/cases``: what an edge node publishes, and what it means."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from devices import catalog
from devices.dialects.edge_node import EdgeNode, Message, Step
from devices.dialects.metrics import MetricReader
from devices.dialects.sparkplug import parse
from tests.unit.devices.test_dialect_cases import cases, shown

CASES = cases("message")


class Host:
    """A host application that knows one device of one node."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.profile = catalog.find(case["profile"])
        self.reader = MetricReader(self.profile)
        self.device = "".join(case["address"].split("/")[3:])
        self.node: EdgeNode[int] = EdgeNode()
        self.now_s = 0.0
        self.node.connect(self.now_s)

    def hear(self, event: dict[str, Any]) -> Step[int]:
        """A message, or time that goes by."""
        if "wait_s" in event:
            self.now_s += event["wait_s"]
            return self.node.tick(self.now_s)
        _, _, kind, _, *device = event["topic"].split("/")
        data = bytes.fromhex(event["bytes"])
        heard = Message(0, kind, "".join(device), parse(data))
        return self.node.take(heard, event["topic"].encode() + data, self.now_s)

    def told(self, step: Step[int]) -> list[dict[str, str | bool]]:
        """What is told of the device, as a case is written."""
        said = [one for _, spoken in step.told for one in spoken if one.device == self.device]
        return [shown(self.profile, decoded) for decoded in self.reader.read(said)]


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_a_node_publishes_means_what_the_specification_says(path: Path) -> None:
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    host = Host(case)
    for number, event in enumerate(case["message"]):
        step = host.hear(event)
        assert host.told(step) == event["expected"], number
        assert (host.device in step.dead) == event.get("dead", False), number
        assert step.rebirth == event.get("rebirth", False), number


def test_there_are_cases() -> None:
    assert len(CASES) >= 8
