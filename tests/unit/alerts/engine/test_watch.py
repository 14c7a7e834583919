"""One device: scans that pass, scans that are looked at, and what is due of its channels."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.engine.monitor import Monitor
from alerts.engine.signal import Trust
from alerts.engine.watch import AHEAD_MS, OLDEST_MS, Channel, Watch
from alerts.rule import Rule
from devices.duration import parse
from devices.quality import Quality
from devices.scan import Layout, Scan, Source

NOW = OLDEST_MS + 1_000_000
LAYOUT = Layout("inc1", ("t", "other", "h"), ("temperature", "temperature", "relative_humidity"))
T = ChannelSpec(id="inc1.t", quantity="temperature", period_ms=10_000, resolution=0.01)
H = replace(T, id="inc1.h", quantity="relative_humidity", period_ms=20_000)
HOT = Rule(id="hot", channel=T.id, kind="high", limit=38.0, deadband=0.2)
DRY = Rule(id="dry", channel=H.id, kind="low", limit=80.0, deadband=1.0)


def device(*, begun: bool = True) -> Watch:
    """Two channels of a device of three, heard at ``NOW``."""
    channels = [
        Channel(spec, [Monitor(rule, spec, None, order)])
        for order, (spec, rule) in enumerate(((T, HOT), (H, DRY)))
    ]
    made = Watch("inc1", channels, -1)
    made.await_new(NOW - 5_000)
    if begun:
        assert not made.passes(scan(NOW), NOW, NOW)
        assert hear(made, scan(NOW)) == ["first sample", "first sample"]
    return made


def scan(
    at: int,
    temperature: float | None = 37.0,
    humidity: float | None = 95.0,
    *,
    quality: Quality = Quality.GOOD,
    source: Source = Source.LIVE,
    received: int | None = None,
    layout: Layout = LAYOUT,
) -> Scan:
    qualities = bytes((quality, Quality.GOOD, quality))[: len(layout.keys)]
    values = (temperature, 1.0, humidity)[: len(layout.keys)]
    return Scan(layout, at, at if received is None else received, values, qualities, source)


def hear(made: Watch, one: Scan) -> list[str]:
    """What is told of the channels by a scan that does not pass."""
    return [news.told for news in made.hear(one, one.at, one.received, one.received)]


def passes(made: Watch, one: Scan) -> bool:
    return made.passes(one, one.at, one.received)


def newest(made: Watch) -> list[tuple[int | None, int | None, float | None]]:
    made.settle()
    return [(c.signal.heard, c.signal.good_at, c.signal.value) for c in made.channels]


def test_a_calm_scan_passes_and_its_values_are_known_when_somebody_asks() -> None:
    made = device()
    assert passes(made, scan(NOW + 10_000, 37.5, 94.0))
    assert passes(made, scan(NOW + 20_000, 37.6, 93.0))
    assert newest(made) == [(NOW + 20_000, NOW + 20_000, 37.6), (NOW + 20_000, NOW + 20_000, 93.0)]
    # The first to be silent is due, and that is the one with the shorter period.
    assert made.due() == NOW + 50_000
    assert passes(made, scan(NOW + 30_000))
    assert made.due() == NOW + 60_000


@pytest.mark.parametrize(
    ("one", "does"),
    [
        (scan(NOW + 1), True),
        (scan(NOW), False),
        (scan(NOW + 10_000, 38.0), False),
        (scan(NOW + 10_000, 37.0, 80.0), False),
        (scan(NOW + 10_000, None, None, quality=Quality.SENSOR_FAULT), False),
        (scan(NOW + 10_000, source=Source.BACKFILL), False),
        (scan(NOW + 10_000, source=Source.TEST), False),
        (scan(NOW + 10_000, layout=replace(LAYOUT, keys=("h", "other", "t"))), False),
        (scan(NOW + 10_000, layout=replace(LAYOUT)), True),
        (scan(NOW + AHEAD_MS, received=NOW), True),
        (scan(NOW + AHEAD_MS + 1, received=NOW), False),
    ],
)
def test_only_live_calm_newer_scans_of_the_same_layout_pass(one: Scan, *, does: bool) -> None:
    assert passes(device(), one) is does


def test_nothing_passes_before_every_channel_is_good() -> None:
    assert not passes(device(begun=False), scan(NOW))
    made = device()
    hear(made, scan(NOW + 10_000, quality=Quality.SUSPECT))
    assert not passes(made, scan(NOW + 20_000))


def test_a_channel_that_a_scan_lacks_is_passed_over_and_holds_the_others_back() -> None:
    made = device()
    alone = Layout("inc1", ("h",), ("relative_humidity",))
    short = Scan(alone, NOW + 10_000, NOW + 10_000, (94.0,), bytes(1))
    assert hear(made, short) == []
    assert newest(made) == [(NOW, NOW, 37.0), (NOW + 10_000, NOW + 10_000, 94.0)]
    later = Scan(alone, NOW + 20_000, NOW + 20_000, (94.0,), bytes(1))
    assert not passes(made, later)


def test_only_channels_that_are_not_calm_are_looked_at() -> None:
    made = device()
    news = made.hear(scan(NOW + 10_000, 39.0), NOW + 10_000, NOW + 10_000, NOW + 10_000)
    assert [one.channel.spec.key for one in news] == ["t"]
    assert newest(made)[1] == (NOW + 10_000, NOW + 10_000, 95.0)
    assert [touched.monitor.rule.id for one in news for touched in one.touched] == ["hot"]


def test_a_channel_behind_a_calm_one_is_looked_at() -> None:
    made = device()
    news = made.hear(scan(NOW + 10_000, 37.0, 70.0), NOW + 10_000, NOW + 10_000, NOW + 10_000)
    assert [touched.monitor.rule.id for one in news for touched in one.touched] == ["dry"]
    assert newest(made)[0] == (NOW + 10_000, NOW + 10_000, 37.0)


def test_a_channel_behind_one_that_is_not_taken_from_a_buffer_is_looked_at() -> None:
    made = device()
    qualities = bytes((Quality.CLOCK_UNSURE, Quality.GOOD, Quality.GOOD))
    one = replace(scan(NOW - 5_000, 39.0, 70.0, source=Source.BACKFILL), qualities=qualities)
    news = made.hear(one, one.at, one.received, NOW)
    assert [touched.monitor.rule.id for one in news for touched in one.touched] == ["dry"]


def test_what_a_buffer_brings_in_time_tells_nothing_of_the_quality() -> None:
    made = device()
    fresh = scan(NOW + 5_000, received=NOW + 6_000, source=Source.BACKFILL)
    assert hear(made, fresh) == ["", ""]
    assert newest(made)[0] == (NOW, NOW + 5_000, 37.0)


@pytest.mark.parametrize(
    ("limit", "first", "second", "counts"),
    [(38.0, 39.0, 38.5, 39.0), (38.0, 38.5, 39.0, 39.0), (0.2, 0.0, 0.5, 0.5)],
)
def test_of_two_values_for_one_time_the_worse_counts(
    limit: float, first: float, second: float, counts: float
) -> None:
    made = device()
    made.channels[0].monitors[0].define(replace(HOT, limit=limit), None)
    made.channels[0].define()
    hear(made, scan(NOW + 10_000, first))
    assert hear(made, scan(NOW + 10_000, second))[0] == "two values for one time; the worse counts"
    assert newest(made)[0] == (NOW + 10_000, NOW + 10_000, counts)


def test_the_clock_was_set_in_this_millennium() -> None:
    assert datetime.fromtimestamp(OLDEST_MS / 1_000, UTC) == datetime(2000, 1, 1, tzinfo=UTC)


def test_a_stamp_from_before_the_clock_was_set_is_not_judged() -> None:
    made = device()
    for at, known in ((OLDEST_MS - 1, False), (OLDEST_MS, True)):
        one = scan(at, 39.0, received=NOW + 10_000)
        assert bool(made.hear(one, at, NOW + 10_000, NOW + 10_000)) is known
    assert newest(made)[0][2] == 37.0


def test_a_channel_that_such_a_scan_lacks_holds_the_others_back_as_well() -> None:
    made = device()
    alone = Layout("inc1", ("h",), ("relative_humidity",))
    unset = Scan(alone, OLDEST_MS - 1, NOW + 10_000, (94.0,), bytes(1))
    assert made.hear(unset, unset.at, unset.received, NOW + 10_000) == []
    assert not passes(made, Scan(alone, NOW + 20_000, NOW + 20_000, (94.0,), bytes(1)))


def test_a_stamp_too_far_ahead_is_taken_at_its_arrival() -> None:
    made = device()
    hear(made, scan(NOW + 10_000 + AHEAD_MS + 1, 39.0, received=NOW + 10_000))
    assert newest(made)[0][1] == NOW + 10_000
    hear(made, scan(NOW + 20_000 + AHEAD_MS, 39.0, received=NOW + 20_000))
    assert newest(made)[0][1] == NOW + 20_000 + AHEAD_MS


def test_a_stamp_that_is_not_sure_is_taken_at_its_arrival_and_from_a_buffer_not_at_all() -> None:
    made = device()
    unsure = scan(NOW - 5_000, 39.0, quality=Quality.CLOCK_UNSURE, received=NOW + 10_000)
    hear(made, unsure)
    assert newest(made) == [
        (NOW + 10_000, NOW + 10_000, 39.0),
        (NOW + 10_000, NOW + 10_000, 95.0),
    ]
    assert hear(made, replace(unsure, received=NOW + 20_000, source=Source.BACKFILL)) == []


def test_a_test_is_no_measurement() -> None:
    made = device()
    assert hear(made, scan(NOW + 10_000, 45.0, source=Source.TEST)) == ["suspect: test"] * 2
    assert made.channels[0].signal.trust is Trust.SUSPECT
    faulty = scan(NOW + 20_000, None, None, quality=Quality.SENSOR_FAULT, source=Source.TEST)
    assert hear(made, faulty) == ["bad: sensor_fault"] * 2


def test_silence_is_judged_of_each_channel_when_it_is_due() -> None:
    made = device()
    assert made.due() == NOW + 30_000
    assert made.miss(NOW + 29_999, NOW + 29_999) == []
    (news,) = made.miss(NOW + 30_000, NOW + 30_000)
    assert (news.channel.spec.key, news.told) == ("t", "no sample")
    made.refresh()
    assert made.due() == NOW + 60_000


def test_what_passed_is_counted_when_silence_is_judged() -> None:
    made = device()
    assert passes(made, scan(NOW + 35_000))
    assert [one.channel.spec.key for one in made.miss(NOW + 65_000, NOW + 65_000)] == ["t"]


def test_a_channel_that_is_silent_already_is_not_judged_again() -> None:
    made = device()
    made.miss(NOW + 30_000, NOW + 30_000)
    made.refresh()
    assert [one.channel.spec.key for one in made.miss(NOW + 60_000, NOW + 60_000)] == ["h"]


def test_channels_that_were_never_watched_are_awaited_once() -> None:
    made = device(begun=False)
    assert made.due() == NOW + 25_000
    made.await_new(NOW)
    assert made.channels[0].signal.since == NOW - 5_000
    assert made.channels[0].signal.floor == NOW - 5_000


def test_a_restart_measures_silence_anew() -> None:
    made = device()
    assert passes(made, scan(NOW + 10_000))
    made.restart(NOW + 500_000)
    assert made.due() == NOW + 530_000
    assert [c.signal.floor for c in made.channels] == [NOW + 500_000] * 2
    assert newest(made)[0] == (NOW + 10_000, NOW + 10_000, 37.0)
    assert passes(made, scan(NOW + 501_000))
    assert made.due() == NOW + 531_000


def test_a_rule_that_changes_is_taken_in() -> None:
    made = device()
    assert passes(made, scan(NOW + 10_000, 37.5))
    hot = made.channels[0].monitors[0]
    hot.define(replace(HOT, limit=37.2), None)
    made.settle()
    made.channels[0].define()
    made.define()
    assert not passes(made, scan(NOW + 20_000, 37.5))
    hear(made, scan(NOW + 20_000, 37.0))
    assert passes(made, scan(NOW + 30_000, 36.9))


def test_the_shortest_allowance_of_all_rules_is_waited_for() -> None:
    silent = Rule(id="silent", channel=H.id, kind="silence", on_delay=parse("15s"))
    made = Watch("inc1", [Channel(T, []), Channel(H, [Monitor(silent, H, None, 0)])], -1)
    made.await_new(NOW)
    hear(made, scan(NOW))
    assert passes(made, scan(NOW + 1_000))
    assert made.due() == NOW + 16_000
