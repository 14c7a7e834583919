"""What the hard scenarios are told with."""

from msgspec.structs import replace

from alerts.rule import Rule
from alerts.transition import What
from devices.duration import Duration
from tests.unit.alerts.engine.lab import (  # a test's own
    HOT,
    Lab,
    rulebook,
)

PAGES = (What.SET, What.CLEAR, What.QUEUED, What.ALL_CLEAR, What.CLOSED)
BRIEF = replace(HOT, on_delay=Duration(0), off_delay=Duration(0))


def lab(*rules: Rule, channels: tuple[str, ...] = ("inc1.temperature",)) -> Lab:
    return Lab(rulebook(rules or (HOT,), channels=channels))
