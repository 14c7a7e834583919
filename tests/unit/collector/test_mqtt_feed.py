"""When a reading was taken, how sure that is, and by what a repeat is recognised."""

import hashlib
from datetime import UTC, datetime

import pytest

from collector.mqtt_feed import Feed, Intake
from collector.mqtt_link import Message
from collector.mqtt_settings import Subscription
from devices.catalog import find
from devices.dialects.reader import PlainReader
from devices.document import parse
from devices.profile import Profile, layout
from devices.quality import Quality
from devices.scan import Source

NOON = 1_772_366_400_000
"""2026-03-01 12:00:00 UTC."""
PERIOD_MS = 10_000
MINUTE_MS = 60_000
DAY_MS = 86_400_000
GOOD, UNSURE = bytes([Quality.GOOD]), bytes([Quality.CLOCK_UNSURE])

PROBE = """
model = "A probe"
maker = "nobody"
manual = "these tests"
period = "10s"
[mqtt]
{mqtt}
[[channels]]
key = "temperature"
quantity = "temperature"
unit = "degC"
resolution = 0.1
range = [-200.0, 60.0]
source = {{ via = "json", path = "t" }}
"""
STAMP = 'stamp = { path = "at", format = "ms" }'
SEQUENCE = 'sequence = "n"'


def feed(*mqtt: str) -> Feed:
    """The feed of a probe with one channel."""
    profile = parse(PROBE.format(mqtt="\n".join(mqtt)), Profile, name="probe")
    subscription = Subscription(layout("probe", profile), profile, PERIOD_MS)
    return Feed("lab/probe", subscription, PlainReader(profile))


def message(
    payload: str, *, again: bool = False, retained: bool = False, at: int = NOON
) -> Message:
    """As it would come."""
    return Message("lab/probe", payload.encode(), 1, 1, again, retained, at)


def take(taker: Feed, sent: Message, *, now_s: float = 0.0, clock_unsure: bool = False) -> Intake:
    """What the feed makes of a message."""
    (intake,) = taker.take(sent, now_s=now_s, clock_unsure=clock_unsure)
    return intake


@pytest.mark.parametrize(
    ("stamp", "source"),
    [
        pytest.param(NOON, Source.LIVE, id="just now"),
        pytest.param(NOON - 80_000, Source.LIVE, id="two periods and a minute ago"),
        pytest.param(NOON - 80_001, Source.BACKFILL, id="longer ago"),
        pytest.param(NOON - 30 * DAY_MS, Source.BACKFILL, id="a month ago"),
        pytest.param(NOON + 10 * MINUTE_MS, Source.LIVE, id="ten minutes ahead"),
    ],
)
def test_a_reading_is_of_the_time_the_device_stamps(stamp: int, source: Source) -> None:
    scan = take(feed(STAMP), message(f'{{"t": 4.5, "at": {stamp}}}')).scan
    assert (scan.at, scan.received, scan.source) == (stamp, NOON, source)
    assert (scan.values, scan.qualities) == ((4.5,), GOOD)


@pytest.mark.parametrize(
    ("stamp", "reason"),
    [
        pytest.param(str(NOON + 10 * MINUTE_MS + 1), "ahead of ours", id="more than ten minutes"),
        pytest.param("946684799999", "before the year 2000", id="a clock that was never set"),
        pytest.param("5000", "before the year 2000", id="seconds since it was switched on"),
        pytest.param("1e30", "after the year 2100", id="nonsense"),
        pytest.param("null", "missing", id="none"),
    ],
)
def test_a_stamp_that_cannot_be_is_replaced_by_the_arrival_and_the_reading_marked(
    stamp: str, reason: str
) -> None:
    intake = take(feed(STAMP, SEQUENCE), message(f'{{"t": 4.5, "at": {stamp}, "n": 7}}'))
    assert (intake.scan.at, intake.scan.source) == (NOON, Source.LIVE)
    assert (intake.scan.values, intake.scan.qualities) == ((4.5,), UNSURE)
    assert reason in intake.stamp_fault
    assert intake.key is not None
    assert (intake.key.mark, intake.by_sequence) == ("#7", True)


def test_while_our_own_clock_is_unsure_the_stamp_is_kept_and_the_reading_marked() -> None:
    sent = message(f'{{"t": 4.5, "at": {NOON}}}', at=NOON - 20 * DAY_MS)
    scan = take(feed(STAMP), sent, clock_unsure=True).scan
    assert (scan.at, scan.source, scan.qualities) == (NOON, Source.LIVE, UNSURE)


