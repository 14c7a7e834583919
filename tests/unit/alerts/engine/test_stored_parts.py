"""What is stored of the engine keeps its shape: arrays, in this order, over versions."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from alerts.engine.alarm import Alarm, Escalation, Phase, Status
from alerts.engine.course import Course
from alerts.engine.filter_state import Filter, Past, Stage
from alerts.engine.flapping import Flapping
from alerts.engine.gauge import Beside, Jumping, Losing, Sloping, Still
from alerts.engine.limits import Side
from alerts.engine.monitor import RulePart
from alerts.engine.overlay import BARE, Design, Overlay, Service, Shelf
from alerts.engine.parts import ClockPart, Drill, StateError, decoded, definition, encoded
from alerts.engine.signal import Signal, Trust
from alerts.engine.trend import Trend
from alerts.engine.upgrade import rule_part
from alerts.rule import Rule, Severity
from devices.duration import Duration

RULE = Rule(id="hot", channel="inc1.x", kind="high", limit=38.0, on_delay=Duration(5))
OVERLAY = Overlay(
    Shelf(1, one_shot=True, by="S", reason="r"),
    2,
    Design(3, "door", 4),
    spent=True,
    service=Service(5, "T", "s"),
    held=6,
)
ALARM = Alarm(
    phase=Phase.LA,
    occurrence=1,
    activation=2,
    since=3,
    value=4.0,
    severity=Severity.LOW,
    worst=Severity.HIGH,
    seen=Severity.MEDIUM,
    acked_by=("A",),
    acked_at=5,
    paged=("B",),
    paged_at=6,
    page_due=7,
    remind_due=8,
    release_due=9,
    under="u",
    escalation=Escalation(Status.RUN, 1, 2, 3),
    trend=Trend(((1, 2.0),), 3),
    overlay=OVERLAY,
    flapping=Flapping((1,), 2, ("C",), 3),
)
ALARM_STORED = [
    *("LA", 1, 2, 3, 4.0, 2, 4, 3, ["A"], 5, ["B"], 6, 7, 8, 9, "u"),
    ["RUN", 1, 2, 3],
    [[[1, 2.0]], 3],
    [[1, True, "S", "r"], 2, [3, "door", 4], True, [5, "T", "s"], 6],
    [[1], 2, ["C"], 3],
]
FILTER = Filter(
    Stage.F3, 1, 2, Side.INSIDE, 3, (4,), (5,), 6.0, counted=True, returned=7, flutter=8,
    past=Past(9, 10, 11.0),
)  # fmt: skip
FILTER_STORED = ["F3", 1, 2, 0, 3, [4], [5], 6.0, True, 7, 8, [9, 10, 11.0]]
COURSE = Course(((1, 2.0),), 3, 4, 5, 6.0)
COURSE_STORED = [[[1, 2.0]], 3, 4, 5, 6.0]


@pytest.mark.parametrize(
    ("part", "stored"),
    [
        (ALARM, ALARM_STORED),
        (FILTER, FILTER_STORED),
        (Sloping(COURSE, -1), ["slope", COURSE_STORED, -1]),
        (Jumping(1.0, 2.0), ["jump", 1.0, 2.0]),
        (Still(1.0, 2), ["still", 1.0, 2]),
        (Losing(COURSE, 1, 2, (3.0,)), ["loss", COURSE_STORED, 1, 2, [3.0]]),
        (Beside((None, (1, 2.0))), ["beside", [None, [1, 2.0]]]),
        (
            Signal(Trust.BAD, 1, 2, 3, 4, 5.0, 6, "x", overdue=True, gap=(7, 8)),
            ["BAD", 1, 2, 3, 4, 5.0, 6, "x", True, [7, 8]],
        ),
        (ClockPart(1, 2, 3, begun=True), [1, 2, 3, True]),
        (Drill("d", 1, 2), ["d", 1, 2]),
        (
            RulePart(
                "d",
                (FILTER,),
                ALARM,
                {"limit": "39"},
                removed=True,
                gauge=Still(),
                done_at=1,
                awaited_at=2,
                error="e",
                due_at=3,
            ),
            [
                "d",
                [FILTER_STORED],
                ALARM_STORED,
                {"limit": "39"},
                True,
                ["still", None, 0],
                1,
                2,
                "e",
                3,
            ],
        ),
    ],
    ids=lambda part: type(part).__name__,
)
def test_each_part_is_stored_as_an_array_and_read_again(part: Any, stored: list[object]) -> None:  # noqa: ANN401 # each has its own type
    data = encoded(part)
    assert msgspec.msgpack.decode(data) == stored
    assert decoded({"k": data}, "k", type(part)) == part


@pytest.mark.parametrize(
    ("part", "least"),
    [
        (Alarm(), ["N"]),
        (Filter(), ["F0"]),
        (Signal(), ["NEVER"]),
        (Sloping(), ["slope"]),
        (Jumping(), ["jump"]),
        (Still(), ["still"]),
        (Losing(), ["loss"]),
        (Beside(), ["beside"]),
        (Escalation(), []),
        (Overlay(), []),
        (Flapping(), []),
        (Trend(), []),
        (Course(), []),
        (ClockPart(), []),
        (Drill("d", 1), ["d", 1]),
        (Design(1, "c"), [1, "c"]),
        (RulePart("d", (), Alarm(), {}), ["d", [], ["N"], {}]),
    ],
    ids=lambda part: type(part).__name__,
)
def test_fields_that_an_older_version_did_not_store_have_their_defaults(
    part: Any,  # noqa: ANN401 # each has its own type
    least: list[object],
) -> None:
    assert decoded({"k": msgspec.msgpack.encode(least)}, "k", type(part)) == part


def test_an_alarm_begins_with_nothing() -> None:
    assert msgspec.msgpack.decode(encoded(Alarm())) == [
        *("N", 0, 0, 0, None, None, None, None, [], 0, [], None, None, None, None, ""),
        ["IDLE", -1, 0, None],
        [[], 0],
        [None, None, None, False, None, 0],
        [[], None, [], 0],
    ]


@pytest.mark.parametrize(
    ("part", "stored"),
    [
        (Sloping(), ["slope", [[], None, 0, 0, 0.0], 0]),
        (Losing(), ["loss", [[], None, 0, 0, 0.0], None, 0, []]),
        (Beside(), ["beside", []]),
    ],
    ids=lambda part: type(part).__name__,
)
def test_a_measure_begins_with_nothing(part: Sloping, stored: list[object]) -> None:
    assert msgspec.msgpack.decode(encoded(part)) == stored


def test_a_part_that_is_damaged_is_named() -> None:
    with pytest.raises(StateError, match=r"alarm state, part 'k': .*; restore a backup, or start"):
        decoded({"k": b"\xc1"}, "k", ClockPart)
    assert decoded({}, "k", ClockPart) is None


def test_the_same_value_gives_the_same_bytes() -> None:
    assert encoded({"b": 1, "a": 2}) == encoded({"a": 2, "b": 1})


def test_a_digest_tells_whether_a_rule_was_changed() -> None:
    assert definition(RULE) == definition(replace(RULE))
    assert definition(RULE) != definition(replace(RULE, limit=38.1))
    assert definition(RULE) != definition(replace(RULE, on_delay=Duration(6)))
    assert len(definition(RULE)) == 16


def test_an_overlay_that_was_a_word_is_read_as_none() -> None:
    old = [*ALARM_STORED[:18], "none"]
    data = msgspec.msgpack.encode(["d", [], old, {}])
    part = decoded({"k": rule_part(data)}, "k", RulePart)
    assert part is not None
    assert part.alarm == replace(ALARM, overlay=BARE, flapping=Flapping())
    assert Overlay() == BARE


@pytest.mark.parametrize("value", [["d", [], ALARM_STORED, {}], ["d"], 7, ["d", [], 5, {}]])
def test_a_part_of_this_version_is_left_as_it_is(value: object) -> None:
    data = msgspec.msgpack.encode(value)
    assert rule_part(data) == data
    assert rule_part(b"\xc1") == b"\xc1"


@pytest.mark.parametrize("name", ["page_due", "remind_due", "release_due"])
def test_the_first_of_its_timers_is_due(name: str) -> None:
    assert Alarm().due is None
    assert replace(Alarm(), **{name: 5}).due == 5
    both = replace(Alarm(), **{name: 5}, escalation=Escalation(due=4))
    assert both.due == 4
    assert replace(both, overlay=Overlay(shelf=Shelf(3, one_shot=False, by="", reason=""))).due == 3
    assert replace(both, flapping=Flapping(due=2)).due == 2
