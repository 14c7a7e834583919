"""The sentences that tell people why an alarm was set or cleared, for every kind of rule."""

import pytest
from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.engine.course import Course
from alerts.engine.filter import Found
from alerts.engine.gauge import Sloping
from alerts.engine.monitor import Monitor
from alerts.engine.signal import Signal
from alerts.engine.words import cleared_because, set_because, unit
from alerts.rule import Limit, Rule
from alerts.transition import What
from devices.duration import parse

HOUR_MS = 3_600_000
SPEC = ChannelSpec(id="inc1.temperature", quantity="temperature", period_ms=10_000, resolution=0.01)
LEVEL = ChannelSpec(id="ln2a.level", quantity="level", period_ms=60_000, resolution=1.0)
DOOR = ChannelSpec(id="inc1.door", quantity="state", period_ms=10_000, resolution=1.0)
HIGH = Rule(id="r", channel=SPEC.id, kind="high", limit=38.0, deadband=0.2)
DELAYED = replace(HIGH, on_delay=parse("5m"))
WINDOWED = replace(HIGH, limit=5.0, window=parse("1h"))


def monitor(rule: Rule, spec: ChannelSpec = SPEC) -> Monitor:
    others = tuple(replace(spec, id=name) for name in rule.against)
    return Monitor(rule, spec, None, 0, others=others)


def found(value: float = 38.456) -> Found:
    return Found(What.SET, 0, value)


BURSTS = replace(HIGH, kind="count", count=6, window=parse("10m"))
CASES = [
    (HIGH, "38.456 degC at or above 38 degC", "back at 38.456 degC"),
    (DELAYED, "38.456 degC at or above 38 degC for 5m", "back at 38.456 degC"),
    (replace(HIGH, kind="low"), "38.456 degC at or below 38 degC", "back at 38.456 degC"),
    (BURSTS, "38.456 degC at or above 38 degC", "back at 38.456 degC"),
    (replace(HIGH, kind="silence"), "no good sample for 30s", "good samples again"),
    (
        replace(DELAYED, kind="silence", limit=None),
        "no good sample for 5m",
        "good samples again",
    ),
    (
        replace(HIGH, kind="out-of-range"),
        "the sensor gives no usable value",
        "good samples again",
    ),
    (
        replace(DELAYED, kind="out-of-range"),
        "the sensor gives no usable value for 5m",
        "good samples again",
    ),
    (
        replace(WINDOWED, kind="rate"),
        "changes by 38.5 degC an hour over 1h",
        "no longer: changes by 38.5 degC an hour over 1h",
    ),
    (
        replace(WINDOWED, kind="evaporation"),
        "falls 38.5 times as fast as it used to, over 1h",
        "no longer: falls 38.5 times as fast as it used to, over 1h",
    ),
    (replace(WINDOWED, kind="stuck"), "has not moved for 1h", "moves again"),
    (
        replace(DELAYED, kind="difference", against=("b.x",)),
        "38.5 degC apart from b.x for 5m",
        "no longer: 38.5 degC apart from b.x for 5m",
    ),
    (
        replace(HIGH, kind="disagreement", against=("b.x", "c.x")),
        "38.5 degC off what b.x, c.x say; it is not trusted",
        "agrees with the other probes again",
    ),
    (
        replace(HIGH, kind="spike", limit=5.0),
        "jumps by 5 degC or more from one sample to the next",
        "no more jumps",
    ),
    (
        replace(WINDOWED, kind="spike", count=3),
        "jumps by 5 degC or more from one sample to the next, 3 times within 1h",
        "no more jumps",
    ),
    (
        replace(HIGH, kind="overdue", every=parse("90d")),
        "has never been done, or failed; it is to be done every 90d",
        "was done",
    ),
    (
        replace(HIGH, kind="high", against=("b.x", "c.x")),
        "38.456 degC at or above 38 degC",
        "back at 38.456 degC",
    ),
]


@pytest.mark.parametrize(
    ("rule", "sets", "clears"), CASES, ids=[f"{rule.kind}-{sets}" for rule, sets, _ in CASES]
)
def test_each_kind_of_rule_has_its_sentences(rule: Rule, sets: str, clears: str) -> None:
    judge = monitor(rule)
    assert set_because(judge, 0, found()) == sets
    assert cleared_because(judge, found()) == clears


def test_a_further_limit_is_named_with_its_own_number() -> None:
    stepped = replace(HIGH, steps=(Limit(limit=40.0, severity="critical"),))
    assert set_because(monitor(stepped), 1, found(41.0)) == "41 degC at or above 40 degC"


def test_what_activations_set_says_how_many() -> None:
    judge = monitor(BURSTS)
    judge.filters = (replace(judge.filters[0], counted=True),)
    assert set_because(judge, 0, found()) == "crossed 38 degC 6 times within 10m"


def test_what_was_done_before_is_told_apart_from_what_never_was() -> None:
    judge = monitor(replace(HIGH, kind="overdue", every=parse("90d")))
    judge.done_at = 0
    assert set_because(judge, 0, found()) == "was last done longer than 90d ago"


