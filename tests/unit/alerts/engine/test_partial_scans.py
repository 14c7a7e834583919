"""A scan may leave channels out, or mark them: those after them are judged all the same."""

from msgspec.structs import replace

from alerts.transition import What
from devices.duration import parse
from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from tests.unit.alerts.engine.lab import HOT, Lab, rulebook  # a test's own

CHANNELS = ("inc1.carbon_dioxide", "inc1.temperature")
BRIEF = replace(HOT, on_delay=parse("0s"), off_delay=parse("0s"))
RICH = replace(BRIEF, id="a-rich", channel="inc1.carbon_dioxide", limit=10.0)
BOTH = Layout("inc1", ("carbon_dioxide", "temperature"), ("temperature", "temperature"))


def lab() -> Lab:
    """With a rule on both channels, the one that is well before the other."""
    return Lab(rulebook((RICH, BRIEF), channels=CHANNELS))


def hear(
    room: Lab,
    at: str,
    values: tuple[float, float],
    qualities: tuple[Quality, Quality] = (Quality.GOOD, Quality.GOOD),
    source: Source = Source.LIVE,
) -> None:
    room.ticks(at, including=False)
    now = room.wall(at)
    room.feed(Scan(BOTH, now, now, values, bytes(qualities), source))


def test_a_channel_behind_one_that_a_message_leaves_out_is_judged() -> None:
    room = lab()
    room.sample("0:00", 38.1)
    assert room.said(What.SET) == ["0:00:00 set hot"]


def test_a_channel_behind_one_that_is_well_is_judged() -> None:
    room = lab()
    hear(room, "0:00", (5.0, 37.0))
    hear(room, "0:10", (5.0, 38.1))
    assert room.said(What.SET) == ["0:00:10 set hot"]


def test_a_channel_behind_a_late_one_of_an_unsure_clock_is_judged() -> None:
    room = lab()
    hear(room, "0:00", (5.0, 37.0))
    room.ticks("1:00", including=False)
    unsure = bytes((Quality.CLOCK_UNSURE, Quality.GOOD))
    late = Scan(BOTH, room.wall("0:30"), room.wall("1:00"), (5.0, 38.1), unsure, Source.BACKFILL)
    room.feed(late)
    assert room.said(What.SET) == ["0:01:00 set hot"]
    assert room.last(What.SET).since == room.wall("0:30")
