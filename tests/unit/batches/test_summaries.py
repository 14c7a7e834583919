"""What a summary says of a stay is what the record says, whatever happened to its readings."""

import asyncio
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from batches.calibration import Book
from batches.placement import Interval, Placement
from batches.policy import Policy
from batches.setting import Equipment
from batches.summaries import Line, Summaries
from batches.survey import Summary, survey
from devices.scan import Layout, Scan
from storage.archive.log import LogReader
from storage.journal import Journal
from tests.unit.batches.test_calibration import calibrating, installed  # a test's own
from tests.unit.batches.test_summing import (  # a test's own
    CHANNELS,
    DAYS,
    LIMITS,
    PERIOD,
    at,
    compare,
    readings,
    sealer,
    store,
)

HOT_ONLY = Layout("inc1", ("temperature",), ("temperature",))
BY_QUANTITY = {each.quantity: LIMITS[each.key] for each in CHANNELS}


def lived(seed: int) -> list[Scan]:
    """As ``readings``; in some lives some messages tell of the temperature alone."""
    random = Random(seed)
    share = random.choice([0.0, 0.0, 0.01, 0.5])
    return [
        Scan(
            HOT_ONLY,
            scan.at,
            scan.received,
            scan.values[:1],
            scan.qualities[:1],
            scan.source,
            scan.repeat,
        )
        if random.random() < share
        else scan
        for scan in readings(seed)
    ]


def book(seed: int) -> Book:
    """In some lives the sensor of the temperature was in calibration for a while, or changed."""
    random = Random(seed)
    begin, end = sorted(random.uniform(0, 24 * DAYS) for _ in "12")
    if random.random() < 0.5:
        return Book()
    return Book(
        installations=(installed("S1", at(0), at(begin)), installed("S2", at(begin), None)),
        periods=(calibrating(random.choice(["S1", "S2"]), at(begin), at(end)),),
    )


def equipment(period: int) -> Equipment:
    return Equipment(
        id="inc1",
        name="Incubator 1",
        profile="test",
        profile_sha256="0" * 64,
        maker="",
        model="",
        manual="",
        period=period,
        channels=tuple(CHANNELS),
    )


def recorded(log: LogReader, line: Line, period: int, known: Book) -> dict[str, Summary]:
    found = survey(
        log,
        "inc1",
        Interval(line.start, line.end),
        period=period,
        channels=CHANNELS,
        policies={key: Policy(limits=each) for key, each in LIMITS.items()},
        book=known,
        sink=lambda _part, _piece: None,
    )
    return {each.channel: each for each in found}


async def freed(folder: Path, upto: int) -> None:
    async with Journal(folder) as journal:
        await journal.remove(upto)


@pytest.mark.long
@given(
    st.integers(0, 1 << 32),
    st.lists(
        st.tuples(st.integers(-5, 24 * DAYS * 4), st.integers(1, 24 * DAYS * 4)),
        min_size=2,
        max_size=6,
    ),
    st.sampled_from([PERIOD, PERIOD // 2, 3 * PERIOD]),
    st.sampled_from([(0, False), (2, True), (DAYS - 1, False), (DAYS - 1, True), (DAYS + 2, True)]),
)
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_a_summary_is_what_the_record_says(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    spans: list[tuple[int, int]],
    period: int,
    sealing: tuple[int, bool],
) -> None:
    folder, known = tmp_path_factory.mktemp("log"), book(seed)
    sealed_days, freeing = sealing
    asyncio.run(store(folder, lived(seed)))
    sealed = sealer(folder).seal(at(24 * sealed_days + 1)) if sealed_days else []
    if sealed and freeing:
        asyncio.run(freed(folder, sealed[-1].seal.last))
    placements = [
        Placement(
            batch="B-1",
            device="inc1",
            position="",
            start=at(begin / 4),
            end=at((begin + length) / 4) + length % 3,
            by="anna",
            row=n,
            entered=0,
            reason="",
        )
        for n, (begin, length) in enumerate(spans, 1)
    ]
    with LogReader(folder) as log:
        summaries = Summaries(
            log,
            equipment=[equipment(period)],
            book=known,
            placements=placements,
            span=Interval(at(-1), at(24 * DAYS * 3)),
            limits=BY_QUANTITY,
        )
        for lines in summaries:
            exact = recorded(log, lines[0], period, known)
            for line in lines:
                exposure = exact[line.channel].exposure
                compare(line.total, exposure)
                assert line.coverage == exposure.coverage
                assert line.excursions == exposure.excursions
        assert log.damaged == {}
