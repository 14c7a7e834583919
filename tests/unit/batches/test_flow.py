"""Samples that a meter takes at once come to what they come to one by one."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batches import weighing
from batches.calibration import Guard, Marks
from batches.cryo import THRESHOLDS_C
from batches.excursion import Limits
from batches.exposure import Meter
from batches.flow import Samples, feed
from batches.logged import Intake
from batches.placement import Interval
from batches.policy import Policy

MIN = 60_000
BAND = Limits(low=36.5, high=38.0)


def logged(*, period: int, start: int = 0, end: int = 20 * MIN) -> Intake:
    return Intake(
        device="inc1",
        channel="temperature",
        quantity="temperature",
        period=period,
        start=start,
        end=end,
    )


Sample = tuple[int, float | None, bool, bool]
"""How long after the one before, what it says, whether it came late, or is of a calibration."""
SAMPLE = st.tuples(
    st.sampled_from([0, 1, 30_000, MIN, MIN, MIN, 90_000, 90_001, 200_000]),
    st.sampled_from(
        [
            *(None, -151.0, -150.0, -149.9, -135.0, -0.0, 0.0, 36.49, 36.5, 36.6, 37.0, 37.1, 38.0),
            *(38.1, 38.0004, 38.0005, 1e13),
        ]
    ),
    st.booleans(),
    st.booleans(),
)
MARKS = [
    Marks(),
    Marks(guards=(Guard(0, 4 * MIN, 200), Guard(4 * MIN, 6 * MIN, None))),
    Marks(apart=(Interval(2 * MIN, 3 * MIN), Interval(7 * MIN + 1, 7 * MIN + 2))),
    Marks(logged=(logged(period=90_001, end=4 * MIN), logged(period=1_000, start=5 * MIN))),
]


@pytest.fixture(autouse=True)
def few_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where values are summed up is seen in the last digit: it is done soon."""
    monkeypatch.setattr(weighing, "_DISTINCT", 4)


@given(
    st.lists(SAMPLE, max_size=40),
    st.lists(st.integers(0, 40), max_size=4),
    st.sampled_from(
        [
            Policy(),
            Policy(limits=Limits(low=36.5)),
            Policy(limits=BAND),
            Policy(limits=BAND, guard_band=True),
        ]
    ),
    st.sampled_from(MARKS),
    st.integers(0, 4 * MIN),
)
@example([(MIN, 37.0, False, False)] * 12, [5], Policy(limits=BAND), MARKS[2], MIN)
@example([(MIN, 37.0, True, False)] * 12, [7], Policy(limits=BAND), MARKS[3], 0)
@example([(MIN, 37.0, True, False)] * 12, [], Policy(limits=BAND, guard_band=True), MARKS[1], 0)
def test_at_once_comes_to_what_one_by_one_comes_to(
    samples: list[Sample], cuts: list[int], policy: Policy, marks: Marks, start: int
) -> None:
    def meter() -> Meter:
        return Meter(
            start=start,
            end=start + 10 * MIN,
            period=MIN,
            policy=policy,
            kinetic=True,
            above=THRESHOLDS_C,
            marks=marks,
        )

    at_once, one_by_one = meter(), meter()
    at = 0
    for step, value, late, calibrating in samples:
        at += step
        kept = None if calibrating else value
        one_by_one.feed(at, kept, backfilled=late, calibrating=calibrating)
    for piece in pieces(samples, cuts):
        feed(at_once, piece)
    assert at_once.result() == one_by_one.result()


def pieces(samples: list[Sample], cuts: list[int]) -> Iterator[Samples]:
    at = np.cumsum([step for step, _, _, _ in samples], dtype=np.int64)
    values = np.array([np.nan if value is None else value for _, value, _, _ in samples])
    late = np.array([late for _, _, late, _ in samples], np.bool_)
    calibrating = np.array([marked for _, _, _, marked in samples], np.bool_)
    whole = Samples(at, values, ~np.isnan(values) & ~calibrating, calibrating, late)
    edges = sorted({0, len(at), *(cut for cut in cuts if cut < len(at))})
    for begin, end in pairwise(edges):
        some = slice(begin, end)
        good = whole.good[some]
        yield Samples(at[some], values[some], good, calibrating[some], late[some])


def test_calm_ones_are_taken_at_once() -> None:
    at = np.arange(0, 1_000 * MIN, MIN)
    values, no, yes = np.full(1_000, 37.0), np.zeros(1_000, np.bool_), np.ones(1_000, np.bool_)
    meter = Watched(start=0, end=1_000 * MIN, period=MIN, policy=Policy(limits=BAND))
    values[500] = 40.0
    feed(meter, Samples(at, values, yes, no, no))
    # The first one, the one that was out and the one after it.
    assert meter.fed == [0, 500 * MIN, 501 * MIN]


class Watched(Meter):
    """Keeps when the samples were that came one by one."""

    fed: list[int]

    def feed(
        self,
        at: int,
        value: float | None,
        *,
        backfilled: bool = False,
        calibrating: bool = False,
        lasts: int | None = None,
    ) -> None:
        """As every meter."""
        self.fed = [*getattr(self, "fed", []), at]
        super().feed(at, value, backfilled=backfilled, calibrating=calibrating, lasts=lasts)


def test_samples_out_of_order_are_refused_wherever_they_stand() -> None:
    at = np.array([0, MIN, 2 * MIN, MIN, 3 * MIN])
    yes, no = np.ones(5, np.bool_), np.zeros(5, np.bool_)
    meter = Meter(start=0, end=10 * MIN, period=MIN)
    with pytest.raises(ValueError, match="a sample at 60000 came after one at 120000"):
        feed(meter, Samples(at, np.full(5, 37.0), yes, no, no))
