"""Sums of the archive come to what the readings come to, one by one, at whatever edges."""

import asyncio
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from batches.beyond import excursions
from batches.calibration import Book
from batches.excursion import Limits
from batches.exposure import Exposure
from batches.kinetic import DEFAULT_THETA
from batches.placement import Interval
from batches.policy import Policy
from batches.summing import NotSummable, Stay, Summing, Total
from batches.survey import Channel, survey
from devices.quality import Quality
from devices.scan import VALUELESS_CODES, Layout, Scan, Source
from storage.archive import sums
from storage.archive.days import DAY_MS
from storage.archive.log import LogReader
from storage.archive.sealer import Heads, Sealer
from storage.journal import Journal
from tests.unit.batches.test_calibration import calibrating, installed  # a test's own

MONDAY = 20_718 * DAY_MS
HOUR = 3_600_000
PERIOD = HOUR // 2
LAYOUT = Layout("inc1", ("temperature", "co2"), ("temperature", "co2"))
CHANNELS = [
    Channel(key="temperature", quantity="temperature", unit="degC"),
    Channel(key="co2", quantity="co2", unit="%"),
]
DAYS = 4
LIMITS = {"temperature": Limits(low=-120.0, high=20.5), "co2": Limits(high=30.0)}


def at(hours: float) -> int:
    return MONDAY + round(hours * HOUR)


def readings(seed: int) -> list[Scan]:
    """Four days of a device: on time, early, late, doubled, marked, backfilled, with gaps."""
    random = Random(seed)
    now, scans = MONDAY, []
    gap, odd = random.choice([0.0, 0.02, 0.2]), random.choice([0.0, 0.05, 0.5])
    while now < at(24 * DAYS):
        codes = bytes(random.choice(list(Quality)) if random.random() < odd else 0 for _ in "12")
        values = tuple(
            None if code in VALUELESS_CODES else round(random.uniform(-200, 60), 2)
            for code in codes
        )
        source = Source.TEST if random.random() < odd / 5 else Source.LIVE
        scans.append(Scan(LAYOUT, now, now + 50, values, codes, source, random.random() < odd / 5))
        if random.random() < odd / 3:
            late = now - random.randrange(0, 30 * HOUR)
            scans.append(Scan(LAYOUT, late, now + 60, (1.0, 2.0), bytes(2), Source.BACKFILL))
        if random.random() < odd / 3:
            scans.append(Scan(LAYOUT, now, now + 70, (3.0, 4.0), bytes(2)))
        steps = [PERIOD, PERIOD, PERIOD + 7, PERIOD - 1_003, 3 * PERIOD // 2, 3 * PERIOD // 2 + 1]
        now += (
            random.randrange(2 * HOUR, 40 * HOUR) if random.random() < gap else random.choice(steps)
        )
    return scans


async def store(folder: Path, scans: list[Scan]) -> None:
    async with Journal(folder) as journal:
        for scan in scans[:-1]:
            journal.append(scan)
        await journal.put(scans[-1])


def sealer(folder: Path) -> Sealer:
    return Sealer(folder, heads=lambda: Heads(None, None), software="test")


def one_by_one(log: LogReader, stay: Stay) -> dict[str, Exposure]:
    found = survey(
        log,
        stay.device,
        Interval(stay.start, stay.end),
        period=stay.period,
        channels=CHANNELS,
        policies={key: Policy(limits=each) for key, each in LIMITS.items()},
        book=Book(),
        sink=lambda _part, _scan: None,
    )
    return {each.channel.removeprefix("inc1."): each.exposure for each in found}


def compare(found: Total, exact: Exposure) -> None:
    for name, value in asdict(found).items():
        expected = getattr(exact, name)
        if name == "rejected":
            expected += exact.in_calibration
        if name == "kinetic" and expected is not None:
            # Sums of exponentials depend on their order in the last digits.
            assert value == pytest.approx(expected, abs=1e-9)
        else:
            assert value == expected, name


@pytest.mark.long
@given(
    st.integers(0, 1 << 32),
    st.lists(
        st.tuples(st.integers(-5, 24 * DAYS * 4), st.integers(0, 24 * DAYS * 4)),
        min_size=4,
        max_size=8,
    ),
    st.sampled_from([PERIOD, PERIOD // 2, 3 * PERIOD]),
)
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_a_stay_comes_to_the_same_by_sums_and_by_readings(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    spans: list[tuple[int, int]],
    period: int,
) -> None:
    folder = tmp_path_factory.mktemp("log")
    asyncio.run(store(folder, readings(seed)))
    # The last day stays in the journal.
    sealer(folder).seal(at(24 * (DAYS - 1) + 1))
    stays = [Stay("inc1", at(a / 4), at((a + b) / 4) + b % 3, period) for a, b in spans]
    with LogReader(folder) as log:
        summing = Summing(log, stays)
        for stay in stays:
            exact = one_by_one(log, stay)
            found = summing.totals(stay, LAYOUT)
            beyond = excursions(log, stay, LAYOUT, LIMITS)
            for key in LAYOUT.keys:
                compare(found[key], exact[key])
                assert beyond[key] == exact[key].excursions


def test_some_stays_come_to_the_same_as_well(tmp_path: Path) -> None:
    asyncio.run(store(tmp_path, readings(7)))
    sealer(tmp_path).seal(at(24 * (DAYS - 1) + 1))
    stays = [Stay("inc1", at(3.25), at(90.5), PERIOD), Stay("inc1", at(24), at(72), PERIOD)]
    with LogReader(tmp_path) as log:
        summing = Summing(log, stays)
        for stay in stays:
            exact, found = one_by_one(log, stay), summing.totals(stay, LAYOUT)
            for key in LAYOUT.keys:
                compare(found[key], exact[key])


def test_days_of_repeats_alone_are_gaps(tmp_path: Path) -> None:
    said = Scan(LAYOUT, at(1), at(1), (20.0, 5.0), bytes(2))
    asyncio.run(store(tmp_path, [replace(said, repeat=True)]))
    (sealed,) = sealer(tmp_path).seal(at(48))
    asyncio.run(store(tmp_path, [replace(said, at=at(60), received=at(60))]))
    stay = Stay("inc1", at(0), at(72), PERIOD)
    with LogReader(tmp_path) as log:
        exact, found = one_by_one(log, stay), Summing(log, [stay]).totals(stay, LAYOUT)
    for key in LAYOUT.keys:
        assert found[key].known_ms == PERIOD
        compare(found[key], exact[key])
    assert sums.read(sealed.sums, ("device", "high"))["high"].tolist() == []


def test_readings_in_calibration_are_not_summed_up_here(tmp_path: Path) -> None:
    asyncio.run(store(tmp_path, readings(7)))
    book = Book(
        installations=(installed("S1", at(0), None),), periods=(calibrating("S1", at(30), at(31)),)
    )
    with LogReader(tmp_path) as log:
        summing = Summing(log, [])
        for start, end in ((3, 40), (30.5, 50)):
            with pytest.raises(NotSummable):
                summing.totals(Stay("inc1", at(start), at(end), PERIOD), LAYOUT, book)
            with pytest.raises(NotSummable):
                excursions(log, Stay("inc1", at(start), at(end), PERIOD), LAYOUT, LIMITS, book)
        assert summing.totals(Stay("inc1", at(40), at(50), PERIOD), LAYOUT, book)


def test_the_kinetic_mean_is_that_of_the_record() -> None:
    assert sums.THETA == DEFAULT_THETA
