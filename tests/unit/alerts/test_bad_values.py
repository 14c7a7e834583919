"""Scenario 48 from the wire on: what is no value neither raises nor ends an alarm."""

import pytest

from alerts.rule import Rule
from alerts.transition import What
from devices.document import parse
from devices.json_codec import JsonCodec
from devices.profile import Profile
from devices.quality import Quality
from tests.unit.alerts.engine.lab import Lab, rulebook

PROFILE = """
model = "DS18B20 behind a gateway"
maker = "nobody"
manual = "facts/alarms.md 5.2: 85 is the power-on value, -127 disconnected"
period = "10s"
[mqtt]
[[channels]]
key = "temperature"
quantity = "temperature"
unit = "degC"
resolution = 0.01
range = [-55.0, 125.0]
source = { via = "json", path = "t" }
faults = [{ raw = 85, quality = "sensor_fault" }, { raw = -127, quality = "sensor_fault" }]
"""
# Both would be an alarm if the value were one: 85 and NaN above, -127 below.
HIGH = Rule(
    id="high", channel="inc1.temperature", kind="high", limit=38.0, deadband=0.2, policy="chain"
)
LOW = Rule(
    id="low", channel="inc1.temperature", kind="low", limit=36.0, deadband=0.2, policy="chain"
)
BAD = Rule(
    id="bad",
    channel="inc1.temperature",
    kind="out-of-range",
    policy="chain",
)


def payload(lab: Lab, at: str, text: bytes) -> None:
    decoded = JsonCodec(parse(PROFILE, Profile, name="test")).decode(text)
    (value,), (code,) = decoded.values, decoded.qualities
    lab.sample(at, value, quality=Quality(code))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"t": NaN}', "sensor_fault"),
        (b'{"t": null}', "sensor_fault"),
        (b'{"t": "--"}', "sensor_fault"),
        (b'{"t": 85}', "sensor_fault"),
        (b'{"t": -127}', "sensor_fault"),
        (b'{"t": 1000}', "out_of_range"),
        (b'{"t": -1000}', "out_of_range"),
    ],
)
@pytest.mark.parametrize(("before", "state"), [(37.0, "N"), (39.0, "U")])
def test_48_no_value_sets_or_clears_nothing_and_is_told_with_its_code(
    text: bytes, code: str, before: float, state: str
) -> None:
    lab = Lab(rulebook([HIGH, LOW, BAD]))
    lab.sample("0:00", before)
    payload(lab, "0:10", text)
    assert lab.engine.view("high").state == state
    assert lab.engine.view("low").state == "N"
    assert lab.said(What.SET, What.QUEUED, rule="bad") == [
        "0:00:10 set bad",
        "0:00:10 queued bad A",
    ]
    assert lab.last(What.QUALITY).why == f"bad: {code}"
    assert lab.engine.view("high").quality == "BAD"
