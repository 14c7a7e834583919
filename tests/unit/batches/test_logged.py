"""Readings from a logger's file hold for the logger's period, beside a device that has another."""

import pytest

from batches.calibration import Book, Marks
from batches.excursion import Limits
from batches.exposure import Exposure, Meter
from batches.logged import Intake
from batches.placement import Interval
from batches.policy import Policy, Verdict
from batches.summing import NotSummable, Stay, check_usual
from devices.scan import Layout

MIN = 60_000
START = 1_767_268_800_000
CHANNEL = "inc1.temperature"


def of_file(period: int, start: int, end: int, channel: str = "temperature") -> Intake:
    return Intake(
        device="inc1",
        channel=channel,
        quantity="temperature",
        period=period,
        start=START + start,
        end=START + end,
    )


def measured(live: list[int], logged: list[int], file: Intake, *, end: int) -> Exposure:
    """A device that is read each minute, at minutes ``live``, and a file with those ``logged``."""
    meter = Meter(
        start=START,
        end=START + end,
        period=MIN,
        policy=Policy(limits=Limits(low=36.0, high=38.0)),
        marks=Marks(logged=(file,)),
    )
    samples = [(at * MIN, False) for at in live] + [(at * MIN, True) for at in logged]
    for at, backfilled in sorted(samples):
        meter.feed(START + at, 37.0, backfilled=backfilled)
    return meter.result()


def test_a_slow_logger_closes_the_gap_of_a_device_that_is_read_often() -> None:
    found = measured(
        [*range(5), *range(60, 65)],
        [10, 20, 30, 40, 50],
        of_file(10 * MIN, 10 * MIN, 50 * MIN),
        end=65 * MIN,
    )
    # From the last reading of the device, which holds for a minute, to the first of the logger.
    assert found.gaps == (Interval(START + 5 * MIN, START + 10 * MIN),)
    assert found.known_ms == 60 * MIN
    assert (found.good, found.backfilled) == (15, 5)


def test_what_the_logger_missed_is_a_gap_as_everywhere() -> None:
    file = of_file(10 * MIN, 0, 65 * MIN)
    # Fifteen minutes after the one before is in time; a second later is not.
    found = measured([], [0, 10, 25, 40, 65], file, end=75 * MIN)
    assert found.gaps == (Interval(START + 50 * MIN, START + 65 * MIN),)
    # The last one holds for its period, and for no longer.
    later = measured([], [0, 10, 25, 40, 65], file, end=80 * MIN)
    assert later.gaps[1:] == (Interval(START + 75 * MIN, START + 80 * MIN),)
    assert later.verdict is Verdict.UNKNOWN


def test_the_devices_own_readings_hold_no_longer_beside_a_file() -> None:
    found = measured([2, 3], [0, 10], of_file(10 * MIN, 0, 10 * MIN), end=20 * MIN)
    # The device was heard at 3 and then no more: that says nothing of minute 4.
    assert found.gaps == (Interval(START + 4 * MIN, START + 10 * MIN),)


def test_that_the_device_did_not_answer_ends_no_reading_of_the_logger() -> None:
    """As in an outage: each minute says that nobody answered, and the file comes later."""
    file = of_file(10 * MIN, 5 * MIN, 25 * MIN)
    meter = Meter(start=START, end=START + 60 * MIN, period=MIN, marks=Marks(logged=(file,)))
    said = dict.fromkeys(range(60), (None, False)) | {0: (37.0, False), 59: (37.0, False)}
    samples = [(at * MIN, *one) for at, one in said.items()]
    samples += [(at * MIN + 1, 37.0, True) for at in (5, 15)] + [(25 * MIN, None, True)]
    for at, value, backfilled in sorted(samples, key=lambda one: one[0]):
        meter.feed(START + at, value, backfilled=backfilled)
    found = meter.result()
    # The logger itself measured nothing at 25: its reading of 15 held until then, and no longer.
    assert found.gaps == (
        Interval(START + MIN, START + 5 * MIN + 1),
        Interval(START + 25 * MIN, START + 59 * MIN),
    )
    assert (found.good, found.rejected) == (4, 59)


def test_a_calibration_ends_the_reading_of_a_logger_as_any_other() -> None:
    file = of_file(10 * MIN, 0, 10 * MIN)
    meter = Meter(start=START, end=START + 10 * MIN, period=MIN, marks=Marks(logged=(file,)))
    meter.feed(START, 37.0, backfilled=True)
    meter.feed(START + 2 * MIN, None, calibrating=True)
    assert meter.result().known_ms == 2 * MIN


def test_a_logger_that_is_quicker_than_the_device_counts_no_more_than_it_measured() -> None:
    file = of_file(10_000, 0, 2 * MIN)
    found = measured([], [0, 1, 2], file, end=3 * MIN)
    assert found.known_ms == 30_000


@pytest.mark.parametrize(
    ("channel", "span", "met"),
    [
        (CHANNEL, Interval(START + 29 * MIN, START + 60 * MIN), True),
        (CHANNEL, Interval(START + 30 * MIN, START + 60 * MIN), False),
        (CHANNEL, Interval(START - 60 * MIN, START - 20 * MIN), False),
        (CHANNEL, Interval(START - 60 * MIN, START - 19 * MIN), True),
        ("inc1.carbon_dioxide", Interval(START, START + MIN), False),
        ("inc11.temperature", Interval(START, START + MIN), False),
    ],
)
def test_a_file_is_of_one_channel_and_reaches_two_periods(
    channel: str, span: Interval, *, met: bool
) -> None:
    book = Book(intakes=(of_file(10 * MIN, 0, 10 * MIN),))
    assert bool(book.marks(channel, span).logged) is met


def test_what_a_file_brought_is_not_summed_up_by_the_period_of_the_device() -> None:
    layout = Layout("inc1", ("temperature",), ("temperature",))
    stay = Stay("inc1", START, START + 60 * MIN, MIN)
    check_usual(stay, layout, Book())
    with pytest.raises(NotSummable):
        check_usual(stay, layout, Book(intakes=(of_file(10 * MIN, 0, 10 * MIN),)))