def test_a_state_has_no_unit() -> None:
    judge = monitor(Rule(id="r", channel=DOOR.id, kind="discrete", on_delay=parse("1m")), DOOR)
    assert unit(judge) == ""
    assert set_because(judge, 0, found(1.0)) == "door is 1 for 1m"
    assert unit(monitor(HIGH, LEVEL)) == "mm"
    assert unit(monitor(HIGH, replace(LEVEL, quantity="colour"))) == ""


class Probe:
    """A channel whose newest value is 200."""

    signal = Signal(value=200.0)


TOWARDS = Rule(
    id="r",
    channel=LEVEL.id,
    kind="time-to-limit",
    limit=100.0,
    window=parse("1h"),
    within=parse("8h"),
)


def falling(*, noise: float, drop_mm_h: float = 20.0) -> Sloping:
    """A level that falls, with every other point ``noise`` off."""
    points = tuple(
        (n * HOUR_MS // 10, 240.0 - drop_mm_h * n / 10 + noise * (n % 2)) for n in range(10)
    )
    return Sloping(Course(points), 1)


def test_the_time_to_a_limit_is_told_with_its_bounds() -> None:
    judge = monitor(TOWARDS, LEVEL)
    judge.channel = Probe()
    judge.gauge = falling(noise=0.0)
    # 100 mm are left, and it falls by exactly 20 mm an hour.
    wanted = "reaches 100 mm in about 5h: 5h at the least, 5h at most"
    assert set_because(judge, 0, found()) == wanted
    assert cleared_because(judge, found()) == f"no longer: {wanted}"


def test_a_bound_that_holds_no_approach_has_no_end() -> None:
    judge = monitor(TOWARDS, LEVEL)
    judge.channel = Probe()
    judge.gauge = falling(noise=30.0)
    assert set_because(judge, 0, found()).endswith("no end at most")


def test_a_minute_is_the_least_time_that_is_told() -> None:
    judge = monitor(replace(TOWARDS, limit=199.99), LEVEL)
    judge.channel = Probe()
    judge.gauge = falling(noise=0.0)
    assert set_because(judge, 0, found()).startswith("reaches 199.99 mm in about 1m: ")


def test_hours_are_told_to_the_minute() -> None:
    judge = monitor(replace(TOWARDS, limit=100.0), LEVEL)
    judge.channel = Probe()
    judge.gauge = falling(noise=0.0, drop_mm_h=30.0)
    # 100 mm at 30 mm an hour are 3.33 hours.
    assert "in about 3h20m:" in set_because(judge, 0, found())


@pytest.mark.parametrize("heard", [None, Probe()], ids=["no channel", "no slope"])
def test_without_a_slope_the_limit_is_only_named(heard: Probe | None) -> None:
    judge = monitor(TOWARDS, LEVEL)
    judge.channel = heard
    assert set_because(judge, 0, found()) == "is about to reach 100 mm"


def test_without_a_value_the_limit_is_only_named() -> None:
    judge = monitor(TOWARDS, LEVEL)
    judge.gauge = falling(noise=0.0)
    assert set_because(judge, 0, found()) == "is about to reach 100 mm"


def test_a_limit_of_zero_is_named() -> None:
    frozen = replace(HIGH, limit=0.0)
    assert set_because(monitor(frozen), 0, found(0.5)) == "0.5 degC at or above 0 degC"
    empty = monitor(replace(TOWARDS, limit=0.0), LEVEL)
    assert set_because(empty, 0, found()) == "is about to reach 0 mm"
    empty.channel = Probe()
    empty.gauge = falling(noise=0.0)
    # 200 mm are left, and it falls by exactly 20 mm an hour.
    wanted = "reaches 0 mm in about 10h: 10h at the least, 10h at most"
    assert set_because(empty, 0, found()) == wanted


@pytest.mark.parametrize(
    ("left", "told"), [(10_000.0, "416d16h"), (10_000.5, "no end")], ids=["the most", "beyond"]
)
def test_more_than_ten_thousand_hours_are_no_end(left: float, told: str) -> None:
    judge = monitor(replace(TOWARDS, limit=200.0 - left), LEVEL)
    judge.channel = Probe()
    # By exactly 1 mm an hour.
    points = tuple((n * HOUR_MS, float(-n)) for n in range(8))
    judge.gauge = Sloping(Course(points), 1)
    assert f"in about {told}: {told} at the least" in set_because(judge, 0, found())


@pytest.mark.parametrize(
    ("days", "why"),
    [
        (-1 / 86_400_000, "its sensor is due for calibration within 1ms"),
        (0.0, "its sensor is overdue for calibration"),
    ],
)
def test_a_calibration_is_overdue_from_its_day_on(days: float, why: str) -> None:
    judge = monitor(replace(HIGH, kind="calibration-due", limit=days, every=parse("365d")))
    judge.due_at = 0
    assert set_because(judge, 0, found()) == why
