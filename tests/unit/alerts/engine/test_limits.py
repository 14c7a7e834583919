"""Where the edges of limits are, and where a value is surely calm."""

from decimal import Decimal
from math import inf

import pytest
from msgspec.structs import replace

from alerts.engine.limits import Level, Limits, Side, compiled
from alerts.rule import Limit, Rule, Severity
from devices.duration import parse

HIGH = Rule(id="r", channel="inc1.x", kind="high", limit=38.0, deadband=0.2, severity="medium")
LOW = replace(HIGH, kind="low", limit=-150.0)
# At a resolution of 0.01 a value is judged in parts of 0.00002.
PART = 0.01 / 500


def sides(rule: Rule, *values: float) -> list[Side]:
    return [compiled(rule, 0.01).sides(value)[0] for value in values]


def test_a_high_limit_has_its_edges_on_the_parts() -> None:
    assert compiled(HIGH, 0.01) == Limits(
        PART, 1, (Level(1_900_000, 1_890_000, Severity.MEDIUM, exact=False),)
    )


def test_a_low_limit_is_turned_round() -> None:
    assert compiled(LOW, 0.01) == Limits(PART, -1, (Level(7_500_000, 7_490_000, Severity.MEDIUM),))


def test_a_limit_that_is_not_given_is_one() -> None:
    door = replace(HIGH, kind="discrete", limit=None, deadband=0.0)
    assert compiled(door, 1.0).levels == (Level(500, 500, Severity.MEDIUM, exact=True),)
    assert sides(door, 1.0, 0.0, 2.0) == [Side.TRUE, Side.FALSE, Side.FALSE]


def test_each_step_has_a_level_with_its_severity() -> None:
    rule = replace(HIGH, steps=(Limit(limit=40.0, severity="critical"),))
    assert compiled(rule, 0.01).levels == (
        Level(1_900_000, 1_890_000, Severity.MEDIUM),
        Level(2_000_000, 1_990_000, Severity.CRITICAL),
    )


@pytest.mark.parametrize("kind", ["silence", "out-of-range", "spike", "overdue"])
def test_what_watches_for_samples_has_a_level_that_judges_no_value(kind: str) -> None:
    rule = replace(HIGH, kind=kind)
    assert compiled(rule, 0.01) == Limits(PART, 1, (Level(0, 0, Severity.MEDIUM, exact=True),))


def test_days_from_a_date_are_milliseconds_and_judge_no_value() -> None:
    steps = (Limit(limit=-0.5, severity="high"), Limit(limit=1, severity="critical"))
    rule = replace(HIGH, kind="calibration-due", limit=-92, steps=steps)
    assert compiled(rule, 0.01) == Limits(
        PART,
        1,
        (
            Level(-92 * 86_400_000, 0, Severity.MEDIUM, exact=True),
            Level(-43_200_000, 0, Severity.HIGH, exact=True),
            Level(86_400_000, 0, Severity.CRITICAL, exact=True),
        ),
    )
    assert compiled(replace(rule, limit=None), 0.01).levels[0].set_at == 0


@pytest.mark.parametrize(
    ("fields", "limits"),
    [
        # A rate sets at its limit and clears a tenth of it away, in millionths.
        ({"kind": "rate", "limit": 5.0}, (1e-6, 1, 5_000_000, 4_500_000)),
        ({"kind": "rate", "limit": -5.0}, (1e-6, -1, 5_000_000, 4_500_000)),
        ({"kind": "rate", "limit": 0.0}, (1e-6, 1, 0, -1)),
        ({"kind": "evaporation", "limit": 2.0}, (1e-6, 1, 2_000_000, 1_800_000)),
        # Eight hours or fewer are left; it clears at 8.8.
        (
            {"kind": "time-to-limit", "limit": 9.0, "within": parse("8h")},
            (1e-6, -1, -8_000_000, -8_800_000),
        ),
        ({"kind": "time-to-limit", "limit": 9.0}, (1e-6, -1, 0, -1)),
        # Seconds without a move, in ms; it clears with the first move.
        ({"kind": "stuck", "window": parse("30m")}, (0.001, 1, 1_800_000, 0)),
        ({"kind": "stuck"}, (0.001, 1, 0, 0)),
    ],
)
def test_a_measure_has_limits_in_its_own_unit(
    fields: dict[str, object], limits: tuple[float, int, int, int]
) -> None:
    rule = replace(HIGH, **fields)
    part, sign, set_at, clear_at = limits
    assert compiled(rule, 0.01) == Limits(part, sign, (Level(set_at, clear_at, Severity.MEDIUM),))


def test_the_edges_belong_to_the_worse_and_to_the_clear_side() -> None:
    assert sides(HIGH, 38.0, 37.99998, 37.80002, 37.8) == [
        Side.TRUE,
        Side.INSIDE,
        Side.INSIDE,
        Side.FALSE,
    ]
    assert sides(LOW, -150.0, -149.99998, -149.80002, -149.8) == [
        Side.TRUE,
        Side.INSIDE,
        Side.INSIDE,
        Side.FALSE,
    ]


@pytest.mark.parametrize("value", [1e308, float("inf"), Decimal("1e300")])
def test_a_number_beyond_all_measure_has_a_side(value: float | Decimal) -> None:
    limits = compiled(HIGH, 0.01)
    assert limits.sides(value) == (Side.TRUE,)
    assert limits.sides(-value) == (Side.FALSE,)
    assert limits.parts(value) == round(1e300)
    assert limits.parts(-value) == -round(1e300)


def test_what_is_surely_calm_lies_past_the_deadband() -> None:
    assert compiled(HIGH, 0.01).calm() == (-inf, 1_890_000 * PART)
    assert compiled(LOW, 0.01).calm() == (-7_490_000 * PART, inf)


def test_what_rounds_to_the_number_of_a_state_is_not_calm() -> None:
    door = replace(HIGH, kind="discrete", limit=1.0, deadband=0.0)
    # 0.9999 is 499.95 parts of 0.002, which is 500 as 1 is.
    assert compiled(door, 1.0).sides(0.9999) == (Side.TRUE,)
    low, high = compiled(door, 1.0).calm()
    assert low == -inf
    assert high == pytest.approx(0.998)


def test_the_excess_is_how_far_it_is_from_clearing() -> None:
    assert compiled(HIGH, 0.01).excess(38.5) == pytest.approx(0.7)
    assert compiled(HIGH, 0.01).excess(37.5) == pytest.approx(-0.3)
    assert compiled(LOW, 0.01).excess(-151.0) == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("rule", "value", "other", "worse"),
    [
        (HIGH, 38.0, 37.9, True),
        (HIGH, 38.0, 38.0, False),
        (HIGH, 38.0, 38.5, False),
        (HIGH, 38.3, 38.0, True),
        (HIGH, 37.99, 37.0, False),
        (LOW, -151.0, -150.5, True),
        (LOW, -150.5, -151.0, False),
        (replace(HIGH, kind="discrete", limit=1.0), 1.0, 2.0, True),
        (replace(HIGH, kind="discrete", limit=1.0), 2.0, 1.0, False),
    ],
)
def test_of_two_values_the_worse_is_beyond_the_limit_and_further_out(
    rule: Rule, value: float, other: float, *, worse: bool
) -> None:
    assert compiled(rule, 0.01).is_worse(value, other) is worse


def test_a_side_is_stored_by_its_number() -> None:
    assert [(side.name, side.value) for side in Side] == [("FALSE", -1), ("INSIDE", 0), ("TRUE", 1)]