def test_a_mark_never_gives_a_value_back_to_what_has_none() -> None:
    scan = take(feed(STAMP), message('{"t": null}')).scan
    assert (scan.values, scan.qualities) == ((None,), bytes([Quality.SENSOR_FAULT]))


def test_without_stamps_a_reading_is_of_its_arrival_and_no_two_are_of_one_time() -> None:
    taker = feed()
    scans = [take(taker, message('{"t": 4.5}')).scan for _ in range(3)]
    assert [scan.at for scan in scans] == [NOON, NOON + 1, NOON + 2]
    assert {scan.qualities for scan in scans} == {GOOD}
    after_a_step = take(taker, message('{"t": 4.5}', at=NOON - DAY_MS)).scan
    assert after_a_step.at == NOON - DAY_MS


def test_what_the_broker_kept_while_we_were_away_is_of_unsure_time_until_it_runs_dry() -> None:
    taker = feed()
    taker.resume(100.0)
    rush = [take(taker, message('{"t": 4.5}'), now_s=100.0 + n / 100).scan for n in range(5)]
    live = take(taker, message('{"t": 4.5}'), now_s=107.0).scan
    assert {scan.qualities for scan in rush} == {UNSURE}
    assert live.qualities == GOOD


def test_what_is_retained_and_says_no_time_is_stale() -> None:
    scan = take(feed(), message('{"t": 4.5}', retained=True)).scan
    assert (scan.values, scan.qualities) == ((None,), bytes([Quality.STALE]))
    stamped = take(feed(STAMP), message(f'{{"t": 4.5, "at": {NOON}}}', retained=True)).scan
    assert (stamped.values, stamped.qualities) == ((4.5,), GOOD)


@pytest.mark.parametrize(
    ("mqtt", "mark", "by_sequence"),
    [
        ((STAMP,), str(NOON), False),
        ((SEQUENCE,), "#7", True),
        ((STAMP, SEQUENCE), f"{NOON}#7", False),
    ],
)
def test_a_message_is_known_by_its_stamp_and_its_sequence(
    mqtt: tuple[str, ...], mark: str, *, by_sequence: bool
) -> None:
    payload = f'{{"t": 4.5, "at": {NOON}, "n": 7}}'
    intake = take(feed(*mqtt), message(payload, again=True))
    digest = hashlib.sha256(payload.encode()).digest()
    assert intake.key == ("lab/probe", mark, digest)
    assert intake.by_sequence == by_sequence
    assert not intake.scan.repeat, "the journal will tell"


def test_a_message_with_neither_is_marked_when_the_broker_says_that_it_sends_it_again() -> None:
    taker = feed()
    first = take(taker, message('{"t": 4.5}'))
    again = take(taker, message('{"t": 4.5}', again=True))
    assert first.key is again.key is None
    assert (first.scan.repeat, again.scan.repeat) == (False, True)


def test_after_a_reconnect_the_same_bytes_are_a_possible_repeat_unsaid() -> None:
    taker = feed()
    take(taker, message('{"t": 4.5}'), now_s=0.0)
    taker.resume(20.0)
    same = take(taker, message('{"t": 4.5}'), now_s=20.1)
    other = take(taker, message('{"t": 4.6}'), now_s=20.2)
    later = take(taker, message('{"t": 4.5}'), now_s=30.2)
    assert [same.scan.repeat, other.scan.repeat, later.scan.repeat] == [True, False, False]


def test_a_device_that_counts_anew_gets_marks_of_its_own() -> None:
    taker = feed(SEQUENCE)
    before = take(taker, message('{"t": 4.5, "n": 0}')).key
    assert before is not None
    taker.restart(before, NOON)
    after = take(taker, message('{"t": 4.5, "n": 0}')).key
    assert after is not None
    assert after.mark != before.mark
    taker.restart(before, NOON + 5)
    assert take(taker, message('{"t": 4.5, "n": 0}')).key == after, "the same restart, seen again"


def test_the_shipped_freezer_is_read_as_it_stamps() -> None:
    profile = find("sim-freezer")
    taker = Feed(
        "lab/tank", Subscription(layout("tank", profile), profile, 1_000), PlainReader(profile)
    )
    at = datetime.fromtimestamp(NOON / 1000, UTC).isoformat()
    sent = message(f'{{"time": "{at}", "sequence": 3, "level_mm": 400}}', at=NOON + 15)
    intake = take(taker, sent)
    assert (intake.scan.at, intake.scan.received) == (NOON, NOON + 15)
    assert intake.scan.values == (400.0, None, None, None, None)
    assert intake.key is not None
    assert intake.key.mark == f"{NOON}#3"
