"""Curves of months: what sealed days sum up to is what reading all of it comes to."""

from pathlib import Path

import pytest

from console.api import readings
from console.api.days import buckets
from console.api.readings import Curve, curve
from devices.quality import Quality
from devices.scan import Layout, Scan
from storage.archive.days import DAY_MS
from storage.archive.log import LogReader
from tests.unit.storage.archive.week import MONDAY, entries, remove, seal, store

DAYS = 4
HOUR_MS = 3_600_000
FIRST = MONDAY // DAY_MS


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of some days of which all but the last is sealed, and half is in the archive alone."""
    folder = tmp_path_factory.mktemp("days")
    store(folder, entries(DAYS))
    done = seal(folder, DAYS - 1)
    assert len(done) >= 2
    remove(folder, done[0].seal.last)
    return folder


def by_reading(folder: Path, channel: str, day: int) -> tuple[int, int, float | None, float | None]:
    """Good readings, others, least and most of a day, looked at one by one."""
    device = channel.partition(".")[0]
    good, other = [], 0
    with LogReader(folder) as log:
        for scan in log.scans(device, day * DAY_MS, (day + 1) * DAY_MS):
            for reading in scan.readings():
                if reading.channel != channel:
                    continue
                if scan.repeat:
                    continue
                if reading.quality is Quality.GOOD and reading.value is not None:
                    good.append(reading.value)
                else:
                    other += 1
    return len(good), other, min(good, default=None), max(good, default=None)


@pytest.mark.parametrize("channel", ["inc1.temperature", "ln1.level", "ln1.lid"])
def test_each_day_is_what_its_readings_come_to(sealed: Path, channel: str) -> None:
    with LogReader(sealed) as log:
        made = buckets(log, channel, FIRST - 2, FIRST + DAYS + 1, 1)
    assert len(made) == DAYS + 3
    for bucket in made:
        told = by_reading(sealed, channel, bucket.at // DAY_MS)
        assert (bucket.good, bucket.other, bucket.least, bucket.most) == told, bucket.at
        if bucket.good:
            assert bucket.least is not None
            assert bucket.mean is not None
            assert bucket.most is not None
            assert bucket.least <= bucket.mean <= bucket.most


def test_sums_that_cannot_be_read_are_made_of_the_readings(sealed: Path) -> None:
    with LogReader(sealed) as log:
        whole = buckets(log, "inc1.temperature", FIRST, FIRST + DAYS, 1)
        kept = next((sealed / "archive").rglob("*sums*"))
    held = kept.read_bytes()
    kept.write_bytes(b"PAR1" + bytes(40))
    try:
        with LogReader(sealed) as log:
            again = buckets(log, "inc1.temperature", FIRST, FIRST + DAYS, 1)
    finally:
        kept.write_bytes(held)
    assert [(b.good, b.other, b.least, b.most) for b in again] == [
        (b.good, b.other, b.least, b.most) for b in whole
    ]
    assert [b.mean for b in again] == pytest.approx([b.mean for b in whole])


def test_a_mean_weighs_a_reading_by_how_long_it_held(tmp_path: Path) -> None:
    layout = Layout("inc1", ("temperature",), ("temperature",))
    spans = ((0, 36.0), (3 * HOUR_MS, 38.0), (4 * HOUR_MS, 99.0))
    store(
        tmp_path,
        [Scan(layout, MONDAY + at, MONDAY + at, (value,), bytes(1)) for at, value in spans],
    )
    with LogReader(tmp_path) as log:
        (bucket,) = buckets(log, "inc1.temperature", FIRST, FIRST + 1, 1)
    # 36 for three hours, 38 for one; how long the last held is not known.
    assert bucket.mean == pytest.approx(36.5)
    assert (bucket.good, bucket.least, bucket.most) == (3, 36.0, 99.0)


def test_a_reading_that_is_alone_stands_for_itself(tmp_path: Path) -> None:
    layout = Layout("inc1", ("temperature",), ("temperature",))
    store(tmp_path, [Scan(layout, MONDAY, MONDAY, (37.0,), bytes(1))])
    seal(tmp_path, 2)
    with LogReader(tmp_path) as log:
        one, none = buckets(log, "inc1.temperature", FIRST, FIRST + 2, 1)
    assert (one.good, one.least, one.mean, one.most) == (1, 37.0, 37.0, 37.0)
    assert (none.good, none.other, none.least) == (0, 0, None)


def asked(folder: Path, days: int, most: int) -> Curve:
    start = MONDAY + HOUR_MS
    return curve(folder, "inc1.temperature", start, start + days * DAY_MS, most)


def test_a_curve_of_months_is_of_whole_days_and_says_so(sealed: Path) -> None:
    month = asked(sealed, 31, 500)
    assert (month.of, month.start) == ("readings", MONDAY + HOUR_MS)
    longer = asked(sealed, 32, 500)
    assert (longer.of, longer.start, longer.step) == ("days", MONDAY, DAY_MS)
    assert (len(longer.buckets), longer.end) == (33, MONDAY + 33 * DAY_MS)
    assert longer.damaged == 0
    coarse = asked(sealed, 3_000, 100)
    assert (coarse.step, len(coarse.buckets)) == (31 * DAY_MS, 97)
    assert coarse.end == coarse.start + 97 * coarse.step
    assert sum(b.good for b in coarse.buckets) == sum(b.good for b in longer.buckets)


def test_a_channel_that_not_every_message_tells_of_is_known(tmp_path: Path) -> None:
    part = Layout("inc1", ("battery",), ("share",))
    whole = Layout("inc1", ("temperature",), ("temperature",))
    store(tmp_path, [Scan(one, MONDAY, MONDAY, (7.0,), bytes(1)) for one in (whole, part)])
    with LogReader(tmp_path) as log:
        assert readings.quantity_of(log, "inc1.temperature") == "temperature"
        assert readings.quantity_of(log, "inc1.battery") == "share"
        with pytest.raises(KeyError):
            readings.quantity_of(log, "inc1.door")
