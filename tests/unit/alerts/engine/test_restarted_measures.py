"""A restart judges no value by the limit of a measure: of a slope, a distance, a vote."""

import pytest
from msgspec.structs import replace

from alerts.rule import Rule
from alerts.transition import What
from devices.duration import Duration, parse
from storage.entry import Started
from tests.unit.alerts.engine.lab import HOT, Lab, rulebook  # a test's own

NAMES = ("inc1.temperature", "inc2.temperature", "inc3.temperature")
BRIEF = replace(HOT, on_delay=Duration(0), off_delay=Duration(0))
SLOPE = replace(BRIEF, deadband=1.0, window=parse("10m"))
APART = replace(BRIEF, deadband=0.0, against=NAMES[1:2])
VOTE = replace(BRIEF, against=NAMES[1:])
CALM = [
    (replace(SLOPE, kind="rate", limit=5.0), 37.0),
    (replace(SLOPE, kind="time-to-limit", limit=1.0, within=parse("50h")), 37.0),
    (replace(SLOPE, kind="evaporation", limit=2.0), 37.0),
    (replace(SLOPE, kind="stuck", limit=None, deadband=0.0), 37.0),
    (replace(APART, kind="difference", limit=1.0), 37.0),
    (replace(VOTE, kind="disagreement", limit=3.0, deadband=1.0), 37.0),
    # The other two outvote this one.
    (replace(VOTE, limit=38.0), 39.0),
    (replace(VOTE, kind="low", limit=36.0), 35.0),
]


@pytest.mark.parametrize("reloaded", [False, True])
@pytest.mark.parametrize(("rule", "value"), CALM, ids=[rule.kind for rule, _ in CALM])
def test_a_restart_sets_nothing_that_the_measure_did_not(
    rule: Rule, value: float, *, reloaded: bool
) -> None:
    room = Lab(rulebook([rule], channels=NAMES))
    for name in NAMES[1:]:
        room.sample("0:05", 37.0, of=name)
    room.sample("0:10", value)
    room.reload()
    room.feed(
        Started(
            at=room.wall("0:20"), version="0", configuration=room.book.digest, reloaded=reloaded
        )
    )
    assert room.count(What.SET) == 0
    assert room.engine.view("hot").state == "N"


def test_what_a_measure_set_stays_set_over_a_restart() -> None:
    room = Lab(rulebook([replace(APART, kind="difference", limit=1.0)], channels=NAMES))
    room.sample("0:05", 37.0, of=NAMES[1])
    room.sample("0:10", 39.0)
    assert room.count(What.SET) == 1
    room.reload()
    room.started("0:20")
    assert (room.count(What.SET), room.count(What.CLEAR)) == (1, 0)
    room.sample("0:25", 37.1)
    assert room.said(What.CLEAR) == ["0:00:25 clear hot"]
